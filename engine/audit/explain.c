/* Finding the rule of a tensor, and its rows in the plan. */
#include "audit/explain.h"

#include <stdlib.h>
#include <string.h>

#include "audit/plan_lines.h"
#include "audit/show.h"
#include "audit/slow.h"
#include "base/near.h"
#include "grammar/parse.h"
#include "mapping/names.h"

enum { MAX_ROWS = 40 };

/* ---- rows ------------------------------------------------------------------------ */

typedef struct row_lister {
    arena *a;
    explanation *e;
    const plan_tensor *t;
    const tensor_info *src;
    int64_t to_row, from_row; /* elements of a row of the target, of the source */
} row_lister;

static int64_t row_elems(const uint64_t *shape, unsigned rank)
{
    int64_t n = 1;
    for (unsigned i = 1; i < rank; i++) {
        n *= (int64_t)shape[i];
    }
    return n;
}

static void add_rows(row_lister *l, explain_rows r)
{
    r.target = l->t->name;
    r.source = l->src->name;
    l->e->n_rows++;
    if (l->e->rows.n < MAX_ROWS) {
        vec_push(l->a, &l->e->rows, r);
    }
}

static const char *box_text(arena *a, const piece *p)
{
    buf b = {.arena = a};
    buf_add(&b, "box [");
    for (unsigned i = 0; i < p->n; i++) {
        buf_printf(&b, "%s%lld", i > 0 ? ", " : "", (long long)p->size[i]);
    }
    buf_add(&b, "], strides [");
    for (unsigned i = 0; i < p->n; i++) {
        buf_printf(&b, "%s%lld", i > 0 ? ", " : "", (long long)p->dst_stride[i]);
    }
    buf_add(&b, "] <- [");
    for (unsigned i = 0; i < p->n; i++) {
        buf_printf(&b, "%s%lld", i > 0 ? ", " : "", (long long)p->src_stride[i]);
    }
    buf_add(&b, "]");
    return buf_str(&b);
}

/* Does the piece move whole rows?  Then its last dim is a run of them, and all other
 * strides are multiples of a row. */
static bool is_rows(const row_lister *l, const piece *p)
{
    const int64_t row = l->to_row;
    bool whole = row == l->from_row && row > 0 && p->dst_offset % row == 0 &&
                 p->src_offset % row == 0;
    if (p->n == 0) {
        return whole && row == 1;
    }
    const unsigned last = p->n - 1;
    whole = whole && p->dst_stride[last] == 1 && p->src_stride[last] == 1 &&
            p->size[last] % row == 0;
    for (unsigned i = 0; whole && i < last; i++) {
        whole = p->dst_stride[i] % row == 0 && p->src_stride[i] % row == 0;
    }
    return whole;
}

static void list_piece(row_lister *l, const piece *p)
{
    if (!is_rows(l, p)) {
        add_rows(l, (explain_rows){.target_lo = p->dst_offset,
                                   .source_lo = p->src_offset,
                                   .is_box = true,
                                   .box = box_text(l->a, p)});
        return;
    }
    int64_t index[PIECE_MAX_DIMS] = {0};
    const int64_t n = p->n == 0 ? 1 : p->size[p->n - 1] / l->to_row;
    for (;;) {
        int64_t to = p->dst_offset, from = p->src_offset;
        for (unsigned i = 0; i + 1 < p->n; i++) {
            to += index[i] * p->dst_stride[i];
            from += index[i] * p->src_stride[i];
        }
        to /= l->to_row;
        from /= l->to_row;
        add_rows(l, (explain_rows){.target_lo = to,
                                   .target_hi = to + n - 1,
                                   .source_lo = from,
                                   .source_hi = from + n - 1});
        unsigned i = p->n > 0 ? p->n - 1 : 0;
        while (i > 0 && ++index[i - 1] == p->size[i - 1]) {
            index[--i] = 0;
        }
        if (i == 0) {
            return;
        }
    }
}

/* Rows of t that come from `only` (or from any source, with NULL). */
static void list_rows(context *cx, const job *j, explanation *e, const plan_tensor *t,
                      const char *only)
{
    for (size_t i = 0; i < t->pieces.n; i++) {
        const piece *p = &t->pieces.at[i];
        if (p->src == NO_SOURCE) {
            continue;
        }
        const tensor_info *src = j->plan.sources.at[p->src].t;
        row_lister l = {cx->arena,
                        e,
                        t,
                        src,
                        row_elems(t->shape, t->rank),
                        row_elems(src->shape, src->rank)};
        if (only == NULL || strcmp(src->name, only) == 0) {
            e->by_element = e->by_element || t->rank < 2;
            list_piece(&l, p);
        }
    }
}

static int by_target(const void *x, const void *y)
{
    const explain_rows *r = x, *s = y;
    return r->target_lo < s->target_lo ? -1 : r->target_lo > s->target_lo;
}

