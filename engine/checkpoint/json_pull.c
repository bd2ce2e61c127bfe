#include "checkpoint/json_pull.h"

#include <stdarg.h>
#include <string.h>

#include "base/utf8.h"

json_pull json_pull_begin(arena *a, char *text, size_t n_bytes)
{
    unsigned char *p = (unsigned char *)text;

    return (json_pull){.arena = a, .begin = p, .at = p, .end = p + n_bytes};
}

bool json_fail(json_pull *j, const char *fmt, ...)
{
    if (j->why == NULL) {
        va_list ap;
        va_start(ap, fmt);
        const char *sentence = arena_vprintf(j->arena, fmt, ap);
        va_end(ap);
        j->why = arena_printf(j->arena, "byte %zu: %s", (size_t)(j->at - j->begin),
                              sentence);
    }
    return false;
}

char json_peek(json_pull *j)
{
    while (j->at < j->end &&
           (*j->at == ' ' || *j->at == '\n' || *j->at == '\t' || *j->at == '\r')) {
        j->at++;
    }
    return j->at < j->end ? (char)*j->at : '\0';
}

bool json_enter(json_pull *j, char open)
{
    if (j->why != NULL) {
        return false;
    }
    if (json_peek(j) != open) {
        return json_fail(j, open == '{' ? "an object {...} should stand here"
                                        : "a list [...] should stand here");
    }
    j->at++;
    return true;
}

bool json_next(json_pull *j, char close, bool *first)
{
    if (j->why != NULL) {
        return false;
    }
    const char c = json_peek(j);
    const bool was_first = *first;
    *first = false;
    if (c == close) {
        j->at++;
        return false;
    }
    if (was_first) {
        return true;
    }
    if (c != ',') {
        return json_fail(j, "',' or '%c' should stand here", close);
    }
    j->at++;
    return json_peek(j) != close ? true : json_fail(j, "a comma before '%c'", close);
}

/* Four hexadecimal digits; -1 when they are not. */
static long hex4(const json_pull *j)
{
    long n = 0;

    if (j->end - j->at < 4) {
        return -1;
    }
    for (int i = 0; i < 4; i++) {
        const unsigned char c = j->at[i];
        if (c >= '0' && c <= '9') {
            n = n * 16 + (c - '0');
        } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
            n = n * 16 + ((c | 0x20) - 'a' + 10);
        } else {
            return -1;
        }
    }
    return n;
}

/* The character of \uXXXX, with its second half where it is a surrogate. */
static bool unicode_escape(json_pull *j, uint32_t *out)
{
    const long high = hex4(j);
    if (high <= 0) {
        return json_fail(j, high < 0 ? "a bad \\u escape" : "a NUL character in text");
    }
    j->at += 4;
    if (high < 0xD800 || high > 0xDFFF) {
        *out = (uint32_t)high;
        return true;
    }
    if (high > 0xDBFF || j->end - j->at < 6 || j->at[0] != '\\' || j->at[1] != 'u') {
        return json_fail(j, "half of a surrogate pair");
    }
    j->at += 2;
    const long low = hex4(j);
    if (low < 0xDC00 || low > 0xDFFF) {
        return json_fail(j, "half of a surrogate pair");
    }
    j->at += 4;
    *out = 0x10000u + (uint32_t)((high - 0xD800) << 10) + (uint32_t)(low - 0xDC00);
    return true;
}

static unsigned char *put_utf8(unsigned char *to, uint32_t c)
{
    if (c < 0x80) {
        *to++ = (unsigned char)c;
        return to;
    }
    if (c < 0x800) {
        *to++ = (unsigned char)(0xC0 | c >> 6);
    } else {
        if (c < 0x10000) {
            *to++ = (unsigned char)(0xE0 | c >> 12);
        } else {
            *to++ = (unsigned char)(0xF0 | c >> 18);
            *to++ = (unsigned char)(0x80 | (c >> 12 & 0x3F));
        }
        *to++ = (unsigned char)(0x80 | (c >> 6 & 0x3F));
    }
    *to++ = (unsigned char)(0x80 | (c & 0x3F));
    return to;
}

/* One escape behind its backslash, decoded to *to; an escape is never shorter than
 * what it stands for. */
static bool escape(json_pull *j, unsigned char **to)
{
    static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";

    if (j->at == j->end) {
        return json_fail(j, "text without an end");
    }
    const unsigned char c = *j->at;
    if (c == 'u') {
        uint32_t ch = 0;
        j->at++;
        if (!unicode_escape(j, &ch)) {
            return false;
        }
        *to = put_utf8(*to, ch);
        return true;
    }
    const char *letter = c != '\0' ? strchr(letters, c) : NULL;
    if (letter == NULL) {
        return json_fail(j, "an unknown escape");
    }
    *(*to)++ = (unsigned char)meant[letter - letters];
    j->at++;
    return true;
}

