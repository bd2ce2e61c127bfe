/* plan/stage.h -- a checkpoint in some layout, perhaps one that no file has: named
 * tensors as pieces over source bytes.  Mappings are applied to stages one after
 * another, so that a chain of families, or a merge in the middle, is one pass over the
 * data.
 */
#ifndef RT_PLAN_STAGE_H
#define RT_PLAN_STAGE_H

#include "base/status.h"
#include "config/values.h"
#include "plan/plan.h"

typedef struct stage {
    VEC(plan_tensor) tensors;
    strmap *by_name;
    bool names_only; /* tensors without shapes: account for names, make no pieces */
} stage;

/* Register all tensors of an inventory as plan sources. */
stage *stage_of_inventory(context *cx, plan *p, const inventory *inv);
const plan_tensor *stage_find(const stage *s, const char *name); /* or NULL */

/* What became of the tensors when one mapping was applied. */
typedef struct account_drop {
    const char *name, *because;
    bool keep; /* set aside in the side-car file */
    where at;
    exactness class_of; /* of leaving it out */
} account_drop;

typedef struct account_missing {
    const char *name;
    const map_rule *rule;
    const char *hint; /* why it must be there, when a guard or a tie says so; or NULL */
} account_missing;

typedef struct account_tie { /* a rule whose tensor may be left out */
    const map_tie *tie;
    const char *name, *to_name; /* in the layout of tie->side */
    bool made_from_other;       /* read: was absent, made from `to` */
    bool leave_out;             /* written: decided (job/decide.h) */
} account_tie;

typedef enum condition_kind {
    CONDITION_FILL,
    CONDITION_SAME,   /* replicas */
    CONDITION_COPY,   /* a dropped tensor is the same as one that stays */
    CONDITION_FINITE, /* scales: all sources of `pieces`, the first is `name` */
    CONDITION_IDLE /* what an adapter stores whole is the base's, so it can be left out
                    */
} condition_kind;
typedef struct condition { /* what must hold of the data for an exact-if rule */
    condition_kind kind;
    const char *name, *other; /* tensor; the one that it must equal */
    const char *label;        /* CONDITION_FILL: the part */
    double fill;
    piece_list pieces, others;
    where at;
} condition;
typedef VEC(condition) condition_list;

typedef struct account {
    const mapping *m;
    unsigned from;
    VEC(account_drop) drops;
    VEC(const char *) unmapped;
    VEC(account_missing) missing;
    VEC(account_tie) ties;
    condition_list conditions;
    VEC(plan_tensor) kept;  /* for the side-car: "name" or "name#label" */
    VEC(const char *) made; /* names made without a source */
    size_t n_claimed;
} account;

/* Bind the choices of the mapping by the names of `side` that are there
 * (values->choice). */
void stage_bind_choices(context *cx, const stage *in, unsigned side, values *v);

/* Apply the mapping of `v`, read from side v->side.  `kept` (may be NULL) holds what an
 * earlier conversion set aside.  Everything found wrong goes to the account;
 * RT_MISMATCH only when no output can be told (contradicting shapes, undecided guards).
 */
RT_NODISCARD rt_status stage_apply(context *cx, const stage *in, values *v,
                                   const stage *kept, stage **out, account **acc);

/* Names as notes of a complaint, folded: at most `most` lines, and how many more. */
void note_folded(context *cx, diag *dg, const char *const *names, size_t n,
                 size_t most);
/* Report what the account found wrong: unmapped and missing names, folded, with the
 * nearest rule; slugs "unmapped", "missing".  RT_MISMATCH when there is any. */
RT_NODISCARD rt_status account_report(context *cx, const account *acc);

#endif
