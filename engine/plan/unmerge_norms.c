/* plan/unmerge_norms.c -- DoRA in another layout that has it: the magnitudes go along,
 * where a norm is of the same elements in both. */
#include "config/write_back.h"
#include "plan/unmerge_parts.h"

bool has_norm(const plan_tensor *t)
{
    for (size_t i = 0; i < t->pieces.n; i++) {
        for (unsigned k = 0; k < t->pieces.at[i].n_steps; k++) {
            if (t->pieces.at[i].steps[k].kind == STEP_NORM) {
                return true;
            }
        }
    }
    return false;
}

/* ---- guards --------------------------------------------------------------------- */

/* Make a condition true (or false) by writing the fields that it reads. */
static bool make_hold(unmerger *um, const binding *b, const expr *e, bool want)
{
    context *cx = um->g.cx;
    const value *is = values_eval(cx, um->g.v, e, b, NULL);
    if ((is != NULL && value_truth(is)) == want) {
        return true;
    }
    if (e->kind == EXPR_NOT) {
        return make_hold(um, b, e->kid.at[0], !want);
    }
    if (e->kind == EXPR_BINARY && (e->op == OP_AND || e->op == OP_OR)) {
        const bool both = (e->op == OP_AND) == want;
        const bool first = make_hold(um, b, e->kid.at[0], want);
        return first == both ? make_hold(um, b, e->kid.at[1], want) : first;
    }
    if (e->kind == EXPR_BINARY && e->op == OP_EQ) {
        const value *to = values_eval(cx, um->g.v, e->kid.at[1], b, NULL);
        return want && to != NULL &&
               write_back(cx, um->g.v, um->config, e->kid.at[0], b, to);
    }
    return write_back(cx, um->g.v, um->config, e, b, value_bool(cx->arena, want));
}

static bool make_update_hold(unmerger *um, const map_update *u, size_t at)
{
    arrow_kind stored;
    attempt x;
    if (u->norm == NULL || !update_reaches(&um->g, u, at, &x, &stored) ||
        !settle_target(&um->g, &x)) {
        return false;
    }
    const binding b = {u->captures.at, x.numbers, x.words, u->captures.n};
    for (size_t i = 0; i < u->guards.n; i++) {
        if (!make_hold(um, &b, u->guards.at[i], true)) {
            return false;
        }
    }
    return true;
}

bool write_norm_guards(unmerger *um)
{
    for (size_t t = 0; t < um->g.out->tensors.n; t++) {
        if (!has_norm(&um->g.out->tensors.at[t])) {
            continue;
        }
        um->normed = &um->g.out->tensors.at[t];
        for (size_t i = 0; i < um->g.m->updates.n; i++) {
            if (make_update_hold(um, &um->g.m->updates.at[i], t)) {
                return true;
            }
        }
        return false;
    }
    return true;
}

/* ---- magnitudes ----------------------------------------------------------------- */

bool norms_begin(unmerger *um, found *f, const cut_list *target)
{
    int64_t shape[RT_MAX_RANK * 2];
    unsigned rank;
    cut_list cuts = {0};
    if (!dims_cuts(um->g.cx->arena, f->x.u->norm->dims, NULL, f->x.size, NULL, shape,
                   &rank, &cuts) ||
        cuts.n != 1 || target->n != 1) {
        return false;
    }
    f->norm_cut = cuts.at[0];
    f->magnitude = NO_SOURCE;
    f->n_norms = count_in(f, &target->at[0], &f->norm_cut);
    f->norm_at = NEW_N(um->g.cx->arena, int64_t, (size_t)f->n_norms + 1);
    for (int64_t i = 0; i < f->n_norms; i++) {
        f->norm_at[i] = -1;
    }
    return true;
}

bool norms_add(unmerger *um, found *f, const slot *s, const piece *p, const term *t)
{
    const plan_norm *norm = um->plan->norms.at[t->b];
    if (f->x.u->norm == NULL || norm->n != f->n_norms ||
        norm->sum.n_elems != f->t->n_elems ||
        (f->magnitude != NO_SOURCE && f->magnitude != norm->magnitude)) {
        return false;
    }
    f->magnitude = norm->magnitude;
    return walk_operand(f, &s->target, &f->norm_cut, p, t->b_stride,
                        p->dst_offset - s->target.offset, t->b_offset, f->norm_at);
}

bool norms_match(const unmerger *um, const found *f)
{
    bool *met = NEW_N(um->g.cx->arena, bool, (size_t)f->n_norms + 1);
    for (int64_t i = 0; i < f->n_norms; i++) {
        if (f->norm_at[i] < 0 || met[f->norm_at[i]]) {
            return false;
        }
        met[f->norm_at[i]] = true;
    }
    return true;
}
