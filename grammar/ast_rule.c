#include <string.h>

#include "grammar/ast_build.h"

static item *item_new(parse_state *ps, where at, item_kind kind)
{
    item *it = NEW(ps->arena, item);
    it->kind = kind;
    it->at = at;
    return it;
}

const item *ast_item(parse_state *ps, where at, item_kind kind)
{
    return item_new(ps, at, kind);
}

/* ---- rules ------------------------------------------------------------------- */

static void check_tensors(parse_state *ps, const tensor_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        const tensor_ref *t = &list->at[i];
        if (t->role != NULL) {
            diag *dg = ast_error(
                ps, t->at, "'%s' cannot stand before a tensor of a rule", t->role);
            diag_help(dg, "`base` and `adapter` belong to the updates of merge files: "
                          "base T [..] += adapter U [..]");
        }
        if (list->n > 1 && t->label == NULL) {
            diag *dg = ast_error(ps, t->at, "this tensor needs a label");
            diag_help(dg, "a side with several tensors labels them all: %s",
                      "q_proj.weight q: [..]");
        }
    }
}

const item *ast_rule(parse_state *ps, where at, rule_name name, tensor_list left,
                     rule_arrow arrow, tensor_list right, rule_item *clauses)
{
    item *it = item_new(ps, at, ITEM_RULE);
    clauses->name = name.text;
    clauses->optional = name.optional;
    clauses->left = left;
    clauses->right = right;
    clauses->arrow = arrow;
    it->u.rule = *clauses;
    check_tensors(ps, &left);
    check_tensors(ps, &right);
    if (arrow != RULE_BOTH && clauses->because == NULL) {
        diag *dg =
            ast_error(ps, name.at, "the one-way rule '%s' gives no reason", name.text);
        diag_help(dg, "write `<->`, or add: because \"why there is no way back\"");
    }
    return it;
}

rule_item *ast_clauses(parse_state *ps)
{
    return NEW(ps->arena, rule_item);
}

static void once(parse_state *ps, where at, const char *clause, bool given)
{
    if (given) {
        ast_error(ps, at, "this rule has a second `%s`", clause);
    }
}

rule_item *ast_clause_when(parse_state *ps, where at, rule_item *r, const expr *e)
{
    once(ps, at, "when", r->when != NULL);
    r->when = e;
    return r;
}

rule_item *ast_clause_because(parse_state *ps, where at, rule_item *r, const char *why)
{
    once(ps, at, "because", r->because != NULL);
    r->because = why;
    return r;
}

rule_item *ast_clause_with(parse_state *ps, where at, rule_item *r, const char *side,
                           const expr *op, const char *dtype)
{
    once(ps, at, "with", r->op != NULL);
    r->op_side = side;
    r->op = op;
    r->op_dtype = dtype;
    return r;
}

rule_item *ast_clause_cast(parse_state *ps, where at, rule_item *r, const char *side,
                           const char *dtype)
{
    for (size_t i = 0; i < r->casts.n; i++) {
        if (strcmp(r->casts.at[i].side, side) == 0) {
            diag *dg = ast_error(ps, at, "%s has a `cast` already", side);
            diag_label(dg, r->casts.at[i].at, "here");
        }
    }
    vec_push(ps->arena, &r->casts, ((cast_clause){at, side, dtype}));
    return r;
}

block_dim_list ast_blocks(parse_state *ps, block_dim_list l, const char *joint,
                          block_dim b)
{
    b.joint = joint;
    vec_push(ps->arena, &l, b);
    return l;
}

rule_item *ast_clause_times(parse_state *ps, where at, rule_item *r, const char *side,
                            const template *name, block_dim_list blocks)
{
    times_clause *t = NEW(ps->arena, times_clause);
    *t = (times_clause){at, side, name, blocks};
    once(ps, at, "times", r->times != NULL);
    r->times = t;
    return r;
}

static rule_item *add_part(parse_state *ps, rule_item *r, one_sided part)
{
    for (size_t i = 0; i < r->parts.n; i++) {
        const one_sided *other = &r->parts.at[i];
        if (strcmp(other->side, part.side) == 0 &&
            strcmp(other->label, part.label) == 0) {
            diag *dg =
                ast_error(ps, part.at, "the part '%s' of %s has a clause already",
                          part.label, part.side);
            diag_label(dg, other->at, "here");
        }
    }
    vec_push(ps->arena, &r->parts, part);
    return r;
}

rule_item *ast_clause_part(parse_state *ps, where at, rule_item *r, part_kind kind,
                           const char *side, const char *label, bool keep,
                           const char *why)
{
    return add_part(ps, r,
                    (one_sided){.at = at,
                                .kind = kind,
                                .side = side,
                                .label = label,
                                .keep = keep,
                                .because = why});
}

