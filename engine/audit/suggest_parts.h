/* audit/suggest_parts.h -- what the three steps of a draft hand on (suggest.h). */
#ifndef RT_AUDIT_SUGGEST_PARTS_H
#define RT_AUDIT_SUGGEST_PARTS_H

#include "audit/suggest.h"

enum { GROUP_MAX_HOLES = 3, PAIR_MAX_PARTS = 8 };

/* Tensors of one shape whose names differ in whole numbers alone.  Hole i stands
 * behind literals[i] and takes every number in lo..end. */
typedef struct group {
    unsigned n_holes;
    const char *literals[GROUP_MAX_HOLES + 1];
    uint64_t lo[GROUP_MAX_HOLES], end[GROUP_MAX_HOLES];
    const tensor_info *first, *last; /* those of the least and of the largest numbers */
    const char *text;                /* "model.layers.{}.mlp.up_proj.weight" */
    const char *parent;              /* the text before its last dot, or "" */
    bool taken;
    const struct group *same_as; /* not taken: one of the other side with its bytes */
} group;
typedef VEC(group) group_list;

/* One tensor, and what it is made of on the other side. */
typedef struct pair {
    unsigned side; /* of `one`; the parts stand on the other */
    group *one;
    group *parts[PAIR_MAX_PARTS];
    unsigned n_parts;
    bool transposed;  /* of one part */
    const char *note; /* why it is not certain, or NULL */
} pair;

typedef struct suggestion {
    context *cx;
    const suggest_side *side;
    group_list groups[2];
    VEC(pair) pairs;
} suggestion;

void suggest_fold(arena *a, const inventory *inv, group_list *out);
RT_NODISCARD rt_status suggest_match(suggestion *s);
void suggest_draft(suggestion *s, buf *out);

/* Do tensors x and rows row.. of y hold the same?  No for other dtypes (suggest_match).
 */
RT_NODISCARD rt_status suggest_same(suggestion *s, unsigned side_of_x, const group *x,
                                    bool transposed, const group *y, uint64_t row,
                                    bool *same);

#endif
