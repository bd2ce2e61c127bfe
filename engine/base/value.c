/* base/value.c -- values of configs and expressions; see value.h. */
#include "base/value.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

static value *value_new(arena *a, value_kind kind)
{
    value *v = NEW(a, value);
    v->kind = kind;
    return v;
}

value *value_null(arena *a)
{
    return value_new(a, V_NULL);
}

value *value_bool(arena *a, bool b)
{
    value *v = value_new(a, V_BOOL);
    v->b = b;
    return v;
}

value *value_int(arena *a, int64_t i)
{
    value *v = value_new(a, V_INT);
    v->i = i;
    return v;
}

value *value_float(arena *a, double f)
{
    value *v = value_new(a, V_FLOAT);
    v->f = f;
    return v;
}

value *value_string(arena *a, const char *s)
{
    value *v = value_new(a, V_STRING);
    v->s = s;
    return v;
}

value *value_list(arena *a)
{
    return value_new(a, V_LIST);
}

value *value_record(arena *a)
{
    return value_new(a, V_RECORD);
}

static value_member *member_of(const value *record, const char *key)
{
    if (record == NULL || record->kind != V_RECORD) {
        return NULL;
    }
    for (size_t i = 0; i < record->members.n; i++) {
        if (strcmp(record->members.at[i].key, key) == 0) {
            return &record->members.at[i];
        }
    }
    return NULL;
}

value *value_get(const value *record, const char *key)
{
    const value_member *m = member_of(record, key);
    return m == NULL ? NULL : m->val;
}

void value_set(arena *a, value *record, const char *key, value *v)
{
    value_member *m = member_of(record, key);
    if (m != NULL) {
        m->val = v;
    } else {
        vec_push(a, &record->members, ((value_member){key, v}));
    }
}

void value_remove(value *record, const char *key)
{
    value_member *m = member_of(record, key);
    if (m == NULL) {
        return;
    }
    const size_t behind = record->members.n - (size_t)(m - record->members.at) - 1;
    memmove(m, m + 1, behind * sizeof *m);
    record->members.n--;
}

value *value_copy(arena *a, const value *v)
{
    if (v == NULL) {
        return NULL;
    }
    value *copy = value_new(a, v->kind);
    copy->b = v->b;
    copy->i = v->i;
    copy->f = v->f;
    copy->s = v->s == NULL ? NULL : arena_strdup(a, v->s);
    for (size_t i = 0; i < v->items.n; i++) {
        vec_push(a, &copy->items, value_copy(a, v->items.at[i]));
    }
    for (size_t i = 0; i < v->members.n; i++) {
        const value_member m = {arena_strdup(a, v->members.at[i].key),
                                value_copy(a, v->members.at[i].val)};
        vec_push(a, &copy->members, m);
    }
    return copy;
}

bool value_is_number(const value *v)
{
    return v != NULL && (v->kind == V_INT || v->kind == V_FLOAT);
}

double value_number(const value *v)
{
    return v->kind == V_INT ? (double)v->i : v->f;
}

/* Compare exactly: 2^53+1 differs from 2^53 as a float. */
static bool int_equals_float(int64_t i, double f)
{
    return f >= -0x1p63 && f < 0x1p63 && f == floor(f) && (int64_t)f == i;
}

static bool numbers_equal(const value *x, const value *y)
{
    if (x->kind == V_INT && y->kind == V_INT) {
        return x->i == y->i;
    }
    if (x->kind == V_INT) {
        return int_equals_float(x->i, y->f);
    }
    if (y->kind == V_INT) {
        return int_equals_float(y->i, x->f);
    }
    return x->f == y->f || (isnan(x->f) && isnan(y->f));
}

static bool lists_equal(const value *x, const value *y)
{
    if (x->items.n != y->items.n) {
        return false;
    }
    for (size_t i = 0; i < x->items.n; i++) {
        if (!value_equal(x->items.at[i], y->items.at[i])) {
            return false;
        }
    }
    return true;
}

