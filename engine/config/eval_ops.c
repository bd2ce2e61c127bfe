/* Arithmetic, functions, and what can be said about an expression without its value. */
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "config/eval.h"
#include "config/fields.h"

/* ---- arithmetic -------------------------------------------------------------- */

static const value *cannot(evaluation *ev, const char *sign, const value *x,
                           const value *y)
{
    arena *a = ev->cx->arena;
    ev->why = arena_printf(a, "%s %s %s has no value", value_show(a, x), sign,
                           value_show(a, y));
    return UNKNOWN;
}

/* Whole numbers stay whole: a quotient is one exactly when it divides. */
static const value *whole(evaluation *ev, expr_op op, const value *x, const value *y,
                          const char *sign)
{
    int64_t r = 0;
    bool over = false;
    if ((op == OP_DIV || op == OP_MOD) &&
        (y->i == 0 || (x->i == INT64_MIN && y->i == -1))) {
        return cannot(ev, sign, x, y);
    }
    if (op == OP_ADD) {
        over = __builtin_add_overflow(x->i, y->i, &r);
    } else if (op == OP_SUB) {
        over = __builtin_sub_overflow(x->i, y->i, &r);
    } else if (op == OP_MUL) {
        over = __builtin_mul_overflow(x->i, y->i, &r);
    } else if (op == OP_MOD) {
        r = x->i % y->i; /* takes the sign of the divisor, as people count in rings */
        r += r != 0 && (r < 0) != (y->i < 0) ? y->i : 0;
    } else if (x->i % y->i == 0) {
        r = x->i / y->i;
    } else {
        return value_float(ev->cx->arena, (double)x->i / (double)y->i);
    }
    return over ? cannot(ev, sign, x, y) : value_int(ev->cx->arena, r);
}

const value *eval_arithmetic(evaluation *ev, expr_op op, const value *x, const value *y)
{
    const char *sign = op == OP_ADD   ? "+"
                       : op == OP_SUB ? "-"
                       : op == OP_MUL ? "*"
                       : op == OP_DIV ? "/"
                                      : "%";
    if (op == OP_ADD && x->kind == V_STRING && y->kind == V_STRING) {
        return value_string(ev->cx->arena,
                            arena_printf(ev->cx->arena, "%s%s", x->s, y->s));
    }
    if (!value_is_number(x) || !value_is_number(y)) {
        return cannot(ev, sign, x, y);
    }
    if (x->kind == V_INT && y->kind == V_INT) {
        return whole(ev, op, x, y, sign);
    }
    const double p = value_number(x), q = value_number(y);
    double r = 0;
    if ((op == OP_DIV || op == OP_MOD) && !(q < 0 || q > 0)) {
        return cannot(ev, sign, x, y);
    }
    if (op == OP_ADD) {
        r = p + q;
    } else if (op == OP_SUB) {
        r = p - q;
    } else if (op == OP_MUL) {
        r = p * q;
    } else if (op == OP_DIV) {
        r = p / q;
    } else {
        r = p - floor(p / q) * q;
    }
    return value_float(ev->cx->arena, r);
}

/* ---- functions --------------------------------------------------------------- */

static const value *call_len(evaluation *ev, const value *x)
{
    if (x->kind == V_STRING) {
        return value_int(ev->cx->arena, (int64_t)strlen(x->s));
    }
    if (x->kind == V_LIST || x->kind == V_RECORD) {
        return value_int(ev->cx->arena,
                         (int64_t)(x->kind == V_LIST ? x->items.n : x->members.n));
    }
    ev->why =
        arena_printf(ev->cx->arena, "%s has no length", value_show(ev->cx->arena, x));
    return UNKNOWN;
}

static const value *call_lower(evaluation *ev, const value *x)
{
    if (x->kind != V_STRING) {
        ev->why =
            arena_printf(ev->cx->arena, "%s is no text", value_show(ev->cx->arena, x));
        return UNKNOWN;
    }
    char *s = arena_strdup(ev->cx->arena, x->s);
    for (char *p = s; *p != '\0'; p++) {
        *p = *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p;
    }
    return value_string(ev->cx->arena, s);
}

