/* Rules, drops and makes: one for each alternative of their names. */
#include <string.h>

#include "mapping/check.h"

#define MAX_PICKS 256

static bool too_many(check *ck, const full_template *t)
{
    if (t->n_picks > MAX_PICKS) {
        complain(ck, "alternatives-differ", t->at,
                 "the holes of this name multiply out to more than %d names",
                 MAX_PICKS);
        return true;
    }
    return false;
}

void set_add(check *ck, tensor_set *set, const block_scope *b, const tensor_ref *ref,
             unsigned side)
{
    full_template t;
    template_full(ck, b, side, ref->name, &t);
    vec_push(ck->a, &set->refs, ref);
    vec_push(ck->a, &set->names, t);
    set->n_picks = t.n_picks > set->n_picks ? t.n_picks : set->n_picks;
}

bool set_parallel(check *ck, const tensor_set *set)
{
    for (size_t i = 0; i < set->names.n; i++) {
        const full_template *x = &set->names.at[0], *y = &set->names.at[i];
        if (too_many(ck, y)) {
            return false;
        }
        if (ck->m->is_merge && x->holes.n == 0) {
            continue; /* one target, several names of its factors */
        }
        if (x->n_picks != y->n_picks || (x->holes.n == 0) != (y->holes.n == 0)) {
            diag *dg = complain(ck, "alternatives-differ", y->at,
                                "the names of a rule need equally many alternatives");
            diag_label(dg, x->at, "%zu here", x->holes.n == 0 ? (size_t)1 : x->n_picks);
            diag_help(dg, "alternatives are taken in parallel: the first of each name "
                          "together, then the second");
            return false;
        }
        for (size_t k = 0; k < x->n_picks; k++) {
            pick p, q;
            template_pick(ck, x, k, &p);
            template_pick(ck, y, k, &q);
            if (p.optional != q.optional || !expr_same(p.when, q.when)) {
                diag *dg =
                    complain(ck, "guard-one-side", y->at,
                             "alternative `%s` is there under other conditions than "
                             "`%s` of the same rule",
                             q.text, p.text);
                diag_label(dg, x->at, "the other name");
                diag_help(dg, "write the same `?` or `when` in both names");
                return false;
            }
        }
    }
    return true;
}

/* ---- one rule ------------------------------------------------------------------- */

void set_tensor(check *ck, rule_scope *scope, const tensor_set *set, size_t i, size_t k,
                map_tensor *out)
{
    const tensor_ref *ref = set->refs.at[i];
    const full_template *t = &set->names.at[i];
    pick p;
    template_pick(ck, t, k, &p);
    *out = (map_tensor){.at = ref->at, .label = ref->label, .same_in = UINT32_MAX};
    template_name(ck, scope, t, k, &out->name);
    out->dims = dims_resolve(ck, scope, ref->dims, p.is_bias);
    if (ref->dims->any && !ck->m->is_merge) {
        complain(ck, "bad-dim", ref->dims->at,
                 "a rule says the dims of its tensors; `[...]` is for replacements");
    }
    if (ref->same_in == NULL) {
        return;
    }
    for (size_t j = 0; j < out->name.segs.n; j++) {
        const uint32_t c = out->name.segs.at[j].capture;
        if (c != UINT32_MAX && strcmp(scope->captures.at[c].name, ref->same_in) == 0) {
            out->same_in = c;
            return;
        }
    }
    complain(ck, "unknown-name", ref->at,
             "`same in {%s}`: the name has no capture `{%s}`", ref->same_in,
             ref->same_in);
}

static void add_one_sided(check *ck, const rule_item *ri, map_rule *r)
{
    for (size_t i = 0; i < ri->parts.n; i++) {
        const one_sided *p = &ri->parts.at[i];
        map_one_sided o = {.at = p->at,
                           .kind = p->kind,
                           .label = p->label,
                           .keep = p->keep,
                           .because = p->because};
        if (!side_resolve(ck, p->side, p->at, &o.side)) {
            continue;
        }
        if (p->kind == PART_PAD && !expr_constant(p->fill, &o.fill)) {
            complain(ck, "not-constant", p->fill->at, "a pad is filled with a number");
        }
        vec_push(ck->a, &r->one_sided, o);
    }
}