rule_item *ast_clause_pad(parse_state *ps, where at, rule_item *r, const char *side,
                          const char *label, const expr *fill)
{
    return add_part(
        ps, r,
        (one_sided){
            .at = at, .kind = PART_PAD, .side = side, .label = label, .fill = fill});
}

/* ---- blocks, drops, constants, ties ------------------------------------------ */

const item *ast_block(parse_state *ps, where at, where brace, const template *left,
                      const template *right, const expr *when, item_list items)
{
    item *it = item_new(ps, at, ITEM_BLOCK);
    it->brace = brace.hi;
    it->u.block =
        (block_item){.left = left, .right = right, .when = when, .items = items};
    return it;
}

const item *ast_drop(parse_state *ps, where at, const char *side, const template *name,
                     const char *same, const expr *when, bool keep, const char *why)
{
    item *it = item_new(ps, at, ITEM_DROP);
    it->u.drop = (drop_item){.side = side,
                             .name = name,
                             .same = same,
                             .when = when,
                             .keep = keep,
                             .because = why};
    return it;
}

const item *ast_make(parse_state *ps, where at, const char *side, const template *name,
                     const dims *d, const expr *value, const char *why)
{
    item *it = item_new(ps, at, ITEM_MAKE);
    it->u.make = (make_item){
        .side = side, .name = name, .dims = d, .value = value, .because = why};
    return it;
}

const item *ast_tie(parse_state *ps, where at, const char *rule, const char *to,
                    const char *side, const expr *by)
{
    item *it = item_new(ps, at, ITEM_TIE);
    it->u.tie = (tie_item){.rule = rule, .to = to, .side = side, .by = by};
    if (strcmp(rule, to) == 0) {
        ast_error(ps, at, "'%s' is tied to itself", rule);
    }
    return it;
}

const item *ast_tie_names(parse_state *ps, where at, const char *side,
                          const template *name, const template *to, const expr *by,
                          const expr *when)
{
    item *it = item_new(ps, at, ITEM_TIE_NAMES);
    it->u.tie_names =
        (tie_names_item){.side = side, .name = name, .to = to, .by = by, .when = when};
    return it;
}

/* ---- merging ----------------------------------------------------------------- */

factor ast_factor(parse_state *ps, where at, tensor_ref t)
{
    tensor_ref *kept = NEW(ps->arena, tensor_ref);
    *kept = t;
    return (factor){.at = at, .tensor = kept};
}

static void check_word(parse_state *ps, where at, const char *name, const char *want)
{
    if (strcmp(name, want) != 0) {
        ast_error(ps, at, "'%s' is not known here; it would be `%s = ...`", name, want);
    }
}

manner ast_how_norm(parse_state *ps, where at, const char *name, tensor_ref t)
{
    check_word(ps, at, name, "norm");
    tensor_ref *kept = NEW(ps->arena, tensor_ref);
    *kept = t;
    return (manner){.norm = kept};
}

manner ast_how_rows(parse_state *ps, where at, const char *name, const expr *rows)
{
    check_word(ps, at, name, "rows");
    return (manner){.rows = rows};
}

const item *ast_update(parse_state *ps, where at, rule_name name, tensor_ref target,
                       bool replace, factor_list factors, manner how, const expr *when)
{
    item *it = item_new(ps, at, ITEM_UPDATE);
    it->u.update = (update_item){.name = name.text,
                                 .optional = name.optional,
                                 .target = target,
                                 .replace = replace,
                                 .factors = factors,
                                 .how = how,
                                 .when = when};
    if ((how.norm != NULL && replace) || (how.rows != NULL && !replace)) {
        ast_error(ps, target.at, "`norm =` stands behind a sum, `rows =` behind `:=`");
    }
    if (target.role == NULL || strcmp(target.role, "base") != 0) {
        diag *dg = ast_error(ps, target.at, "an update changes a tensor of the base");
        diag_help(dg, "write `base` before the name");
    }
    size_t n_tensors = 0;
    for (size_t i = 0; i < factors.n; i++) {
        n_tensors += factors.at[i].tensor != NULL;
    }
    if (n_tensors == 0) {
        ast_error(ps, factors.at[0].at, "the term of '%s' has no tensor", name.text);
    }
    return it;
}

const item *ast_each(parse_state *ps, where at, where brace, const template *name,
                     const dims *d, template_list except, const expr *when,
                     item_list items)
{
    item *it = item_new(ps, at, ITEM_EACH);
    it->brace = brace.hi;
    it->u.each = (each_item){
        .name = name, .dims = d, .except = except, .when = when, .items = items};
    for (size_t i = 0; i < items.n; i++) {
        const item_kind kind = items.at[i]->kind;
        if (kind != ITEM_UPDATE && kind != ITEM_VALUE && kind != ITEM_AXIS) {
            ast_error(ps, items.at[i]->at,
                      "`each` holds updates, values and axes only");
        }
    }
    return it;
}