static const value *call_round(evaluation *ev, const char *name, const value *x)
{
    arena *a = ev->cx->arena;
    const double f = value_is_number(x) ? value_number(x) : -1;
    if (strcmp(name, "sqrt") == 0 && f >= 0) {
        return value_float(a, sqrt(f));
    }
    if (strcmp(name, "sqrt") != 0 && x->kind == V_INT) {
        return x;
    }
    if (strcmp(name, "sqrt") != 0 && x->kind == V_FLOAT && fabs(f) < 9.0e15) {
        return value_int(a, (int64_t)(name[0] == 'c' ? ceil(f) : floor(f)));
    }
    ev->why = arena_printf(a, "%s(%s) has no value", name, value_show(a, x));
    return UNKNOWN;
}

/* The better one of the best so far (NULL: none yet) and a number, or the numbers of a
 * list. */
static const value *extreme_of(evaluation *ev, const value *best, const value *x,
                               bool largest)
{
    if (x->kind == V_LIST) {
        for (size_t i = 0; i < x->items.n && best != UNKNOWN; i++) {
            best = extreme_of(ev, best, x->items.at[i], largest);
        }
        return best;
    }
    if (!value_is_number(x)) {
        ev->why = arena_printf(ev->cx->arena, "%s is no number",
                               value_show(ev->cx->arena, x));
        return UNKNOWN;
    }
    const bool better =
        best == NULL || (largest ? value_number(x) > value_number(best)
                                 : value_number(x) < value_number(best));
    return better ? x : best;
}

/* min and max: the number itself, so whole numbers stay whole. */
static const value *call_extreme(evaluation *ev, const expr *e, bool largest)
{
    const value *best = NULL;
    for (size_t i = 0; i < e->kid.n && best != UNKNOWN; i++) {
        const value *x = eval_expr(ev, e->kid.at[i]);
        if (x == NULL || x == UNKNOWN) {
            return x;
        }
        best = extreme_of(ev, best, x, largest);
    }
    return best;
}

const value *eval_call(evaluation *ev, const expr *e)
{
    if (strcmp(e->s, "modules") == 0) {
        return ev->v != NULL ? ev->v->modules : NULL;
    }
    if (strcmp(e->s, "min") == 0 || strcmp(e->s, "max") == 0) {
        return call_extreme(ev, e, e->s[1] == 'a');
    }
    const bool lookup = strcmp(e->s, "lookup") == 0;
    if (e->kid.n != (lookup ? 2u : 1u)) {
        ev->why = arena_printf(ev->cx->arena, "%s() takes %s", e->s,
                               lookup ? "a record and a name" : "one value");
        return UNKNOWN;
    }
    const value *x = eval_expr(ev, e->kid.at[0]);
    if (x == NULL || x == UNKNOWN || x->kind == V_NULL) {
        return x == UNKNOWN ? UNKNOWN : NULL;
    }
    if (lookup) {
        const value *name = eval_expr(ev, e->kid.at[1]);
        return name == NULL || name == UNKNOWN ? name
                                               : eval_lookup(ev, e->kid.at[0], x, name);
    }
    if (strcmp(e->s, "len") == 0) {
        return call_len(ev, x);
    }
    if (strcmp(e->s, "lower") == 0) {
        return call_lower(ev, x);
    }
    return call_round(ev, e->s, x);
}

/* ---- without the value ------------------------------------------------------- */

void expr_paths(const expr *e, void (*visit)(void *who, const expr *path), void *who)
{
    if (e == NULL) {
        return;
    }
    if (e->kind == EXPR_PATH) {
        visit(who, e);
    }
    for (size_t i = 0; i < e->kid.n; i++) {
        expr_paths(e->kid.at[i], visit, who);
    }
}

typedef struct side_search {
    const values *v;
    unsigned mask;
} side_search;

static bool is_prefix(const char *text, const char *name)
{
    const size_t n = strlen(name);
    return strncmp(text, name, n) == 0 && (text[n] == '.' || text[n] == '\0');
}

static void note_side(void *who, const expr *path)
{
    side_search *s = who;
    const mapping *m = s->v->m;
    for (size_t i = 0; i < m->choices.n; i++) {
        const map_choice *c = &m->choices.at[i];
        if (c->of_roots && is_prefix(path->s, c->name)) {
            const expr root = {.kind = EXPR_PATH, .s = c->texts.at[s->v->choice[i]]};
            note_side(who, &root);
            return;
        }
    }
    for (unsigned side = LEFT; side <= RIGHT; side++) {
        const char *role = side == LEFT ? "base" : "adapter";
        if (is_prefix(path->s, m->layout[side]) ||
            (m->is_merge && is_prefix(path->s, role))) {
            s->mask |= 1u << side;
            return;
        }
    }
}

