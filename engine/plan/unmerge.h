/* plan/unmerge.h -- the adapter's terms of a stage as factors in another merge file's
 * names and dims: an adapter converted without its base.
 *
 * A term that was added in one layout and went on into another stands in pieces of the
 * target's tensors.  Pieces that read the same rows of A are one block; the blocks of
 * an atom are stacked along the rank, and where a block does not reach, its factor is
 * zero.  Scales that the target's config cannot say by module are folded into B.  Norms
 * (DoRA) go along where the target's rules give them to the same elements.
 */
#ifndef RT_PLAN_UNMERGE_H
#define RT_PLAN_UNMERGE_H

#include "plan/stage.h"

typedef struct unmerged {
    stage *factors;
    exactness class_of; /* ROUNDING when a scale was folded that is no power of two */
    VEC(const char *) notes;
} unmerged;

/* `v` belongs to the target's merge file: its base config is known, its adapter config
 * (`config`, of which v holds the same record) is filled.  `family` as for stage_merge.
 */
RT_NODISCARD rt_status stage_unmerge(context *cx, const plan *p, const stage *at,
                                     values *v, values *family, value *config,
                                     unmerged *out);

#endif
