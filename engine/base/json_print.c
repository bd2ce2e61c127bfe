/* base/json_print.c -- values to JSON text, as Python's json.dumps spells it. */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"

enum { COMPACT = -1, INDENT = 2 };

static void add_unit(buf *out, uint32_t unit)
{
    buf_printf(out, "\\u%04x", unit);
}

static void add_character(buf *out, uint32_t c)
{
    static const char escapes[][3] = {
        ['\b'] = "\\b", ['\t'] = "\\t", ['\n'] = "\\n", ['\f'] = "\\f", ['\r'] = "\\r"};
    if (c < sizeof escapes / sizeof *escapes && escapes[c][0] != '\0') {
        buf_add(out, escapes[c]);
    } else if (c > 0xffff) {
        add_unit(out, 0xd800 + ((c - 0x10000) >> 10));
        add_unit(out, 0xdc00 + ((c - 0x10000) & 0x3ff));
    } else {
        add_unit(out, c);
    }
}

void json_print_string(buf *out, const char *s)
{
    enum { REPLACEMENT = 0xfffd }; /* for bytes that are no character */
    buf_add(out, "\"");
    const size_t n_bytes = strlen(s);
    size_t plain =
        0; /* start of the run of plain characters that is still to be added */
    size_t at = 0;
    while (at < n_bytes) {
        uint32_t c;
        const size_t n = utf8_decode(s + at, n_bytes - at, &c);
        if (n == 1 && c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
            at++;
            continue;
        }
        buf_add_n(out, s + plain, at - plain);
        if (c == '"' || c == '\\') {
            buf_printf(out, "\\%c", (char)c);
        } else {
            add_character(out, n == 0 ? (uint32_t)REPLACEMENT : c);
        }
        at += n == 0 ? 1 : n;
        plain = at;
    }
    buf_add_n(out, s + plain, at - plain);
    buf_add(out, "\"");
}

static void print_float(buf *out, const value *v)
{
    if (v->s != NULL) {
        buf_add(out, v->s);
    } else if (isnan(v->f)) {
        buf_add(out, "NaN");
    } else if (isinf(v->f)) {
        buf_add(out, v->f < 0 ? "-Infinity" : "Infinity");
    } else {
        buf_add(out, float_repr(out->arena, v->f));
    }
}

static void new_line(buf *out, int depth)
{
    if (depth != COMPACT) {
        buf_printf(out, "\n%*s", depth * INDENT, "");
    }
}

static void separate(buf *out, size_t i, int depth)
{
    if (i > 0) {
        buf_add(out, depth == COMPACT ? ", " : ",");
    }
    new_line(out, depth);
}

static void print(buf *out, const value *v, int depth)
{
    const int inner = depth == COMPACT ? COMPACT : depth + 1;
    switch (v->kind) {
    case V_NULL: buf_add(out, "null"); break;
    case V_BOOL: buf_add(out, v->b ? "true" : "false"); break;
    case V_INT: buf_printf(out, "%lld", (long long)v->i); break;
    case V_FLOAT: print_float(out, v); break;
    case V_STRING: json_print_string(out, v->s); break;
    case V_LIST:
        buf_add(out, "[");
        for (size_t i = 0; i < v->items.n; i++) {
            separate(out, i, inner);
            print(out, v->items.at[i], inner);
        }
        if (v->items.n > 0) {
            new_line(out, depth);
        }
        buf_add(out, "]");
        break;
    case V_RECORD:
        buf_add(out, "{");
        for (size_t i = 0; i < v->members.n; i++) {
            separate(out, i, inner);
            json_print_string(out, v->members.at[i].key);
            buf_add(out, ": ");
            print(out, v->members.at[i].val, inner);
        }
        if (v->members.n > 0) {
            new_line(out, depth);
        }
        buf_add(out, "}");
        break;
    }
}

void json_print(buf *out, const value *v)
{
    print(out, v, 0);
    buf_add(out, "\n");
}

void json_print_compact(buf *out, const value *v)
{
    print(out, v, COMPACT);
}
