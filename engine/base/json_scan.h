/* base/json_scan.h -- the tokens of a JSON text, before a tree is built (json.c only).
 *
 * Refuses bytes that are no JSON token: bad UTF-8, control characters, bad escapes,
 * \u0000, malformed numerals, unknown words, more than 64 brackets deep.  How tokens
 * follow each other is left to the parser.
 */
#ifndef RT_BASE_JSON_SCAN_H
#define RT_BASE_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

typedef struct json_number {
    const char *p; /* view of the scanned text */
    size_t n_bytes;
    bool is_whole; /* digits only, after an optional '-' */
} json_number;

typedef struct json_tokens {
    VEC(json_number) numbers; /* in order; NaN and Infinity are among them */
    char *text; /* copy of the text in which NaN and Infinity read as 0; ends with a NUL
                 */
} json_tokens;

/* False, with *why set, when a token is bad. */
bool json_scan(arena *a, const char *text, size_t n_bytes, json_tokens *out,
               const char **why);
/* The line of the byte `at`, from 1. */
size_t json_line(const char *text, size_t n_bytes, size_t at);
/* "line 3: what" for the byte `at`. */
const char *json_complaint(arena *a, const char *text, size_t n_bytes, size_t at,
                           const char *what);

#endif
