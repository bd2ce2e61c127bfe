/* plan/constants.c -- `const SIDE name [..] = N`: tensors that one layout stores though
 * they say nothing.  Written they are made; read they must be what the rule says. */
#include "mapping/names.h"
#include "plan/apply.h"

/* ---- written ------------------------------------------------------------------- */

static bool guards_hold(const applier *ap, const map_make *mk, const int64_t *numbers)
{
    const binding b = {
        .captures = mk->captures.at, .numbers = numbers, .n = mk->captures.n};
    return values_all_hold(ap->cx, ap->v, mk->guards.at, mk->guards.n, &b) == 1;
}

static void make_one(applier *ap, const map_make *mk, const placed *at,
                     const int64_t *numbers)
{
    plan_tensor t = {.name = name_fill(ap->cx->arena, ap->m, &mk->name, ap->v->choice,
                                       numbers, NULL),
                     .dt = ap->in->tensors.n > 0 ? ap->in->tensors.at[0].dt : DT_F32,
                     .rank = at->rank,
                     .n_elems = 1,
                     .alias_of = -1,
                     .class_of = MADE,
                     .rule = "const",
                     .rule_at = mk->at};
    for (unsigned d = 0; d < at->rank && d < RT_MAX_RANK; d++) {
        t.shape[d] = (uint64_t)at->shape[d];
        t.n_elems *= t.shape[d];
    }
    const piece p = {.n = 1,
                     .size = {(int64_t)t.n_elems},
                     .dst_stride = {1},
                     .src = NO_SOURCE,
                     .fill = mk->value};
    if (t.n_elems > 0) {
        vec_push(ap->cx->arena, &t.pieces, p);
    }
    vec_push(ap->cx->arena, &ap->acc->made, t.name);
    vec_push(ap->cx->arena, &ap->made, t);
}

void apply_constants(applier *ap)
{
    for (size_t i = 0; i < ap->m->makes.n && !ap->in->names_only; i++) {
        const map_make *mk = &ap->m->makes.at[i];
        odometer all = {.dial =
                            NEW_N(ap->cx->arena, capture_range, mk->captures.n + 1)};
        bool known = mk->side == ap->to;
        for (uint32_t c = 0; known && c < mk->captures.n; c++) {
            capture_range *d = &all.dial[all.n++];
            d->capture = c;
            known =
                capture_range_of(ap->cx, ap->v, &mk->captures.at[c], &d->lo, &d->hi);
        }
        placed at = {0};
        if (!known) {
            if (mk->side == ap->to) {
                report_unknown_size(ap, mk->dims, mk->name.at);
            }
            continue;
        }
        if (!dims_cuts(ap->cx->arena, mk->dims, NULL, ap->v->size, NULL, at.shape,
                       &at.rank, &at.cuts)) {
            report_unknown_size(ap, mk->dims, mk->name.at);
            continue;
        }
        int64_t *numbers = NEW_N(ap->cx->arena, int64_t, mk->captures.n + 1);
        for (size_t k = 0, n = odometer_count(&all); k < n; k++) {
            odometer_set(&all, k, numbers);
            if (guards_hold(ap, mk, numbers)) {
                make_one(ap, mk, &at, numbers);
            }
        }
    }
}

/* ---- read ---------------------------------------------------------------------- */

static void claim_one(context *cx, const map_make *mk, const plan_tensor *t,
                      account *acc)
{
    const char *why = mk->because != NULL ? mk->because : "a constant";
    vec_push(cx->arena, &acc->drops,
             ((account_drop){t->name, why, false, mk->at, EXACT_IF}));
    if (t->pieces.n > 0) {
        vec_push(cx->arena, &acc->conditions,
                 ((condition){.kind = CONDITION_FILL,
                              .name = t->name,
                              .fill = mk->value,
                              .pieces = t->pieces,
                              .at = mk->at}));
    }
}

void claim_constants(context *cx, const stage *in, const values *v, bool *taken,
                     account *acc)
{
    for (size_t i = 0; i < v->m->makes.n; i++) {
        const map_make *mk = &v->m->makes.at[i];
        int64_t *numbers = NEW_N(cx->arena, int64_t, mk->captures.n + 1);
        const char **words = NEW_N(cx->arena, const char *, mk->captures.n + 1);
        for (size_t k = 0; mk->side == v->side && k < in->tensors.n; k++) {
            const plan_tensor *t = &in->tensors.at[k];
            if (!taken[k] && name_match(cx->arena, v->m, &mk->name, v->choice,
                                        mk->captures.at, t->name, numbers, words)) {
                taken[k] = true;
                claim_one(cx, mk, t, acc);
            }
        }
    }
}
