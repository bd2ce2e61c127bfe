/* plan/unmerge.c -- see unmerge.h. */
#include "plan/unmerge.h"

#include <math.h>
#include <string.h>

#include "config/write_back.h"
#include "mapping/names.h"
#include "plan/unmerge_parts.h"

/* ---- finding ------------------------------------------------------------------- */

bool has_terms(const plan_tensor *t)
{
    for (size_t i = 0; i < t->pieces.n; i++) {
        const piece *p = &t->pieces.at[i];
        for (unsigned k = 0; k < p->n_steps; k++) {
            if (p->steps[k].kind != STEP_SCALE) {
                return true;
            }
        }
    }
    return false;
}

/* A product of two factors, whose sum gets norms or not. */
static bool is_product(const map_update *u, bool with_norm)
{
    size_t n = 0;
    for (size_t f = 0; f < u->factors.n; f++) {
        n += u->factors.at[f].tensor != NULL;
    }
    return !u->replace && (u->norm != NULL) == with_norm && n == 2;
}

static bool guards_allow(unmerger *um, const attempt *x)
{
    const binding b = {x->u->captures.at, x->numbers, x->words, x->u->captures.n};
    for (size_t i = 0; i < x->u->guards.n; i++) {
        const value *is = values_eval(um->g.cx, um->g.v, x->u->guards.at[i], &b, NULL);
        if (is != NULL && !value_truth(is)) {
            return false;
        }
    }
    return true;
}

/* The update that writes this tensor's factors: one that is written as it is stored
 * before one that would be turned. */
bool find_update(unmerger *um, size_t at, attempt *best)
{
    const bool with_norm = has_norm(&um->g.out->tensors.at[at]);
    bool any = false;
    for (size_t i = 0; i < um->g.m->updates.n; i++) {
        const map_update *u = &um->g.m->updates.at[i];
        arrow_kind stored;
        attempt x;
        if (!is_product(u, with_norm) || !update_reaches(&um->g, u, at, &x, &stored) ||
            !guards_allow(um, &x) || !settle_target(&um->g, &x)) {
            continue;
        }
        if (!any || (best->target_dims != best->u->target.dims &&
                     x.target_dims == u->target.dims)) {
            *best = x;
        }
        any = true;
    }
    return any;
}

static rt_status cannot(unmerger *um, const plan_tensor *t, const char *why)
{
    diag *dg = diag_report(um->g.cx->diags, SEV_ERROR, "cannot-carry", NOWHERE,
                           "what the adapter does to %s cannot be said in '%s': %s",
                           t->name, um->g.m->layout[RIGHT], why);
    diag_help(dg, "merge the adapter into its base and convert the result");
    return RT_MISMATCH;
}

static rt_status find_all(unmerger *um)
{
    for (size_t i = 0; i < um->g.out->tensors.n; i++) {
        const plan_tensor *t = &um->g.out->tensors.at[i];
        found f = {.t = t};
        if (!has_terms(t)) {
            continue;
        }
        if (!find_update(um, i, &f.x)) {
            return cannot(um, t, "no update of its rules changes it");
        }
        const char *why = found_blocks(um, &f);
        if (why != NULL) {
            return cannot(um, t, why);
        }
        vec_push(um->g.cx->arena, &um->all, f);
    }
    const char *why = fill_unreached(um);
    return why != NULL ? cannot(um, um->g.out->tensors.at, why) : RT_OK;
}

/* ---- what the config says ------------------------------------------------------ */

static binding binding_of(const found *f)
{
    return (binding){f->x.u->captures.at, f->x.numbers, f->x.words, f->x.u->captures.n};
}

static const map_local *local_of(const found *f)
{
    for (size_t i = 0; i < f->x.u->locals.n; i++) {
        if (f->x.u->locals.at[i].axis == f->rank_axis) {
            return &f->x.u->locals.at[i];
        }
    }
    return NULL;
}

static int64_t rank_needed(const found *f)
{
    int64_t most = 0;
    for (size_t s = 0; s < f->slots.n; s++) {
        int64_t n = 0;
        for (size_t k = 0; k < f->slots.at[s].blocks.n; k++) {
            n += f->slots.at[s].blocks.at[k].rank;
        }
        most = n > most ? n : most;
    }
    return most;
}

