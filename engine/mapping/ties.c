/* Rules that other lines name: ties, and drops of copies. */
#include <string.h>

#include "mapping/check.h"

/* ---- stored alike ---------------------------------------------------------------- */

typedef VEC(const map_dim *) flat_dims;

/* The dims that a dim multiplies, without those of size 1. */
static void add_factors(arena *a, const map_dim *d, flat_dims *out)
{
    if (d->kind == DIM_AXIS || d->kind == DIM_SUM) {
        vec_push(a, out, d);
    }
    for (size_t i = 0; i < d->kids.n; i++) {
        add_factors(a, d->kids.at[i], out);
    }
}

static bool same_label(const char *x, const char *y)
{
    return x == y || (x != NULL && y != NULL && strcmp(x, y) == 0);
}

/* The same elements in the same order, under the same labels. */
static bool same_order(arena *a, const map_dim *x, const map_dim *y)
{
    flat_dims fx = {0}, fy = {0};
    add_factors(a, x, &fx);
    add_factors(a, y, &fy);
    bool same = fx.n == fy.n;
    for (size_t i = 0; same && i < fx.n; i++) {
        const map_dim *p = fx.at[i], *q = fy.at[i];
        same = p->kind == q->kind && p->axis == q->axis && p->parts.n == q->parts.n;
        for (size_t k = 0; same && k < p->parts.n; k++) {
            same = same_label(p->parts.at[k].label, q->parts.at[k].label) &&
                   same_order(a, p->parts.at[k].body, q->parts.at[k].body);
        }
    }
    return same;
}

static bool stored_alike(arena *a, const map_tensor *x, const map_tensor *y)
{
    bool same = x->dims->all.n == y->dims->all.n && same_label(x->label, y->label);
    for (size_t i = 0; same && i < x->dims->all.n; i++) {
        same = same_order(a, x->dims->all.at[i], y->dims->all.at[i]);
    }
    return same;
}

/* ---- ties ------------------------------------------------------------------------ */

static void complain_unlike(check *ck, const map_tie *tie, const map_tensor *x,
                            const map_tensor *y)
{
    buf is[2] = {{.arena = ck->a}, {.arena = ck->a}};
    dims_show(&is[0], ck->m, x->dims);
    dims_show(&is[1], ck->m, y->dims);
    diag *dg = complain(ck, "tie-differs", tie->at,
                        "`%s` and `%s` are stored differently on %s: one cannot stand "
                        "for the other",
                        tie->rule, tie->to, side_shown(ck->m, tie->side));
    diag_label(dg, x->dims->at, "%s is %s", tie->rule, buf_str(&is[0]));
    diag_label(dg, y->dims->at, "%s is %s", tie->to, buf_str(&is[1]));
    diag_help(dg, "tied tensors have the same axes and labels in the same order, as a "
                  "head [v <- c] and an embedding [v -> c] have");
}

/* The first alternatives are what is tied. */
static void check_alike(check *ck, const map_tie *tie)
{
    const map_rule *r = mapping_rule(ck->m, tie->rule),
                   *to = mapping_rule(ck->m, tie->to);
    if (r == NULL || to == NULL) {
        return; /* reported: it could not be built */
    }
    const size_t n = r->tensors[tie->side].n;
    bool alike = n == to->tensors[tie->side].n;
    for (size_t i = 0; alike && i < n; i++) {
        alike = stored_alike(ck->a, &r->tensors[tie->side].at[i],
                             &to->tensors[tie->side].at[i]);
    }
    if (!alike) {
        complain_unlike(ck, tie, &r->tensors[tie->side].at[0],
                        &to->tensors[tie->side].at[0]);
    }
}

static void check_tie(check *ck, const item *it, const block_scope *b,
                      const origin *from)
{
    (void)b;
    (void)from;
    if (it->kind != ITEM_TIE) {
        return;
    }
    const tie_item *ti = &it->u.tie;
    map_tie tie = {.at = it->at, .rule = ti->rule, .to = ti->to, .by = ti->by};
    bool good = side_resolve(ck, ti->side, it->at, &tie.side);
    const char *const both[2] = {ti->rule, ti->to};
    for (size_t i = 0; i < 2; i++) {
        if (!strmap_has(ck->rules, both[i])) {
            diag *dg = complain(ck, "unknown-rule", it->at,
                                "there is no rule `%s` to tie", both[i]);
            help_near(dg, both[i], ck->rules);
            good = false;
        }
    }
    if (ti->by != NULL && good) {
        const name_scope scope = {0};
        const unsigned sides = expr_check(ck, ti->by, &scope);
        if (sides != 1u << tie.side && sides != 3u) {
            complain(ck, "two-sides", ti->by->at,
                     "the flag of a tie on `%s` must be a field "
                     "of `%s`",
                     ti->side, ti->side);
            good = false;
        }
    }
    if (good) {
        check_alike(ck, &tie);
        vec_push(ck->a, &ck->m->ties, tie);
    }
}

void ties_check(check *ck)
{
    walk_items(ck, check_tie);
}

/* ---- copies ---------------------------------------------------------------------- */

/* `drop S name = rule`: a rule of one tensor without captures on that side, like that
 * of a tie. */
void drops_check(check *ck)
{
    for (size_t i = 0; i < ck->m->drops.n; i++) {
        const map_drop *d = &ck->m->drops.at[i];
        if (d->same == NULL) {
            continue;
        }
        const map_rule *r = mapping_rule(ck->m, d->same);
        if (r == NULL) {
            diag *dg = complain(ck, "unknown-rule", d->at,
                                "there is no rule `%s` that a dropped tensor could "
                                "equal",
                                d->same);
            help_near(dg, d->same, ck->rules);
        } else if (r->tensors[d->side].n != 1 || r->captures.n != 0) {
            diag *dg = complain(ck, "drop-same", d->at,
                                "rule `%s` has no single tensor of '%s' that a dropped "
                                "one could equal",
                                d->same, side_shown(ck->m, d->side));
            diag_help(dg, "name a rule with one tensor on that side and no capture");
        }
    }
}