unsigned sides_named(const values *v, const expr *e)
{
    side_search s = {.v = v};
    expr_paths(e, note_side, &s);
    return s.mask;
}

const expr *eval_branch(evaluation *ev, const expr *e)
{
    while (e->kind == EXPR_IF || (e->kind == EXPR_BINARY && e->op == OP_ELSE)) {
        if (e->kind == EXPR_IF) {
            e = e->kid.at[eval_truth(ev, e->kid.at[0]) == 1 ? 1 : 2];
            continue;
        }
        const value *left = eval_expr(ev, e->kid.at[0]);
        const bool is_there = left != NULL && left != UNKNOWN && left->kind != V_NULL;
        e = e->kid.at[is_there ? 0 : 1];
    }
    return e;
}

const char *eval_origin(evaluation *ev, const expr *e, const value *x)
{
    arena *a = ev->cx->arena;
    e = eval_branch(ev, e);
    const unsigned sides = sides_named(ev->v, e);
    const char *file = sides == 0 ? NULL : ev->v->config_path[sides == 1u << RIGHT];
    return arena_printf(a, "%s = %s%s%s%s", expr_text(a, e), value_show(a, x),
                        file == NULL ? "" : " (", file == NULL ? "" : path_base(file),
                        file == NULL ? "" : ")");
}

/* ---- inversion --------------------------------------------------------------- */

static bool holds_leaf(const expr *e, leaf_test is_leaf, void *who)
{
    if (is_leaf(who, e)) {
        return true;
    }
    for (size_t i = 0; i < e->kid.n; i++) {
        if (holds_leaf(e->kid.at[i], is_leaf, who)) {
            return true;
        }
    }
    return false;
}

/* whole = kid OP other (leaf_left) or other OP kid: the value of the kid. */
static const value *undo(evaluation *ev, expr_op op, bool leaf_left,
                         const value *whole_value, const value *other)
{
    switch ((int)op) {
    case OP_ADD: return eval_arithmetic(ev, OP_SUB, whole_value, other);
    case OP_SUB:
        return leaf_left ? eval_arithmetic(ev, OP_ADD, whole_value, other)
                         : eval_arithmetic(ev, OP_SUB, other, whole_value);
    case OP_MUL: return eval_arithmetic(ev, OP_DIV, whole_value, other);
    case OP_DIV:
        return leaf_left ? eval_arithmetic(ev, OP_MUL, whole_value, other)
                         : eval_arithmetic(ev, OP_DIV, other, whole_value);
    default: return UNKNOWN;
    }
}

/* One step down: the kid that holds the leaf, *x adjusted; NULL: no way back. */
static const expr *step_down(evaluation *ev, const expr *e, leaf_test is_leaf,
                             void *who, const value **x)
{
    const value *now = *x;
    if (e->kind == EXPR_NOT) {
        *x = value_bool(ev->cx->arena, !value_truth(now));
        return e->kid.at[0];
    }
    if (e->kind == EXPR_BINARY && e->op == OP_ELSE) {
        return e->kid.at[0];
    }
    if (now == NULL || now->kind == V_NULL ||
        (e->kind != EXPR_NEG && e->kind != EXPR_BINARY)) {
        return NULL;
    }
    if (e->kind == EXPR_NEG) {
        *x = eval_arithmetic(ev, OP_SUB, value_int(ev->cx->arena, 0), now);
        return *x == UNKNOWN ? NULL : e->kid.at[0];
    }
    const bool left = holds_leaf(e->kid.at[0], is_leaf, who);
    if (left && holds_leaf(e->kid.at[1], is_leaf, who)) {
        return NULL;
    }
    const value *other = eval_expr(ev, e->kid.at[left ? 1 : 0]);
    if (other == NULL || other == UNKNOWN) {
        return NULL;
    }
    *x = undo(ev, e->op, left, now, other);
    return *x == UNKNOWN ? NULL : e->kid.at[left ? 0 : 1];
}

const expr *expr_invert(evaluation *ev, const expr *e, leaf_test is_leaf, void *who,
                        const value **x)
{
    if (!holds_leaf(e, is_leaf, who)) {
        return NULL;
    }
    while (e != NULL && !is_leaf(who, e)) {
        e = step_down(ev, e, is_leaf, who, x);
    }
    return e;
}
