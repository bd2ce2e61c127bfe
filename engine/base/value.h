/* base/value.h -- the value of a config field, and of every expression of the rule
 * language: null, a truth value, a number, text, a list or a record.
 *
 * Absence is not a value: it is a NULL pointer.  Values are immutable once shared;
 * `value_set` is for records under construction.  All memory is the arena's.
 */
#ifndef RT_BASE_VALUE_H
#define RT_BASE_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

typedef enum value_kind {
    V_NULL,
    V_BOOL,
    V_INT,
    V_FLOAT,
    V_STRING,
    V_LIST,
    V_RECORD
} value_kind;

typedef struct value value;
typedef struct value_member {
    const char *key;
    value *val;
} value_member;
struct value {
    value_kind kind;
    bool b;        /* V_BOOL */
    int64_t i;     /* V_INT */
    double f;      /* V_FLOAT */
    const char *s; /* V_STRING; and V_FLOAT: the numeral as read, or NULL */
    size_t line;   /* V_FLOAT that is not finite, read from a file: its line; else 0 */
    VEC(value *) items;        /* V_LIST */
    VEC(value_member) members; /* V_RECORD, in the order of the file; keys unique */
};

value *value_null(arena *a);
value *value_bool(arena *a, bool b);
value *value_int(arena *a, int64_t i);
value *value_float(arena *a, double f);
value *value_string(arena *a, const char *s);
value *value_list(arena *a);
value *value_record(arena *a);

value *value_get(const value *record, const char *key); /* NULL: absent, or no record */
void value_set(arena *a, value *record, const char *key, value *v); /* add or replace */
void value_remove(value *record, const char *key);
value *value_copy(arena *a, const value *v); /* deep */

/* 3 and 3.0 are equal; records compare without order; NULL equals only NULL. */
bool value_equal(const value *x, const value *y);
bool value_is_number(const value *v);
double value_number(const value *v); /* of V_INT or V_FLOAT */
/* The truth of a value: null, absence, false, 0, "" and empty lists are false. */
bool value_truth(const value *v);
const char *
value_kind_name(value_kind kind); /* "null", "true/false", "whole number", ... */

/* One line for messages: like JSON, floats in their shortest exact form. */
const char *value_show(arena *a, const value *v); /* NULL shows as "absent" */
/* The shortest numeral that reads back as f ("1e-05", "10000.0"): Python's repr. */
const char *float_repr(arena *a, double f);

#endif
