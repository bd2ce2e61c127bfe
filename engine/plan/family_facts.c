/* plan/family_facts.c -- what the family of a merge's base knows: how maps are stored,
 * what is tied, which sizes a replaced tensor changes. */
#include <limits.h>
#include <string.h>

#include "config/eval.h"
#include "config/fields.h"
#include "mapping/names.h"
#include "plan/update.h"
#include "tensor/shape.h"

/* The rule's tensor that stands for this name on the family's side, or NULL. */
static const map_tensor *tensor_of(merger *g, const char *name)
{
    const values *fv = g->family;
    for (size_t r = 0; r < fv->m->rules.n; r++) {
        const map_rule *rule = &fv->m->rules.at[r];
        int64_t *numbers = NEW_N(g->cx->arena, int64_t, rule->captures.n + 1);
        const char **words = NEW_N(g->cx->arena, const char *, rule->captures.n + 1);
        for (size_t i = 0; i < rule->tensors[fv->side].n; i++) {
            const map_tensor *as = &rule->tensors[fv->side].at[i];
            if (name_match(g->cx->arena, fv->m, &as->name, fv->choice,
                           rule->captures.at, name, numbers, words)) {
                return as;
            }
        }
    }
    return NULL;
}

enum { NOT_KNOWN = UCHAR_MAX };

/* For merger.map: the arrow + 1, or NOT_KNOWN. */
static unsigned char look_up_map(merger *g, const plan_tensor *t)
{
    const map_tensor *as = tensor_of(g, t->name);
    if (as == NULL && !g->family->m->rest) {
        return NOT_KNOWN;
    }
    /* What `rest` takes is of a shape that this family does not tell. */
    const arrow_kind arrow = as != NULL     ? as->dims->arrow
                             : t->rank == 2 ? ARROW_OUT_IN
                                            : ARROW_NONE;
    return (unsigned char)(1 + (unsigned)arrow);
}

bool stored_arrow(merger *g, size_t out_at, arrow_kind *arrow)
{
    if (g->map[out_at] == 0) {
        g->map[out_at] = look_up_map(g, &g->out->tensors.at[out_at]);
    }
    const bool is_known = g->map[out_at] != NOT_KNOWN;
    *arrow = is_known ? (arrow_kind)(g->map[out_at] - 1) : ARROW_NONE;
    return is_known;
}

/* ---- ties ---------------------------------------------------------------------- */

static const char *name_of_rule(merger *g, const char *rule)
{
    const values *fv = g->family;
    for (size_t r = 0; r < fv->m->rules.n; r++) {
        const map_rule *x = &fv->m->rules.at[r];
        if (strcmp(x->name, rule) == 0 && x->captures.n == 0 &&
            x->tensors[fv->side].n > 0) {
            return name_fill(g->cx->arena, fv->m, &x->tensors[fv->side].at[0].name,
                             fv->choice, NULL, NULL);
        }
    }
    return NULL;
}

static bool is_tied(merger *g, const map_tie *tie)
{
    if (tie->side != g->family->side || tie->by == NULL) {
        return false;
    }
    const value *flag = values_eval(g->cx, g->family, tie->by, NULL, NULL);
    return flag != NULL && value_truth(flag);
}

static void open_tie(merger *g, tied_pair pair, const char *head, const char *to)
{
    uint64_t at[2];
    if (!strmap_get(g->out->by_name, to, &at[1])) {
        return;
    }
    if (!strmap_get(g->out->by_name, head, &at[0])) {
        plan_tensor t = g->out->tensors.at[at[1]];
        t.name = head;
        at[0] = g->out->tensors.n;
        strmap_add(g->out->by_name, head, at[0]);
        vec_push(g->cx->arena, &g->out->tensors, t);
        pair.was_absent = true;
    }
    for (unsigned k = 0; k < 2; k++) {
        pair.at[k] = (size_t)at[k];
        pair.before[k] = g->out->tensors.at[at[k]].pieces.at;
    }
    vec_push(g->cx->arena, &g->ties, pair);
}

