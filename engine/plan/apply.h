/* plan/apply.h -- one mapping being applied to a stage: what its parts share. */
#ifndef RT_PLAN_APPLY_H
#define RT_PLAN_APPLY_H

#include "mapping/cuts.h"
#include "plan/claim.h"

enum { MAX_PIECES = 1 << 20 };

typedef struct applier {
    context *cx;
    arena *scratch; /* what one instance needs while it is applied */
    const mapping *m;
    unsigned from, to;
    const stage *in, *kept;
    values *v;
    claims claims;
    account *acc;
    dtype usual; /* type of most of what is read, or DT_UNKNOWN */
    VEC(plan_tensor) made;
    rt_status worst;
} applier;

/* A template with its atoms in numbers, and the captures that only its side's names
 * have. */
typedef struct placed {
    const map_tensor *t;
    int64_t shape[RT_MAX_RANK * 2];
    unsigned rank;
    cut_list cuts;
} placed;

/* Make the target tensor of template `at` for the captures in x->numbers (fill.c). */
void fill_target(applier *ap, const instance *x, const placed *src, const placed *at,
                 const odometer *src_own, const odometer *dst_own);
/* Put the sizes of an instance's own axes into ap->v, a view of it in the scratch
 * arena; false: reported. */
bool own_sizes(applier *ap, const instance *x);

/* A box between a source and a target cut, and the axis that each of its dims runs
 * over. */
typedef struct axis_box {
    piece p;
    uint32_t axis[PIECE_MAX_DIMS];
} axis_box;
/* The boxes of `whole` in which all elements have one stride of scale, each with its
 * step (scales.c); false: reported.  `at` numbers the captures that stand still. */
bool scale_boxes(applier *ap, const instance *x, size_t combination,
                 const axis_box *whole, const int64_t *at, piece_list *out);
/* Parts and replicas of the read side that have no partner: drops, kept, conditions. */
void account_one_sided(applier *ap, const instance *x, const placed *src);

/* Tensors that no instance makes: `rest`, the side-car (leftover.c), constants. */
void apply_rest(applier *ap);
void apply_kept(applier *ap);
void apply_constants(applier *ap);
/* Sizes of parts that the written side has alone: as set aside, else there are none. */
void learn_kept_sizes(applier *ap);
/* The type of most elements of the stage, but for tensors that its layout stores in
 * types of their own; DT_UNKNOWN where there are none. */
dtype usual_type(const applier *ap);
/* The narrowest type that holds the numbers of both. */
dtype wider_type(dtype x, dtype y);
/* The type of a target, whose t->dt is the one that is read. */
void settle_type(applier *ap, const instance *x, plan_tensor *t);
/* Say which axis of these dims has no size; the job cannot go on. */
void report_unknown_size(applier *ap, const map_dims *d, where at);

#endif
