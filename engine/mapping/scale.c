/* `times S name [o / b <- i / b]`: the clause's name and blocks, and what it asks of
 * its rule. */
#include "mapping/check.h"

void scale_declare(check *ck, const times_clause *t)
{
    for (size_t i = 0; t != NULL && i < t->blocks.n; i++) {
        const block_dim *d = &t->blocks.at[i];
        if (d->by != NULL) {
            axis_need(ck, d->by, d->at);
        }
    }
}

static bool dim_has(const map_dim *d, uint32_t axis)
{
    bool has = d->kind == DIM_AXIS && d->axis == axis;
    for (size_t i = 0; i < d->kids.n; i++) {
        has = has || dim_has(d->kids.at[i], axis);
    }
    for (size_t i = 0; i < d->parts.n; i++) {
        has = has || dim_has(d->parts.at[i].body, axis);
    }
    return has;
}

static bool tensor_has(const map_tensor *t, uint32_t axis)
{
    bool has = false;
    for (size_t i = 0; i < t->dims->all.n; i++) {
        has = has || dim_has(t->dims->all.at[i], axis);
    }
    return has;
}

static void add_block(check *ck, const block_dim *d, const map_tensor *t, map_scale *s)
{
    map_block b = {NO_AXIS, NO_AXIS, d->by != NULL ? 0 : d->size};
    if (d->axis == NULL && d->size != 1) {
        complain(ck, "bad-dim", d->at, "only 1 can stand as a number in dims");
    }
    if (d->axis != NULL && d->by == NULL && d->size < 1) {
        complain(ck, "bad-dim", d->at, "a block has at least one element");
    }
    if (d->axis != NULL) {
        b.axis = axis_need(ck, d->axis, d->at);
        if (!tensor_has(t, b.axis)) {
            diag *dg = complain(ck, "bad-dim", d->at,
                                "the tensor that is scaled has no axis `%s`", d->axis);
            diag_label(dg, t->dims->at, "its dims");
            diag_help(dg,
                      "a scale stands for blocks of its axes, products taken apart");
        }
    }
    if (d->by != NULL) {
        b.by_axis = axis_need(ck, d->by, d->at);
        if (ck->m->axes.at[b.by_axis].primes.n > 0) {
            complain(ck, "bad-dim", d->at, "`%s` is a product, a block has one size",
                     d->by);
        }
    }
    for (size_t i = 0; i < s->dims.n; i++) {
        if (b.axis != NO_AXIS && s->dims.at[i].axis == b.axis) {
            complain(ck, "axis-twice", d->at, "axis `%s` stands twice in the scale",
                     d->axis);
        }
    }
    vec_push(ck->a, &s->dims, b);
}

/* A quantised tensor can be read, but nothing makes one: the rule goes one way. */
static bool fits_rule(check *ck, const times_clause *t, const map_rule *r,
                      unsigned side)
{
    const rule_arrow away = side == LEFT ? RULE_LEFT_TO_RIGHT : RULE_RIGHT_TO_LEFT;
    if (r->arrow != away) {
        diag *dg = complain(ck, "bad-op", t->at,
                            "a product with scales has no way back to layout %s",
                            ck->m->layout[side]);
        diag_help(dg, "write a one-way rule: %s, and because \"...\"",
                  side == LEFT ? "A -> B" : "A <- B");
        return false;
    }
    if (r->tensors[side].n != 1) {
        complain(ck, "bad-op", t->at,
                 "the rule has %zu tensors of layout %s, a scale belongs to one",
                 r->tensors[side].n, ck->m->layout[side]);
        return false;
    }
    return true;
}

void scale_resolve(check *ck, const rule_item *ri, rule_scope *scope,
                   const block_scope *b, map_rule *r)
{
    const times_clause *t = ri->times;
    full_template name;
    unsigned side;
    if (t == NULL || !side_resolve(ck, t->side, t->at, &side) ||
        !fits_rule(ck, t, r, side)) {
        return;
    }
    map_scale *s = NEW(ck->a, map_scale);
    *s = (map_scale){.at = t->at, .side = side};
    const size_t n_captures = scope->captures.n;
    template_full(ck, b, side, t->name, &name);
    template_name(ck, scope, &name, 0, &s->name);
    name_settle(ck, scope, &s->name);
    if (name.n_picks > 1) {
        complain(ck, "alternatives-differ", name.at, "a scale has one name");
    }
    if (scope->captures.n > n_captures) {
        complain(ck, "unbound-capture", name.at,
                 "`{%s}` is in no name of the tensor that is scaled",
                 scope->captures.at[n_captures].name);
    }
    for (size_t i = 0; i < t->blocks.n; i++) {
        add_block(ck, &t->blocks.at[i], &r->tensors[side].at[0], s);
    }
    r->scale = s;
}
