/* plan/merge.h -- an adapter added to a stage: low-rank terms, by the updates of a
 * merge file.
 *
 * For each base tensor that an update names, its factors are looked up in the adapter;
 * "integer captures are as found": a base tensor without factors keeps its bytes.  An
 * update applies where all its factors are there and fit.  Factors there in part, that
 * fit nowhere or twice, or that are left over, are errors.
 *
 * Tied tensors are apart while the adapter is added; those that it changed differently
 * stay apart, and the base's config says so from then on.
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
    const char *scale_from; /* "adapter.lora_alpha / adapter.lora_r (FILE)", or NULL */
    bool scale_is_open;     /* no config tells it: scale is without it */
    uint32_t rank;
    bool replaces; /* the target's elements, or some: what they were and are */
    piece_list was, is;
    piece_list blocks; /* parts of the target, each with the terms that reach it */
    size_t tensor;     /* index into plan.tensors, or SIZE_MAX */
    size_t adapter;    /* index into the job's adapters */
} job_merge_line;

typedef struct config_change { /* of the base's config */
    const char *path;
    const value *to;
} config_change;

typedef struct merge_how {
    double weight;       /* of the whole adapter */
    bool scale_is_asked; /* one that no config tells is no error, and counts as 1 */
} merge_how;

typedef struct merge_account {
    VEC(job_merge_line) lines;
    VEC(const char *) unused; /* adapter tensors that no term takes and no line drops */
    VEC(const char *) notes;
    VEC(config_change) changes;
    condition_list conditions; /* of the adapter's data */
} merge_account;

/* Apply the updates of `v->m` (its config[LEFT] is the base's, config[RIGHT] the
 * adapter's).  `family` (values of the base's family,
 * read from its side; or NULL) knows the base's linear maps; without it every tensor
 * with as many dims is one.  *out is `base` with terms. */
RT_NODISCARD rt_status stage_merge(context *cx, plan *p, const stage *base,
                                   const stage *adapter, values *v, values *family,
                                   const merge_how *how, stage **out,
                                   merge_account *acc);

#endif