static rt_status write_ranks(unmerger *um)
{
    int64_t most = 0;
    for (size_t i = 0; i < um->all.n; i++) {
        um->all.at[i].rank = rank_needed(&um->all.at[i]);
        most = um->all.at[i].rank > most ? um->all.at[i].rank : most;
    }
    for (size_t i = 0; i < um->all.n; i++) {
        found *f = &um->all.at[i];
        const map_local *local = local_of(f);
        const binding b = binding_of(f);
        const expr *e =
            local != NULL ? local->size : um->g.m->axes.at[f->rank_axis].read[RIGHT];
        f->rank = local != NULL ? f->rank : most;
        if (e == NULL || !write_back(um->g.cx, um->g.v, um->config, e, &b,
                                     value_int(um->g.cx->arena, f->rank))) {
            return cannot(um, f->t, "its config has no place for this rank");
        }
    }
    return RT_OK;
}

static const expr *scale_expr(const found *f)
{
    for (size_t i = 0; i < f->x.u->factors.n; i++) {
        if (f->x.u->factors.at[i].scalar != NULL) {
            return f->x.u->factors.at[i].scalar;
        }
    }
    return NULL;
}

/* The scale of its first block where the config can say it; the others are folded. */
static void write_scales(unmerger *um)
{
    for (size_t i = 0; i < um->all.n; i++) {
        const found *f = &um->all.at[i];
        const binding b = binding_of(f);
        for (size_t s = 0; s < f->slots.n && scale_expr(f) != NULL; s++) {
            if (f->slots.at[s].blocks.n > 0) {
                (void)write_back(
                    um->g.cx, um->g.v, um->config, scale_expr(f), &b,
                    value_float(um->g.cx->arena, f->slots.at[s].blocks.at[0].scale));
                break;
            }
        }
    }
}

static bool label_is_on(const unmerger *um, const map_update *u, const char *label)
{
    for (size_t i = 0; i < um->all.n; i++) {
        const found *f = &um->all.at[i];
        for (size_t s = 0; f->x.u == u && s < f->slots.n; s++) {
            const slot *at = &f->slots.at[s];
            for (unsigned k = 0; at->blocks.n > 0 && k < at->target.n_labels; k++) {
                if (strcmp(at->target.label[k], label) == 0) {
                    return true;
                }
            }
        }
    }
    return false;
}

static rt_status write_dim_parts(unmerger *um, const found *f, const map_dim *d)
{
    const binding b = binding_of(f);
    for (size_t i = 0; i < d->kids.n; i++) {
        TRY(write_dim_parts(um, f, d->kids.at[i]));
    }
    for (size_t i = 0; i < d->parts.n; i++) {
        const map_part *p = &d->parts.at[i];
        const bool on = p->when == NULL || label_is_on(um, f->x.u, p->label);
        f->x.part_on[p->id] = on;
        if (p->when != NULL && !write_back(um->g.cx, um->g.v, um->config, p->when, &b,
                                           value_bool(um->g.cx->arena, on))) {
            return cannot(um, f->t,
                          "its config has no place for which parts are there");
        }
        TRY(write_dim_parts(um, f, p->body));
    }
    return RT_OK;
}

static rt_status write_parts(unmerger *um)
{
    for (size_t i = 0; i < um->all.n; i++) {
        found *f = &um->all.at[i];
        f->x.part_on = NEW_N(um->g.cx->arena, bool, f->x.u->n_parts + 1);
        const map_dims *of[3] = {f->x.target_dims, f->as[0]->dims, f->as[1]->dims};
        for (unsigned k = 0; k < 3; k++) {
            for (size_t d = 0; d < of[k]->all.n; d++) {
                TRY(write_dim_parts(um, f, of[k]->all.at[d]));
            }
        }
    }
    return RT_OK;
}

/* ---- writing ------------------------------------------------------------------- */

static double scale_said(unmerger *um, const values *now, const found *f)
{
    const binding b = binding_of(f);
    const expr *e = scale_expr(f);
    const value *x = e == NULL ? NULL : values_eval(um->g.cx, now, e, &b, NULL);
    return x != NULL && value_is_number(x) ? value_number(x) : 1;
}

