/* plan/apply.c -- one mapping applied to a stage: instances become tensors of the other
 * layout, atom by atom.
 */
#include "plan/apply.h"

#include <string.h>

#include "grammar/parse.h"
#include "mapping/names.h"

static uint32_t unknown_axis(const values *v, const map_dim *d)
{
    if (d->kind == DIM_AXIS) {
        return v->size[d->axis] == SIZE_UNKNOWN ? d->axis : NO_AXIS;
    }
    uint32_t found = NO_AXIS;
    for (size_t i = 0; i < d->kids.n && found == NO_AXIS; i++) {
        found = unknown_axis(v, d->kids.at[i]);
    }
    for (size_t i = 0; i < d->parts.n && found == NO_AXIS; i++) {
        found = unknown_axis(v, d->parts.at[i].body);
    }
    return found;
}

void report_unknown_size(applier *ap, const map_dims *d, where at)
{
    uint32_t axis = NO_AXIS;
    ap->worst = RT_MISMATCH;
    for (size_t i = 0; i < d->all.n && axis == NO_AXIS; i++) {
        axis = unknown_axis(ap->v, d->all.at[i]);
    }
    if (axis == NO_AXIS) {
        diag_report(ap->cx->diags, SEV_ERROR, "too-large", at,
                    "these dimensions have more elements than can be counted");
        return;
    }
    const char *name = ap->m->axes.at[axis].name;
    diag *dg = diag_report(ap->cx->diags, SEV_ERROR, "size-unknown", d->at,
                           "the size of axis %s is not known", name);
    if (ap->m->axes.at[axis].read[ap->from] != NULL) {
        buf text = {.arena = ap->cx->arena};
        expr_print(&text, ap->m->axes.at[axis].read[ap->from]);
        diag_note(dg, "it is read from %s, which is not there", buf_str(&text));
    }
    diag_help(dg,
              "write a line `axis %s = ...` with the field of layout '%s' that says it",
              name, ap->m->layout[ap->from]);
}

static bool place(applier *ap, const map_tensor *t, const bool *part_on, placed *out)
{
    *out = (placed){.t = t};
    const bool good = tensor_cuts(ap->scratch, t, ap->v->size, part_on, out->shape,
                                  &out->rank, &out->cuts);
    if (!good) {
        report_unknown_size(ap, t->dims, t->at);
    }
    return good;
}

/* ---- instances ----------------------------------------------------------------- */

/* Header shapes against the numbers of the dims; values_solve has complained already
 * when an axis is contradicted, this catches what no axis explains (rank, a wrong
 * product). */
static bool shape_fits(applier *ap, const instance *x, const placed *src)
{
    for (size_t s = 0; s < x->n_from; s++) {
        for (size_t k = 0; k < x->n_combinations; k++) {
            const plan_tensor *t =
                &ap->in->tensors.at[x->found[s * x->n_combinations + k]];
            bool fits = t->rank == src[s].rank;
            buf want = {.arena = ap->scratch}, have = {.arena = ap->scratch};
            for (unsigned i = 0; i < t->rank; i++) {
                buf_printf(&have, "%s%llu", i > 0 ? ", " : "",
                           (unsigned long long)t->shape[i]);
            }
            for (unsigned i = 0; i < src[s].rank; i++) {
                buf_printf(&want, "%s%lld", i > 0 ? ", " : "",
                           (long long)src[s].shape[i]);
                fits = fits && t->shape[i] == (uint64_t)src[s].shape[i];
            }
            if (!fits) {
                diag_report(ap->cx->diags, SEV_ERROR, "shape-contradicts", src[s].t->at,
                            "%s has the shape [%s], the rule and the config give [%s]",
                            t->name, buf_str(&have), buf_str(&want));
                return false;
            }
        }
    }
    return true;
}

static void apply_instance(applier *ap, const instance *x)
{
    bool *part_on;
    if (instance_parts(ap->cx, ap->v, x, &part_on) != RT_OK) {
        ap->worst = RT_MISMATCH;
        return;
    }
    const map_rule *rule = x->rule;
    placed *src = NEW_N(ap->scratch, placed, x->n_from + 1);
    const bool numbers_known = !ap->in->names_only;
    for (size_t s = 0; numbers_known && s < x->n_from; s++) {
        if (!place(ap, &x->from[s], part_on, &src[s])) {
            return;
        }
    }
    if (numbers_known && !shape_fits(ap, x, src)) {
        ap->worst = RT_MISMATCH;
        return;
    }
    const odometer src_own = captures_only_on(ap->cx, ap->v, rule, ap->from);
    const odometer dst_own = captures_only_on(ap->cx, ap->v, rule, ap->to);
    for (size_t t = 0; t < rule->tensors[ap->to].n; t++) {
        placed at = {.t = &rule->tensors[ap->to].at[t]};
        if (numbers_known && !place(ap, at.t, part_on, &at)) {
            return;
        }
        const size_t n = odometer_count(&dst_own);
        for (size_t k = 0; k < n; k++) {
            odometer_set(&dst_own, k, x->numbers);
            fill_target(ap, x, src, &at, &src_own, &dst_own);
        }
    }
    if (numbers_known && !x->tied) {
        account_one_sided(ap, x, src);
    }
}

