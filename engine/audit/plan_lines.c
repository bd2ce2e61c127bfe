/* What each tensor of a plan is, in a word; totals; conditions. */
#include "audit/plan_lines.h"

#include <stdlib.h>
#include <string.h>

#include "audit/show.h"
#include "base/strmap.h"

/* ---- one tensor ---------------------------------------------------------------- */

static void add_source(arena *a, plan_line *l, uint32_t src)
{
    for (size_t i = 0; i < l->sources.n; i++) {
        if (l->sources.at[i] == src) {
            return;
        }
    }
    vec_push(a, &l->sources, src);
}

static int by_place(const void *x, const void *y)
{
    const piece *const *p = x, *const *q = y;
    return (*p)->dst_offset < (*q)->dst_offset   ? -1
           : (*p)->dst_offset > (*q)->dst_offset ? 1
                                                 : 0;
}

/* Sources in the order in which the target has them; factors of terms behind. */
static void list_sources(arena *a, plan_line *l)
{
    const piece_list *pieces = &l->t->pieces;
    const piece **sorted = NEW_N(a, const piece *, pieces->n + 1);
    for (size_t i = 0; i < pieces->n; i++) {
        sorted[i] = &pieces->at[i];
    }
    if (pieces->n > 1) {
        qsort(sorted, pieces->n, sizeof *sorted, by_place);
    }
    for (size_t i = 0; i < pieces->n; i++) {
        if (sorted[i]->src != NO_SOURCE) {
            add_source(a, l, sorted[i]->src);
        }
    }
    for (size_t i = 0; i < pieces->n; i++) {
        for (unsigned s = 0; s < sorted[i]->n_steps; s++) {
            const step_kind kind = sorted[i]->steps[s].kind;
            if (kind == STEP_TERM || kind == STEP_SCALE) {
                add_source(a, l, sorted[i]->steps[s].t.b);
                if (sorted[i]->steps[s].t.a != NO_SOURCE) {
                    add_source(a, l, sorted[i]->steps[s].t.a);
                }
            }
        }
    }
}

typedef struct traits {
    bool terms, scales, affine, fills,
        moves;      /* moves: not one run as it lies in the source */
    size_t n_bases; /* different sources besides factors */
} traits;

static traits traits_of(const plan_tensor *t)
{
    traits x = {0};
    uint32_t last = NO_SOURCE;
    for (size_t i = 0; i < t->pieces.n; i++) {
        const piece *p = &t->pieces.at[i];
        for (unsigned s = 0; s < p->n_steps; s++) {
            x.terms = x.terms || p->steps[s].kind == STEP_TERM;
            x.scales = x.scales || p->steps[s].kind == STEP_SCALE;
            x.affine = x.affine || p->steps[s].kind == STEP_AFFINE;
        }
        if (p->src == NO_SOURCE) {
            x.fills = true;
            continue;
        }
        x.n_bases += p->src != last;
        last = p->src;
        x.moves = x.moves || p->n > 1 ||
                  (p->n == 1 && (p->src_stride[0] != 1 || p->dst_stride[0] != 1));
    }
    x.moves = x.moves || (t->pieces.n > 1 && x.n_bases == 1);
    return x;
}

plan_line plan_line_of(arena *a, const plan *p, const plan_tensor *t)
{
    plan_line l = {.t = t, .from = DT_UNKNOWN};
    list_sources(a, &l);
    const traits x = traits_of(t);
    const tensor_info *first =
        l.sources.n > 0 ? p->sources.at[l.sources.at[0]].t : NULL;
    if (first != NULL) {
        l.from = first->dt;
    }
    if (t->alias_of >= 0) {
        l.op = "tie";
    } else if (x.terms) {
        l.op = "merge";
    } else if (first == NULL) {
        l.op = x.fills ? "fill" : "copy";
    } else if (x.scales) {
        l.op = "scale";
    } else if (x.affine) {
        l.op = "affine";
    } else if (x.fills) {
        l.op = "pad";
    } else if (l.sources.n > 1) {
        l.op = "join";
    } else if (first->n_elems > t->n_elems) {
        l.op = "split";
    } else if (x.moves) {
        l.op = "permute";
    } else {
        l.op = first->dt != t->dt ? "cast" : "copy";
    }
    return l;
}

/* ---- the whole ------------------------------------------------------------------- */

/* What is left out counts as well: it may be that nothing can bring it back. */
static void add_drops(plan_totals *s, const job *j)
{
    for (size_t k = 0; k < j->steps.n; k++) {
        const account *acc = j->steps.at[k].acc;
        for (size_t i = 0; acc != NULL && i < acc->drops.n; i++) {
            const account_drop *d = &acc->drops.at[i];
            s->class_of = d->class_of > s->class_of ? d->class_of : s->class_of;
            s->side_car = s->side_car || d->keep;
        }
    }
}

