/* plan/merge.h -- an adapter added to a stage: low-rank terms, by the updates of a
 * merge file.
 *
 * For each base tensor that an update names, its factors are looked up in the adapter;
 * "integer captures are as found": a base tensor without factors keeps its bytes.
 * Factors there in part, of wrong shape, or left over are errors.
 */
#ifndef RT_PLAN_MERGE_H
#define RT_PLAN_MERGE_H

#include "plan/stage.h"

typedef struct job_merge_line { /* one updated tensor of a merge */
    const char *target;         /* base name */
    const char *rule;
    const char *factors[4]; /* adapter names */
    size_t n_factors;
    double scale;
    uint32_t rank;
    size_t tensor; /* index into plan.tensors, or SIZE_MAX */
} job_merge_line;

typedef struct merge_account {
    VEC(job_merge_line) lines;
    VEC(const char *) unused; /* adapter tensors that no term takes and no line drops */
    VEC(account_drop) drops;
    VEC(const char *) notes;
} merge_account;

/* Apply the updates of `v->m` (its config[LEFT] is the base's, config[RIGHT] the
 * adapter's). `base_family` (or NULL) knows the base's linear maps on its side
 * `base_side`; without it every tensor of two dims is taken as [O <- I].  *out is
 * `base` with terms. */
RT_NODISCARD rt_status stage_merge(context *cx, const stage *base, const stage *adapter,
                                   values *v, const mapping *base_family,
                                   unsigned base_side, const uint32_t *base_choices,
                                   stage **out, merge_account *acc);

#endif
