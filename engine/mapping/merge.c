/* Merge files: updates, and `each` over the base's linear maps. */
#include <string.h>

#include "mapping/check.h"

/* What an update inherits from the `each` around it. */
typedef struct each_scope {
    const item *each; /* or NULL */
    strmap *locals;   /* values of one module -> index in local_is */
    VEC(const expr *) local_is;
    VEC(const item *) axes; /* sizes of one module's axes */
} each_scope;

/* ---- values of one module -----------------------------------------------------------
 */

/* Put the definitions of local values in place of their names. */
static const expr *inlined(check *ck, const each_scope *es, const expr *e)
{
    uint64_t i;
    if (e == NULL || es->each == NULL) {
        return e;
    }
    if (e->kind == EXPR_PATH) {
        return strmap_get(es->locals, e->s, &i) ? es->local_is.at[i] : e;
    }
    bool changed = false;
    expr *out = NEW(ck->a, expr);
    *out = *e;
    out->kid = (expr_list){0};
    for (size_t k = 0; k < e->kid.n; k++) {
        const expr *kid = inlined(ck, es, e->kid.at[k]);
        changed = changed || kid != e->kid.at[k];
        vec_push(ck->a, &out->kid, kid);
    }
    return changed ? out : e;
}

static void add_local(check *ck, each_scope *es, const item *it)
{
    const define_item *d = &it->u.define;
    if (d->is.n != 1) {
        complain(ck, "defined-twice", it->at,
                 "a value of one module has one expression");
        return;
    }
    if (strmap_has(ck->names, d->name) ||
        !strmap_add(es->locals, d->name, es->local_is.n)) {
        complain(ck, "name-twice", it->at, "`%s` is declared twice", d->name);
        return;
    }
    vec_push(ck->a, &es->local_is, inlined(ck, es, d->is.at[0]));
}

/* ---- one update
 * ---------------------------------------------------------------------- */

static const block_scope *with_guard(check *ck, const block_scope *b, const expr *when)
{
    if (when == NULL) {
        return b;
    }
    /* a block without names, for its guard */
    static const template no_prefix;
    block_scope *inner = NEW(ck->a, block_scope);
    *inner = (block_scope){b, {&no_prefix, &no_prefix}, when};
    return inner;
}

static void check_role(check *ck, const tensor_ref *ref)
{
    if (strcmp(ref->role, "adapter") != 0) {
        diag *dg =
            complain(ck, "wrong-kind", ref->at,
                     "an update changes tensors of the base by tensors of the adapter");
        diag_help(dg, "write `base T [..] += ... * adapter A [..]`");
    }
}

static void add_each(check *ck, rule_scope *scope, const block_scope *b,
                     const item *each, map_update *u)
{
    const each_item *ei = &each->u.each;
    map_name *name = NEW(ck->a, map_name);
    full_template t;
    template_full(ck, b, LEFT, ei->name, &t);
    if (t.holes.n > 0) {
        complain(ck, "bad-each", ei->name->at,
                 "the name that `each` runs over can't have alternatives");
        return;
    }
    template_name(ck, scope, &t, 0, name);
    u->each = name;
    u->each_dims = dims_resolve(ck, scope, ei->dims, false);
    scope->in_each = true;
    for (size_t i = 0; i < ei->except.n; i++) {
        template_full(ck, b, LEFT, ei->except.at[i], &t);
        for (size_t k = 0; k < t.n_picks; k++) {
            rule_scope apart = {0};
            map_name *but = NEW(ck->a, map_name);
            template_name(ck, &apart, &t, k, but);
            name_settle(ck, &apart, but);
            vec_push(ck->a, &u->except, but);
        }
    }
    name_settle(ck, scope, name);
}

static void add_scalar(check *ck, const rule_scope *scope, const expr *e, map_update *u)
{
    const name_scope names = {.captures = &scope->captures, .both = true};
    expr_check(ck, e, &names);
    const map_factor f = {.scalar = e};
    vec_push(ck->a, &u->factors, f);
}

/* What stands behind the factors, and the sizes that the `each` block tells. */
static void add_how(check *ck, const rule_scope *scope, const each_scope *es,
                    const update_item *ui, map_update *u)
{
    const name_scope names = {.captures = &scope->captures, .both = true};
    if (ui->how.rows != NULL) {
        u->rows = inlined(ck, es, ui->how.rows);
        expr_check(ck, u->rows, &names);
    }
    for (size_t i = 0; i < es->axes.n; i++) {
        const define_item *d = &es->axes.at[i]->u.define;
        const map_local l = {axis_need(ck, d->name, es->axes.at[i]->at),
                             inlined(ck, es, d->is.at[0]), es->axes.at[i]->at};
        expr_check(ck, l.size, &names);
        vec_push(ck->a, &u->locals, l);
    }
}