/* The only tensor of the base that a tie of the merge file can mean, or NULL. */
static const char *only_named(merger *g, const map_tie *tie)
{
    const char *only = NULL;
    int64_t *numbers = NEW_N(g->cx->arena, int64_t, tie->captures.n + 1);
    const char **words = NEW_N(g->cx->arena, const char *, tie->captures.n + 1);
    for (size_t i = 0; i < g->base->tensors.n; i++) {
        const char *name = g->base->tensors.at[i].name;
        if (!name_match(g->cx->arena, g->m, &tie->to_name, g->v->choice,
                        tie->captures.at, name, numbers, words)) {
            continue;
        }
        if (only != NULL) {
            return NULL;
        }
        only = name;
    }
    return only;
}

/* What the merge file says of bases whose ties no family knows.  A flag that is absent
 * may mean either: a tensor that is not stored can only be tied. */
static void open_loose_tie(merger *g, const map_tie *tie)
{
    evaluation ev = evaluation_of(g->cx, g->v);
    if (tie->when != NULL && eval_truth(&ev, tie->when) == 0) {
        return;
    }
    const value *flag = values_eval(g->cx, g->v, tie->by, NULL, NULL);
    const char *head =
        name_fill(g->cx->arena, g->m, &tie->name, g->v->choice, NULL, NULL);
    const char *to = only_named(g, tie);
    const bool is_said = flag != NULL && flag->kind == V_BOOL;
    if (to != NULL && !(is_said && !value_truth(flag))) {
        const tied_pair pair = {.tie = tie,
                                .is_loose = true,
                                .may_differ =
                                    !is_said && strmap_has(g->out->by_name, head)};
        open_tie(g, pair, head, to);
    }
}

static size_t n_family_ties(const merger *g)
{
    size_t n = 0;
    for (size_t i = 0; g->family != NULL && i < g->family->m->ties.n; i++) {
        n += g->family->m->ties.at[i].side == g->family->side;
    }
    return n;
}

void open_ties(merger *g)
{
    const size_t n_known = n_family_ties(g);
    for (size_t i = 0; n_known > 0 && i < g->family->m->ties.n; i++) {
        const map_tie *tie = &g->family->m->ties.at[i];
        const char *head = name_of_rule(g, tie->rule), *to = name_of_rule(g, tie->to);
        if (is_tied(g, tie) && head != NULL && to != NULL) {
            open_tie(g, (tied_pair){.tie = tie}, head, to);
        }
    }
    for (size_t i = 0; n_known == 0 && i < g->m->ties.n; i++) {
        open_loose_tie(g, &g->m->ties.at[i]);
    }
}

static void change_config(merger *g, const char *path, const value *to)
{
    vec_push(g->cx->arena, &g->acc->changes, ((config_change){path, to}));
}

static void untie(merger *g, const tied_pair *pair)
{
    unsigned side = 0;
    const char *path = NULL;
    const char *head = g->out->tensors.at[pair->at[0]].name;
    const char *to = g->out->tensors.at[pair->at[1]].name;
    const values *of = pair->is_loose ? g->v : g->family;
    if (!field_of_expr(of, g->cx->arena, pair->tie->by, &side, &path)) {
        diag *dg = diag_report(g->cx->diags, SEV_ERROR, "cannot-untie", pair->tie->at,
                               "the adapter changes one of %s and %s, which are tied",
                               head, to);
        diag_help(dg, "this layout cannot store the two apart");
        g->worst = RT_MISMATCH;
        return;
    }
    change_config(g, path, value_bool(g->cx->arena, false));
    vec_push(g->cx->arena, &g->acc->notes,
             arena_printf(g->cx->arena,
                          "%s and %s are %s: the adapter changes them differently",
                          head, to,
                          pair->may_differ ? "two tensors, and the config says so"
                                           : "no longer tied"));
}

