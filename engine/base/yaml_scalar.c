/* base/yaml_scalar.c -- what a plain scalar of YAML means; see yaml_scalar.h. */
#include "base/yaml_scalar.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/regex.h"

typedef struct scalar_type {
    yaml_meaning meaning;
    const char *pattern;
} scalar_type;

static const scalar_type scalar_types[] = {
    {YAML_NULL, "~|null|Null|NULL|"},
    {YAML_BOOL, "yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE"
                "|on|On|ON|off|Off|OFF"},
    {YAML_FLOAT, "[-+]?[0-9][0-9_]*\\.[0-9_]*(?:[eE][-+][0-9]+)?"
                 "|\\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?"
                 "|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\\.[0-9_]*"
                 "|[-+]?\\.(?:inf|Inf|INF)"
                 "|\\.(?:nan|NaN|NAN)"},
    {YAML_INT, "[-+]?0b[0-1_]+"
               "|[-+]?0[0-7_]+"
               "|[-+]?(?:0|[1-9][0-9_]*)"
               "|[-+]?0x[0-9a-fA-F_]+"
               "|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+"},
    {YAML_OTHER, "[0-9]{4}-[0-9]{2}-[0-9]{2}"
                 "|[0-9]{4}-[0-9][0-9]?-[0-9][0-9]?(?:[Tt]|[ \\t]+)[0-9][0-9]?"
                 ":[0-9]{2}:[0-9]{2}(?:\\.[0-9]*)?"
                 "(?:[ \\t]*(?:Z|[-+][0-9][0-9]?(?::[0-9]{2})?))?"
                 "|<<|="},
};

enum { N_SCALAR_TYPES = sizeof scalar_types / sizeof *scalar_types };

struct yaml_scalars {
    const regex *patterns[N_SCALAR_TYPES];
};

yaml_scalars *yaml_scalars_new(arena *a)
{
    yaml_scalars *known = NEW(a, yaml_scalars);
    for (size_t i = 0; i < N_SCALAR_TYPES; i++) {
        const char *why;
        size_t at_byte;
        known->patterns[i] = regex_new(a, scalar_types[i].pattern, "", &why, &at_byte);
    }
    return known;
}

yaml_meaning yaml_scalar_meaning(arena *a, const yaml_scalars *known, const char *text)
{
    for (size_t i = 0; i < N_SCALAR_TYPES; i++) {
        if (regex_match(a, known->patterns[i], text, NULL, 0)) {
            return scalar_types[i].meaning;
        }
    }
    return YAML_TEXT;
}

static char *without_underscores(arena *a, const char *text)
{
    buf b = {.arena = a};
    for (const char *p = text; *p != '\0'; p++) {
        if (*p != '_') {
            buf_add_n(&b, p, 1);
        }
    }
    return buf_str(&b);
}

/* Digits joined by colons count in sixties: 1:30 is 90. */
static double sexagesimal(const char *digits)
{
    double total = 0;
    for (const char *p = digits;; p++) {
        total = total * 60 + strtod(p, NULL);
        p += strcspn(p, ":");
        if (*p == '\0') {
            return total;
        }
    }
}

static value *int_value(arena *a, const char *text)
{
    const char *clean = without_underscores(a, text);
    const bool negative = clean[0] == '-';
    const char *digits = clean + (clean[0] == '-' || clean[0] == '+');
    if (strchr(digits, ':') != NULL) {
        const double total = sexagesimal(digits) * (negative ? -1 : 1);
        const bool is_exact = fabs(total) < 0x1p53;
        return is_exact ? value_int(a, (int64_t)total) : value_float(a, total);
    }
    const char *from = digits;
    int base = 10;
    if (strncmp(digits, "0b", 2) == 0 || strncmp(digits, "0x", 2) == 0) {
        base = digits[1] == 'b' ? 2 : 16;
        from = digits + 2;
    } else if (digits[0] == '0') {
        base = 8;
    }
    const char *numeral = arena_printf(a, "%s%s", negative ? "-" : "", from);
    errno = 0;
    const long long i = strtoll(numeral, NULL, base);
    if (errno == 0) {
        return value_int(a, i);
    }
    /* Larger than we count: carried by its spelling, like in JSON. */
    value *v = value_float(a, strtod(clean, NULL));
    v->s = base == 10 ? numeral : NULL;
    return v;
}

static value *float_value(arena *a, const char *text)
{
    const char *clean = without_underscores(a, text);
    const double sign = clean[0] == '-' ? -1 : 1;
    const char *digits = clean + (clean[0] == '-' || clean[0] == '+');
    if (digits[0] == '.' && (digits[1] == 'i' || digits[1] == 'I')) {
        return value_float(a, sign * INFINITY);
    }
    if (digits[0] == '.' && (digits[1] == 'n' || digits[1] == 'N')) {
        return value_float(a, NAN);
    }
    const bool in_sixties = strchr(digits, ':') != NULL;
    return value_float(
        a, sign * (in_sixties ? sexagesimal(digits) : strtod(digits, NULL)));
}

value *yaml_scalar_value(arena *a, const yaml_scalars *known, const char *text)
{
    switch (yaml_scalar_meaning(a, known, text)) {
    case YAML_NULL: return value_null(a);
    case YAML_BOOL: {
        const char second = text[1]; /* yes true on, and no false off in any case */
        const bool is_on = text[0] == 'o' || text[0] == 'O'
                               ? second == 'n' || second == 'N'
                               : strchr("yYtT", text[0]) != NULL;
        return value_bool(a, is_on);
    }
    case YAML_INT: return int_value(a, text);
    case YAML_FLOAT: return float_value(a, text);
    case YAML_TEXT:
    case YAML_OTHER: break;
    }
    return value_string(a, text);
}