static bool build_update(check *ck, const item *it, const block_scope *b,
                         const each_scope *es, const tensor_set *set, size_t k)
{
    const update_item *ui = &it->u.update;
    const size_t before = n_errors(ck);
    rule_scope scope = {0};
    map_update u = {.name = ui->name,
                    .at = it->at,
                    .optional = ui->optional,
                    .replace = ui->replace};
    pick p;
    template_pick(ck, &set->names.at[0], k, &p);
    u.optional = u.optional || p.optional;
    if (es->each != NULL) {
        add_each(ck, &scope, b, es->each, &u);
    }
    set_tensor(ck, &scope, set, 0, k, &u.target);
    map_tensor **tensors = NEW_N(ck->a, map_tensor *, set->refs.n + 1);
    for (size_t i = 1; i < set->refs.n; i++) {
        tensors[i - 1] = NEW(ck->a, map_tensor);
        set_tensor(ck, &scope, set, i, k, tensors[i - 1]);
        tensors[i - 1]->role = RIGHT;
    }
    name_settle(ck, &scope, &u.target.name);
    size_t n = 0;
    for (size_t i = 0; i < ui->factors.n; i++) {
        const factor *f = &ui->factors.at[i];
        if (f->tensor == NULL) {
            add_scalar(ck, &scope, inlined(ck, es, f->scalar), &u);
            continue;
        }
        name_settle(ck, &scope, &tensors[n]->name);
        const map_factor mf = {.tensor = tensors[n++]};
        vec_push(ck->a, &u.factors, mf);
    }
    if (ui->how.norm != NULL) {
        name_settle(ck, &scope, &tensors[n]->name);
        u.norm = tensors[n];
    }
    add_how(ck, &scope, es, ui, &u);
    /* the target has all parts; which of them a term reaches is told by its factors */
    const map_tensor **parts = NEW_N(ck->a, const map_tensor *, set->refs.n);
    memcpy(parts, tensors, sizeof *parts * (set->refs.n - 1));
    parts_check(ck, &scope, parts, set->refs.n - 1);
    expr_list guards = {0};
    guards_gather(ck, &scope, b, inlined(ck, es, ui->when), p.when, &guards);
    VEC_SET(u.guards, guards);
    VEC_SET(u.captures, scope.captures);
    u.n_parts = scope.n_parts;
    if (n_errors(ck) == before) {
        update_check(ck, &u);
    }
    vec_push(ck->a, &ck->m->updates, u);
    return n_errors(ck) == before;
}

static void expand_update(check *ck, const item *it, const block_scope *b,
                          const each_scope *es)
{
    const update_item *ui = &it->u.update;
    tensor_set set = {0};
    set_add(ck, &set, b, &ui->target, LEFT);
    for (size_t i = 0; i < ui->factors.n; i++) {
        if (ui->factors.at[i].tensor != NULL) {
            check_role(ck, ui->factors.at[i].tensor);
            set_add(ck, &set, b, ui->factors.at[i].tensor, RIGHT);
        }
    }
    if (ui->how.norm != NULL) {
        check_role(ck, ui->how.norm);
        set_add(ck, &set, b, ui->how.norm, RIGHT);
    }
    if (!set_parallel(ck, &set)) {
        return;
    }
    if (es->each != NULL) {
        b = with_guard(ck, b, inlined(ck, es, es->each->u.each.when));
    }
    for (size_t k = 0; k < set.n_picks; k++) {
        if (!build_update(ck, it, b, es, &set, k)) {
            return;
        }
    }
}

static void expand_each(check *ck, const item *each, const block_scope *b)
{
    each_scope es = {.each = each, .locals = strmap_new(ck->a)};
    const item_list *items = &each->u.each.items;
    for (size_t i = 0; i < items->n; i++) {
        const item *it = items->at[i];
        if (it->kind == ITEM_VALUE) {
            add_local(ck, &es, it);
        } else if (it->kind == ITEM_AXIS && it->u.define.is.n == 1) {
            vec_push(ck->a, &es.axes, it);
        } else if (it->kind == ITEM_AXIS) {
            complain(ck, "bad-each", it->at,
                     "the size of one module's axis is told by one expression");
        }
    }
    for (size_t i = 0; i < items->n; i++) {
        const item *it = items->at[i];
        if (it->kind == ITEM_UPDATE) {
            expand_update(ck, it, b, &es);
        }
    }
}