char *json_string(json_pull *j, size_t *n_bytes)
{
    if (j->why != NULL) {
        return NULL;
    }
    if (json_peek(j) != '"') {
        (void)json_fail(j, "text in double quotes should stand here");
        return NULL;
    }
    unsigned char *const text = ++j->at, *to = text;
    while (j->at < j->end && *j->at != '"') {
        if (*j->at == '\\') {
            j->at++;
            if (!escape(j, &to)) {
                return NULL;
            }
            continue;
        }
        uint32_t c;
        const size_t n = utf8_decode((const char *)j->at, (size_t)(j->end - j->at), &c);
        if (n == 0 || *j->at < 0x20) {
            (void)json_fail(j, n == 0 ? "text that is not UTF-8"
                                      : "a control character in text");
            return NULL;
        }
        for (size_t i = 0; i < n; i++) {
            *to++ = *j->at++;
        }
    }
    if (j->at == j->end) {
        (void)json_fail(j, "text without an end");
        return NULL;
    }
    j->at++;
    *to = '\0'; /* at the closing quote or before it */
    if (n_bytes != NULL) {
        *n_bytes = (size_t)(to - text);
    }
    return (char *)text;
}

char *json_key(json_pull *j, size_t *n_bytes)
{
    char *key = json_string(j, n_bytes);

    if (key == NULL) {
        return NULL;
    }
    if (json_peek(j) != ':') {
        (void)json_fail(j, "':' should stand here");
        return NULL;
    }
    j->at++;
    return key;
}

bool json_u64(json_pull *j, uint64_t *n)
{
    if (j->why != NULL) {
        return false;
    }
    (void)json_peek(j);
    const unsigned char *const start = j->at;
    uint64_t sum = 0;
    while (j->at < j->end && *j->at >= '0' && *j->at <= '9') {
        if (__builtin_mul_overflow(sum, UINT64_C(10), &sum) ||
            __builtin_add_overflow(sum, (uint64_t)(*j->at - '0'), &sum)) {
            return json_fail(j, "a number above 2^64-1");
        }
        j->at++;
    }
    const bool ends_well =
        j->at == j->end || strchr(" \t\r\n,]}", (char)*j->at) != NULL;
    if (j->at == start || !ends_well || (*start == '0' && j->at - start > 1)) {
        return json_fail(j, "a whole number in plain digits should stand here");
    }
    *n = sum;
    return true;
}

static bool word(json_pull *j, const char *w)
{
    const size_t n = strlen(w);

    if ((size_t)(j->end - j->at) < n || memcmp(j->at, w, n) != 0) {
        return false;
    }
    j->at += n;
    return true;
}

bool json_null(json_pull *j)
{
    return j->why == NULL && json_peek(j) == 'n' && word(j, "null");
}

static bool digits(json_pull *j)
{
    const unsigned char *const start = j->at;

    while (j->at < j->end && *j->at >= '0' && *j->at <= '9') {
        j->at++;
    }
    return j->at > start;
}

static bool skip_number(json_pull *j)
{
    bool good = true;

    j->at += *j->at == '-';
    if (j->at < j->end && *j->at == '0') {
        j->at++;
    } else {
        good = digits(j);
    }
    if (good && j->at < j->end && *j->at == '.') {
        j->at++;
        good = digits(j);
    }
    if (good && j->at < j->end && (*j->at | 0x20) == 'e') {
        j->at++;
        j->at += j->at < j->end && (*j->at == '+' || *j->at == '-');
        good = digits(j);
    }
    return good ? true : json_fail(j, "a bad number");
}

static bool skip_scalar(json_pull *j)
{
    const char c = json_peek(j);

    if (c == '"') {
        return json_string(j, NULL) != NULL;
    }
    if (c == '-' || (c >= '0' && c <= '9')) {
        return skip_number(j);
    }
    return word(j, "null") || word(j, "true") || word(j, "false") ||
           json_fail(j, "a value should stand here");
}

bool json_skip(json_pull *j)
{
    char closing[JSON_MAX_DEPTH];
    bool first[JSON_MAX_DEPTH];
    size_t depth = 0;

    do {
        if (depth > 0 && !json_next(j, closing[depth - 1], &first[depth - 1])) {
            depth--;
            continue;
        }
        if (depth > 0 && closing[depth - 1] == '}' && json_key(j, NULL) == NULL) {
            return false;
        }
        const char c = json_peek(j);
        if (c != '{' && c != '[') {
            if (j->why != NULL || !skip_scalar(j)) {
                return false;
            }
            continue;
        }
        if (depth == JSON_MAX_DEPTH) {
            return json_fail(j, "nested deeper than %d", JSON_MAX_DEPTH);
        }
        j->at++;
        closing[depth] = c == '{' ? '}' : ']';
        first[depth++] = true;
    } while (depth > 0 && j->why == NULL);
    return j->why == NULL;
}

bool json_end(json_pull *j)
{
    if (j->why == NULL) {
        (void)json_peek(j);
        if (j->at != j->end) {
            return json_fail(j, "something stands behind the end of the document");
        }
    }
    return j->why == NULL;
}
