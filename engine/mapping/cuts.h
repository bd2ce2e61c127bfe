/* mapping/cuts.h -- where the atoms of a tensor lie, in numbers.
 *
 * With all axis sizes known, each combination of labelled parts of a tensor's dims is a
 * box: an offset and a stride for each prime axis, in elements of the row-major tensor.
 */
#ifndef RT_MAPPING_CUTS_H
#define RT_MAPPING_CUTS_H

#include "mapping/mapping.h"

#define CUT_MAX_AXES   12
#define CUT_MAX_LABELS 6

typedef struct cut {
    unsigned n_labels;
    const char *label[CUT_MAX_LABELS]; /* sorted; the tensor's own label included */
    unsigned n_axes;
    uint32_t axis[CUT_MAX_AXES]; /* stored order, outermost first */
    int64_t stride[CUT_MAX_AXES];
    int64_t offset;
} cut;

typedef VEC(cut) cut_list;

/* Shape (one number for each dim) and cuts of `t`.  `size[axis]` is the size of each
 * prime axis (> = 0); `part_on[part id]` false leaves a guarded part out (NULL: all are
 * there). Returns false on overflow or when a limit above is exceeded. */
bool tensor_cuts(arena *a, const map_tensor *t, const int64_t *size,
                 const bool *part_on, int64_t *shape, unsigned *rank, cut_list *out);
/* The same for dims alone (merge, `const`). */
bool dims_cuts(arena *a, const map_dims *d, const char *label, const int64_t *size,
               const bool *part_on, int64_t *shape, unsigned *rank, cut_list *out);

/* True when two cuts have the same labels and the same axes (as sets). */
bool cut_same_atom(const cut *x, const cut *y);

#endif
