/* audit/slow.h -- a second, slow reading of dims: no strides, no cuts, one element at a
 * time.  What the planner computes is compared with it (probe.c), and numbers are shown
 * from it (explain, lints).
 *
 * An atom of a tensor is one choice of a part in every sum that is met on the way.  The
 * position of an element is the value of the dims tree under that choice and an index
 * for every axis.
 */
#ifndef RT_AUDIT_SLOW_H
#define RT_AUDIT_SLOW_H

#include "mapping/mapping.h"

enum { SLOW_MAX_SUMS = 12, SLOW_MAX_AXES = 32 };

typedef struct slow_choice { /* the parts chosen, in the order in which sums are met */
    unsigned n, digit[SLOW_MAX_SUMS], n_parts[SLOW_MAX_SUMS];
} slow_choice;

typedef struct slow_atom {
    unsigned n_labels, n_axes;
    const char *label[SLOW_MAX_SUMS + 1]; /* sorted; the tensor's own among them */
    uint32_t axis[SLOW_MAX_AXES];         /* sorted */
    bool is_there; /* false: a part is off, or too much for the limits */
} slow_atom;

/* Size of one dim; SIZE_UNKNOWN (-1) when an axis is unknown or it overflows. */
int64_t slow_size(const map_dim *d, const int64_t *size, const bool *part_on);
/* Shape of a tensor; false when a dim is unknown. */
bool slow_shape(const map_dims *d, const int64_t *size, const bool *part_on,
                uint64_t *shape, unsigned *rank);

/* Shape of a scale: the number of its blocks; false when a size is unknown. */
bool slow_blocks(const map_scale *s, const int64_t *size, uint64_t *shape,
                 unsigned *rank);
/* The element of the scale for an element of these indices. */
int64_t slow_block_of(const map_scale *s, const int64_t *size, const int64_t *index);

/* Begin with {0}; the atom of `choice` is told, and the choice completed. */
slow_atom slow_atom_of(const map_tensor *t, const bool *part_on, slow_choice *choice);
bool slow_next(slow_choice *choice); /* the next atom; false: that was the last */
bool slow_has_axis(const slow_atom *atom, uint32_t axis);
/* The next element of the atom, the last axis fastest; false: that was the last, and
 * all its indices are 0 again. */
bool slow_next_index(const slow_atom *atom, const int64_t *size, int64_t *index);
/* Flat, row-major position of an element; index[axis] for every axis of the atom. */
int64_t slow_position(const map_tensor *t, const int64_t *size, const bool *part_on,
                      const slow_choice *choice, const int64_t *index);

/* "(q: g r d | k: g d) " in numbers: "[(8*4*64 + 8*64) 2048]". */
const char *slow_numbers(arena *a, const map_dims *d, const int64_t *size,
                         const bool *part_on);

#endif