const char *plan_class_text(const plan_totals *s)
{
    return s->side_car && s->class_of == EXACT ? "exact with the side-car"
                                               : exactness_name(s->class_of);
}

plan_totals plan_totals_of(arena *a, const job *j)
{
    const plan *p = &j->plan;
    plan_totals s = {.n_tensors = p->tensors.n, .class_of = EXACT};
    bool *seen = NEW_N(a, bool, p->sources.n + 1);
    strmap *files = strmap_new(a);
    for (size_t i = 0; i < p->tensors.n; i++) {
        const plan_tensor *t = &p->tensors.at[i];
        s.n_of_class[t->class_of]++;
        s.class_of = t->class_of > s.class_of ? t->class_of : s.class_of;
        s.n_bytes_out += t->alias_of >= 0 ? 0 : plan_tensor_bytes(t);
        const plan_line l = plan_line_of(a, p, t);
        for (size_t k = 0; k < l.sources.n; k++) {
            const plan_source *src = &p->sources.at[l.sources.at[k]];
            if (!seen[l.sources.at[k]]) {
                seen[l.sources.at[k]] = true;
                s.n_sources++;
                s.n_bytes_in += src->t->n_bytes;
                (void)strmap_add(files, src->inv->files.at[src->t->file].path, 1);
            }
        }
    }
    s.n_files = strmap_count(files);
    add_drops(&s, j);
    return s;
}

static plan_condition of_condition(arena *a, const condition *c)
{
    plan_condition p = {.at = c->at, .otherwise = "the run stops, nothing is written"};
    if (c->kind == CONDITION_SAME) {
        p.when = arena_printf(a, "%s equals %s", c->name, c->other);
        p.then = "one of them is taken";
    } else if (c->kind == CONDITION_COPY) {
        p.when = arena_printf(a, "%s equals %s", c->name, c->other);
        p.then = "it is left out";
    } else if (c->kind == CONDITION_IDLE) {
        p.when = arena_printf(a, "%s equals %s of the base", c->name, c->other);
        p.then = "it is left out";
    } else if (c->kind == CONDITION_FINITE) {
        p.when = arena_printf(a, "the scales of %zu tensors are finite (%s, ...)",
                              c->pieces.n, c->name);
        p.then = "they are multiplied in";
    } else if (c->label != NULL) {
        p.when = arena_printf(a, "part '%s' of %s is %g everywhere", c->label, c->name,
                              c->fill);
        p.then = "it is left out";
    } else {
        p.when = arena_printf(a, "%s is %g everywhere", c->name, c->fill);
        p.then = "it is left out";
    }
    return p;
}

static plan_condition of_tie(arena *a, const account_tie *t, bool decided)
{
    plan_condition p = {.at = t->tie->at};
    if (t->made_from_other) {
        p.when = arena_printf(a, "%s is absent", t->name);
        p.then = arena_printf(a, "it is made from %s", t->to_name);
        p.otherwise = "it is read";
        return p;
    }
    p.when = arena_printf(a, "%s equals %s", t->name, t->to_name);
    p.then = "it is tied: left out, or stored once";
    p.otherwise = "both are stored, and the config says so";
    if (decided) {
        p.when =
            arena_printf(a, "%s (decided: %s)", p.when, t->leave_out ? "yes" : "no");
    }
    return p;
}

plan_condition_list plan_conditions(arena *a, const job *j)
{
    plan_condition_list list = {0};
    for (size_t s = 0; s < j->steps.n; s++) {
        const account *acc = j->steps.at[s].acc;
        for (size_t i = 0; acc != NULL && i < acc->conditions.n; i++) {
            vec_push(a, &list, of_condition(a, &acc->conditions.at[i]));
        }
        for (size_t i = 0; acc != NULL && i < acc->ties.n; i++) {
            vec_push(a, &list, of_tie(a, &acc->ties.at[i], j->decided));
        }
    }
    for (size_t i = 0; i < j->conditions.n; i++) {
        vec_push(a, &list, of_condition(a, &j->conditions.at[i]));
    }
    return list;
}

const char *job_path_text(arena *a, const job *j)
{
    buf b = {.arena = a};
    for (size_t s = 0; s < j->steps.n; s++) {
        const mapping *m = j->steps.at[s].m;
        const unsigned from = j->steps.at[s].from;
        if (m->is_merge) {
            buf_printf(&b, "%smerge %s (%s += %s)", s > 0 ? ", " : "", m->name,
                       m->layout[LEFT], m->layout[RIGHT]);
        } else {
            buf_printf(&b, "%sfamily %s (%s -> %s)", s > 0 ? ", " : "", m->name,
                       m->layout[from], m->layout[1 - from]);
        }
    }
    return b.n == 0 ? "no rules (as it is)" : buf_str(&b);
}