/* ---- the result ---------------------------------------------------------------- */

static void collect(applier *ap, stage *out)
{
    for (size_t i = 0; i < ap->made.n; i++) {
        plan_tensor t = ap->made.at[i];
        if (!strmap_add(out->by_name, t.name, out->tensors.n)) {
            diag_report(ap->cx->diags, SEV_ERROR, "names-overlap", t.rule_at,
                        "two rules write %s", t.name);
            ap->worst = RT_MISMATCH;
            continue;
        }
        vec_push(ap->cx->arena, &out->tensors, t);
    }
}

/* Ties of the side that is written: which tensor may be left out (job/decide.c). */
static void note_ties(applier *ap)
{
    for (size_t i = 0; i < ap->m->ties.n; i++) {
        const map_tie *tie = &ap->m->ties.at[i];
        const char *names[2] = {NULL, NULL};
        if (tie->side != ap->to) {
            continue;
        }
        for (size_t k = 0; k < ap->claims.at.n; k++) {
            const instance *x = &ap->claims.at.at[k];
            const bool is[2] = {strcmp(x->rule->name, tie->rule) == 0,
                                strcmp(x->rule->name, tie->to) == 0};
            for (unsigned n = 0; n < 2; n++) {
                if (is[n] && names[n] == NULL) {
                    names[n] = name_fill(ap->cx->arena, ap->m,
                                         &x->rule->tensors[ap->to].at[0].name,
                                         ap->v->choice, x->numbers, x->words);
                }
            }
        }
        if (names[0] != NULL && names[1] != NULL) {
            vec_push(
                ap->cx->arena, &ap->acc->ties,
                ((account_tie){.tie = tie, .name = names[0], .to_name = names[1]}));
        }
    }
}

void stage_bind_choices(context *cx, const stage *in, unsigned side, values *v)
{
    const mapping *m = v->m;
    for (uint32_t c = 0; c < m->choices.n; c++) {
        size_t best = 0, best_at = v->choice[c];
        for (uint32_t alt = 0;
             !m->choices.at[c].of_roots && alt < m->choices.at[c].texts.n; alt++) {
            size_t hits = 0;
            v->choice[c] = alt;
            for (size_t r = 0; r < m->rules.n; r++) {
                const map_rule *rule = &m->rules.at[r];
                int64_t *numbers = NEW_N(cx->arena, int64_t, rule->captures.n + 1);
                const char **words =
                    NEW_N(cx->arena, const char *, rule->captures.n + 1);
                for (size_t t = 0; t < rule->tensors[side].n; t++) {
                    const map_name *n = &rule->tensors[side].at[t].name;
                    bool uses = false;
                    for (size_t s = 0; s < n->segs.n; s++) {
                        uses = uses || (n->segs.at[s].kind == NAME_CHOICE &&
                                        n->segs.at[s].choice == c);
                    }
                    for (size_t i = 0; uses && i < in->tensors.n; i++) {
                        hits +=
                            name_match(cx->arena, m, n, v->choice, rule->captures.at,
                                       in->tensors.at[i].name, numbers, words);
                    }
                }
            }
            if (hits > best) {
                best = hits;
                best_at = alt;
            }
        }
        v->choice[c] = (uint32_t)best_at;
    }
}

/* What was set aside is called as the side that is written called it. */
static void bind_by_kept(context *cx, const stage *kept, values *v)
{
    stage names = {0};
    for (size_t i = 0; kept != NULL && i < kept->tensors.n; i++) {
        plan_tensor t = kept->tensors.at[i];
        t.name = arena_strndup(cx->arena, t.name, strcspn(t.name, "#")); /* of a part */
        vec_push(cx->arena, &names.tensors, t);
    }
    stage_bind_choices(cx, &names, 1 - v->side, v);
}

rt_status stage_apply(context *cx, const stage *in, values *v, const stage *kept,
                      stage **out, account **acc)
{
    applier ap = {.cx = cx,
                  .m = v->m,
                  .from = v->side,
                  .to = 1 - v->side,
                  .in = in,
                  .kept = kept,
                  .v = v,
                  .acc = NEW(cx->arena, account)};
    ap.acc->m = v->m;
    ap.acc->from = v->side;
    *acc = ap.acc;
    bind_by_kept(cx, kept, v);
    stage_bind_choices(cx, in, v->side, v);
    TRY(claim_all(cx, in, v, &ap.claims, ap.acc));
    if (!in->names_only) {
        TRY(values_solve(cx, v));
    }
    learn_kept_sizes(&ap);
    ap.usual = usual_type(&ap);
    for (size_t i = 0; i < ap.claims.at.n; i++) {
        const instance *x = &ap.claims.at.at[i];
        ap.scratch = arena_new();
        if (own_sizes(&ap, x)) {
            apply_instance(&ap, x);
        }
        arena_free(ap.scratch);
        ap.v = v;
    }
    apply_rest(&ap);
    apply_kept(&ap);
    apply_constants(&ap);
    note_ties(&ap);
    *out = NEW(cx->arena, stage);
    (*out)->by_name = strmap_new(cx->arena);
    (*out)->names_only = in->names_only;
    collect(&ap, *out);
    return ap.worst;
}
