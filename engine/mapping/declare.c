/* Axes, values, choices and lets: names and ids first, then what they mean. */
#include <string.h>

#include "mapping/check.h"

/* ---- names -------------------------------------------------------------------- */

static bool new_name(check *ck, const char *name, where at)
{
    uint64_t i;
    if (strmap_get(ck->names, name, &i)) {
        diag *dg = complain(ck, "name-twice", at, "`%s` is declared twice", name);
        diag_label(dg, ck->name_at.at[i], "first here");
        diag_help(
            dg, "%s",
            at.src == ck->name_at.at[i].src
                ? "rename one, or join the two lines"
                : "to replace what a used file declares, name it after `without`");
        return false;
    }
    if (side_named(ck->m, name, &(unsigned){0})) {
        complain(ck, "name-twice", at, "`%s` is the name of a side", name);
        return false;
    }
    strmap_add(ck->names, name, ck->name_at.n);
    vec_push(ck->a, &ck->name_at, at);
    return true;
}

static uint32_t add_axis(check *ck, const char *name, where at, bool declared)
{
    const uint32_t id = (uint32_t)ck->m->axes.n;
    const map_axis ax = {.name = name, .at = at, .declared = declared};
    vec_push(ck->a, &ck->m->axes, ax);
    strmap_add(ck->m->axis_by_name, name, id);
    return id;
}

uint32_t axis_need(check *ck, const char *name, where at)
{
    const uint32_t id = mapping_axis(ck->m, name);
    return id != NO_AXIS ? id : add_axis(ck, name, at, false);
}

static void declare_choice(check *ck, const let_item *li, where at)
{
    map_choice c = {.name = li->name, .at = at, .of_roots = !li->alts.at[0].quoted};
    int root_side = -1;
    for (size_t i = 0; i < li->alts.n; i++) {
        const alternative *alt = &li->alts.at[i];
        if (alt->quoted == c.of_roots) {
            complain(ck, "bad-choice", alt->at,
                     "a choice is either of texts in quotes or of config roots");
            return;
        }
        vec_push(ck->a, &c.texts, alt->text);
        if (!c.of_roots) {
            continue;
        }
        unsigned side;
        const size_t n = strcspn(alt->text, ".");
        if (!side_named(ck->m, arena_strndup(ck->a, alt->text, n), &side) ||
            (root_side >= 0 && root_side != (int)side)) {
            diag *dg = complain(ck, "bad-choice", alt->at,
                                "`%s` is no record of one side's config", alt->text);
            diag_help(dg, "write `%s.NAME | %s`; a text in a name stands in quotes",
                      side_shown(ck->m, LEFT), side_shown(ck->m, LEFT));
            return;
        }
        root_side = (int)side;
    }
    strmap_add(ck->m->choice_by_name, li->name, ck->m->choices.n);
    vec_push(ck->a, &ck->m->choices, c);
    vec_push(ck->a, &ck->root_side, root_side);
}

static void declare_name(check *ck, const item *it, const block_scope *b,
                         const origin *from)
{
    (void)b;
    (void)from;
    switch ((int)it->kind) {
    case ITEM_AXIS:
        if (new_name(ck, it->u.define.name, it->at)) {
            add_axis(ck, it->u.define.name, it->at, true);
        }
        break;
    case ITEM_VALUE:
        if (new_name(ck, it->u.define.name, it->at)) {
            const map_value v = {.name = it->u.define.name, .at = it->at};
            strmap_add(ck->m->value_by_name, v.name, ck->m->values.n);
            vec_push(ck->a, &ck->m->values, v);
        }
        break;
    case ITEM_LET:
        if (new_name(ck, it->u.let.name, it->at)) {
            strmap_add(ck->lets, it->u.let.name, ck->let_items.n);
            vec_push(ck->a, &ck->let_items, &it->u.let);
        }
        break;
    case ITEM_CHOICE:
        if (new_name(ck, it->u.let.name, it->at)) {
            declare_choice(ck, &it->u.let, it->at);
        }
        break;
    default: break;
    }
}

