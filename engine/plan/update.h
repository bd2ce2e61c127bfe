/* plan/update.h -- one update of a merge on one base tensor: what its parts share. */
#ifndef RT_PLAN_UPDATE_H
#define RT_PLAN_UPDATE_H

#include "mapping/cuts.h"
#include "plan/merge.h"

enum { MAX_FACTORS = 4, MAX_CASES = 6 };

typedef struct merger {
    context *cx;
    const mapping *m, *family;
    unsigned family_side;
    const uint32_t *family_choices;
    const stage *base, *adapter;
    values *v;
    stage *out;
    merge_account *acc;
    bool *used; /* by adapter tensor */
    rt_status worst;
} merger;

typedef struct attempt {
    const map_update *u;
    size_t base_at;              /* index in the base stage */
    const map_dims *target_dims; /* in the order in which the base stores them */
    int64_t *numbers;
    const char **words;
    const char *factor_name[MAX_FACTORS];
    const plan_tensor *factor[MAX_FACTORS];
    const map_tensor *factor_as[MAX_FACTORS];
    size_t n_factors;
    double scale;
    bool *part_on;
    int64_t *size;
} attempt;

/* Solve the sizes that the shapes tell, and which guarded parts are there: as the
 * config says; where it is silent, the one choice that the shapes allow.  False:
 * reported. */
bool settle_parts(merger *g, attempt *x, const plan_tensor *target);

/* Rewrite the base tensor as its atoms, those that the term reaches with a step. */
void add_terms(merger *g, const attempt *x, plan_tensor *t);
/* `:=`: the base tensor's elements come from the adapter. */
void replace_tensor(merger *g, const attempt *x, plan_tensor *t);

#endif