static void note_fold(unmerger *um, const found *f, double ratio)
{
    int exponent;
    const double m = frexp(fabs(ratio), &exponent);
    if (m < 0.5 || m > 0.5) {
        um->out->class_of = ROUNDING;
        vec_push(
            um->g.cx->arena, &um->out->notes,
            arena_printf(um->g.cx->arena,
                         "the scale of %s is folded into its B factor and rounded: "
                         "the config has one for all",
                         f->t->name));
    }
}

static void add_factor(unmerger *um, const plan_tensor *t)
{
    strmap_add(um->out->factors->by_name, t->name, um->out->factors->tensors.n);
    vec_push(um->g.cx->arena, &um->out->factors->tensors, *t);
}

static rt_status write_factors(unmerger *um, const values *now, found *f)
{
    const double said = scale_said(um, now, f);
    f->x.size[f->rank_axis] = f->rank;
    for (size_t s = 0; s < f->slots.n; s++) {
        for (size_t k = 0; k < f->slots.at[s].blocks.n; k++) {
            block *b = &f->slots.at[s].blocks.at[k];
            const bool same =
                !((float)said < (float)b->scale) && !((float)said > (float)b->scale);
            b->fold = same ? 1 : b->scale / said;
            if (!same) {
                note_fold(um, f, b->fold);
            }
        }
    }
    for (unsigned which = 0; which < 2; which++) {
        plan_tensor t = {.rule = f->x.u->name, .alias_of = -1, .n_elems = 1};
        t.class_of = has_terms(f->t) ? EXACT : MADE;
        t.name = name_fill(um->g.cx->arena, um->g.m, &f->as[which]->name, now->choice,
                           f->x.numbers, f->x.words);
        if (!factor_pieces(um, f, which, &t)) {
            return cannot(um, f->t, "its factors fall into too many parts");
        }
        add_factor(um, &t);
    }
    if (f->x.u->norm != NULL) {
        plan_tensor t = {.rule = f->x.u->name, .alias_of = -1, .n_elems = 1};
        t.name = name_fill(um->g.cx->arena, um->g.m, &f->x.u->norm->name, now->choice,
                           f->x.numbers, f->x.words);
        norm_pieces(um, f, &t);
        add_factor(um, &t);
    }
    return RT_OK;
}

/* The paths that the updates of modules ran over, as a list without repetition. */
static const value *modules_of(const unmerger *um)
{
    value *list = value_list(um->g.cx->arena);
    for (size_t i = 0; i < um->all.n; i++) {
        const found *f = &um->all.at[i];
        for (size_t c = 0; c < f->x.u->captures.n; c++) {
            if (f->x.u->captures.at[c].is_path) {
                vec_push(um->g.cx->arena, &list->items,
                         value_string(um->g.cx->arena, f->x.words[c]));
                break;
            }
        }
    }
    return list;
}

rt_status stage_unmerge(context *cx, const plan *p, const stage *at, values *v,
                        values *family, value *config, unmerged *out)
{
    unmerger um = {.g = {.cx = cx, .m = v->m, .family = family, .base = at, .v = v},
                   .plan = p,
                   .config = config,
                   .out = out};
    values *now = NULL;
    um.g.out = NEW(cx->arena, stage);
    *um.g.out = *at;
    um.g.map = NEW_N(cx->arena, unsigned char, at->tensors.n + 1);
    out->factors = NEW(cx->arena, stage);
    out->factors->by_name = strmap_new(cx->arena);
    if (!write_norm_guards(&um)) {
        return cannot(&um, um.normed, "it is DoRA, whose norms hang on the base");
    }
    TRY(values_read_pair(cx, v->m, v->config[LEFT], v->config_path[LEFT], config,
                         "made", &um.g.v));
    um.g.v->has_tensor = v->has_tensor;
    um.g.v->who = v->who;
    TRY(find_all(&um));
    TRY(write_ranks(&um));
    TRY(write_parts(&um));
    write_scales(&um);
    TRY(values_read_pair(cx, v->m, v->config[LEFT], v->config_path[LEFT], config,
                         "made", &now));
    for (size_t i = 0; i < um.all.n; i++) {
        TRY(write_factors(&um, now, &um.all.at[i]));
    }
    now->modules = modules_of(&um);
    memcpy(&now->who, &out->factors, sizeof now->who);
    now->has_tensor = v->has_tensor;
    write_defaults(cx, now, config);
    return RT_OK;
}
