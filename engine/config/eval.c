#include "config/eval.h"

#include <string.h>

#include "base/regex.h"
#include "config/fields.h"
#include "config/learned.h"
#include "grammar/parse.h"

const value value_unknown = {.kind = V_NULL};

/* Defaults that lead through more fields than this refer to each other. */
#define MAX_DEFAULT_DEPTH 32u

evaluation evaluation_of(context *cx, const values *v)
{
    return (evaluation){.cx = cx, .v = v};
}

variable *evaluation_variable(const evaluation *ev, const char *name)
{
    for (size_t i = 0; i < ev->n_vars; i++) {
        if (strcmp(ev->vars[i].name, name) == 0) {
            return &ev->vars[i];
        }
    }
    return NULL;
}

const char *expr_text(arena *a, const expr *e)
{
    buf b = {.arena = a};
    expr_print(&b, e);
    return buf_str(&b);
}

static const value *not_told(evaluation *ev, const char *why)
{
    ev->why = why;
    return UNKNOWN;
}

/* ---- names ------------------------------------------------------------------- */

static const value *eval_capture(evaluation *ev, const char *name)
{
    const binding *b = ev->captures;
    for (size_t i = 0; b != NULL && i < b->n; i++) {
        if (strcmp(b->captures[i].name, name) != 0) {
            continue;
        }
        if (b->captures[i].is_number) {
            return value_int(ev->cx->arena, b->numbers[i]);
        }
        if (b->words != NULL && b->words[i] != NULL) {
            return value_string(ev->cx->arena, b->words[i]);
        }
    }
    return NULL;
}

static const value *eval_axis(evaluation *ev, uint64_t id)
{
    const int64_t size = ev->v->size[id];
    if (size == SIZE_UNKNOWN) {
        return not_told(ev,
                        arena_printf(ev->cx->arena, "the size of axis %s is not known",
                                     ev->v->m->axes.at[id].name));
    }
    return value_int(ev->cx->arena, size);
}

static const value *eval_fact(evaluation *ev, uint64_t id)
{
    const char *name = ev->v->m->values.at[id].name;
    if (ev->v->fact[id] != NULL) {
        return ev->v->fact[id];
    }
    if (ev->v->learned->fact_absent[id]) {
        ev->why = arena_printf(ev->cx->arena, "no field gives value %s", name);
        return NULL;
    }
    return not_told(ev, arena_printf(ev->cx->arena, "value %s cannot be told", name));
}

static const value *eval_plain_name(evaluation *ev, const char *name)
{
    const mapping *m = ev->v->m;
    const value *capture = eval_capture(ev, name);
    uint64_t id = 0;
    if (capture != NULL) {
        return capture;
    }
    if (strmap_get(m->axis_by_name, name, &id)) {
        return eval_axis(ev, id);
    }
    if (strmap_get(m->value_by_name, name, &id)) {
        return eval_fact(ev, id);
    }
    if (strmap_get(m->choice_by_name, name, &id) && !m->choices.at[id].of_roots) {
        return value_string(ev->cx->arena,
                            m->choices.at[id].texts.at[ev->v->choice[id]]);
    }
    return not_told(ev, arena_printf(ev->cx->arena, "%s has no value here", name));
}

static const value *eval_path(evaluation *ev, const char *text)
{
    unsigned side = 0;
    const char *path = NULL;
    const variable *var = evaluation_variable(ev, text);
    if (var != NULL) {
        return var->val == UNKNOWN
                   ? not_told(ev, arena_printf(ev->cx->arena, "%s is not bound", text))
                   : var->val;
    }
    if (field_resolve(ev->v, ev->cx->arena, text, &side, &path)) {
        return field_read(ev, side, path);
    }
    if (ev->bare) {
        return field_read(ev, ev->bare_side, text);
    }
    return eval_plain_name(ev, text);
}

/* list[i], record["key"]; an element of a field may have a default of its own. */
static const value *eval_index(evaluation *ev, const expr *e)
{
    unsigned side = 0;
    const char *path = NULL;
    const value *at = eval_expr(ev, e->kid.at[1]);
    if (at == NULL || at == UNKNOWN) {
        return at;
    }
    if (at->kind == V_INT && e->kid.at[0]->kind == EXPR_PATH) {
        if (field_resolve(ev->v, ev->cx->arena, e->kid.at[0]->s, &side, &path)) {
            return field_element(ev, side, path, at->i);
        }
        if (ev->bare) {
            return field_element(ev, ev->bare_side, e->kid.at[0]->s, at->i);
        }
    }
    const value *of = eval_expr(ev, e->kid.at[0]);
    if (of == NULL || of == UNKNOWN) {
        return of;
    }
    if (of->kind == V_RECORD && at->kind == V_STRING) {
        return value_get(of, at->s);
    }
    if (of->kind == V_LIST && at->kind == V_INT && at->i >= 0 &&
        (uint64_t)at->i < of->items.n) {
        return of->items.at[at->i];
    }
    ev->why = arena_printf(ev->cx->arena, "%s has no element %s",
                           expr_text(ev->cx->arena, e->kid.at[0]),
                           value_show(ev->cx->arena, at));
    return NULL;
}