static void declare_rule_name(check *ck, const char *name, where at)
{
    uint64_t i;
    if (strmap_get(ck->rules, name, &i)) {
        diag *dg = complain(ck, "rule-twice", at, "there are two rules `%s`", name);
        diag_label(dg, ck->rule_at.at[i], "first here");
        diag_help(dg,
                  "rename one; to replace a rule of a used file write `use ... without "
                  "%s`",
                  name);
        return;
    }
    strmap_add(ck->rules, name, ck->rule_at.n);
    vec_push(ck->a, &ck->rule_at, at);
}

/* ---- composites ---------------------------------------------------------------- */

/* A product of two or more bare names: `g * r`. */
static bool is_product(const check *ck, const expr *e)
{
    if (e->kind == EXPR_PATH) {
        return strchr(e->s, '.') == NULL && !strmap_has(ck->m->value_by_name, e->s);
    }
    return e->kind == EXPR_BINARY && e->op == OP_MUL && is_product(ck, e->kid.at[0]) &&
           is_product(ck, e->kid.at[1]);
}

static bool is_composite(const check *ck, const expr *e)
{
    return e->kind == EXPR_BINARY && is_product(ck, e);
}

static void need_factors(check *ck, const expr *e)
{
    if (e->kind == EXPR_PATH) {
        axis_need(ck, e->s, e->at);
        return;
    }
    need_factors(ck, e->kid.at[0]);
    need_factors(ck, e->kid.at[1]);
}

static const expr *composite_of(const check *ck, const define_item *d)
{
    for (size_t i = 0; i < d->is.n; i++) {
        if (is_composite(ck, d->is.at[i])) {
            return d->is.at[i];
        }
    }
    return NULL;
}

static void declare_factors(check *ck, const item *it, const block_scope *b,
                            const origin *from)
{
    (void)b;
    (void)from;
    if (it->kind == ITEM_AXIS && composite_of(ck, &it->u.define) != NULL) {
        need_factors(ck, composite_of(ck, &it->u.define));
    }
}

typedef struct expansion {
    check *ck;
    const expr **product; /* by axis id: the composite's expression, or NULL */
    unsigned char *state; /* by axis id: 0 new, 1 open, 2 done */
} expansion;

static bool expand_axis(expansion *x, uint32_t id);

static bool expand_product(expansion *x, const expr *e, uint32_t into)
{
    if (e->kind == EXPR_BINARY) {
        return expand_product(x, e->kid.at[0], into) &&
               expand_product(x, e->kid.at[1], into);
    }
    check *ck = x->ck;
    const uint32_t id = mapping_axis(ck->m, e->s);
    if (!expand_axis(x, id)) {
        return false;
    }
    map_axis *to = &ck->m->axes.at[into];
    const map_axis *from = &ck->m->axes.at[id];
    const size_t n = x->product[id] != NULL ? from->primes.n : 1;
    for (size_t i = 0; i < n; i++) {
        const uint32_t prime = x->product[id] != NULL ? from->primes.at[i] : id;
        for (size_t k = 0; k < to->primes.n; k++) {
            if (to->primes.at[k] == prime) {
                diag *dg = complain(ck, "axis-twice", e->at,
                                    "axis `%s` stands twice in the product `%s`",
                                    ck->m->axes.at[prime].name, to->name);
                diag_help(dg, "give the second one a name: `axis %s2 = %s`",
                          ck->m->axes.at[prime].name, ck->m->axes.at[prime].name);
                return false;
            }
        }
        vec_push(ck->a, &to->primes, prime);
    }
    return true;
}

