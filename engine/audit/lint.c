#include "audit/lint.h"

#include <string.h>

#include "audit/expected.h"
#include "audit/probe_facts.h"
#include "audit/probe_model.h"
#include "audit/show.h"
#include "base/strmap.h"

enum { MAX_SHOWN = 12 };

typedef struct linter {
    context *cx;
    const values *v;
    const char *scope; /* where sizes agree */
} linter;

/* ---- axes ------------------------------------------------------------------------ */

static void add_axes(const map_dim *d, bool *used)
{
    if (d->kind == DIM_AXIS) {
        used[d->axis] = true;
    }
    for (size_t i = 0; i < d->kids.n; i++) {
        add_axes(d->kids.at[i], used);
    }
    for (size_t i = 0; i < d->parts.n; i++) {
        add_axes(d->parts.at[i].body, used);
    }
}

/* Axes that stand in the dims of a rule, and named products of them. */
static bool *axes_in_dims(arena *a, const mapping *m)
{
    bool *used = NEW_N(a, bool, m->axes.n + 1);
    for (size_t r = 0; r < m->rules.n; r++) {
        for (unsigned side = 0; side < 2; side++) {
            for (size_t t = 0; t < m->rules.at[r].tensors[side].n; t++) {
                const map_dims *d = m->rules.at[r].tensors[side].at[t].dims;
                for (size_t i = 0; d != NULL && i < d->all.n; i++) {
                    add_axes(d->all.at[i], used);
                }
            }
        }
    }
    for (size_t i = 0; i < m->axes.n; i++) {
        used[i] = used[i] || m->axes.at[i].primes.n > 1;
    }
    return used;
}

/* Groups of axes of one size above 1, as "c = v = 32". */
static void lint_coincide(const linter *l)
{
    context *cx = l->cx;
    const values *v = l->v;
    arena *a = cx->arena;
    const mapping *m = v->m;
    const bool *used = axes_in_dims(a, m);
    bool *done = NEW_N(a, bool, m->axes.n + 1);
    diag *dg = NULL;
    for (size_t i = 0; i < m->axes.n; i++) {
        buf b = {.arena = a};
        unsigned n = 0;
        if (!used[i] || done[i] || v->size[i] <= 1) {
            continue;
        }
        for (size_t k = i; k < m->axes.n; k++) {
            if (used[k] && v->size[k] == v->size[i]) {
                done[k] = true;
                buf_printf(&b, "%s%s", n++ > 0 ? " = " : "", m->axes.at[k].name);
            }
        }
        if (n < 2) {
            continue;
        }
        if (dg == NULL) {
            dg = diag_report(
                cx->diags, SEV_WARNING, "coincide", NOWHERE,
                "%s different axes of family '%s' have equal sizes, so shapes cannot "
                "tell them apart",
                l->scope, m->name);
            diag_help(dg,
                      "`retensor check` proves the rules with sizes that all differ");
        }
        diag_note(dg, "%s = %lld", buf_str(&b), (long long)v->size[i]);
    }
}

/* ---- squares --------------------------------------------------------------------- */

static const char *dim_text(arena *a, const mapping *m, const map_dim *d)
{
    buf b = {.arena = a};
    switch (d->kind) {
    case DIM_AXIS: return m->axes.at[d->axis].name;
    case DIM_INT: return "1";
    case DIM_PRODUCT:
        for (size_t i = 0; i < d->kids.n; i++) {
            buf_printf(&b, "%s%s", i > 0 ? " " : "", dim_text(a, m, d->kids.at[i]));
        }
        return buf_str(&b);
    case DIM_SUM:
        for (size_t i = 0; i < d->parts.n; i++) {
            buf_printf(&b, "%s%s", i > 0 ? " | " : "",
                       dim_text(a, m, d->parts.at[i].body));
        }
        return buf_str(&b);
    }
    return "";
}

static void lint_square(const linter *l, const expected_list *all)
{
    context *cx = l->cx;
    const values *v = l->v;
    arena *a = cx->arena;
    strmap *seen = strmap_new(a);
    diag *dg = NULL;
    for (size_t i = 0; i < all->n && strmap_count(seen) < MAX_SHOWN; i++) {
        const expected *e = &all->at[i];
        if (e->rank != 2 || e->t == NULL || e->shape[0] != e->shape[1] ||
            e->shape[0] <= 1 || !strmap_add(seen, e->rule->name, 1)) {
            continue;
        }
        if (dg == NULL) {
            dg = diag_report(
                cx->diags, SEV_WARNING, "square", NOWHERE,
                "%s some tensors are square: the headers cannot confirm which dim is "
                "which",
                l->scope);
            diag_help(dg, "run the model in both layouts once and compare the outputs");
        }
        diag_note(dg, "%s (rule %s): %s and %s are both %llu", e->name, e->rule->name,
                  dim_text(a, v->m, e->t->dims->all.at[0]),
                  dim_text(a, v->m, e->t->dims->all.at[1]),
                  (unsigned long long)e->shape[0]);
    }
}

/* ---- twins ----------------------------------------------------------------------- */

/* What must agree for two tensors to be taken for each other: shape, and the numbers in
 * their names. */
