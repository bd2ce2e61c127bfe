/* checkpoint/json_pull.h -- a strict JSON reader that hands out one item at a time.
 *
 * For headers and indexes: texts of up to 100 MB from anywhere, of a known shape.  No
 * tree is built.  Strings are decoded in place: they point into the text, which must
 * stay writable and alive.  Strict RFC 8259: no BOM, comments, trailing commas, bad
 * UTF-8, raw control characters or lone surrogates; beyond it, no U+0000 in a string.
 * Numbers are whole, unsigned and at most 2^64-1 where json_u64 reads them; nothing
 * passes through floating point.
 *
 *     json_pull j = json_pull_begin(a, text, n_bytes);
 *     json_enter(&j, '{');
 *     for (bool first = true; json_next(&j, '}', &first);) {
 *         const char *key = json_key(&j);
 *         ... one value: json_string, json_u64, json_enter, json_null, json_skip ...
 *     }
 *     if (!json_end(&j)) { complain(j.why); }
 *
 * The first complaint is kept in `why` and makes all further calls fail, so a loop
 * needs no check of its own for each call.
 */
#ifndef RT_CHECKPOINT_JSON_PULL_H
#define RT_CHECKPOINT_JSON_PULL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

#define JSON_MAX_DEPTH 32 /* of values that are skipped */

typedef struct json_pull {
    arena *arena; /* for complaints */
    unsigned char *begin, *at, *end;
    const char *why; /* "byte 17: a comma is missing"; NULL while all is well */
} json_pull;

json_pull json_pull_begin(arena *a, char *text, size_t n_bytes);
/* Complain about the current place, unless there is a complaint already; false. */
bool json_fail(json_pull *j, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

bool json_enter(json_pull *j, char open);              /* '{' or '[' */
bool json_next(json_pull *j, char close, bool *first); /* false: closed, or failed */
char *json_string(json_pull *j,
                  size_t *n_bytes);            /* NULL: failed; n_bytes may be NULL */
char *json_key(json_pull *j, size_t *n_bytes); /* with its colon */
bool json_u64(json_pull *j, uint64_t *n);
bool json_null(json_pull *j); /* false: another value, no complaint */
char json_peek(json_pull *j); /* next byte that is no space; 0: end */
bool json_skip(json_pull *j); /* any one value */
bool json_end(json_pull *j);  /* only spaces are left; and !why */

#endif
