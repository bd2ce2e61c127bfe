/* plan/unmerge_fill.c -- modules that the adapter's config speaks for without naming
 * them.
 *
 * A layout whose config has one field for all layers (`default adapter.F = has NAME`,
 * or the guard of a part) says that a module is there in all of them or in none, and
 * its readers insist.  Where the adapter reaches some, the others get factors of zeros.
 */
#include <stdlib.h>
#include <string.h>

#include "base/near.h"
#include "mapping/names.h"
#include "plan/unmerge_parts.h"

static bool dim_is_guarded(const map_dim *d)
{
    bool is = false;
    for (size_t i = 0; i < d->kids.n; i++) {
        is = is || dim_is_guarded(d->kids.at[i]);
    }
    for (size_t i = 0; i < d->parts.n; i++) {
        is = is || d->parts.at[i].when != NULL || dim_is_guarded(d->parts.at[i].body);
    }
    return is;
}

/* Do fields of the config, the same for all layers, say which parts are there? */
static bool is_guarded(const map_update *u)
{
    for (size_t f = 0; f < u->factors.n; f++) {
        const map_tensor *t = u->factors.at[f].tensor;
        for (size_t d = 0; t != NULL && d < t->dims->all.n; d++) {
            if (dim_is_guarded(t->dims->all.at[d])) {
                return true;
            }
        }
    }
    return false;
}

/* Would the `has` of a default hold if these factors alone were written? */
static bool speaks_for(const unmerger *um, const item *it, const attempt *x)
{
    values alone = *um->g.v;
    stage *s = NEW(um->g.cx->arena, stage);
    for (size_t i = 0; i < x->u->factors.n; i++) {
        const map_tensor *as = x->u->factors.at[i].tensor;
        if (as != NULL) {
            const plan_tensor t = {.name = name_fill(um->g.cx->arena, um->g.m,
                                                     &as->name, um->g.v->choice,
                                                     x->numbers, x->words)};
            vec_push(um->g.cx->arena, &s->tensors, t);
        }
    }
    alone.who = s;
    return it->kind == ITEM_DEFAULT && it->u.assign.value->kind == EXPR_HAS &&
           values_holds(um->g.cx, &alone, it->u.assign.value, NULL) == 1;
}

/* Is there a line that speaks for x and for something that the adapter reaches? */
static bool is_spoken_for(const unmerger *um, const attempt *x, size_t n_reached)
{
    for (size_t k = 0; k < n_reached; k++) {
        if (um->all.at[k].x.u == x->u && is_guarded(x->u)) {
            return true;
        }
    }
    for (size_t i = 0; i < um->g.m->config_items.n; i++) {
        const item *it = um->g.m->config_items.at[i];
        for (size_t k = 0; speaks_for(um, it, x) && k < n_reached; k++) {
            if (speaks_for(um, it, &um->all.at[k].x)) {
                return true;
            }
        }
    }
    return false;
}

static int by_place(const void *a, const void *b)
{
    const found *x = a, *y = b;
    return (x->t > y->t) - (x->t < y->t);
}

static void note_made(unmerger *um, const char *const *names, size_t n)
{
    folded *f;
    const size_t n_folded = fold_names(um->g.cx->arena, names, n, &f);
    for (size_t i = 0; i < n_folded; i++) {
        vec_push(um->g.cx->arena, &um->out->notes,
                 arena_printf(um->g.cx->arena,
                              "the factors of %s are made, of zeros: the config speaks "
                              "for all layers at once",
                              f[i].text));
    }
}

const char *fill_unreached(unmerger *um)
{
    const size_t n_reached = um->all.n;
    VEC(const char *) names = {0};
    for (size_t i = 0; i < um->g.out->tensors.n; i++) {
        found f = {.t = &um->g.out->tensors.at[i]};
        if (has_terms(f.t) || !find_update(um, i, &f.x) ||
            !is_spoken_for(um, &f.x, n_reached)) {
            continue;
        }
        const char *why = found_blocks(um, &f);
        if (why != NULL) {
            return why;
        }
        vec_push(um->g.cx->arena, &names, f.t->name);
        vec_push(um->g.cx->arena, &um->all, f);
    }
    if (um->all.n > 0) {
        qsort(um->all.at, um->all.n, sizeof *um->all.at, by_place);
    }
    note_made(um, names.at, names.n);
    return NULL;
}