/* ---- the rule -------------------------------------------------------------------- */

typedef struct found_rule {
    const map_rule *rule;
    const map_tensor *t;
    const int64_t *numbers;
    const char *const *words;
} found_rule;

/* The rule of a mapping whose tensor on `side` has this name, and whose guards hold. */
static bool find_rule(context *cx, const job_step *st, unsigned side, const char *name,
                      found_rule *out)
{
    context quiet = {cx->arena, diags_new(cx->arena)};
    for (size_t r = 0; r < st->m->rules.n; r++) {
        const map_rule *rule = &st->m->rules.at[r];
        int64_t *numbers = NEW_N(cx->arena, int64_t, rule->captures.n + 1);
        const char **words = NEW_N(cx->arena, const char *, rule->captures.n + 1);
        for (size_t t = 0; t < rule->tensors[side].n; t++) {
            const map_tensor *at = &rule->tensors[side].at[t];
            if (!name_match(cx->arena, st->m, &at->name, st->v->choice,
                            rule->captures.at, name, numbers, words)) {
                continue;
            }
            const binding b = {rule->captures.at, numbers, words, rule->captures.n};
            if (values_all_hold(&quiet, st->v, rule->guards.at, rule->guards.n, &b) ==
                1) {
                *out = (found_rule){rule, at, numbers, words};
                return true;
            }
        }
    }
    return false;
}

static void mark_axes(const map_dim *d, bool *used)
{
    if (d->kind == DIM_AXIS) {
        used[d->axis] = true;
    }
    for (size_t i = 0; i < d->kids.n; i++) {
        mark_axes(d->kids.at[i], used);
    }
    for (size_t i = 0; i < d->parts.n; i++) {
        mark_axes(d->parts.at[i].body, used);
    }
}

static void part_guards(context *cx, const job_step *st, const map_dim *d,
                        const binding *b, bool *part_on)
{
    for (size_t i = 0; i < d->kids.n; i++) {
        part_guards(cx, st, d->kids.at[i], b, part_on);
    }
    for (size_t i = 0; i < d->parts.n; i++) {
        const map_part *p = &d->parts.at[i];
        part_on[p->id] = p->when == NULL || values_holds(cx, st->v, p->when, b) == 1;
        part_guards(cx, st, p->body, b, part_on);
    }
}

/* The lines of the rule as written, without what is around them. */
static const char *text_of(arena *a, where at)
{
    if (at.src == NULL) {
        return NULL;
    }
    uint32_t lo = at.lo, hi = at.hi;
    while (lo > 0 && at.src->text[lo - 1] != '\n') {
        lo--;
    }
    while (hi < at.src->n_bytes && at.src->text[hi] != '\n') {
        hi++;
    }
    return arena_strndup(a, at.src->text + lo, hi - lo);
}

static const char *dims_as_written(arena *a, const map_dims *d)
{
    if (d == NULL || d->at.src == NULL) {
        return "";
    }
    return arena_strndup(a, d->at.src->text + d->at.lo, d->at.hi - d->at.lo);
}

/* The sizes of the model; of axes that are the rule's own those of this tensor. */
static const int64_t *sizes_of(arena *a, const job_step *st, const found_rule *f,
                               const plan_tensor *t)
{
    int64_t *size = NEW_N(a, int64_t, st->m->axes.n + 1);
    memcpy(size, st->v->size, st->m->axes.n * sizeof *size);
    for (size_t i = 0; i < f->t->dims->all.n && i < t->rank; i++) {
        const map_dim *d = f->t->dims->all.at[i];
        if (d->kind == DIM_AXIS && axis_is_own(st->m, f->rule, d->axis)) {
            size[d->axis] = (int64_t)t->shape[i];
        }
    }
    return size;
}