static bool expand_axis(expansion *x, uint32_t id)
{
    if (x->product[id] == NULL || x->state[id] == 2) {
        return true;
    }
    map_axis *ax = &x->ck->m->axes.at[id];
    if (x->state[id] == 1) {
        complain(x->ck, "cycle", ax->at, "axis `%s` is a product that contains itself",
                 ax->name);
        return false;
    }
    x->state[id] = 1;
    const bool good = expand_product(x, x->product[id], id);
    x->state[id] = 2;
    if (!good) { /* a prime stands for it: what hangs on it can still be checked */
        ax->primes.n = 0;
        x->product[id] = NULL;
    }
    return true;
}

/* ---- what the lines say -------------------------------------------------------- */

/* Sort the expressions of an axis or value line into both sides and the side-free one.
 */
static void define(check *ck, const define_item *d, const expr *skip,
                   const expr *read[2], const expr **is)
{
    const name_scope scope = {0};
    for (size_t i = 0; i < d->is.n; i++) {
        const expr *e = d->is.at[i];
        if (e == skip) {
            continue;
        }
        const unsigned sides = expr_check(ck, e, &scope);
        const expr **to = sides == 0 ? is : sides == 1 ? &read[LEFT] : &read[RIGHT];
        if (sides != 3u && *to != NULL) {
            diag *dg =
                complain(ck, "defined-twice", e->at, "`%s` has two expressions %s%s",
                         d->name, sides == 0 ? "that name no side" : "for ",
                         sides == 0 ? "" : side_shown(ck->m, sides - 1));
            diag_label(dg, (*to)->at, "the other one");
            diag_help(dg, "join them by `??` or a condition");
        } else if (sides != 3u) {
            *to = e;
        }
    }
    /* `axis x = hf.extra = 0`: what names no side stands for the other side */
    if (d->is.n == 2 && skip == NULL && *is != NULL &&
        (read[LEFT] == NULL) != (read[RIGHT] == NULL)) {
        read[read[LEFT] == NULL ? LEFT : RIGHT] = *is;
        *is = NULL;
    }
}

static bool same_place(where x, where y)
{
    return x.src == y.src && x.lo == y.lo;
}

static void define_item_names(check *ck, const item *it, const block_scope *b,
                              const origin *from)
{
    (void)b;
    (void)from;
    const define_item *d = &it->u.define;
    uint64_t id;
    if (it->kind == ITEM_AXIS && strmap_get(ck->m->axis_by_name, d->name, &id) &&
        same_place(ck->m->axes.at[id].at, it->at)) {
        map_axis *ax = &ck->m->axes.at[id];
        const expr *product = composite_of(ck, d);
        define(ck, d, product, ax->read, &ax->size);
    } else if (it->kind == ITEM_VALUE &&
               strmap_get(ck->m->value_by_name, d->name, &id) &&
               same_place(ck->m->values.at[id].at, it->at)) {
        map_value *v = &ck->m->values.at[id];
        define(ck, d, NULL, v->read, &v->is);
    }
}

/* ---- cycles --------------------------------------------------------------------- */

typedef struct cycles {
    check *ck;
    unsigned side;
    unsigned char *open[2]; /* axes, values: 0 new, 1 open, 2 done */
} cycles;

static void visit(cycles *c, unsigned kind, uint64_t id);

static void visit_expr(cycles *c, const expr *e)
{
    uint64_t id;
    if (e->kind == EXPR_PATH && strmap_get(c->ck->m->value_by_name, e->s, &id)) {
        visit(c, 1, id);
    } else if (e->kind == EXPR_PATH && strmap_get(c->ck->m->axis_by_name, e->s, &id)) {
        visit(c, 0, id);
    }
    for (size_t i = 0; i < e->kid.n; i++) {
        visit_expr(c, e->kid.at[i]);
    }
}