/* ---- conditions -------------------------------------------------------------- */

int eval_truth(evaluation *ev, const expr *e)
{
    const value *x = eval_expr(ev, e);
    if (x == UNKNOWN) {
        return -1;
    }
    return value_truth(x) ? 1 : 0;
}

static const value *eval_and_or(evaluation *ev, const expr *e)
{
    /* `or` is decided by a true operand, `and` by a false one, whatever the other is.
     */
    const int decides = e->op == OP_OR ? 1 : 0;
    const int x = eval_truth(ev, e->kid.at[0]);
    if (x == decides) {
        return value_bool(ev->cx->arena, decides == 1);
    }
    const int y = eval_truth(ev, e->kid.at[1]);
    if (y == decides) {
        return value_bool(ev->cx->arena, decides == 1);
    }
    return x < 0 || y < 0 ? UNKNOWN : value_bool(ev->cx->arena, decides == 0);
}

/* A comparison with null asks whether there is something: absence answers like null. */
static bool equal(const value *x, const value *y)
{
    if (x == NULL || y == NULL) {
        const value *other = x == NULL ? y : x;
        return other == NULL || other->kind == V_NULL;
    }
    return value_equal(x, y);
}

static const value *eval_order(evaluation *ev, expr_op op, const value *x,
                               const value *y)
{
    int c = 0;
    if (x == NULL || y == NULL || x->kind == V_NULL || y->kind == V_NULL) {
        return value_bool(ev->cx->arena, false);
    }
    if (x->kind == V_INT && y->kind == V_INT) {
        c = (x->i > y->i) - (x->i < y->i);
    } else if (value_is_number(x) && value_is_number(y)) {
        const double p = value_number(x), q = value_number(y);
        c = (p > q) - (p < q);
    } else if (x->kind == V_STRING && y->kind == V_STRING) {
        c = strcmp(x->s, y->s);
    } else {
        return not_told(ev, arena_printf(ev->cx->arena, "%s and %s have no order",
                                         value_show(ev->cx->arena, x),
                                         value_show(ev->cx->arena, y)));
    }
    const bool holds = op == OP_LT   ? c < 0
                       : op == OP_LE ? c <= 0
                       : op == OP_GT ? c > 0
                                     : c >= 0;
    return value_bool(ev->cx->arena, holds);
}

static const value *eval_match(evaluation *ev, const expr *e)
{
    const value *x = eval_expr(ev, e->kid.at[0]);
    const expr *right = e->kid.at[1];
    const char *why = NULL;
    size_t at_byte = 0;
    if (x == UNKNOWN) {
        return UNKNOWN;
    }
    if (x == NULL || x->kind != V_STRING) {
        return value_bool(ev->cx->arena, false);
    }
    const regex *re =
        regex_new(ev->cx->arena, right->s, right->flags == NULL ? "" : right->flags,
                  &why, &at_byte);
    if (re == NULL) {
        return not_told(ev, why);
    }
    return value_bool(ev->cx->arena, regex_search(re, x->s));
}

static const value *eval_in(evaluation *ev, const expr *e)
{
    const value *x = eval_expr(ev, e->kid.at[0]);
    bool unknown = false;
    if (x == UNKNOWN) {
        return UNKNOWN;
    }
    for (size_t i = 1; i < e->kid.n; i++) {
        const value *y = eval_expr(ev, e->kid.at[i]);
        if (y == UNKNOWN) {
            unknown = true;
        } else if (equal(x, y)) {
            return value_bool(ev->cx->arena, true);
        }
    }
    return unknown ? UNKNOWN : value_bool(ev->cx->arena, false);
}

