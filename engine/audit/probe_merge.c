#include "audit/probe_merge.h"

#include <string.h>

#include "audit/expected.h"
#include "audit/probe_model.h"
#include "audit/show.h"
#include "audit/slow.h"
#include "mapping/names.h"
#include "plan/merge.h"

enum { MAX_FAILURES = 20 };

/* One update on one target. */
typedef struct trial {
    context cx; /* memory of this trial alone, complaints of its own */
    context *caller;
    const map_update *u;
    values *v;
    probe_result *out;
    map_tensor target;           /* as the base stores it */
    const map_tensor *factor[2]; /* in the order of the product */
    const char *name[3];         /* of target and factors */
    bool *part_on;
    double scale;
    plan plan;
    const plan_tensor *made;
} trial;

static diag *failed(trial *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static diag *failed(trial *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *text = arena_vprintf(t->caller->arena, fmt, ap);
    va_end(ap);
    t->out->n_failed++;
    return diag_report(t->caller->diags, SEV_ERROR, "probe-differs", t->u->at, "%s",
                       text);
}

/* Sums of two factors; other forms name what makes them special. */
static bool is_probed(const map_update *u)
{
    size_t n = 0;
    for (size_t f = 0; f < u->factors.n; f++) {
        const map_tensor *as = u->factors.at[f].tensor;
        n += as != NULL;
        if (as != NULL && (as->dims == NULL || as->dims->any)) {
            return false;
        }
    }
    return n == 2 && !u->replace && u->norm == NULL && u->rows == NULL &&
           u->target.dims != NULL && !u->target.dims->any;
}

/* ---- the small base and adapter ---------------------------------------------------
 */

/* Without a family a matrix of the base is stored outputs first; `each` follows it. */
static map_tensor stored_target(arena *a, const map_update *u)
{
    map_tensor t = u->target;
    map_dims *d = NEW(a, map_dims);
    *d = *u->target.dims;
    if (u->each != NULL && d->arrow == ARROW_IN_OUT && d->n_batch == 0) {
        d->all.at = NEW_N(a, const map_dim *, d->all.n);
        for (size_t i = 0; i < d->all.n; i++) {
            d->all.at[i] = u->target.dims->all.at[(i + d->n_left) % d->all.n];
        }
    }
    t.dims = d;
    return t;
}

static void set_parts(trial *t, const map_dim *d, const binding *b)
{
    for (size_t i = 0; i < d->kids.n; i++) {
        set_parts(t, d->kids.at[i], b);
    }
    for (size_t i = 0; i < d->parts.n; i++) {
        const map_part *p = &d->parts.at[i];
        t->part_on[p->id] =
            p->when == NULL || values_holds(&t->cx, t->v, p->when, b) == 1;
        set_parts(t, p->body, b);
    }
}

static bool add_header(trial *t, inventory *inv, const map_tensor *as, const char *name)
{
    tensor_info x = {.name = name,
                     .dt = DT_F32,
                     .has_shape = true,
                     .is_contiguous = true,
                     .n_elems = 1};
    unsigned rank;
    if (!slow_shape(as->dims, t->v->size, t->part_on, x.shape, &rank)) {
        return false;
    }
    x.rank = (uint8_t)rank;
    for (unsigned i = 0; i < rank; i++) {
        x.n_elems *= x.shape[i];
    }
    x.n_bytes = 4 * x.n_elems;
    return x.n_elems > 0 && inventory_add(t->cx.arena, inv, x);
}

static bool merge_small(trial *t)
{
    arena *a = t->cx.arena;
    inventory *base = inventory_new(a), *adapter = inventory_new(a);
    stage *out = NULL;
    merge_account acc = {0};
    const merge_how how = {.weight = 1};
    if (!add_header(t, base, &t->target, t->name[0]) ||
        !add_header(t, adapter, t->factor[0], t->name[1]) ||
        !add_header(t, adapter, t->factor[1], t->name[2])) {
        return false; /* none of its parts is there */
    }
    const stage *b = stage_of_inventory(&t->cx, &t->plan, base);
    const stage *x = stage_of_inventory(&t->cx, &t->plan, adapter);
    if (stage_merge(&t->cx, &t->plan, b, x, t->v, NULL, &how, &out, &acc) != RT_OK) {
        diag *dg = failed(t, "rule '%s' cannot be applied to the probe", t->u->name);
        note_complaints(t->caller->arena, dg, t->cx.diags);
        return false;
    }
    t->made = stage_find(out, t->name[0]);
    return t->made != NULL;
}

/* ---- comparing --------------------------------------------------------------------
 */

typedef struct got_elem {
    unsigned n_met; /* pieces that write it */
    int64_t base;   /* element of the base tensor, -1: of something else */
    const piece *p;
    int64_t index[PIECE_MAX_DIMS];
} got_elem;

static void spread(const trial *t, const piece *p, got_elem *got)
{
    int64_t index[PIECE_MAX_DIMS] = {0};
    while (piece_elems(p) > 0) {
        int64_t to = p->dst_offset, from = p->src_offset;
        for (unsigned i = 0; i < p->n; i++) {
            to += index[i] * p->dst_stride[i];
            from += index[i] * p->src_stride[i];
        }
        got_elem *g = &got[to];
        const bool is_base =
            p->src != NO_SOURCE &&
            strcmp(t->plan.sources.at[p->src].t->name, t->name[0]) == 0;
        g->n_met++;
        g->base = is_base ? from : -1;
        g->p = p;
        memcpy(g->index, index, sizeof index);
        unsigned i = p->n;
        while (i > 0 && ++index[i - 1] == p->size[i - 1]) {
            index[--i] = 0;
        }
        if (i == 0) {
            return;
        }
    }
}

static bool has_axis(const slow_atom *x, uint32_t axis)
{
    for (unsigned i = 0; i < x->n_axes; i++) {
        if (x->axis[i] == axis) {
            return true;
        }
    }
    return false;
}

static bool has_label(const slow_atom *x, const char *label)
{
    for (unsigned i = 0; i < x->n_labels; i++) {
        if (strcmp(x->label[i], label) == 0) {
            return true;
        }
    }
    return false;
}

/* A term lands where the labels of both factors, taken together, are the target's. */
static bool lands(const slow_atom *at, const slow_atom *b, const slow_atom *a)
{
    bool does = at->is_there && b->is_there && a->is_there;
    for (unsigned i = 0; i < at->n_labels; i++) {
        does = does && (has_label(b, at->label[i]) || has_label(a, at->label[i]));
    }
    for (unsigned i = 0; i < b->n_labels; i++) {
        does = does && has_label(at, b->label[i]);
    }
    for (unsigned i = 0; i < a->n_labels; i++) {
        does = does && has_label(at, a->label[i]);
    }
    return does;
}

/* Is `s` the sum over the axis that only the factors have, at these indices? */
static bool is_term(const trial *t, const got_elem *g, const term *s,
                    const slow_atom *at, const slow_choice *b_at,
                    const slow_choice *a_at, const slow_atom *b, int64_t *index)
{
    uint32_t summed = NO_AXIS;
    for (unsigned i = 0; i < b->n_axes; i++) {
        summed = has_axis(at, b->axis[i]) ? summed : b->axis[i];
    }
    int64_t b_has = s->b_offset, a_has = s->a_offset;
    for (unsigned i = 0; i < g->p->n; i++) {
        b_has += g->index[i] * s->b_stride[i];
        a_has += g->index[i] * s->a_stride[i];
    }
    const float scale = (float)t->scale;
    bool same = summed != NO_AXIS && s->rank == (uint32_t)t->v->size[summed] &&
                !(s->scale < scale || s->scale > scale) &&
                strcmp(t->plan.sources.at[s->b].t->name, t->name[1]) == 0 &&
                strcmp(t->plan.sources.at[s->a].t->name, t->name[2]) == 0;
    for (int64_t k = 0; same && k < s->rank; k++) {
        index[summed] = k;
        same = b_has + k * s->b_k ==
                   slow_position(t->factor[0], t->v->size, t->part_on, b_at, index) &&
               a_has + k * s->a_k ==
                   slow_position(t->factor[1], t->v->size, t->part_on, a_at, index);
    }
    return same;
}

/* All terms that land on an element, in the order of the parts of B, then of A. */
static bool elem_is_right(const trial *t, const got_elem *g, int64_t position,
                          const slow_atom *at, int64_t *index)
{
    slow_choice b_at = {0};
    unsigned n = 0;
    bool same = g->n_met == 1 && g->base == position;
    if (!same) {
        return false;
    }
    do {
        const slow_atom b = slow_atom_of(t->factor[0], t->part_on, &b_at);
        slow_choice a_at = {0};
        do {
            const slow_atom a = slow_atom_of(t->factor[1], t->part_on, &a_at);
            if (!lands(at, &b, &a)) {
                continue;
            }
            const step *s = n < g->p->n_steps ? &g->p->steps[n] : NULL;
            same = same && s != NULL && s->kind == STEP_TERM &&
                   is_term(t, g, &s->t, at, &b_at, &a_at, &b, index);
            n++;
        } while (slow_next(&a_at));
    } while (slow_next(&b_at));
    return same && n == g->p->n_steps;
}

static bool next_index(const slow_atom *at, const int64_t *size, int64_t *index)
{
    for (unsigned i = at->n_axes; i-- > 0;) {
        if (++index[at->axis[i]] < size[at->axis[i]]) {
            return true;
        }
        index[at->axis[i]] = 0;
    }
    return false;
}

static void compare(trial *t)
{
    arena *a = t->cx.arena;
    got_elem *got = NEW_N(a, got_elem, t->made->n_elems + 1);
    int64_t *index = NEW_N(a, int64_t, t->v->m->axes.n + 1);
    slow_choice choice = {0};
    uint64_t n_seen = 0;
    for (size_t i = 0; i < t->made->pieces.n; i++) {
        spread(t, &t->made->pieces.at[i], got);
    }
    do {
        const slow_atom at = slow_atom_of(&t->target, t->part_on, &choice);
        memset(index, 0, t->v->m->axes.n * sizeof *index);
        do {
            const int64_t position =
                slow_position(&t->target, t->v->size, t->part_on, &choice, index);
            if (!elem_is_right(t, &got[position], position, &at, index)) {
                (void)failed(t, "element %lld of %s is not the sum that the rule says",
                             (long long)position, t->name[0]);
                return;
            }
            n_seen++;
        } while (next_index(&at, t->v->size, index));
    } while (slow_next(&choice));
    t->out->n_elems += n_seen;
    if (n_seen != t->made->n_elems) {
        (void)failed(t, "the atoms of %s are %llu elements, its shape has %llu",
                     t->name[0], (unsigned long long)n_seen,
                     (unsigned long long)t->made->n_elems);
    }
}

/* ---- all trials -------------------------------------------------------------------
 */

/* Names, guards and scale; false: under these facts the update says nothing. */
static bool prepare(trial *t)
{
    const map_update *u = t->u;
    arena *a = t->cx.arena;
    int64_t *numbers = NEW_N(a, int64_t, u->captures.n + 1);
    const char **words = NEW_N(a, const char *, u->captures.n + 1);
    const binding b = {u->captures.at, numbers, words, u->captures.n};
    size_t n = 0;
    for (size_t i = 0; i < u->captures.n; i++) {
        words[i] = "x";
    }
    t->scale = 1;
    t->part_on = NEW_N(a, bool, u->n_parts + 1);
    t->target = stored_target(a, u);
    t->name[0] = name_fill(a, t->v->m, u->each != NULL ? u->each : &u->target.name,
                           t->v->choice, numbers, words);
    if (values_all_hold(&t->cx, t->v, u->guards.at, u->guards.n, &b) != 1) {
        return false;
    }
    for (size_t i = 0; i < u->locals.n; i++) {
        const value *is = values_eval(&t->cx, t->v, u->locals.at[i].size, &b, NULL);
        if (is == NULL || is->kind != V_INT || is->i <= 0) {
            return false;
        }
        t->v->size[u->locals.at[i].axis] = is->i;
    }
    for (size_t i = 0; i < t->target.dims->all.n; i++) {
        set_parts(t, t->target.dims->all.at[i], &b);
    }
    for (size_t f = 0; f < u->factors.n; f++) {
        const map_factor *x = &u->factors.at[f];
        if (x->tensor == NULL) {
            const value *s = values_eval(&t->cx, t->v, x->scalar, &b, NULL);
            if (s == NULL || !value_is_number(s)) {
                return false;
            }
            t->scale *= value_number(s);
            continue;
        }
        for (size_t i = 0; i < x->tensor->dims->all.n; i++) {
            set_parts(t, x->tensor->dims->all.at[i], &b);
        }
        t->name[1 + n] =
            name_fill(a, t->v->m, &x->tensor->name, t->v->choice, numbers, words);
        t->factor[n++] = x->tensor;
    }
    return true;
}

/* The facts with sizes of the probe; values may name sizes, so those keep theirs. */
static values *sized(context *cx, const values *facts, uint32_t one)
{
    const mapping *m = facts->m;
    values *v = NULL;
    if (values_read_pair(cx, m, facts->config[LEFT], "the probe", facts->config[RIGHT],
                         "the probe", &v) != RT_OK ||
        !probe_sizes(cx, v, LEFT, one)) {
        return NULL;
    }
    return v;
}

static bool try_one(context *cx, const map_update *u, const values *facts, uint32_t one,
                    probe_result *out)
{
    arena *a = arena_new();
    trial t = {.cx = {a, diags_new(a)}, .caller = cx, .u = u, .out = out};
    t.v = sized(&t.cx, facts, one);
    if (t.v != NULL && out->n_models == 0) {
        probe_tell_sizes(cx->arena, t.v, LEFT, out);
    }
    const bool ran = t.v != NULL && prepare(&t) && merge_small(&t);
    if (ran) {
        out->n_models++;
        compare(&t);
    }
    arena_free(a);
    return ran;
}

void probe_merge(context *cx, const mapping *m, const facts_list *facts,
                 probe_result *out)
{
    strmap *said = strmap_new(cx->arena); /* alternatives share a name */
    for (size_t k = 0; k < m->updates.n; k++) {
        const map_update *u = &m->updates.at[k];
        bool reached = false;
        for (size_t i = 0; is_probed(u) && i < facts->n; i++) {
            const values *f = facts->at[i];
            if (out->n_failed >= MAX_FAILURES) {
                return;
            }
            reached = try_one(cx, u, f, NO_AXIS, out) || reached;
            for (uint32_t x = 0; x < m->axes.n; x++) {
                const map_axis *ax = &m->axes.at[x];
                for (size_t q = 0; ax->primes.n > 1 && q < ax->primes.n; q++) {
                    reached = try_one(cx, u, f, ax->primes.at[q], out) || reached;
                }
            }
        }
        if (!reached && strmap_add(said, u->name, 1)) {
            vec_push(cx->arena, &out->not_probed, u->name);
        }
    }
}
