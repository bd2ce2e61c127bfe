/* plan/stage.c -- a checkpoint as read, and what is wrong with an account. */
#include "plan/stage.h"

#include "base/near.h"
#include "mapping/names.h"

const plan_tensor *stage_find(const stage *s, const char *name)
{
    uint64_t i;
    return s != NULL && strmap_get(s->by_name, name, &i) ? &s->tensors.at[i] : NULL;
}

/* A source tensor as a piece: one run, or its strides where it is a view. */
static piece piece_of_source(const tensor_info *t, uint32_t src)
{
    piece p = {.src = src};
    if (t->is_contiguous) {
        p.n = t->n_elems == 1 ? 0 : 1;
        p.size[0] = (int64_t)t->n_elems;
        p.dst_stride[0] = p.src_stride[0] = 1;
        return p;
    }
    int64_t stride = 1;
    p.n = t->rank;
    for (unsigned i = t->rank; i-- > 0;) {
        p.size[i] = (int64_t)t->shape[i];
        p.dst_stride[i] = stride;
        p.src_stride[i] = t->stride[i];
        stride *= p.size[i];
    }
    piece_canonical(&p);
    return p;
}

stage *stage_of_inventory(context *cx, plan *p, const inventory *inv)
{
    stage *s = NEW(cx->arena, stage);
    s->by_name = strmap_new(cx->arena);
    for (size_t i = 0; i < inv->tensors.n; i++) {
        const tensor_info *t = &inv->tensors.at[i];
        const uint32_t src = (uint32_t)p->sources.n;
        vec_push(cx->arena, &p->sources, ((plan_source){.inv = inv, .t = t}));
        plan_tensor out = {.name = t->name,
                           .dt = t->dt,
                           .rank = t->rank,
                           .n_elems = t->n_elems,
                           .alias_of = -1,
                           .class_of = EXACT};
        for (unsigned k = 0; k < t->rank; k++) {
            out.shape[k] = t->shape[k];
        }
        if (!t->has_shape) {
            s->names_only = true;
        } else if (t->n_elems > 0) {
            out.pieces.at = NEW(cx->arena, piece); /* the only one: room for no more */
            out.pieces.at[0] = piece_of_source(t, src);
            out.pieces.n = out.pieces.cap = 1;
        }
        strmap_add(s->by_name, t->name, s->tensors.n);
        vec_push(cx->arena, &s->tensors, out);
    }
    return s;
}

/* ---- complaints ---------------------------------------------------------------- */

void note_folded(context *cx, diag *dg, const char *const *names, size_t n, size_t most)
{
    folded *f;
    const size_t n_folded = fold_names(cx->arena, names, n, &f);
    for (size_t i = 0; i < n_folded && i < most; i++) {
        diag_note(dg, "%s", f[i].text);
    }
    if (n_folded > most) {
        diag_note(dg, "and %zu more", n_folded - most);
    }
}

static void report_unmapped(context *cx, const account *acc)
{
    const char *side = acc->m->layout[acc->from];
    diag *dg =
        diag_report(cx->diags, SEV_ERROR, "unmapped", NOWHERE,
                    "%zu tensor%s of the checkpoint %s no rule in family '%s' (%s)",
                    acc->unmapped.n, acc->unmapped.n == 1 ? "" : "s",
                    acc->unmapped.n == 1 ? "has" : "have", acc->m->name, side);
    note_folded(cx, dg, acc->unmapped.at, acc->unmapped.n, 20);
    VEC(const char *) known = {0};
    for (size_t r = 0; r < acc->m->rules.n; r++) {
        const map_rule *rule = &acc->m->rules.at[r];
        for (size_t t = 0; t < rule->tensors[acc->from].n; t++) {
            vec_push(
                cx->arena, &known,
                name_show(cx->arena, acc->m, &rule->tensors[acc->from].at[t].name));
        }
    }
    const char *near = near_name(acc->unmapped.at[0], known.at, known.n);
    if (near != NULL) {
        diag_help(dg, "the nearest name of the rules is %s", near);
    } else {
        diag_help(dg, "add a rule for it, or a `drop %s ... because \"...\"` line",
                  side);
    }
}

static void report_missing(context *cx, const account *acc)
{
    VEC(const char *) names = {0};
    for (size_t i = 0; i < acc->missing.n; i++) {
        vec_push(cx->arena, &names, acc->missing.at[i].name);
    }
    const account_missing *first = &acc->missing.at[0];
    diag *dg =
        diag_report(cx->diags, SEV_ERROR, "missing", first->rule->at,
                    "%zu tensor%s that the rules ask for %s not in the checkpoint",
                    names.n, names.n == 1 ? "" : "s", names.n == 1 ? "is" : "are");
    note_folded(cx, dg, names.at, names.n, 20);
    for (size_t i = 0; i < acc->missing.n; i++) {
        if (acc->missing.at[i].hint != NULL) {
            diag_note(dg, "%s", acc->missing.at[i].hint);
            break;
        }
    }
    diag_help(dg, "the checkpoint is incomplete, or its config does not describe it");
}

rt_status account_report(context *cx, const account *acc)
{
    if (acc->unmapped.n > 0) {
        report_unmapped(cx, acc);
    }
    if (acc->missing.n > 0) {
        report_missing(cx, acc);
    }
    return acc->unmapped.n > 0 || acc->missing.n > 0 ? RT_MISMATCH : RT_OK;
}
