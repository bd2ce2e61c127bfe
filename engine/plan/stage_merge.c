/* plan/merge.c -- which updates of a merge file meet which base tensors; see merge.h.
 */
#include "plan/merge.h"

#include "base/near.h"
#include "mapping/names.h"
#include "plan/update.h"

/* ---- matching ------------------------------------------------------------------ */

/* Scalars of the product; an absent config field is an error, never a default. */
static bool scale_of(merger *g, attempt *x)
{
    const binding b = {x->u->captures.at, x->numbers, x->words, x->u->captures.n};
    x->scale = 1;
    for (size_t f = 0; f < x->u->factors.n; f++) {
        if (x->u->factors.at[f].scalar == NULL) {
            continue;
        }
        const char *why = NULL;
        const value *s = values_eval(g->cx, g->v, x->u->factors.at[f].scalar, &b, &why);
        if (s == NULL || !value_is_number(s)) {
            diag *dg = diag_report(g->cx->diags, SEV_ERROR, "no-scale", x->u->at,
                                   "the adapter's scale is not known%s%s",
                                   why != NULL ? ": " : "", why != NULL ? why : "");
            diag_help(dg, "it is never in the weights; give it with --set, for example "
                          "--set lora_alpha=16 --set lora_r=8");
            return false;
        }
        x->scale *= value_number(s);
    }
    return true;
}

static void try_update(merger *g, attempt *x)
{
    size_t there = 0, want = 0;
    const char *absent = NULL, *present = NULL;
    const binding bd = {x->u->captures.at, x->numbers, x->words, x->u->captures.n};
    for (size_t i = 0; i < x->u->guards.n; i++) {
        if (values_holds(g->cx, g->v, x->u->guards.at[i], &bd) != 1) {
            return;
        }
    }
    for (size_t f = 0; f < x->u->factors.n && x->n_factors < MAX_FACTORS; f++) {
        const map_tensor *as = x->u->factors.at[f].tensor;
        if (as == NULL) {
            continue;
        }
        const char *name = name_fill(g->cx->arena, g->m, &as->name, g->v->choice,
                                     x->numbers, x->words);
        const plan_tensor *t = stage_find(g->adapter, name);
        want++;
        there += t != NULL;
        *(t != NULL ? &present : &absent) = name;
        x->factor_name[x->n_factors] = name;
        x->factor_as[x->n_factors] = as;
        x->factor[x->n_factors++] = t;
    }
    if (there == 0) {
        return;
    }
    if (there < want) {
        diag *dg = diag_report(g->cx->diags, SEV_ERROR, "adapter-half", x->u->at,
                               "the adapter has %s but not %s", present, absent);
        diag_help(dg,
                  "both factors of a term are needed; the adapter file is incomplete");
        g->worst = RT_MISMATCH;
        return;
    }
    plan_tensor *t = &g->out->tensors.at[x->base_at];
    x->size = g->v->size;
    if (!scale_of(g, x) || !settle_parts(g, x, t)) {
        g->worst = RT_MISMATCH;
        return;
    }
    for (size_t f = 0; f < x->n_factors; f++) {
        uint64_t at;
        if (strmap_get(g->adapter->by_name, x->factor_name[f], &at)) {
            if (g->used[at]) {
                diag_report(g->cx->diags, SEV_ERROR, "adapter-twice", x->u->at,
                            "%s is used by two terms", x->factor_name[f]);
                g->worst = RT_MISMATCH;
            }
            g->used[at] = true;
        }
    }
    if (x->u->replace) {
        replace_tensor(g, x, t);
    } else {
        add_terms(g, x, t);
    }
}

/* How the base's family stores this tensor: its arrow; ARROW_NONE when it is no linear
 * map. Without a family every tensor of two dims is [O <- I]. */
static arrow_kind arrow_of(merger *g, const plan_tensor *t)
{
    if (g->family == NULL) {
        return t->rank == 2 ? ARROW_OUT_IN : ARROW_NONE;
    }
    for (size_t r = 0; r < g->family->rules.n; r++) {
        const map_rule *rule = &g->family->rules.at[r];
        int64_t *numbers = NEW_N(g->cx->arena, int64_t, rule->captures.n + 1);
        const char **words = NEW_N(g->cx->arena, const char *, rule->captures.n + 1);
        for (size_t i = 0; i < rule->tensors[g->family_side].n; i++) {
            const map_tensor *as = &rule->tensors[g->family_side].at[i];
            if (name_match(g->cx->arena, g->family, &as->name, g->family_choices,
                           rule->captures.at, t->name, numbers, words)) {
                return as->dims->arrow;
            }
        }
    }
    /* What `rest` takes is of a shape that this family does not tell. */
    return g->family->rest && t->rank == 2 ? ARROW_OUT_IN : ARROW_NONE;
}