static const value *eval_binary(evaluation *ev, const expr *e)
{
    if (e->op == OP_OR || e->op == OP_AND) {
        return eval_and_or(ev, e);
    }
    if (e->op == OP_MATCH) {
        return eval_match(ev, e);
    }
    const value *x = eval_expr(ev, e->kid.at[0]);
    if (x == UNKNOWN) {
        return UNKNOWN;
    }
    if (e->op == OP_ELSE) {
        return x != NULL && x->kind != V_NULL ? x : eval_expr(ev, e->kid.at[1]);
    }
    const char *why = ev->why;
    const value *y = eval_expr(ev, e->kid.at[1]);
    if (y == UNKNOWN) {
        return UNKNOWN;
    }
    if (e->op == OP_EQ || e->op == OP_NE) {
        return value_bool(ev->cx->arena, equal(x, y) == (e->op == OP_EQ));
    }
    if (e->op == OP_LT || e->op == OP_LE || e->op == OP_GT || e->op == OP_GE) {
        return eval_order(ev, e->op, x, y);
    }
    if (x == NULL || y == NULL || x->kind == V_NULL || y->kind == V_NULL) {
        ev->why = x == NULL ? why : ev->why;
        return NULL; /* nothing to calculate with: `(hf.a + 1) ?? 2` is 2 */
    }
    return eval_arithmetic(ev, e->op, x, y);
}

/* ---- the whole --------------------------------------------------------------- */

static const value *eval_unary(evaluation *ev, const expr *e)
{
    if (e->kind == EXPR_NOT) {
        const int t = eval_truth(ev, e->kid.at[0]);
        return t < 0 ? UNKNOWN : value_bool(ev->cx->arena, t == 0);
    }
    const value *x = eval_expr(ev, e->kid.at[0]);
    if (x == NULL || x == UNKNOWN || x->kind == V_NULL) {
        return x == UNKNOWN ? UNKNOWN : NULL;
    }
    return eval_arithmetic(ev, OP_SUB, value_int(ev->cx->arena, 0), x);
}

static const value *eval_list(evaluation *ev, const expr *e)
{
    arena *a = ev->cx->arena;
    value *list = value_list(a);
    for (size_t i = 0; i < e->kid.n; i++) {
        const value *x = eval_expr(ev, e->kid.at[i]);
        if (x == UNKNOWN) {
            return UNKNOWN;
        }
        vec_push(a, &list->items, x == NULL ? value_null(a) : value_copy(a, x));
    }
    return list;
}

static const value *eval_record(evaluation *ev, const expr *e)
{
    arena *a = ev->cx->arena;
    value *record = value_record(a);
    for (size_t i = 0; i < e->kid.n; i++) {
        const value *x = eval_expr(ev, e->kid.at[i]);
        if (x == UNKNOWN) {
            return UNKNOWN;
        }
        if (x != NULL) {
            value_set(a, record, e->keys.at[i], value_copy(a, x));
        }
    }
    return record;
}

static const value *eval_has(evaluation *ev, const expr *e)
{
    const values *v = ev->v;
    const bool has = v->has_tensor != NULL && v->has_tensor(v->who, e->tmpl);
    return value_bool(ev->cx->arena, has);
}

static const value *eval_if(evaluation *ev, const expr *e)
{
    const int t = eval_truth(ev, e->kid.at[0]);
    return t < 0 ? UNKNOWN : eval_expr(ev, e->kid.at[t == 1 ? 1 : 2]);
}

static const value *eval_node(evaluation *ev, const expr *e)
{
    arena *a = ev->cx->arena;
    switch (e->kind) {
    case EXPR_NULL: return value_null(a);
    case EXPR_BOOL: return value_bool(a, e->i != 0);
    case EXPR_INT: return value_int(a, e->i);
    case EXPR_FLOAT: return value_float(a, e->f);
    case EXPR_STRING: return value_string(a, e->s);
    case EXPR_REGEX: return not_told(ev, "a regular expression has no value");
    case EXPR_PATH: return eval_path(ev, e->s);
    case EXPR_INDEX: return eval_index(ev, e);
    case EXPR_NOT:
    case EXPR_NEG: return eval_unary(ev, e);
    case EXPR_BINARY: return eval_binary(ev, e);
    case EXPR_IN: return eval_in(ev, e);
    case EXPR_IF: return eval_if(ev, e);
    case EXPR_CALL: return eval_call(ev, e);
    case EXPR_HAS: return eval_has(ev, e);
    case EXPR_LIST: return eval_list(ev, e);
    case EXPR_RECORD: return eval_record(ev, e);
    }
    return not_told(ev, "this has no value");
}

const value *eval_expr(evaluation *ev, const expr *e)
{
    if (ev->depth > MAX_DEFAULT_DEPTH) {
        return not_told(ev, "the defaults of fields refer to each other");
    }
    return eval_node(ev, e);
}
