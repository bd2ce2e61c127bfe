/* base/utf8.h -- bytes to code points and back.
 *
 * Only well-formed UTF-8 counts: no overlong forms, no surrogates, nothing above
 * U+10FFFF (Unicode 15, table 3-7).  Any thread.
 */
#ifndef RT_BASE_UTF8_H
#define RT_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

/* Decode the character at p (n_bytes > 0 are there).  Returns its length in bytes, or
 * 0 when it is not well-formed; *c is then the first byte. */
size_t utf8_decode(const char *p, size_t n_bytes, uint32_t *c);
/* Offset of the first byte that is not well-formed, n_bytes when all are. */
size_t utf8_valid_prefix(const char *p, size_t n_bytes);
/* Columns a terminal gives to c: 0, 1 or 2. */
unsigned utf8_columns(uint32_t c);
/* True for what must not reach a terminal: control and direction characters. */
bool utf8_is_unsafe(uint32_t c);
/* Add text with unsafe characters and bad bytes as \n, \x1b, \u{202e}. */
void utf8_add_safe(buf *b, const char *p, size_t n_bytes);

#endif