static bool records_equal(const value *x, const value *y)
{
    if (x->members.n != y->members.n) {
        return false;
    }
    for (size_t i = 0; i < x->members.n; i++) {
        const value_member *in_x = &x->members.at[i], *in_y = &y->members.at[i];
        /* The same order is the usual case, and keeps this linear. */
        const bool same_key = strcmp(in_x->key, in_y->key) == 0;
        const value *other = same_key ? in_y->val : value_get(y, in_x->key);
        if (other == NULL || !value_equal(in_x->val, other)) {
            return false;
        }
    }
    return true;
}

bool value_equal(const value *x, const value *y)
{
    if (x == NULL || y == NULL) {
        return x == y;
    }
    if (value_is_number(x) && value_is_number(y)) {
        return numbers_equal(x, y);
    }
    if (x->kind != y->kind) {
        return false;
    }
    switch (x->kind) {
    case V_BOOL: return x->b == y->b;
    case V_STRING: return strcmp(x->s, y->s) == 0;
    case V_LIST: return lists_equal(x, y);
    case V_RECORD: return records_equal(x, y);
    case V_NULL:
    case V_INT:
    case V_FLOAT: break;
    }
    return true;
}

bool value_truth(const value *v)
{
    if (v == NULL) {
        return false;
    }
    switch (v->kind) {
    case V_NULL: return false;
    case V_BOOL: return v->b;
    case V_INT: return v->i != 0;
    case V_FLOAT: return v->f != 0;
    case V_STRING: return v->s[0] != '\0';
    case V_LIST: return v->items.n > 0;
    case V_RECORD: return v->members.n > 0;
    }
    return false;
}

const char *value_kind_name(value_kind kind)
{
    switch (kind) {
    case V_NULL: return "null";
    case V_BOOL: return "true/false";
    case V_INT: return "whole number";
    case V_FLOAT: return "number";
    case V_STRING: return "text";
    case V_LIST: return "list";
    case V_RECORD: return "record";
    }
    return "value";
}

const char *value_show(arena *a, const value *v)
{
    if (v == NULL) {
        return "absent";
    }
    buf b = {.arena = a};
    json_print_compact(&b, v);
    return buf_str(&b);
}

/* Digits and decimal exponent of the shortest %e form that reads back as f. */
static void shortest_digits(double f, char digits[24], int *exponent)
{
    char text[40];
    for (int precision = 0; precision <= 17; precision++) {
        (void)snprintf(text, sizeof text, "%.*e", precision, f);
        if (strtod(text, NULL) == f) {
            break;
        }
    }
    size_t n = 0;
    const char *p = text;
    for (; *p != 'e'; p++) {
        if (*p != '.') {
            digits[n++] = *p;
        }
    }
    digits[n] = '\0';
    *exponent = (int)strtol(p + 1, NULL, 10);
}

const char *float_repr(arena *a, double f)
{
    if (isnan(f)) {
        return "nan";
    }
    if (isinf(f)) {
        return f < 0 ? "-inf" : "inf";
    }
    char digits[24];
    int exponent;
    shortest_digits(fabs(f), digits, &exponent);
    const int n_digits = (int)strlen(digits);
    const char *sign = signbit(f) ? "-" : "";
    /* Python's bounds: positional from 1e-4 up to, not including, 1e16. */
    if (exponent < -4 || exponent >= 16) {
        return arena_printf(a, "%s%c%s%se%c%02d", sign, digits[0],
                            n_digits > 1 ? "." : "", digits + 1,
                            exponent < 0 ? '-' : '+', abs(exponent));
    }
    if (exponent < 0) {
        return arena_printf(a, "%s0.%.*s%s", sign, -exponent - 1, "0000", digits);
    }
    const int n_whole = exponent + 1;
    if (n_digits <= n_whole) {
        return arena_printf(a, "%s%s%.*s.0", sign, digits, n_whole - n_digits,
                            "0000000000000000");
    }
    return arena_printf(a, "%s%.*s.%s", sign, n_whole, digits, digits + n_whole);
}