static bool same_shape(const plan_tensor *x, const plan_tensor *y)
{
    return x->rank == y->rank &&
           memcmp(x->shape, y->shape, x->rank * sizeof *x->shape) == 0;
}

/* Was the tensor replaced and not updated?  Then what is tied to it is the same. */
static bool is_whole(const plan_tensor *t)
{
    bool whole = true;
    for (size_t i = 0; i < t->pieces.n; i++) {
        whole = whole && t->pieces.at[i].n_steps == 0;
    }
    return whole;
}

static void report_half_resized(merger *g, const plan_tensor *x, const plan_tensor *y)
{
    diag *dg = diag_report(g->cx->diags, SEV_ERROR, "resize", NOWHERE,
                           "the adapter changes the size of one of %s and %s, which "
                           "are tied, and updates one alone",
                           x->name, y->name);
    diag_note(dg, "%s is then %s", x->name,
              show_shape(g->cx->arena, x->shape, x->rank));
    diag_note(dg, "%s is then %s", y->name,
              show_shape(g->cx->arena, y->shape, y->rank));
    diag_help(dg, "an adapter that resizes them must bring both: resize and save the "
                  "base before training");
    g->worst = RT_MISMATCH;
}

void close_ties(merger *g)
{
    for (size_t i = g->ties.n; i-- > 0;) {
        const tied_pair *pair = &g->ties.at[i];
        const plan_tensor *x = &g->out->tensors.at[pair->at[0]];
        const plan_tensor *y = &g->out->tensors.at[pair->at[1]];
        const bool head_changed = x->pieces.at != pair->before[0];
        const bool other_changed = y->pieces.at != pair->before[1];
        const bool follows = !head_changed && !same_shape(x, y) && is_whole(y);
        const bool tied =
            pair->same_change || follows || (!head_changed && !other_changed);
        if (!tied && !same_shape(x, y)) {
            report_half_resized(g, x, y);
        } else if (!tied) {
            untie(g, pair);
        } else if (pair->was_absent) {
            for (size_t k = pair->at[0]; k + 1 < g->out->tensors.n; k++) {
                g->out->tensors.at[k] = g->out->tensors.at[k + 1];
            }
            g->out->tensors.n--;
        }
    }
    g->out->by_name = strmap_new(g->cx->arena);
    for (size_t i = 0; i < g->out->tensors.n; i++) {
        strmap_add(g->out->by_name, g->out->tensors.at[i].name, i);
    }
}

/* ---- sizes --------------------------------------------------------------------- */

typedef struct resizing {
    merger *g;
    int64_t *to;       /* by axis of the family; SIZE_UNKNOWN: as before */
    const char **from; /* by axis: the tensor that tells it */
} resizing;

static void report_resize(merger *g, const plan_tensor *t, unsigned k, int64_t size,
                          const char *why)
{
    diag *dg =
        diag_report(g->cx->diags, SEV_ERROR, "resize", NOWHERE,
                    "the adapter changes the size of the base: dimension %u of "
                    "%s is %llu, not %lld",
                    k, t->name, (unsigned long long)t->shape[k], (long long)size);
    diag_help(dg, "%s", why);
    g->worst = RT_MISMATCH;
}

/* The axis that a dim is, alone, or NO_AXIS. */
static uint32_t plain_axis(const map_dim *d)
{
    while (d->kind == DIM_PRODUCT && d->kids.n == 1) {
        d = d->kids.at[0];
    }
    return d->kind == DIM_AXIS ? d->axis : NO_AXIS;
}

