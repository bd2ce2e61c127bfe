/* exec/gather.h -- from strided places of a file to strided places in memory, with few
 * and large reads.
 *
 * A read costs about as much as copying 16 KiB, so gaps smaller than that are read
 * along with what stands around them and left out by the copy; larger ones are not
 * read.  Long runs go straight to their place.
 */
#ifndef RT_EXEC_GATHER_H
#define RT_EXEC_GATHER_H

#include "exec/strided.h"

typedef struct gather_from {
    int fd;
    unsigned elem_bytes;
    unsigned char *stage; /* scratch of the caller, at least one element */
    size_t stage_bytes;
} gather_from;

/* Move the box whose first source element is at byte `offset` of the file; `dst` is the
 * place of its first target element.  0 or an errno; ENODATA: the file ends early. */
int gather(const gather_from *g, const strided *s, uint64_t offset, void *dst);

/* What gather would do in units of bytes copied, reads included. */
uint64_t gather_cost(const strided *s, unsigned elem_bytes);

#endif
