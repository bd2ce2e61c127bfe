/* plan/merge_account.c -- every tensor of the adapter is in an update, dropped with a
 * reason, or an error. */
#include "base/near.h"
#include "mapping/names.h"
#include "plan/update.h"
#include "tensor/shape.h"

/* The line that drops the tensor, or NULL. */
static const map_drop *drop_of(merger *g, const plan_tensor *t)
{
    for (size_t d = 0; d < g->m->drops.n; d++) {
        const map_drop *drop = &g->m->drops.at[d];
        int64_t *numbers = NEW_N(g->cx->arena, int64_t, drop->captures.n + 1);
        const char **words = NEW_N(g->cx->arena, const char *, drop->captures.n + 1);
        if (drop->side == RIGHT &&
            name_match(g->cx->arena, g->m, &drop->name, g->v->choice, drop->captures.at,
                       t->name, numbers, words)) {
            return drop;
        }
    }
    return NULL;
}

static void note_dropped(merger *g, const map_drop *drop, const char *const *names,
                         size_t n)
{
    folded *f;
    const size_t n_folded = fold_names(g->cx->arena, names, n, &f);
    if (n_folded > 0) {
        vec_push(g->cx->arena, &g->acc->notes,
                 arena_printf(g->cx->arena,
                              "%zu tensor%s of the adapter dropped (%s%s): %s", n,
                              n == 1 ? "" : "s", f[0].text, n_folded > 1 ? ", ..." : "",
                              drop->because));
    }
}

/* The tensor of the base that this one of the adapter would be for, by the first update
 * with a factor of such a name; or NULL. */
static const char *target_of(merger *g, const char *name)
{
    for (size_t i = 0; i < g->m->updates.n; i++) {
        const map_update *u = &g->m->updates.at[i];
        int64_t *numbers = NEW_N(g->cx->arena, int64_t, u->captures.n + 1);
        const char **words = NEW_N(g->cx->arena, const char *, u->captures.n + 1);
        for (size_t f = 0; f < u->factors.n; f++) {
            const map_tensor *as = u->factors.at[f].tensor;
            if (as != NULL && name_match(g->cx->arena, g->m, &as->name, g->v->choice,
                                         u->captures.at, name, numbers, words)) {
                return name_fill(g->cx->arena, g->m, &u->target.name, g->v->choice,
                                 numbers, words);
            }
        }
    }
    return NULL;
}

/* What the first of them would have been for. */
static void note_target(merger *g, diag *dg, const char *name)
{
    const char *target = target_of(g, name);
    const plan_tensor *t = target != NULL ? stage_find(g->base, target) : NULL;
    if (t != NULL) {
        diag_note(dg, "the base's %s is %s; no line adds such a factor to that", target,
                  show_shape(g->cx->arena, t->shape, t->rank));
        return;
    }
    const char **known = NEW_N(g->cx->arena, const char *, g->base->tensors.n + 1);
    for (size_t i = 0; i < g->base->tensors.n; i++) {
        known[i] = g->base->tensors.at[i].name;
    }
    const char *near =
        near_name(target != NULL ? target : name, known, g->base->tensors.n);
    if (target != NULL) {
        diag_note(dg, "the base has no %s that the first could be for%s%s", target,
                  near != NULL ? "; the nearest is " : "", near != NULL ? near : "");
    } else if (near != NULL) {
        diag_note(dg, "the nearest tensor of the base is %s", near);
    }
}

static void report_unused(merger *g)
{
    const char *const *names = g->acc->unused.at;
    const size_t n = g->acc->unused.n;
    diag *dg = diag_report(g->cx->diags, SEV_ERROR, "adapter-unused", NOWHERE,
                           "%zu tensor%s of the adapter %s taken by no rule of '%s'", n,
                           n == 1 ? "" : "s", n == 1 ? "is" : "are", g->m->name);
    note_folded(g->cx, dg, names, n, 20);
    note_target(g, dg, names[0]);
    diag_help(
        dg, "merging without them would not be the model that was trained; is this the "
            "adapter's base?");
    g->worst = RT_MISMATCH;
}

void account_adapter(merger *g)
{
    typedef VEC(const char *) name_list;
    name_list *dropped = NEW_N(g->cx->arena, name_list, g->m->drops.n + 1);
    for (size_t i = 0; i < g->adapter->tensors.n; i++) {
        const plan_tensor *t = &g->adapter->tensors.at[i];
        const map_drop *drop = g->used[i] ? NULL : drop_of(g, t);
        if (drop != NULL) {
            vec_push(g->cx->arena, &dropped[drop - g->m->drops.at], t->name);
        } else if (!g->used[i]) {
            vec_push(g->cx->arena, &g->acc->unused, t->name);
        }
    }
    for (size_t d = 0; d < g->m->drops.n; d++) {
        note_dropped(g, &g->m->drops.at[d], dropped[d].at, dropped[d].n);
    }
    if (g->acc->unused.n > 0) {
        report_unused(g);
    }
}