static void learn_sizes(resizing *rs, const plan_tensor *t, const plan_tensor *was)
{
    merger *g = rs->g;
    const map_tensor *as = g->family == NULL ? NULL : tensor_of(g, t->name);
    for (unsigned k = 0; k < was->rank; k++) {
        if (t->rank == was->rank && t->shape[k] == was->shape[k]) {
            continue;
        }
        const uint32_t axis = as == NULL || t->rank != was->rank || k >= as->dims->all.n
                                  ? NO_AXIS
                                  : plain_axis(as->dims->all.at[k]);
        if (axis == NO_AXIS) {
            report_resize(g, t, k, (int64_t)was->shape[k],
                          "the base's rules do not know this size as one that stands "
                          "alone");
            return;
        }
        rs->to[axis] = (int64_t)t->shape[k];
        rs->from[axis] = t->name;
    }
}

/* All other tensors with a changed axis must have its new size. */
static void check_sizes(resizing *rs, const plan_tensor *t)
{
    merger *g = rs->g;
    const map_tensor *as = tensor_of(g, t->name);
    for (unsigned k = 0; as != NULL && k < as->dims->all.n && k < t->rank; k++) {
        const uint32_t axis = plain_axis(as->dims->all.at[k]);
        if (axis != NO_AXIS && rs->to[axis] != SIZE_UNKNOWN &&
            rs->to[axis] != (int64_t)t->shape[k]) {
            report_resize(g, t, k, rs->to[axis],
                          arena_printf(g->cx->arena,
                                       "%s has the other size; an adapter that resizes "
                                       "one must bring both",
                                       rs->from[axis]));
        }
    }
}

static bool is_field(void *who, const expr *e)
{
    const merger *g = who;
    unsigned side = 0;
    const char *path = NULL;
    return (e->kind == EXPR_PATH || e->kind == EXPR_INDEX) &&
           field_of_expr(g->family, g->cx->arena, e, &side, &path) &&
           side == g->family->side;
}

static void write_size(merger *g, uint32_t axis, int64_t size)
{
    unsigned side = 0;
    const char *path = NULL;
    evaluation ev = evaluation_of(g->cx, g->family);
    const value *x = value_int(g->cx->arena, size);
    const expr *read = g->family->m->axes.at[axis].read[g->family->side];
    const expr *leaf = read == NULL ? NULL : expr_invert(&ev, read, is_field, g, &x);
    if (leaf == NULL || !field_of_expr(g->family, g->cx->arena, leaf, &side, &path)) {
        diag_report(g->cx->diags, SEV_ERROR, "resize", NOWHERE,
                    "the new size %lld of axis %s cannot be written into the config",
                    (long long)size, g->family->m->axes.at[axis].name);
        g->worst = RT_MISMATCH;
        return;
    }
    change_config(g, path, x);
    vec_push(g->cx->arena, &g->acc->notes,
             arena_printf(g->cx->arena, "%s is now %lld", path, (long long)size));
}

void settle_resized(merger *g)
{
    const size_t n_axes = g->family == NULL ? 0 : g->family->m->axes.n;
    resizing rs = {.g = g,
                   .to = NEW_N(g->cx->arena, int64_t, n_axes + 1),
                   .from = NEW_N(g->cx->arena, const char *, n_axes + 1)};
    for (size_t i = 0; i < n_axes; i++) {
        rs.to[i] = SIZE_UNKNOWN;
    }
    bool any = false;
    for (size_t i = 0; i < g->out->tensors.n; i++) {
        const plan_tensor *t = &g->out->tensors.at[i];
        const plan_tensor *was = stage_find(g->base, t->name);
        if (was != NULL && !same_shape(t, was)) {
            learn_sizes(&rs, t, was);
            any = true;
        }
    }
    for (size_t i = 0; any && g->family != NULL && i < g->out->tensors.n; i++) {
        check_sizes(&rs, &g->out->tensors.at[i]);
    }
    for (uint32_t i = 0; i < n_axes; i++) {
        if (rs.to[i] != SIZE_UNKNOWN) {
            write_size(g, i, rs.to[i]);
        }
    }
}