static const char *twin_key(arena *a, const expected *e)
{
    buf b = {.arena = a};
    buf_add(&b, show_shape(a, e->shape, e->rank));
    for (uint32_t c = 0; c < e->rule->captures.n; c++) {
        if (name_uses(&e->t->name, c)) {
            buf_printf(&b, " %s=%lld", e->rule->captures.at[c].name,
                       (long long)e->numbers[c]);
        }
    }
    return buf_str(&b);
}

static void lint_twins(context *cx, const expected_list *all)
{
    arena *a = cx->arena;
    strmap *groups = strmap_new(a), *said = strmap_new(a);
    VEC(buf) names = {0};
    diag *dg = NULL;
    for (size_t i = 0; i < all->n; i++) {
        const expected *e = &all->at[i];
        uint64_t g;
        if (e->t == NULL || e->optional) {
            continue;
        }
        const char *key = twin_key(a, e);
        if (!strmap_get(groups, key, &g)) {
            g = names.n;
            (void)strmap_add(groups, key, g);
            vec_push(a, &names, ((buf){.arena = a}));
        }
        buf *b = &names.at[g];
        buf_printf(b, "%s%s", b->n > 0 ? ", " : "", e->rule->name);
        const char *more[2] = {e->rule->alternative, e->t->label};
        for (unsigned k = 0; k < 2; k++) {
            buf_printf(b, "%s%s", more[k] != NULL ? "." : "",
                       more[k] != NULL ? more[k] : "");
        }
    }
    for (size_t g = 0; g < names.n && strmap_count(said) < MAX_SHOWN; g++) {
        const char *text = buf_str(&names.at[g]);
        if (strchr(text, ',') == NULL || !strmap_add(said, text, 1)) {
            continue; /* the same in every layer is said once */
        }
        if (dg == NULL) {
            dg = diag_report(
                cx->diags, SEV_WARNING, "twins", NOWHERE,
                "tensors of equal shape: if their names were swapped, nothing "
                "here would notice");
            diag_help(dg, "compare the outputs of both models once");
        }
        diag_note(dg, "%s", text);
    }
}

static void lint_values(const linter *l, unsigned side)
{
    expected_list all = {0};
    context quiet = {l->cx->arena, diags_new(l->cx->arena)};
    lint_coincide(l);
    if (expect_side(&quiet, l->v, side, &all) == RT_OK) {
        lint_square(l, &all);
        lint_twins(l->cx, &all);
    }
}

void lint_run(context *cx, const values *v, unsigned side)
{
    const linter l = {cx, v, "in this model"};
    lint_values(&l, side);
}

/* ---- rule files ------------------------------------------------------------------ */

static void lint_tied(context *cx, const mapping *m)
{
    for (size_t i = 0; i < m->ties.n; i++) {
        const map_tie *t = &m->ties.at[i];
        if (t->by == NULL) {
            diag *dg = diag_report(
                cx->diags, SEV_WARNING, "tied", t->at,
                "no field of %s says whether %s is tied to %s; the data decides alone",
                m->layout[t->side], t->rule, t->to);
            diag_help(dg, "name it: `tie %s = %s on %s by FIELD`", t->rule, t->to,
                      m->layout[t->side]);
        }
    }
}

/* The axes of a padded part that no config line tells. */
static void lint_pad_dim(context *cx, const mapping *m, const map_one_sided *o,
                         const map_dim *d, bool inside)
{
    const map_axis *ax = d->kind == DIM_AXIS ? &m->axes.at[d->axis] : NULL;
    if (inside && ax != NULL && ax->read[o->side] == NULL && ax->size == NULL) {
        diag *dg = diag_report(cx->diags, SEV_WARNING, "pad", o->at,
                               "nothing tells the size of axis %s, by which %s is "
                               "padded; only a tensor that has it does",
                               ax->name, o->label);
        diag_help(dg, "say where it is read from: `axis %s = ...`", ax->name);
    }
    for (size_t i = 0; i < d->kids.n; i++) {
        lint_pad_dim(cx, m, o, d->kids.at[i], inside);
    }
    for (size_t i = 0; i < d->parts.n; i++) {
        const map_part *p = &d->parts.at[i];
        lint_pad_dim(cx, m, o, p->body, inside || strcmp(p->label, o->label) == 0);
    }
}

static void lint_pad(context *cx, const mapping *m, const map_rule *r)
{
    for (size_t i = 0; i < r->one_sided.n; i++) {
        const map_one_sided *o = &r->one_sided.at[i];
        for (size_t t = 0; o->kind == PART_PAD && t < r->tensors[o->side].n; t++) {
            const map_dims *d = r->tensors[o->side].at[t].dims;
            for (size_t k = 0; k < d->all.n; k++) {
                lint_pad_dim(cx, m, o, d->all.at[k], false);
            }
        }
    }
}

void lint_rules(context *cx, const mapping *m)
{
    context quiet = {cx->arena, diags_new(cx->arena)};
    const facts_list facts = facts_reachable(&quiet, m);
    values *v = NULL;
    lint_tied(cx, m);
    for (size_t r = 0; r < m->rules.n; r++) {
        lint_pad(cx, m, &m->rules.at[r]);
    }
    if (!m->is_merge &&
        probe_values(&quiet, m, LEFT, facts.n > 0 ? facts.at[0] : NULL, NO_AXIS, &v)) {
        const linter l = {cx, v, "in every model"};
        lint_values(&l, LEFT);
    }
}