static void visit(cycles *c, unsigned kind, uint64_t id)
{
    const mapping *m = c->ck->m;
    const map_axis *ax = kind == 0 ? &m->axes.at[id] : NULL;
    const map_value *v = kind == 1 ? &m->values.at[id] : NULL;
    /* an axis with a reading may be found without its equation; a product too */
    const expr *e = NULL;
    if (ax != NULL && ax->primes.n == 0 && ax->read[0] == NULL && ax->read[1] == NULL) {
        e = ax->size;
    } else if (v != NULL) {
        e = v->read[c->side] != NULL ? v->read[c->side] : v->is;
    }
    if (e == NULL || c->open[kind][id] == 2) {
        return;
    }
    if (c->open[kind][id] == 1) {
        complain(c->ck, "cycle", e->at, "`%s` is defined by itself",
                 ax != NULL ? ax->name : v->name);
        c->open[kind][id] = 2;
        return;
    }
    c->open[kind][id] = 1;
    visit_expr(c, e);
    c->open[kind][id] = 2;
}

static void find_cycles(check *ck)
{
    const size_t before = n_errors(ck);
    for (unsigned side = LEFT; side <= RIGHT && n_errors(ck) == before; side++) {
        cycles c = {.ck = ck, .side = side};
        c.open[0] = NEW_N(ck->a, unsigned char, ck->m->axes.n + 1);
        c.open[1] = NEW_N(ck->a, unsigned char, ck->m->values.n + 1);
        for (size_t i = 0; i < ck->m->axes.n; i++) {
            visit(&c, 0, i);
        }
        for (size_t i = 0; i < ck->m->values.n; i++) {
            visit(&c, 1, i);
        }
    }
}

/* ---- the pass ------------------------------------------------------------------- */

static void declare_dims(check *ck, const item *it, const block_scope *b,
                         const origin *from)
{
    switch ((int)it->kind) {
    case ITEM_RULE:
        declare_rule_name(ck, it->u.rule.name, it->at);
        for (size_t i = 0; i < it->u.rule.left.n; i++) {
            dims_declare(ck, it->u.rule.left.at[i].dims);
        }
        for (size_t i = 0; i < it->u.rule.right.n; i++) {
            dims_declare(ck, it->u.rule.right.at[i].dims);
        }
        scale_declare(ck, it->u.rule.times);
        break;
    case ITEM_UPDATE:
        declare_rule_name(ck, it->u.update.name, it->at);
        dims_declare(ck, it->u.update.target.dims);
        for (size_t i = 0; i < it->u.update.factors.n; i++) {
            if (it->u.update.factors.at[i].tensor != NULL) {
                dims_declare(ck, it->u.update.factors.at[i].tensor->dims);
            }
        }
        if (it->u.update.how.norm != NULL) {
            dims_declare(ck, it->u.update.how.norm->dims);
        }
        break;
    case ITEM_EACH:
        dims_declare(ck, it->u.each.dims);
        walk_list(ck, &it->u.each.items, b, from, declare_dims);
        break;
    case ITEM_MAKE: dims_declare(ck, it->u.make.dims); break;
    default: break;
    }
}

void declare_all(check *ck)
{
    walk_items(ck, declare_name);
    walk_items(ck, declare_factors);
    walk_items(ck, declare_dims);
    expansion x = {.ck = ck};
    const size_t n = ck->m->axes.n;
    x.product = NEW_N(ck->a, const expr *, n + 1);
    x.state = NEW_N(ck->a, unsigned char, n + 1);
    for (size_t i = 0; i < ck->items.n; i++) {
        const item *it = ck->items.at[i].it;
        if (it->kind == ITEM_AXIS) {
            const uint32_t id = mapping_axis(ck->m, it->u.define.name);
            if (id != NO_AXIS && x.product[id] == NULL) {
                x.product[id] = composite_of(ck, &it->u.define);
            }
        }
    }
    for (uint32_t id = 0; id < n; id++) {
        expand_axis(&x, id);
    }
    walk_items(ck, define_item_names);
    find_cycles(ck);
}
