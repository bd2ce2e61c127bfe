/* checkpoint/put_le.h -- little-endian numbers into a buffer: every format written
 * here is little-endian, whatever the host is.
 */
#ifndef RT_CHECKPOINT_PUT_LE_H
#define RT_CHECKPOINT_PUT_LE_H

#include <stdint.h>

#include "base/arena.h"

/* Append the low n_bytes (at most 8) of v. */
static inline void put_le(buf *b, uint64_t v, unsigned n_bytes)
{
    unsigned char bytes[8];
    for (unsigned i = 0; i < n_bytes; i++) {
        bytes[i] = (unsigned char)(v >> (8 * i));
    }
    buf_add_n(b, bytes, n_bytes);
}

#endif
