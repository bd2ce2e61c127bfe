/* audit/small_merge.h -- one update of a merge file on a small base and adapter.
 *
 * The sizes are primes, as in probe_model.h; those that the update's own lines tell
 * from the config are as they say.  What the rule's dims make of each element
 * (change_rule.c) and what the planner's pieces make of it (change_plan.c) are two
 * readings that share no code; the probe compares them.
 */
#ifndef RT_AUDIT_SMALL_MERGE_H
#define RT_AUDIT_SMALL_MERGE_H

#include "audit/probe.h"
#include "config/values.h"
#include "plan/plan.h"

enum { SMALL_MAX_TENSORS = 10 }; /* target, factors, magnitudes: as a rule may have */

typedef struct small_merge {
    context cx; /* memory of this model alone, complaints of its own */
    const map_update *u;
    values *v; /* with all sizes */
    binding words;
    const bool *part_on;
    double scale;
    const value *rows; /* numbers of the rows that are replaced, or NULL */
    /* The target as the base stores it, the factors in the order of the product, the
     * magnitudes of `norm =` behind them. */
    const map_tensor *tensor[SMALL_MAX_TENSORS];
    const char *name[SMALL_MAX_TENSORS];
    unsigned n_factors;
    const map_tensor *norm; /* or NULL */
    plan plan;
    const inventory *base, *adapter;
    const plan_tensor *made; /* the target after the merge */
} small_merge;

/* Which of the models of one update. */
typedef struct small_kind {
    const values *facts;
    uint32_t one; /* the axis that has the size 1, or NO_AXIS */
    bool turned;  /* the base stores what is right of the target's arrow first */
} small_kind;

/* Sizes, names, guards, scale; false: under these facts the update says nothing, or the
 * same as with another kind. */
bool small_merge_set(small_merge *s, const small_kind *kind);
/* Let the planner merge; false: it refused, for a reason in s->cx.diags. */
bool small_merge_run(small_merge *s);

/* ---- what becomes of one element of the target ----------------------------------- */

/* A sum of products of elements of two factors, in its order; or one element. */
typedef struct change_term {
    float scale;
    uint32_t n;
    unsigned b_of, a_of; /* numbers in small_merge.tensor; a_of 0: there is none */
    const int64_t *b, *a;
} change_term;

enum { CHANGE_MAX_TERMS = 8, CHANGE_NOWHERE = SMALL_MAX_TENSORS };

typedef struct change {
    unsigned n_met; /* times that it is written */
    unsigned of;    /* the tensor whose element it is before the terms */
    int64_t at;
    unsigned n_terms;
    change_term term[CHANGE_MAX_TERMS];
    bool has_norm;
    int64_t norm, counts; /* the element of the magnitudes that it gets, and for which
                             the square of the sum counts */
    bool is_tangled;      /* in a form that no rule says */
} change;

/* By element of the target. */
const change *change_by_rule(small_merge *s);
const change *change_by_plan(small_merge *s);

bool change_same(const change *x, const change *y);
/* "element 3 of w + 0.5 * (w.B[0] w.A[3] + w.B[1] w.A[7])" */
const char *change_show(arena *a, const small_merge *s, const change *c);

#endif
