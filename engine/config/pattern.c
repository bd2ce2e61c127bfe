/* Patterns of table rows, matched against values and built from variables. */
#include <string.h>

#include "config/table.h"

/* ---- variables --------------------------------------------------------------- */

typedef struct name_set {
    arena *a;
    VEC(const char *) names;
} name_set;

static bool in_set(const name_set *s, const char *name)
{
    for (size_t i = 0; i < s->names.n; i++) {
        if (strcmp(s->names.at[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static void add_name(void *who, const expr *path)
{
    name_set *s = who;
    if (strchr(path->s, '.') == NULL && !in_set(s, path->s)) {
        vec_push(s->a, &s->names, path->s);
    }
}

static void pattern_names(name_set *s, const pattern *p)
{
    if (p->kind == PAT_EXPR) {
        expr_paths(p->e, add_name, s);
    }
    for (size_t i = 0; i < p->fields.n; i++) {
        pattern_names(s, p->fields.at[i].is);
    }
}

static bool is_constant(const mapping *m, const char *name)
{
    return strmap_has(m->axis_by_name, name) || strmap_has(m->value_by_name, name) ||
           strmap_has(m->choice_by_name, name);
}

void row_variables(evaluation *ev, const table_row *row, const variable *fixed,
                   size_t n_fixed)
{
    arena *a = ev->cx->arena;
    name_set left = {.a = a}, right = {.a = a};
    VEC(variable) vars = {0};
    for (size_t i = 0; i < n_fixed; i++) {
        vec_push(a, &vars, fixed[i]);
    }
    for (size_t i = 0; i < row->left.n; i++) {
        pattern_names(&left, row->left.at[i]);
    }
    for (size_t i = 0; i < row->right.n; i++) {
        pattern_names(&right, row->right.at[i]);
    }
    ev->vars = vars.at;
    ev->n_vars = vars.n;
    for (size_t i = 0; i < left.names.n + right.names.n; i++) {
        const bool of_left = i < left.names.n;
        const char *name =
            of_left ? left.names.at[i] : right.names.at[i - left.names.n];
        const bool both = in_set(&left, name) && in_set(&right, name);
        if ((both && !of_left) || (!both && is_constant(ev->v->m, name)) ||
            evaluation_variable(ev, name) != NULL) {
            continue;
        }
        const variable var = {name, UNKNOWN};
        vec_push(a, &vars, var);
    }
    ev->vars = vars.at;
    ev->n_vars = vars.n;
}

/* ---- matching ---------------------------------------------------------------- */

static bool is_open_variable(void *who, const expr *e)
{
    const variable *var = e->kind == EXPR_PATH ? evaluation_variable(who, e->s) : NULL;
    return var != NULL && var->val == UNKNOWN;
}

static bool match_expr(evaluation *ev, const expr *e, const value *x)
{
    const value *known = eval_expr(ev, e);
    if (known != UNKNOWN) {
        return known != NULL && value_equal(known, x);
    }
    const value *of_leaf = x;
    const expr *leaf = expr_invert(ev, e, is_open_variable, ev, &of_leaf);
    if (leaf == NULL) {
        return false;
    }
    evaluation_variable(ev, leaf->s)->val = of_leaf;
    return true;
}

/* The pattern field that knows the key, or NULL. */
static const pattern_field *field_of_key(const pattern *p, const char *key)
{
    for (size_t i = 0; i < p->fields.n; i++) {
        for (size_t k = 0; k < p->fields.at[i].keys.n; k++) {
            if (strcmp(p->fields.at[i].keys.at[k], key) == 0) {
                return &p->fields.at[i];
            }
        }
    }
    return NULL;
}

/* Closed: every key of the data is the pattern's; two spellings of one key must agree.
 */
static bool match_record(evaluation *ev, const pattern *p, const value *x)
{
    if (x->kind != V_RECORD) {
        return false;
    }
    for (size_t i = 0; i < x->members.n; i++) {
        const pattern_field *f = field_of_key(p, x->members.at[i].key);
        if (f == NULL || !pattern_match(ev, f->is, x->members.at[i].val)) {
            return false;
        }
    }
    for (size_t i = 0; i < p->fields.n; i++) {
        const pattern_field *f = &p->fields.at[i];
        bool there = f->optional || f->is->kind == PAT_ABSENT;
        for (size_t k = 0; k < f->keys.n; k++) {
            there = there || value_get(x, f->keys.at[k]) != NULL;
        }
        if (!there) {
            return false;
        }
    }
    return true;
}

bool pattern_match(evaluation *ev, const pattern *p, const value *x)
{
    switch (p->kind) {
    case PAT_ANY: return true;
    case PAT_ABSENT: return x == NULL;
    case PAT_EXPR: return x != NULL && match_expr(ev, p->e, x);
    case PAT_RECORD: return x != NULL && match_record(ev, p, x);
    case PAT_LITERAL: break;
    }
    for (size_t i = 0; x != NULL && i < p->literals.n; i++) {
        const value *lit = eval_expr(ev, p->literals.at[i]);
        if (lit != NULL && lit != UNKNOWN && value_equal(lit, x)) {
            return true;
        }
    }
    return false;
}

/* Absence says no more than null. */
static bool says_same(arena *a, const value *x, const value *y)
{
    const value *null = value_null(a);
    return value_equal(x == NULL ? null : x, y == NULL ? null : y);
}

bool pattern_holds(arena *a, const pattern *p, const value *built, const value *x)
{
    if (p == NULL || p->kind != PAT_RECORD || x == NULL || x->kind != V_RECORD ||
        built == NULL || built->kind != V_RECORD) {
        return says_same(a, built, x);
    }
    for (size_t i = 0; i < x->members.n; i++) {
        const value_member *m = &x->members.at[i];
        const pattern_field *f = field_of_key(p, m->key);
        if (f == NULL || (f->is->kind != PAT_ANY &&
                          !pattern_holds(a, f->is, value_get(built, m->key), m->val))) {
            return false;
        }
    }
    for (size_t i = 0; i < built->members.n; i++) {
        if (value_get(x, built->members.at[i].key) == NULL) {
            return false;
        }
    }
    return true;
}

/* ---- building ---------------------------------------------------------------- */

static const value *build_record(evaluation *ev, const pattern *p)
{
    arena *a = ev->cx->arena;
    value *record = value_record(a);
    for (size_t i = 0; i < p->fields.n; i++) {
        const pattern_field *f = &p->fields.at[i];
        const value *x = pattern_build(ev, f->is);
        if (x == UNKNOWN && !f->optional) {
            return UNKNOWN;
        }
        if (x != NULL && x != UNKNOWN) {
            value_set(a, record, f->keys.at[0], value_copy(a, x));
        }
    }
    return record;
}

const value *pattern_build(evaluation *ev, const pattern *p)
{
    switch (p->kind) {
    case PAT_LITERAL: return eval_expr(ev, p->literals.at[0]);
    case PAT_ABSENT: return NULL;
    case PAT_ANY: return UNKNOWN;
    case PAT_EXPR: {
        const value *x = eval_expr(ev, p->e);
        return x == NULL ? UNKNOWN : x;
    }
    case PAT_RECORD: return build_record(ev, p);
    }
    return UNKNOWN;
}
