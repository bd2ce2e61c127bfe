#include "audit/probe.h"

#include <string.h>

#include "audit/probe_atoms.h"
#include "audit/probe_facts.h"
#include "audit/probe_merge.h"
#include "audit/probe_model.h"
#include "audit/show.h"
#include "mapping/names.h"
#include "plan/stage.h"

#define PROBE_TYPE DT_F32

enum { MAX_ELEMS = 1 << 22 /* of one tensor */, MAX_FAILURES = 20 };

typedef struct prober {
    context *cx; /* of the caller: failures go there */
    const mapping *m;
    probe_result *out;
    bool *reached; /* by rule: a model had it */
} prober;

/* One model, read from one side. */
typedef struct model {
    context cx; /* memory of this model alone, complaints of its own */
    values *v;
    unsigned from;
    expected_list lists[2];
    bool *skip[2];    /* by expected tensor */
    uint32_t *number; /* by plan source: its number in lists[from], from 1 */
    plan plan;
    const stage *made;
} model;

static diag *failed(prober *p, where at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static diag *failed(prober *p, where at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *text = arena_vprintf(p->cx->arena, fmt, ap);
    va_end(ap);
    p->out->n_failed++;
    return diag_report(p->cx->diags, SEV_ERROR, "probe-differs", at, "%s", text);
}

/* ---- which rules take part ---------------------------------------------------------
 */

static size_t rule_index(const prober *p, const map_rule *r)
{
    return (size_t)(r - p->m->rules.at);
}

static bool goes_this_way(const map_rule *r, unsigned from)
{
    if (!rule_reads(r, from)) {
        return false;
    }
    for (size_t i = 0; i < r->one_sided.n; i++) {
        const map_one_sided *o = &r->one_sided.at[i];
        if (o->side == 1 - from && o->kind != PART_PAD) {
            return false; /* what it lacks comes from a side-car */
        }
    }
    return true;
}

static bool is_large(const expected *e)
{
    uint64_t n = 1;
    for (unsigned i = 0; i < e->rank; i++) {
        n *= e->shape[i];
    }
    return n > MAX_ELEMS;
}

/* Can no names be invented, for an expression that no word is sure to match? */
static bool lacks_words(arena *a, const map_rule *r)
{
    bool lacks = false;
    for (uint32_t c = 0; c < r->captures.n; c++) {
        lacks = lacks || capture_word(a, r, c) == NULL;
    }
    return lacks;
}

/* Optional rules may be other spellings of one tensor: of those the first takes part.
 */
static void skip_rules(const prober *p, model *k)
{
    bool *off = NEW_N(k->cx.arena, bool, p->m->rules.n + 1);
    strmap *names[2] = {strmap_new(k->cx.arena), strmap_new(k->cx.arena)};
    for (size_t r = 0; r < p->m->rules.n; r++) {
        off[r] = !goes_this_way(&p->m->rules.at[r], k->from) ||
                 lacks_words(k->cx.arena, &p->m->rules.at[r]);
    }
    for (unsigned optional = 0; optional < 2; optional++) {
        for (unsigned side = 0; side < 2; side++) {
            for (size_t i = 0; i < k->lists[side].n; i++) {
                const expected *e = &k->lists[side].at[i];
                if (e->rule == NULL || e->optional != (optional == 1)) {
                    continue;
                }
                const size_t r = rule_index(p, e->rule);
                uint64_t other;
                if (is_large(e) ||
                    (optional == 1 && strmap_get(names[side], e->name, &other) &&
                     other != r)) {
                    off[r] = true;
                }
                if (!off[r]) {
                    (void)strmap_add(names[side], e->name, r);
                }
            }
        }
    }
    for (unsigned side = 0; side < 2; side++) {
        k->skip[side] = NEW_N(k->cx.arena, bool, k->lists[side].n + 1);
        for (size_t i = 0; i < k->lists[side].n; i++) {
            const map_rule *r = k->lists[side].at[i].rule;
            k->skip[side][i] = r != NULL && off[rule_index(p, r)];
        }
    }
}

/* ---- the model ----------------------------------------------------------------------
 */

static const inventory *make_inventory(model *k)
{
    arena *a = k->cx.arena;
    inventory *inv = inventory_new(a);
    const expected_list *list = &k->lists[k->from];
    k->number = NEW_N(a, uint32_t, list->n + 1);
    for (size_t i = 0; i < list->n; i++) {
        const expected *e = &list->at[i];
        if (k->skip[k->from][i]) {
            continue;
        }
        tensor_info t = {.name = e->name,
                         .dt = PROBE_TYPE,
                         .rank = (uint8_t)e->rank,
                         .has_shape = true,
                         .is_contiguous = true,
                         .n_elems = 1};
        memcpy(t.shape, e->shape, sizeof t.shape);
        for (unsigned d = 0; d < e->rank; d++) {
            t.n_elems *= e->shape[d];
        }
        t.n_bytes = 4 * t.n_elems;
        if (inventory_add(a, inv, t)) {
            k->number[inv->tensors.n - 1] = (uint32_t)i + 1;
        }
    }
    return inv;
}

static bool apply(prober *p, model *k)
{
    stage *out = NULL;
    account *acc = NULL;
    const stage *in = stage_of_inventory(&k->cx, &k->plan, make_inventory(k));
    if (in->tensors.n == 0) {
        return false;
    }
    if (stage_apply(&k->cx, in, k->v, NULL, &out, &acc) != RT_OK || out == NULL) {
        diag *dg =
            failed(p, NOWHERE, "the rules cannot be applied to the probe from %s",
                   p->m->layout[k->from]);
        note_complaints(p->cx->arena, dg, k->cx.diags);
        return false;
    }
    k->made = out;
    return true;
}

/* ---- comparing ----------------------------------------------------------------------
 */

typedef struct got_elem {
    uint32_t tensor; /* number, from 1; 0: a fill */
    unsigned n_met;  /* pieces that write it */
    int64_t at;
    double fill;
    uint32_t scale; /* number of the scale's tensor; 0: none */
    int64_t scale_at;
} got_elem;

typedef struct comparison {
    prober *p;
    model *k;
    const expected *e;
    got_elem *got;
    uint64_t n_seen;
    bool differs;
} comparison;

static void spread(const model *k, const piece *p, got_elem *got)
{
    int64_t index[PIECE_MAX_DIMS] = {0};
    const bool scaled = p->n_steps > 0 && p->steps[0].kind == STEP_SCALE;
    const term *scale = scaled ? &p->steps[0].t : NULL;
    if (piece_elems(p) == 0) {
        return;
    }
    for (;;) {
        int64_t to = p->dst_offset, from = p->src_offset;
        int64_t scale_at = scale != NULL ? scale->b_offset : 0;
        for (unsigned i = 0; i < p->n; i++) {
            to += index[i] * p->dst_stride[i];
            from += index[i] * p->src_stride[i];
            scale_at += scale != NULL ? index[i] * scale->b_stride[i] : 0;
        }
        got_elem *g = &got[to];
        g->scale = scale != NULL ? k->number[scale->b] : 0;
        g->scale_at = scale_at;
        g->n_met++;
        g->at = from;
        g->fill = p->fill;
        g->tensor = p->src == NO_SOURCE ? 0 : k->number[p->src];
        unsigned i = p->n;
        while (i > 0 && ++index[i - 1] == p->size[i - 1]) {
            index[--i] = 0;
        }
        if (i == 0) {
            return;
        }
    }
}

static const char *place_text(const comparison *c, uint32_t tensor, int64_t at,
                              double fill)
{
    arena *a = c->p->cx->arena;
    return tensor == 0 ? arena_printf(a, "the number %g", fill)
                       : arena_printf(a, "element %lld of %s", (long long)at,
                                      c->k->lists[c->k->from].at[tensor - 1].name);
}

static double fill_of(const comparison *c, const slow_atom *atom)
{
    const map_rule *r = c->e->rule;
    for (size_t i = 0; i < r->one_sided.n; i++) {
        for (unsigned l = 0; l < atom->n_labels; l++) {
            if (r->one_sided.at[i].side != c->k->from &&
                strcmp(r->one_sided.at[i].label, atom->label[l]) == 0) {
                return r->one_sided.at[i].fill;
            }
        }
    }
    return 0;
}

/* Its scale stands where the rule says: the tensor of its name, the block's element. */
static bool scale_is_right(const comparison *c, const got_elem *g, const int64_t *index,
                           const expected *read)
{
    const map_scale *s = c->e->rule->scale;
    const values *v = c->k->v;
    if (s == NULL) {
        return g->scale == 0;
    }
    if (g->scale == 0) {
        return false;
    }
    const char *name = name_fill(c->k->cx.arena, v->m, &s->name, v->choice,
                                 read->numbers, read->words);
    return strcmp(c->k->lists[c->k->from].at[g->scale - 1].name, name) == 0 &&
           g->scale_at == slow_block_of(s, v->size, index);
}

static void compare_elem(void *who, int64_t at, const int64_t *index,
                         const atom_place *other, const slow_atom *atom)
{
    comparison *c = who;
    const got_elem *g = &c->got[at];
    const uint32_t tensor = other == NULL ? 0 : other->tensor;
    const double fill = tensor == 0 ? fill_of(c, atom) : 0;
    const bool same =
        tensor == g->tensor && g->n_met == 1 &&
        (tensor != 0
             ? other->at == g->at &&
                   scale_is_right(c, g, index, &c->k->lists[c->k->from].at[tensor - 1])
             : !(fill < g->fill || fill > g->fill));
    c->n_seen++;
    if (same || c->differs) {
        return;
    }
    c->differs = true;
    diag *dg =
        failed(c->p, c->e->rule->at, "element %lld of %s is not what the rule says",
               (long long)at, c->e->name);
    diag_note(dg, "the rule: %s%s",
              place_text(c, tensor, other == NULL ? 0 : other->at, fill),
              c->e->rule->scale != NULL
                  ? arena_printf(c->p->cx->arena, ", times element %lld of its scale",
                                 (long long)slow_block_of(c->e->rule->scale,
                                                          c->k->v->size, index))
                  : "");
    diag_note(dg, "the plan: %s%s, written %u times",
              place_text(c, g->tensor, g->at, g->fill),
              g->scale != 0 ? arena_printf(c->p->cx->arena, ", times %s",
                                           place_text(c, g->scale, g->scale_at, 0))
                            : "",
              g->n_met);
}

/* Value operations stand in every piece, and in none without one; the type is the
 * layout's own, or that of the probe. */
static bool values_are_right(const model *k, const expected *e, const plan_tensor *t)
{
    const map_rule *r = e->rule;
    const bool scaled = rule_scale(r, k->from) != NULL;
    const unsigned n_scales = scaled ? 1 : 0;
    dtype own = r->cast[1 - k->from];
    own = own == DT_UNKNOWN && scaled && t->dt == DT_BF16 ? t->dt : own; /* no other */
    const double mul = k->from == LEFT ? r->mul : 1 / r->mul;
    const double add = k->from == LEFT ? r->add : -r->add / r->mul;
    if (t->dt != (own != DT_UNKNOWN ? own : PROBE_TYPE)) {
        return false;
    }
    for (size_t i = 0; i < t->pieces.n; i++) {
        const piece *p = &t->pieces.at[i];
        if (p->src == NO_SOURCE) {
            continue;
        }
        if (p->n_steps != n_scales + (r->has_op ? 1u : 0u)) {
            return false;
        }
        if (r->has_op &&
            (p->steps[n_scales].kind != STEP_AFFINE || p->steps[n_scales].mul < mul ||
             p->steps[n_scales].mul > mul || p->steps[n_scales].add < add ||
             p->steps[n_scales].add > add)) {
            return false;
        }
    }
    return true;
}

static void compare_tensor(prober *p, model *k, const expected *e,
                           const atom_index *from)
{
    const plan_tensor *t = stage_find(k->made, e->name);
    const where at = e->rule == NULL ? NOWHERE : e->rule->at;
    const bool shaped = t != NULL && t->rank == e->rank &&
                        memcmp(t->shape, e->shape, e->rank * sizeof e->shape[0]) == 0;
    if (!shaped) {
        diag *dg = failed(p, at, "the plan %s %s",
                          t == NULL ? "does not make" : "misshapes", e->name);
        diag_note(dg, "the rule gives it the shape %s",
                  show_shape(p->cx->arena, e->shape, e->rank));
        return;
    }
    comparison c = {.p = p, .k = k, .e = e};
    c.got = NEW_N(k->cx.arena, got_elem, t->n_elems + 1);
    for (size_t i = 0; i < t->pieces.n; i++) {
        spread(k, &t->pieces.at[i], c.got);
    }
    if (e->rule == NULL) { /* a constant */
        for (uint64_t i = 0; i < t->n_elems && !c.differs; i++) {
            const got_elem *g = &c.got[i];
            c.differs = g->tensor != 0 || g->n_met != 1 || g->fill < e->fill ||
                        g->fill > e->fill;
        }
        if (c.differs) {
            (void)failed(p, at, "%s is not the constant %g", e->name, e->fill);
        }
        return;
    }
    atoms_visit(&k->cx, k->v, e, from, compare_elem, &c);
    p->out->n_elems += c.n_seen;
    p->reached[rule_index(p, e->rule)] = true;
    if (!c.differs && c.n_seen != t->n_elems) {
        (void)failed(p, at, "the atoms of %s are %llu elements, its shape has %llu",
                     e->name, (unsigned long long)c.n_seen,
                     (unsigned long long)t->n_elems);
    } else if (!c.differs && !values_are_right(k, e, t)) {
        (void)failed(p, at,
                     "the plan changes the values of %s otherwise than the rule says",
                     e->name);
    }
}

/* ---- all models
 * ---------------------------------------------------------------------- */

static void probe_one(prober *p, const values *facts, uint32_t one, unsigned from)
{
    arena *a = arena_new();
    model k = {.cx = {a, diags_new(a)}, .from = from};
    if (p->out->n_failed < MAX_FAILURES &&
        probe_values(&k.cx, p->m, k.from, facts, one, &k.v)) {
        if (p->out->n_models == 0) {
            probe_tell_sizes(p->cx->arena, k.v, from, p->out);
        }
        if (expect_side(&k.cx, k.v, LEFT, &k.lists[LEFT]) != RT_OK ||
            expect_side(&k.cx, k.v, RIGHT, &k.lists[RIGHT]) != RT_OK) {
            diag *dg = failed(p, NOWHERE, "the names of the probe cannot be told");
            note_complaints(p->cx->arena, dg, k.cx.diags);
        } else {
            skip_rules(p, &k);
            if (apply(p, &k)) {
                const unsigned to = 1 - from;
                const atom_index *index =
                    atom_index_of(&k.cx, k.v, &k.lists[from], k.skip[from]);
                p->out->n_models++;
                for (size_t i = 0; i < k.lists[to].n; i++) {
                    if (!k.skip[to][i] && p->out->n_failed < MAX_FAILURES) {
                        compare_tensor(p, &k, &k.lists[to].at[i], index);
                    }
                }
            }
        }
    }
    arena_free(a);
}

/* All primes; then each factor of a product set to 1: one group, one head for each. */
static void probe_sized(prober *p, const values *facts)
{
    const mapping *m = p->m;
    bool *done = NEW_N(p->cx->arena, bool, m->axes.n + 1);
    for (unsigned from = 0; from < 2; from++) {
        probe_one(p, facts, NO_AXIS, from);
    }
    for (size_t i = 0; i < m->axes.n; i++) {
        for (size_t k = 0; m->axes.at[i].primes.n > 1 && k < m->axes.at[i].primes.n;
             k++) {
            const uint32_t one = m->axes.at[i].primes.at[k];
            for (unsigned from = 0; from < 2 && !done[one]; from++) {
                probe_one(p, facts, one, from);
            }
            done[one] = true;
        }
    }
}

void probe_run(context *cx, const mapping *m, probe_result *out)
{
    *out = (probe_result){0};
    prober p = {cx, m, out, NEW_N(cx->arena, bool, m->rules.n + 1)};
    const facts_list facts = facts_reachable(cx, m);
    if (m->is_merge) {
        probe_merge(cx, m, &facts, out);
        return;
    }
    for (size_t i = 0; m->rules.n > 0 && i < facts.n; i++) {
        probe_sized(&p, facts.at[i]);
    }
    if (m->rules.n > 0 && facts.n == 0) {
        probe_sized(&p, NULL);
    }
    for (size_t r = 0; r < m->rules.n; r++) {
        const map_rule *rule = &m->rules.at[r];
        out->n_probed += p.reached[r];
        if (!p.reached[r]) {
            vec_push(
                cx->arena, &out->not_probed,
                rule->alternative == NULL
                    ? rule->name
                    : arena_printf(cx->arena, "%s.%s", rule->name, rule->alternative));
        }
    }
}