/* Dims of an `each` target in the order in which the base stores them. */
static const map_dims *stored_dims(merger *g, const map_dims *d, arrow_kind base)
{
    if (d->arrow == ARROW_NONE || base == d->arrow || base == ARROW_NONE) {
        return d;
    }
    map_dims *turned = NEW(g->cx->arena, map_dims);
    *turned = *d;
    turned->all.at = NEW_N(g->cx->arena, const map_dim *, d->all.n);
    size_t n = 0;
    for (uint32_t i = 0; i < d->n_batch; i++) {
        turned->all.at[n++] = d->all.at[i];
    }
    for (size_t i = d->n_batch + d->n_left; i < d->all.n; i++) {
        turned->all.at[n++] = d->all.at[i];
    }
    for (uint32_t i = 0; i < d->n_left; i++) {
        turned->all.at[n++] = d->all.at[d->n_batch + i];
    }
    return turned;
}

static bool is_excepted(merger *g, const map_update *u, const char *name)
{
    for (size_t i = 0; i < u->except.n; i++) {
        const map_name *n = u->except.at[i];
        map_capture caps[16] = {{0}};
        int64_t numbers[16];
        const char *words[16];
        if (name_match(g->cx->arena, g->m, n, g->v->choice, caps, name, numbers,
                       words)) {
            return true;
        }
    }
    return false;
}

static void run_update(merger *g, const map_update *u)
{
    const map_name *named = u->each != NULL ? u->each : &u->target.name;
    for (size_t i = 0; i < g->base->tensors.n; i++) {
        const plan_tensor *t = &g->base->tensors.at[i];
        attempt x = {.u = u,
                     .base_at = i,
                     .numbers = NEW_N(g->cx->arena, int64_t, u->captures.n + 1),
                     .words = NEW_N(g->cx->arena, const char *, u->captures.n + 1)};
        if (!name_match(g->cx->arena, g->m, named, g->v->choice, u->captures.at,
                        t->name, x.numbers, x.words) ||
            is_excepted(g, u, t->name)) {
            continue;
        }
        x.target_dims = u->target.dims;
        if (u->each != NULL) {
            const arrow_kind arrow = arrow_of(g, t);
            if (arrow == ARROW_NONE) {
                continue;
            }
            x.target_dims = stored_dims(g, u->target.dims, arrow);
        }
        try_update(g, &x);
    }
}

static void account_adapter(merger *g)
{
    for (size_t i = 0; i < g->adapter->tensors.n; i++) {
        const char *name = g->adapter->tensors.at[i].name;
        bool dropped = g->used[i];
        for (size_t d = 0; d < g->m->drops.n && !dropped; d++) {
            const map_drop *drop = &g->m->drops.at[d];
            int64_t *numbers = NEW_N(g->cx->arena, int64_t, drop->captures.n + 1);
            const char **words =
                NEW_N(g->cx->arena, const char *, drop->captures.n + 1);
            if (drop->side == RIGHT &&
                name_match(g->cx->arena, g->m, &drop->name, g->v->choice,
                           drop->captures.at, name, numbers, words)) {
                vec_push(g->cx->arena, &g->acc->drops,
                         ((account_drop){name, drop->because, drop->keep, drop->at}));
                dropped = true;
            }
        }
        if (!dropped) {
            vec_push(g->cx->arena, &g->acc->unused, name);
        }
    }
}

static void report_unused(merger *g)
{
    folded *f;
    const size_t n = fold_names(g->cx->arena, g->acc->unused.at, g->acc->unused.n, &f);
    diag *dg = diag_report(g->cx->diags, SEV_ERROR, "adapter-unused", NOWHERE,
                           "%zu tensor%s of the adapter %s taken by no rule of '%s'",
                           g->acc->unused.n, g->acc->unused.n == 1 ? "" : "s",
                           g->acc->unused.n == 1 ? "is" : "are", g->m->name);
    for (size_t i = 0; i < n && i < 20; i++) {
        diag_note(dg, "%s", f[i].text);
    }
    diag_help(
        dg, "merging without them would not be the model that was trained; is this the "
            "adapter's base?");
    g->worst = RT_MISMATCH;
}

rt_status stage_merge(context *cx, const stage *base, const stage *adapter, values *v,
                      const mapping *base_family, unsigned base_side,
                      const uint32_t *base_choices, stage **out, merge_account *acc)
{
    merger g = {.cx = cx,
                .m = v->m,
                .family = base_family,
                .family_side = base_side,
                .family_choices = base_choices,
                .base = base,
                .adapter = adapter,
                .v = v,
                .acc = acc};
    g.used = NEW_N(cx->arena, bool, adapter->tensors.n + 1);
    g.out = NEW(cx->arena, stage);
    g.out->by_name = base->by_name;
    for (size_t i = 0; i < base->tensors.n; i++) {
        vec_push(cx->arena, &g.out->tensors, base->tensors.at[i]);
    }
    for (size_t i = 0; i < v->m->updates.n; i++) {
        run_update(&g, &v->m->updates.at[i]);
    }
    account_adapter(&g);
    if (acc->unused.n > 0) {
        report_unused(&g);
    } else if (acc->lines.n == 0 && g.worst == RT_OK) {
        diag_report(cx->diags, SEV_ERROR, "adapter-empty", NOWHERE,
                    "the adapter has no tensor that rule file '%s' knows", v->m->name);
        g.worst = RT_MISMATCH;
    }
    *out = g.out;
    return g.worst;
}