static void tell_rule(context *cx, const job_step *st, const found_rule *f,
                      const plan_tensor *explained, explanation *e)
{
    arena *a = cx->arena;
    context quiet = {a, diags_new(a)};
    const map_rule *rule = f->rule;
    const mapping *m = st->m;
    bool *used = NEW_N(a, bool, m->axes.n + 1);
    bool *part_on = NEW_N(a, bool, rule->n_parts + 1);
    const binding b = {rule->captures.at, f->numbers, f->words, rule->captures.n};
    const int64_t *size = sizes_of(a, st, f, explained);
    e->m = m;
    e->rule = rule->alternative != NULL
                  ? arena_printf(a, "%s.%s", rule->name, rule->alternative)
                  : rule->name;
    e->rule_at = rule->at;
    e->rule_text = text_of(a, rule->at);
    for (unsigned k = 0; k < 2; k++) {
        const unsigned side = k == 0 ? st->from : 1 - st->from;
        for (size_t t = 0; t < rule->tensors[side].n; t++) {
            const map_tensor *at = &rule->tensors[side].at[t];
            for (size_t i = 0; at->dims != NULL && i < at->dims->all.n; i++) {
                mark_axes(at->dims->all.at[i], used);
                part_guards(&quiet, st, at->dims->all.at[i], &b, part_on);
            }
            const explain_tensor line = {m->layout[side], name_show(a, m, &at->name),
                                         dims_as_written(a, at->dims),
                                         slow_numbers(a, at->dims, size, part_on)};
            vec_push(a, &e->tensors, line);
        }
    }
    for (size_t i = 0; i < m->axes.n; i++) {
        if (used[i]) {
            vec_push(
                a, &e->axes,
                arena_printf(a, "%s = %lld%s%s", m->axes.at[i].name, (long long)size[i],
                             st->v->size_from[i] != NULL ? "   " : "",
                             st->v->size_from[i] != NULL ? st->v->size_from[i] : ""));
        }
    }
}

/* ---- what else can become of a source -----------------------------------------------
 */

static const char *fate_of(arena *a, const job *j, const char *name)
{
    for (size_t s = 0; s < j->steps.n; s++) {
        const account *acc = j->steps.at[s].acc;
        for (size_t i = 0; acc != NULL && i < acc->drops.n; i++) {
            const account_drop *d = &acc->drops.at[i];
            if (strcmp(d->name, name) == 0) {
                return arena_printf(a, "%s: %s (%s)", d->keep ? "set aside" : "dropped",
                                    d->because, show_place(a, d->at));
            }
        }
        for (size_t i = 0; acc != NULL && i < acc->unmapped.n; i++) {
            if (strcmp(acc->unmapped.at[i], name) == 0) {
                return "no rule takes it";
            }
        }
        for (size_t i = 0; acc != NULL && i < acc->ties.n; i++) {
            const account_tie *t = &acc->ties.at[i];
            if (strcmp(t->name, name) == 0) {
                return arena_printf(a, "tied to %s by a rule (%s)", t->to_name,
                                    show_place(a, t->tie->at));
            }
        }
    }
    return NULL;
}

static rt_status no_tensor(context *cx, const job *j, const char *name)
{
    VEC(const char *) known = {0};
    for (size_t i = 0; i < j->first->tensors.n; i++) {
        vec_push(cx->arena, &known, j->first->tensors.at[i].name);
    }
    for (size_t i = 0; i < j->plan.tensors.n; i++) {
        vec_push(cx->arena, &known, j->plan.tensors.at[i].name);
    }
    diag *dg =
        diag_report(cx->diags, SEV_ERROR, "no-tensor", NOWHERE,
                    "neither the source (%s) nor the target (%s) has a tensor %s",
                    j->from, j->to, name);
    const char *near = near_name(name, known.at, known.n);
    if (near != NULL) {
        diag_help(dg, "did you mean %s?", near);
    }
    return RT_NO;
}

static const plan_tensor *planned(const job *j, const char *name)
{
    for (size_t i = 0; i < j->plan.tensors.n; i++) {
        if (strcmp(j->plan.tensors.at[i].name, name) == 0) {
            return &j->plan.tensors.at[i];
        }
    }
    return NULL;
}

rt_status explain(context *cx, const job *j, const char *name, explanation *out)
{
    arena *a = cx->arena;
    const plan_tensor *target = planned(j, name), *read = stage_find(j->first, name);
    found_rule f;
    *out = (explanation){.name = name, .is_target = target != NULL};
    if (target == NULL && read == NULL) {
        return no_tensor(cx, j, name);
    }
    const plan_tensor *t = target != NULL ? target : read;
    out->head = arena_printf(a, "%s %s", show_dtype(a, t->dt),
                             show_shape(a, t->shape, t->rank));
    if (target != NULL) {
        const plan_line l = plan_line_of(a, &j->plan, target);
        out->head =
            arena_printf(a, "%s, %s, %s", out->head, l.op, exactness_name(t->class_of));
        list_rows(cx, j, out, target, NULL);
    } else {
        out->fate = fate_of(a, j, name);
        for (size_t i = 0; i < j->plan.tensors.n; i++) {
            list_rows(cx, j, out, &j->plan.tensors.at[i], name);
        }
    }
    if (target != NULL && out->rows.n > 1) {
        qsort(out->rows.at, out->rows.n, sizeof out->rows.at[0], by_target);
    }
    if (j->steps.n > 0) {
        const job_step *st = &j->steps.at[target != NULL ? j->steps.n - 1 : 0];
        const unsigned side = target != NULL ? 1 - st->from : st->from;
        if (find_rule(cx, st, side, name, &f)) {
            tell_rule(cx, st, &f, t, out);
        }
    }
    return RT_OK;
}
