/* base/json.h -- JSON text to values and back.  The only file that knows cJSON.
 *
 * Strict: one document, no duplicate keys, no NUL in strings, valid UTF-8, depth
 * at most 64.  Numerals without '.', 'e' that fit int64 are V_INT, others V_FLOAT
 * that keep their spelling, so what is carried comes back unchanged.  NaN and
 * Infinity, which Python writes, are accepted and kept.
 */
#ifndef RT_BASE_JSON_H
#define RT_BASE_JSON_H

#include "base/value.h"

/* Returns NULL and sets *why (arena text, "line 3: ...") when the text is not JSON. */
value *json_parse(arena *a, const char *text, size_t n_bytes, const char **why);
/* Pretty, two spaces, "key": value, a final newline; as json.dumps(indent=2). */
void json_print(buf *out, const value *v);
void json_print_compact(buf *out, const value *v); /* one line, no newline */
void json_print_string(buf *out, const char *s);   /* quoted and escaped */

#endif
