/* plan/fill.c -- a target tensor, atom by atom: which source cut holds it, as a piece.
 */
#include <string.h>

#include "mapping/names.h"
#include "plan/apply.h"

/* ---- matching atoms ------------------------------------------------------------ */

/* All axes of a cut: those of its dims, and captures of its side's names. */
typedef struct atom_axes {
    unsigned n;
    uint32_t axis[CUT_MAX_AXES + 8];
} atom_axes;

static atom_axes axes_of(const cut *c, const odometer *own, const map_rule *rule,
                         const map_tensor *t)
{
    atom_axes s = {0};
    for (unsigned i = 0; i < c->n_axes; i++) {
        s.axis[s.n++] = c->axis[i];
    }
    for (size_t i = 0; i < own->n && s.n < CUT_MAX_AXES + 8; i++) {
        const uint32_t capture = own->dial[i].capture;
        if (capture != t->same_in) {
            s.axis[s.n++] = rule->captures.at[capture].axis;
        }
    }
    return s;
}

static bool same_axes(const atom_axes *x, const atom_axes *y)
{
    if (x->n != y->n) {
        return false;
    }
    for (unsigned i = 0; i < x->n; i++) {
        bool found = false;
        for (unsigned j = 0; j < y->n; j++) {
            found = found || x->axis[i] == y->axis[j];
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

static bool same_labels(const cut *x, const cut *y)
{
    if (x->n_labels != y->n_labels) {
        return false;
    }
    for (unsigned i = 0; i < x->n_labels; i++) {
        if (strcmp(x->label[i], y->label[i]) != 0) {
            return false;
        }
    }
    return true;
}

static bool has_label(const cut *c, const char *label)
{
    for (unsigned i = 0; i < c->n_labels; i++) {
        if (strcmp(c->label[i], label) == 0) {
            return true;
        }
    }
    return false;
}

static const map_one_sided *one_sided_of(const map_rule *r, unsigned side, const cut *c)
{
    for (size_t i = 0; i < r->one_sided.n; i++) {
        if (r->one_sided.at[i].side == side && has_label(c, r->one_sided.at[i].label)) {
            return &r->one_sided.at[i];
        }
    }
    return NULL;
}

/* ---- pieces -------------------------------------------------------------------- */

static int64_t stride_of(const cut *c, uint32_t axis, bool *found)
{
    for (unsigned i = 0; i < c->n_axes; i++) {
        if (c->axis[i] == axis) {
            *found = true;
            return c->stride[i];
        }
    }
    *found = false;
    return 0;
}

/* Offset that the fixed captures `own` of one side contribute on the other side's cut.
 */
static int64_t fixed_offset(const odometer *own, const map_rule *rule,
                            const int64_t *numbers, const cut *other)
{
    int64_t offset = 0;
    for (size_t i = 0; i < own->n; i++) {
        bool found;
        const int64_t stride =
            stride_of(other, rule->captures.at[own->dial[i].capture].axis, &found);
        if (found) {
            offset += (numbers[own->dial[i].capture] - own->dial[i].lo) * stride;
        }
    }
    return offset;
}

/* The box of all axes that both cuts have in their dims. */
static bool box_of_axes(const applier *ap, const cut *src, const cut *dst,
                        axis_box *box)
{
    piece *out = &box->p;
    *out = (piece){.src_offset = src->offset, .dst_offset = dst->offset, .src = 0};
    for (unsigned i = 0; i < dst->n_axes; i++) {
        bool found;
        const int64_t stride = stride_of(src, dst->axis[i], &found);
        if (!found) {
            continue;
        }
        if (out->n == PIECE_MAX_DIMS) {
            return false;
        }
        box->axis[out->n] = dst->axis[i];
        out->size[out->n] = ap->v->size[dst->axis[i]];
        out->dst_stride[out->n] = dst->stride[i];
        out->src_stride[out->n++] = stride;
    }
    return true;
}

/* A cut of one tensor as a box over itself: for fills, kept parts and conditions. */
static piece self_piece(const applier *ap, const cut *c, uint32_t src, double fill)
{
    axis_box box;
    box_of_axes(ap, c, c, &box);
    box.p.src = src;
    box.p.fill = fill;
    return box.p;
}

static const step *rule_steps(applier *ap, const map_rule *rule, unsigned *n)
{
    *n = 0;
    if (!rule->has_op) {
        return NULL;
    }
    step *s = NEW(ap->cx->arena, step);
    s->kind = STEP_AFFINE;
    s->mul = ap->from == LEFT ? rule->mul : 1 / rule->mul;
    s->add = ap->from == LEFT ? rule->add : -rule->add / rule->mul;
    *n = 1;
    return s;
}

static void add_pieces(applier *ap, plan_tensor *to, piece *outer,
                       const plan_tensor *mid)
{
    if (piece_elems(outer) == 0) {
        return;
    }
    piece_canonical(outer);
    if (!piece_compose(ap->cx->arena, outer, mid->pieces.at, mid->pieces.n, &to->pieces,
                       MAX_PIECES)) {
        diag_report(ap->cx->diags, SEV_ERROR, "too-many-pieces", to->rule_at,
                    "%s falls into more than %d pieces", to->name, (int)MAX_PIECES);
        ap->worst = RT_MISMATCH;
    }
}

/* ---- one target tensor --------------------------------------------------------- */

typedef struct target {
    const instance *x;
    const odometer *src_own, *dst_own;
    const placed *src; /* n_from */
    const char *name;
    plan_tensor t;
} target;

/* The box as it is, or block by block times their scales. */
static void add_box(applier *ap, target *g, size_t combination, axis_box *box,
                    const plan_tensor *mid)
{
    if (g->x->scale == NULL || ap->in->names_only) {
        add_pieces(ap, &g->t, &box->p, mid);
        return;
    }
    int64_t *at = NEW_N(ap->scratch, int64_t, ap->m->axes.n + 1);
    for (size_t i = 0; i < g->dst_own->n; i++) {
        const capture_range *r = &g->dst_own->dial[i];
        const uint32_t axis = g->x->rule->captures.at[r->capture].axis;
        if (axis != NO_AXIS) {
            at[axis] = g->x->numbers[r->capture] - r->lo;
        }
    }
    piece_list boxes = {0};
    if (scale_boxes(ap, g->x, combination, box, at, &boxes)) {
        for (size_t i = 0; i < boxes.n; i++) {
            add_pieces(ap, &g->t, &boxes.at[i], mid);
        }
    }
}

/* Fill `dst` from the source template and cut that hold its atom; false: none does. */
static bool fill_atom(applier *ap, target *g, const placed *at, const cut *dst)
{
    const map_rule *rule = g->x->rule;
    const atom_axes want = axes_of(dst, g->dst_own, rule, at->t);
    for (size_t s = 0; s < g->x->n_from; s++) {
        for (size_t i = 0; i < g->src[s].cuts.n; i++) {
            const cut *src = &g->src[s].cuts.at[i];
            const atom_axes have = axes_of(src, g->src_own, rule, g->src[s].t);
            if (!same_labels(src, dst) || !same_axes(&have, &want)) {
                continue;
            }
            const int64_t fixed = fixed_offset(g->dst_own, rule, g->x->numbers, src);
            const bool replicas = g->src[s].t->same_in != UINT32_MAX;
            for (size_t k = 0; k < g->x->n_combinations; k++) {
                int64_t *numbers = NEW_N(ap->scratch, int64_t, rule->captures.n + 1);
                odometer_set(g->src_own, k, numbers);
                const size_t from = g->x->found[s * g->x->n_combinations + k];
                const plan_tensor *mid = &ap->in->tensors.at[from];
                axis_box box;
                if (!box_of_axes(ap, src, dst, &box)) {
                    return false;
                }
                piece *outer = &box.p;
                outer->src_offset += fixed;
                outer->dst_offset += fixed_offset(g->src_own, rule, numbers, dst);
                outer->steps = rule_steps(ap, rule, &outer->n_steps);
                add_box(ap, g, k, &box, mid);
                g->t.dt = wider_type(g->t.dt, mid->dt);
                g->t.class_of =
                    mid->class_of > g->t.class_of ? mid->class_of : g->t.class_of;
                if (replicas) {
                    break; /* the others are compared, one is taken */
                }
            }
            return true;
        }
    }
    return false;
}

/* A part of the target without partner: its padding, or what was set aside. */
static void fill_one_sided(applier *ap, target *g, const cut *dst)
{
    const map_one_sided *p = one_sided_of(g->x->rule, ap->to, dst);
    piece outer = self_piece(ap, dst, NO_SOURCE, p != NULL ? p->fill : 0);
    if (piece_elems(&outer) == 0) {
        return;
    }
    if (p != NULL && p->kind == PART_PAD) {
        piece_canonical(&outer);
        vec_push(ap->cx->arena, &g->t.pieces, outer);
        return;
    }
    const char *label = p != NULL ? p->label : dst->n_labels > 0 ? dst->label[0] : "";
    const char *name = arena_printf(ap->cx->arena, "%s#%s", g->name, label);
    const plan_tensor *kept = stage_find(ap->kept, name);
    if (kept == NULL || (int64_t)kept->n_elems != piece_elems(&outer)) {
        diag *dg = diag_report(ap->cx->diags, SEV_ERROR, "no-side-car", g->x->rule->at,
                               "part '%s' of %s has no source", label, g->name);
        diag_help(dg, "it is in the side-car file that the conversion away wrote "
                      "(retensor-kept.safetensors); put that beside the weights");
        ap->worst = RT_MISMATCH;
        return;
    }
    int64_t stride = 1; /* a kept part is stored packed, in the order of its dims */
    for (unsigned i = outer.n; i-- > 0;) {
        outer.src_stride[i] = stride;
        stride *= outer.size[i];
    }
    outer.src_offset = 0;
    add_pieces(ap, &g->t, &outer, kept);
}

void fill_target(applier *ap, const instance *x, const placed *src, const placed *at,
                 const odometer *src_own, const odometer *dst_own)
{
    const map_rule *rule = x->rule;
    target g = {.x = x, .src_own = src_own, .dst_own = dst_own, .src = src};
    g.name = name_fill(ap->cx->arena, ap->m, &at->t->name, ap->v->choice, x->numbers,
                       x->words);
    g.t = (plan_tensor){.name = g.name,
                        .dt = DT_UNKNOWN,
                        .rank = at->rank,
                        .n_elems = 1,
                        .alias_of = -1,
                        .class_of = rule->class_of[ap->from],
                        .rule = rule->alternative != NULL
                                    ? arena_printf(ap->cx->arena, "%s.%s", rule->name,
                                                   rule->alternative)
                                    : rule->name,
                        .rule_at = rule->at};
    for (unsigned i = 0; i < at->rank && i < RT_MAX_RANK; i++) {
        g.t.shape[i] = (uint64_t)at->shape[i];
        g.t.n_elems *= (uint64_t)at->shape[i];
    }
    for (size_t i = 0; i < at->cuts.n; i++) {
        if (!fill_atom(ap, &g, at, &at->cuts.at[i])) {
            fill_one_sided(ap, &g, &at->cuts.at[i]);
        }
    }
    if (g.t.dt == DT_UNKNOWN) { /* names only, or nothing but fill */
        g.t.dt = ap->in->tensors.at[x->found[0]].dt;
    }
    settle_type(ap, x, &g.t);
    vec_push(ap->cx->arena, &ap->made, g.t);
}

/* ---- what the read side has and the other has not ------------------------------ */

static void account_source_parts(applier *ap, const instance *x, const placed *src)
{
    for (size_t s = 0; s < x->n_from; s++) {
        for (size_t i = 0; i < src[s].cuts.n; i++) {
            const cut *c = &src[s].cuts.at[i];
            const map_one_sided *p = one_sided_of(x->rule, ap->from, c);
            const plan_tensor *mid =
                &ap->in->tensors.at[x->found[s * x->n_combinations]];
            piece part = self_piece(ap, c, 0, 0);
            if (p == NULL || piece_elems(&part) == 0 || mid->pieces.n == 0) {
                continue;
            }
            if (p->kind == PART_PAD) {
                condition k = {.kind = CONDITION_FILL,
                               .name = mid->name,
                               .label = p->label,
                               .fill = p->fill,
                               .at = p->at};
                piece_compose(ap->cx->arena, &part, mid->pieces.at, mid->pieces.n,
                              &k.pieces, MAX_PIECES);
                vec_push(ap->cx->arena, &ap->acc->conditions, k);
                continue;
            }
            plan_tensor kept = {
                .name = arena_printf(ap->cx->arena, "%s#%s", mid->name, p->label),
                .dt = mid->dt,
                .rank = part.n,
                .alias_of = -1,
                .n_elems = 1,
                .rule = x->rule->name,
                .rule_at = p->at};
            int64_t stride = 1;
            for (unsigned k = part.n; k-- > 0;) {
                part.dst_stride[k] = stride;
                stride *= part.size[k];
                kept.shape[k] = (uint64_t)part.size[k];
                kept.n_elems *= (uint64_t)part.size[k];
            }
            part.dst_offset = 0;
            vec_push(ap->cx->arena, &ap->acc->drops,
                     ((account_drop){kept.name, p->because, p->keep, p->at,
                                     p->keep ? EXACT : LOSSY}));
            if (p->keep) {
                piece_compose(ap->cx->arena, &part, mid->pieces.at, mid->pieces.n,
                              &kept.pieces, MAX_PIECES);
                vec_push(ap->cx->arena, &ap->acc->kept, kept);
            }
        }
    }
}

static void account_replicas(applier *ap, const instance *x)
{
    for (size_t s = 0; s < x->n_from; s++) {
        for (size_t k = 1; x->from[s].same_in != UINT32_MAX && k < x->n_combinations;
             k++) {
            const plan_tensor *one =
                &ap->in->tensors.at[x->found[s * x->n_combinations]];
            const plan_tensor *two =
                &ap->in->tensors.at[x->found[s * x->n_combinations + k]];
            vec_push(ap->cx->arena, &ap->acc->conditions,
                     ((condition){.kind = CONDITION_SAME,
                                  .name = one->name,
                                  .other = two->name,
                                  .pieces = one->pieces,
                                  .others = two->pieces,
                                  .at = x->from[s].at}));
        }
    }
}

void account_one_sided(applier *ap, const instance *x, const placed *src)
{
    account_source_parts(ap, x, src);
    account_replicas(ap, x);
}
