/* exec/strided.h -- moving elements between two strided arrays in memory.
 *
 * A strided box has n dims; element (i0, i1, ...) of it stands at sum i_k * dst[k] in
 * the target and at sum i_k * src[k] in the source, both in elements and not negative.
 * Elements have 1, 2, 4 or 8 bytes and need no alignment.
 */
#ifndef RT_EXEC_STRIDED_H
#define RT_EXEC_STRIDED_H

#include <stddef.h>
#include <stdint.h>

#include "plan/piece.h"

typedef struct strided {
    unsigned n;
    int64_t size[PIECE_MAX_DIMS], dst[PIECE_MAX_DIMS], src[PIECE_MAX_DIMS];
} strided;

/* Leave out dims of size 1, and make one of two dims whose elements follow each other
 * on both sides. */
void strided_squeeze(strided *s);
int64_t strided_elems(const strided *s);
/* From the first to the last element of the source, both included. */
int64_t strided_src_span(const strided *s);
/* Length of the innermost run that is contiguous on both sides; 1 when there is none.
 */
int64_t strided_run(const strided *s);
/* Row-major strides of an array of these sizes. */
void strided_dense(unsigned n, const int64_t *size, int64_t *stride);

void strided_copy(const strided *s, unsigned elem_bytes, void *dst, const void *src);
/* The same element everywhere. */
void strided_fill(const strided *s, unsigned elem_bytes, void *dst, const void *elem);

#endif