/* Is every capture of the name made among those of the name read? */
static bool captures_within(const map_name *made, const map_name *read)
{
    for (size_t i = 0; i < made->segs.n; i++) {
        bool found = made->segs.at[i].capture == UINT32_MAX;
        for (size_t k = 0; k < read->segs.n; k++) {
            found = found || read->segs.at[k].capture == made->segs.at[i].capture;
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

static void expand_spelling(check *ck, const item *it, const block_scope *b)
{
    const names_item *ni = &it->u.names;
    rule_scope scope = {.in_each = true}; /* one name may say `{m}` for `{m...}` */
    map_spelling s = {.at = it->at};
    unsigned side;
    if (!side_resolve(ck, ni->side, it->at, &side) || side != RIGHT) {
        complain(ck, "wrong-kind", it->at, "only the adapter's names have spellings");
        return;
    }
    for (size_t i = 0; i < ni->names.n; i++) {
        full_template t;
        map_name name;
        template_full(ck, b, RIGHT, ni->names.at[i], &t);
        if (t.holes.n > 0) {
            complain(ck, "bad-spelling", t.at,
                     "write each spelling as a name of its own, without alternatives");
            return;
        }
        template_name(ck, &scope, &t, 0, &name);
        vec_push(ck->a, &s.names, name);
    }
    for (size_t i = 0; i < s.names.n; i++) {
        name_settle(ck, &scope, &s.names.at[i]);
        if (!captures_within(&s.names.at[0], &s.names.at[i])) {
            complain(ck, "unbound-capture", s.names.at[i].at,
                     "the first spelling has a capture that this one lacks");
        }
    }
    VEC_SET(s.captures, scope.captures);
    vec_push(ck->a, &ck->m->spellings, s);
}

/* A name of a tie; false: reported. */
static bool tie_name(check *ck, const block_scope *b, rule_scope *scope,
                     const template *as, map_name *out)
{
    full_template t;
    template_full(ck, b, LEFT, as, &t);
    if (t.holes.n > 0) {
        complain(ck, "bad-tie", t.at, "write each name of a tie without alternatives");
        return false;
    }
    template_name(ck, scope, &t, 0, out);
    name_settle(ck, scope, out);
    return true;
}

static void expand_tie(check *ck, const item *it, const block_scope *b)
{
    const tie_names_item *ti = &it->u.tie_names;
    rule_scope scope = {.in_each = true};
    const name_scope none = {0};
    map_tie tie = {.at = it->at, .by = ti->by, .when = ti->when};
    if (!side_resolve(ck, ti->side, it->at, &tie.side) ||
        !tie_name(ck, b, &scope, ti->name, &tie.name)) {
        return;
    }
    if (scope.captures.n > 0 || tie.side != LEFT) {
        complain(ck, "bad-tie", it->at,
                 "what is tied is one tensor of the base, without captures");
        return;
    }
    if (tie_name(ck, b, &scope, ti->to, &tie.to_name) &&
        expr_check(ck, ti->by, &none) != 1u << LEFT) {
        complain(ck, "two-sides", ti->by->at,
                 "the flag of a tie must be a field of the base");
    }
    if (ti->when != NULL) {
        const name_scope both = {.both = true};
        expr_check(ck, ti->when, &both);
    }
    VEC_SET(tie.captures, scope.captures);
    vec_push(ck->a, &ck->m->ties, tie);
}

static void expand_item(check *ck, const item *it, const block_scope *b,
                        const origin *from)
{
    const each_scope none = {0};
    (void)from;
    switch ((int)it->kind) {
    case ITEM_UPDATE: expand_update(ck, it, b, &none); break;
    case ITEM_EACH: expand_each(ck, it, b); break;
    case ITEM_DROP: expand_drop(ck, it, b); break;
    case ITEM_SPELLED_NAMES: expand_spelling(ck, it, b); break;
    case ITEM_TIE_NAMES: expand_tie(ck, it, b); break;
    default: break;
    }
}

void expand_merge(check *ck)
{
    walk_items(ck, expand_item);
}
