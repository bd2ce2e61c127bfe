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

#include "plan/merge.h"

typedef struct unmerged {
    stage *factors;
    exactness class_of; /* ROUNDING when a scale was folded that is no power of two */
    VEC(const char *) notes;
    condition_list conditions; /* of the data, for nothing to be lost */
} unmerged;

/* `v` belongs to the target's merge file: its base config is known, its adapter config
 * (`config`, of which v holds the same record) is filled.  `family` as for stage_merge.
 */
RT_NODISCARD rt_status stage_unmerge(context *cx, const plan *p, const stage *at,
                                     values *v, values *family, value *config,
                                     unmerged *out);
/* Is each tensor of the adapter that changed the base (`merged`: as it was added, by
 * these lines) in one of the factors made?  For those that replace the base's the data
 * decides: made->conditions.  Others: RT_MISMATCH, reported with their names. */
RT_NODISCARD rt_status unmerge_account(context *cx, const plan *p, const stage *merged,
                                       const job_merge_line *lines, size_t n_lines,
                                       const char *layout, unmerged *made);
/* Report tensors of the adapter that would be lost; RT_MISMATCH. */
rt_status unmerge_refuse(context *cx, const char *const *names, size_t n,
                         const char *layout);

#endif