/* The rule under combination k; false when it can't be built. */
static bool build_rule(check *ck, const item *it, const block_scope *b,
                       const tensor_set *set, size_t k)
{
    const rule_item *ri = &it->u.rule;
    rule_scope scope = {0};
    pick p;
    template_pick(ck, &set->names.at[0], k, &p);
    map_rule r = {.name = ri->name,
                  .alternative = p.text,
                  .at = it->at,
                  .optional = ri->optional || p.optional,
                  .arrow = ri->arrow,
                  .cast = {DT_UNKNOWN, DT_UNKNOWN},
                  .because = ri->because};
    const size_t before = n_errors(ck);
    for (size_t i = 0; i < set->refs.n; i++) {
        map_tensor t;
        set_tensor(ck, &scope, set, i, k, &t);
        vec_push(ck->a, &r.tensors[i < ri->left.n ? LEFT : RIGHT], t);
    }
    const map_tensor **all = NEW_N(ck->a, const map_tensor *, set->refs.n + 1);
    for (size_t i = 0; i < set->refs.n; i++) {
        all[i] = i < ri->left.n ? &r.tensors[LEFT].at[i]
                                : &r.tensors[RIGHT].at[i - ri->left.n];
    }
    for (unsigned side = LEFT; side <= RIGHT; side++) {
        for (size_t i = 0; i < r.tensors[side].n; i++) {
            name_settle(ck, &scope, &r.tensors[side].at[i].name);
        }
    }
    scale_resolve(ck, ri, &scope, b, &r);
    parts_check(ck, &scope, all, set->refs.n);
    expr_list guards = {0};
    guards_gather(ck, &scope, b, ri->when, p.when, &guards);
    VEC_SET(r.guards, guards);
    VEC_SET(r.captures, scope.captures);
    r.n_parts = scope.n_parts;
    add_one_sided(ck, ri, &r);
    op_resolve(ck, ri, &r);
    casts_resolve(ck, ri, &r);
    if (n_errors(ck) == before) {
        atoms_check(ck, &r);
    }
    class_compute(&r);
    vec_push(ck->a, &ck->m->rules, r);
    return n_errors(ck) == before;
}

static void expand_rule(check *ck, const item *it, const block_scope *b)
{
    const rule_item *ri = &it->u.rule;
    tensor_set set = {0};
    for (size_t i = 0; i < ri->left.n; i++) {
        set_add(ck, &set, b, &ri->left.at[i], LEFT);
    }
    for (size_t i = 0; i < ri->right.n; i++) {
        set_add(ck, &set, b, &ri->right.at[i], RIGHT);
    }
    if (!set_parallel(ck, &set)) {
        return;
    }
    for (size_t k = 0; k < set.n_picks; k++) {
        if (!build_rule(ck, it, b, &set, k)) {
            return; /* the other alternatives would say it again */
        }
    }
}

/* ---- drops and makes --------------------------------------------------------------
 */

void expand_drop(check *ck, const item *it, const block_scope *b)
{
    const drop_item *di = &it->u.drop;
    unsigned side;
    if (!side_resolve(ck, di->side, it->at, &side)) {
        return;
    }
    full_template t;
    template_full(ck, b, side, di->name, &t);
    for (size_t k = 0; !too_many(ck, &t) && k < t.n_picks; k++) {
        map_drop d = {.at = it->at,
                      .side = side,
                      .keep = di->keep,
                      .same = di->same,
                      .because = di->because};
        rule_scope scope = {0};
        pick p;
        template_pick(ck, &t, k, &p);
        template_name(ck, &scope, &t, k, &d.name);
        name_settle(ck, &scope, &d.name);
        expr_list guards = {0};
        guards_gather(ck, &scope, b, di->when, p.when, &guards);
        VEC_SET(d.guards, guards);
        VEC_SET(d.captures, scope.captures);
        vec_push(ck->a, &ck->m->drops, d);
    }
}

/* A made tensor exists for each value of its captures, so their range must be known. */
static void check_made_captures(check *ck, const map_make *mk)
{
    for (size_t i = 0; i < mk->captures.n; i++) {
        const map_capture *c = &mk->captures.at[i];
        if (c->axis == NO_AXIS && c->hi == NULL) {
            diag *dg =
                complain(ck, "unbound-capture", mk->name.at,
                         "nothing says for which `{%s}` the tensor is made", c->name);
            diag_help(dg, "declare an axis `%s`, or write `{%s in 0..N}`", c->name,
                      c->name);
        }
    }
}

static void expand_make(check *ck, const item *it, const block_scope *b)
{
    const make_item *mi = &it->u.make;
    unsigned side;
    if (!side_resolve(ck, mi->side, it->at, &side)) {
        return;
    }
    full_template t;
    template_full(ck, b, side, mi->name, &t);
    for (size_t k = 0; !too_many(ck, &t) && k < t.n_picks; k++) {
        map_make mk = {.at = it->at, .side = side, .because = mi->because};
        rule_scope scope = {0};
        pick p;
        template_pick(ck, &t, k, &p);
        template_name(ck, &scope, &t, k, &mk.name);
        name_settle(ck, &scope, &mk.name);
        mk.dims = dims_resolve(ck, &scope, mi->dims, p.is_bias);
        if (!expr_constant(mi->value, &mk.value)) {
            complain(ck, "not-constant", mi->value->at,
                     "a constant tensor holds a number");
        }
        expr_list guards = {0};
        guards_gather(ck, &scope, b, NULL, p.when, &guards);
        VEC_SET(mk.guards, guards);
        VEC_SET(mk.captures, scope.captures);
        check_made_captures(ck, &mk);
        vec_push(ck->a, &ck->m->makes, mk);
    }
}

static void expand_item(check *ck, const item *it, const block_scope *b,
                        const origin *from)
{
    (void)from;
    switch ((int)it->kind) {
    case ITEM_RULE: expand_rule(ck, it, b); break;
    case ITEM_DROP: expand_drop(ck, it, b); break;
    case ITEM_MAKE: expand_make(ck, it, b); break;
    default: break;
    }
}

void expand_rules(check *ck)
{
    walk_items(ck, expand_item);
}
