/* base/json_scan.c -- the tokens of a JSON text; see json_scan.h.  Spelling: RFC 8259,
 * and NaN, Infinity, -Infinity as Python's json module writes them. */
#include "base/json_scan.h"

#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

enum { MAX_DEPTH = 64 };

typedef struct scanner {
    arena *a;
    const char *text;
    size_t n_bytes, at;
    json_tokens *out;
    const char *why; /* what is wrong at `at` */
} scanner;

size_t json_line(const char *text, size_t n_bytes, size_t at)
{
    size_t line = 1;
    for (size_t i = 0; i < at && i < n_bytes; i++) {
        line += text[i] == '\n';
    }
    return line;
}

const char *json_complaint(arena *a, const char *text, size_t n_bytes, size_t at,
                           const char *what)
{
    return arena_printf(a, "line %zu: %s", json_line(text, n_bytes, at), what);
}

static char peek(const scanner *s, size_t ahead)
{
    return s->n_bytes - s->at > ahead ? s->text[s->at + ahead] : '\0';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool fail(scanner *s, const char *why)
{
    s->why = why;
    return false;
}

static bool skip_word(scanner *s, const char *word)
{
    const size_t n = strlen(word);
    if (s->n_bytes - s->at < n || memcmp(s->text + s->at, word, n) != 0) {
        return false;
    }
    s->at += n;
    return true;
}

/* Four hex digits at `at`, or -1. */
static int32_t hex4(const scanner *s, size_t ahead)
{
    int32_t unit = 0;
    for (size_t i = 0; i < 4; i++) {
        const char c = peek(s, ahead + i);
        const int32_t digit = is_digit(c)            ? c - '0'
                              : c >= 'a' && c <= 'f' ? c - 'a' + 10
                              : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                     : -1;
        if (digit < 0) {
            return -1;
        }
        unit = unit * 16 + digit;
    }
    return unit;
}

/* Behind a backslash and 'u'. */
static bool scan_unicode_escape(scanner *s)
{
    const int32_t unit = hex4(s, 0);
    if (unit < 0) {
        return fail(s, "\\u without four hex digits");
    }
    if (unit == 0) {
        return fail(s, "a NUL character in a text");
    }
    s->at += 4;
    if (unit >= 0xdc00 && unit <= 0xdfff) {
        return fail(s, "half of a surrogate pair");
    }
    if (unit >= 0xd800 && unit <= 0xdbff) {
        const int32_t low = hex4(s, 2);
        if (peek(s, 0) != '\\' || peek(s, 1) != 'u' || low < 0xdc00 || low > 0xdfff) {
            return fail(s, "half of a surrogate pair");
        }
        s->at += 6;
    }
    return true;
}

static bool scan_string(scanner *s)
{
    s->at++;
    while (s->at < s->n_bytes) {
        const char c = s->text[s->at++];
        if (c == '"') {
            return true;
        }
        if (c != '\\') {
            if ((unsigned char)c < 0x20) {
                s->at--;
                return fail(s, "a control character in a text");
            }
            continue;
        }
        const char escape = peek(s, 0);
        if (escape == '\0' || strchr("\"\\/bfnrtu", escape) == NULL) {
            return fail(s, "unknown escape in a text");
        }
        s->at++;
        if (escape == 'u' && !scan_unicode_escape(s)) {
            return false;
        }
    }
    return fail(s, "a text without its closing quote");
}

static bool skip_digits(scanner *s)
{
    const size_t from = s->at;
    while (is_digit(peek(s, 0))) {
        s->at++;
    }
    return s->at > from;
}

static void note_number(scanner *s, size_t from, bool is_whole)
{
    const json_number n = {s->text + from, s->at - from, is_whole};
    vec_push(s->a, &s->out->numbers, n);
}

/* NaN and the infinities: kept as tokens, and hidden from cJSON as 0. */
static bool scan_special(scanner *s, size_t from)
{
    if (!skip_word(s, "NaN") && !skip_word(s, "Infinity") &&
        !skip_word(s, "-Infinity")) {
        return fail(s, "unknown word");
    }
    note_number(s, from, false);
    memset(s->out->text + from, ' ', s->at - from);
    s->out->text[from] = '0';
    return true;
}

static bool scan_number(scanner *s)
{
    const size_t from = s->at;
    if (peek(s, 0) == '-' && peek(s, 1) == 'I') {
        return scan_special(s, from);
    }
    s->at += peek(s, 0) == '-';
    const bool leading_zero = peek(s, 0) == '0';
    const size_t first_digit = s->at;
    if (!skip_digits(s) || (leading_zero && s->at - first_digit > 1)) {
        return fail(s, "malformed number");
    }
    bool is_whole = true;
    if (peek(s, 0) == '.') {
        is_whole = false;
        s->at++;
        if (!skip_digits(s)) {
            return fail(s, "malformed number");
        }
    }
    if (peek(s, 0) == 'e' || peek(s, 0) == 'E') {
        is_whole = false;
        s->at++;
        s->at += peek(s, 0) == '+' || peek(s, 0) == '-';
        if (!skip_digits(s)) {
            return fail(s, "malformed number");
        }
    }
    note_number(s, from, is_whole);
    return true;
}

static bool scan_token(scanner *s, size_t *depth)
{
    const char c = s->text[s->at];
    switch (c) {
    case ' ':
    case '\t':
    case '\n':
    case '\r':
    case ',':
    case ':': s->at++; return true;
    case '{':
    case '[':
        s->at++;
        return ++*depth <= MAX_DEPTH || fail(s, "nested more than 64 deep");
    case '}':
    case ']': s->at++; return (*depth)-- > 0 || fail(s, "a closing bracket too many");
    case '"': return scan_string(s);
    default: break;
    }
    if (c == '-' || is_digit(c)) {
        return scan_number(s);
    }
    if (skip_word(s, "true") || skip_word(s, "false") || skip_word(s, "null")) {
        return true;
    }
    return scan_special(s, s->at);
}

bool json_scan(arena *a, const char *text, size_t n_bytes, json_tokens *out,
               const char **why)
{
    const size_t valid = utf8_valid_prefix(text, n_bytes);
    if (valid < n_bytes) {
        *why = json_complaint(a, text, n_bytes, valid, "a byte that is not UTF-8");
        return false;
    }
    out->text = arena_strndup(a, text, n_bytes);
    scanner s = {.a = a, .text = text, .n_bytes = n_bytes, .out = out};
    size_t depth = 0;
    while (s.at < n_bytes) {
        if (!scan_token(&s, &depth)) {
            *why = json_complaint(a, text, n_bytes, s.at, s.why);
            return false;
        }
    }
    return true;
}
