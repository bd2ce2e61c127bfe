/* plan/update.h -- one update of a merge on one base tensor: what its parts share. */
#ifndef RT_PLAN_UPDATE_H
#define RT_PLAN_UPDATE_H

#include "mapping/cuts.h"
#include "plan/merge.h"

enum { MAX_FACTORS = 4, MAX_CASES = 6 };

/* A pair of tensors of which one may be left out (the head and the embedding). */
typedef struct tied_pair {
    const map_tie *tie;
    size_t at[2];           /* in the merged stage: the tensor, what it is tied to */
    bool was_absent;        /* the first was made for the merge, from the second */
    bool is_loose;          /* by the merge file, not by a family */
    bool may_differ;        /* both are stored, and the config is silent */
    bool same_change;       /* both were changed alike */
    const piece *before[2]; /* their pieces before the merge */
} tied_pair;

typedef struct merger {
    context *cx;
    const mapping *m;
    plan *plan;
    values *family;              /* of the base's family, or NULL */
    const stage *base, *adapter; /* the adapter under the names of the rules */
    const stage *raw;            /* the adapter under its own */
    values *v;
    stage *out;
    merge_account *acc;
    bool *used;         /* by adapter tensor: taken by an update, or by a complaint */
    unsigned char *map; /* by tensor of `out`, 0: not asked yet; see family_facts.c */
    VEC(tied_pair) ties;
    VEC(size_t) bindings; /* combinations of the choices, in the order of their use */
    merge_how how;
    rt_status worst;
} merger;

typedef struct attempt {
    const map_update *u;
    size_t target_at;            /* index in the merged stage */
    const map_dims *target_dims; /* in the order in which the base stores them */
    int64_t *numbers;
    const char **words;
    size_t factor_at[MAX_FACTORS]; /* index in the adapter's stage */
    const char *factor_name[MAX_FACTORS];
    const plan_tensor *factor[MAX_FACTORS];
    const map_tensor *factor_as[MAX_FACTORS];
    size_t n_factors; /* that are multiplied */
    size_t n_tensors; /* the magnitudes of `norm =` stand behind the factors */
    double scale;
    const char *scale_from;
    bool scale_is_open; /* a scalar that no config tells counts as 1 */
    bool *part_on;
    int64_t *size;
} attempt;

/* What a scalar is calculated from: a value's own expression. */
const char *scalar_origin(merger *g, const expr *e);
/* The product of the update's scalars, times the weight; a field that is absent is
 * never a default.  false: reported. */
bool scale_of(merger *g, const binding *b, attempt *x);

typedef enum fit { FITS, MISFIT, FIT_FAILED } fit;
/* Solve the sizes that the shapes tell, and which guarded parts are there: as the
 * config says; where it is silent, the one choice that the shapes allow.  FIT_FAILED:
 * reported. */
fit settle_parts(merger *g, attempt *x);
/* Say that the factors fit no base tensor, with all shapes and sizes. */
void report_misfit(merger *g, const attempt *x);

/* Rewrite the base tensor as its atoms, those that the term reaches with a step. */
void add_terms(merger *g, const attempt *x, plan_tensor *t);
/* `:=`: the base tensor's elements come from the adapter: all, or some rows. */
void replace_tensor(merger *g, const attempt *x, plan_tensor *t);
void replace_rows(merger *g, const attempt *x, plan_tensor *t);
/* The line of it; *line is filled further by who knows more. */
job_merge_line *add_merge_line(merger *g, const attempt *x, const plan_tensor *t,
                               uint32_t rank);

/* Does the update change this tensor of `out`, by its name and by how it is stored?
 * Fills captures and dims of x; *stored: how the family stores it. */
bool update_reaches(merger *g, const map_update *u, size_t at, attempt *x,
                    arrow_kind *stored);
/* Does the adapter hold what this update would change this tensor of `out` with?  Its
 * `rows =` is asked for as well, so that a pattern of the config for it is no slip. */
bool update_is_held(merger *g, const map_update *u, size_t at);
/* The sizes that the target's shape tells; all guarded parts are there. */
bool settle_target(merger *g, attempt *x);
/* The labels of both factors' atoms together are the target's; y may be NULL. */
bool cuts_join(const cut *target, const cut *x, const cut *y);
/* Stride of an axis, or 0 and false. */
bool cut_stride(const cut *c, uint32_t axis, int64_t *stride);

/* ---- merge_account.c ------------------------------------------------------------- */
/* What no update took: dropped by a rule, or reported. */
void account_adapter(merger *g);

/* ---- merge_gaps.c ---------------------------------------------------------------- */
/* Warn of tensors without an update among many like them that have one. */
void warn_of_gaps(merger *g);

/* ---- several.c: other adapters of the same sum ----------------------------------- */
/* May the update replace the tensor, or give it norms?  false: reported. */
bool stands_alone(merger *g, const attempt *x, const plan_tensor *t);
/* May the update add to the tensor?  false: reported. */
bool may_add(merger *g, const attempt *x, const plan_tensor *t);

/* ---- merge_names.c ------------------------------------------------------------- */
/* The adapter under the names that the rules know; two tensors of one name must be
 * equal. */
stage *read_spellings(merger *g, const stage *adapter);
/* Bind the choices of the merge file as they were not bound before, so that most of the
 * tensors that nothing took yet find their base.  false: none does; they are bound as
 * at first then. */
bool bind_merge_choices(merger *g);

/* ---- family_facts.c: what the base's family says about its tensors -------------- */
/* How the family stores a tensor: its arrow; ARROW_NONE when it is no linear map.
 * false: the family does not know the tensor, a head beside its own for one. */
bool stored_arrow(merger *g, size_t out_at, arrow_kind *arrow);
/* Make the tensors that are left out because they are tied. */
void open_ties(merger *g);
/* Decide what is still tied; changes of the base's config go to the account. */
void close_ties(merger *g);
/* Replaced tensors of another size: what else must have it, and the config's field. */
void settle_resized(merger *g);

#endif
