/* config/write_back.c -- see write_back.h. */
#include "config/write_back.h"

#include <math.h>
#include <string.h>

#include "config/fields.h"

typedef struct writer {
    context *cx;
    const values *v;
    value *config;
    const binding *b;
} writer;

static bool put(writer *w, const expr *e, const value *x);

static const value *now(writer *w, const expr *e)
{
    return values_eval(w->cx, w->v, e, w->b, NULL);
}

static bool same_number(const value *x, const value *y)
{
    return value_equal(x, y) || (value_is_number(x) && value_is_number(y) &&
                                 !(value_number(x) < value_number(y)) &&
                                 !(value_number(x) > value_number(y)));
}

static bool put_field(writer *w, const char *path, const value *x)
{
    const value *is = record_at(w->config, path);
    if (is == NULL) {
        record_put(w->cx->arena, w->config, path, x);
    }
    return is == NULL || same_number(is, x);
}

static bool put_path(writer *w, const expr *e, const value *x)
{
    unsigned side = 0;
    const char *path = NULL;
    uint64_t id;
    if (field_of_expr(w->v, w->cx->arena, e, &side, &path)) {
        return side == RIGHT && put_field(w, path, x);
    }
    return strmap_get(w->v->m->value_by_name, e->s, &id) &&
           w->v->m->values.at[id].read[RIGHT] != NULL &&
           put(w, w->v->m->values.at[id].read[RIGHT], x);
}

/* `lookup(adapter.pattern, name) ?? rest`. */
static bool put_lookup(writer *w, const expr *e, const value *x)
{
    const expr *call = e->kid.at[0], *rest = e->kid.at[1];
    unsigned side = 0;
    const char *path = NULL;
    const value *is = now(w, e);
    if (is != NULL) {
        if (same_number(is, x)) {
            return true;
        }
        const value *name = now(w, call->kid.at[1]);
        if (!field_of_expr(w->v, w->cx->arena, call->kid.at[0], &side, &path) ||
            side != RIGHT || name == NULL) {
            return false;
        }
        const value *old = record_at(w->config, path);
        value *patterns =
            old != NULL ? value_copy(w->cx->arena, old) : value_record(w->cx->arena);
        value_set(w->cx->arena, patterns, name->s, value_copy(w->cx->arena, x));
        record_put(w->cx->arena, w->config, path, patterns);
        return true;
    }
    return put(w, rest, x);
}

static const value *number(writer *w, double x)
{
    const double whole = (double)(int64_t)x;
    return whole < x || whole > x ? value_float(w->cx->arena, x)
                                  : value_int(w->cx->arena, (int64_t)x);
}

static bool put_product(writer *w, const expr *e, const value *x)
{
    const value *other = now(w, e->kid.at[1]);
    if (!value_is_number(x) || other == NULL || !value_is_number(other)) {
        return false;
    }
    const double k = value_number(other), y = value_number(x);
    const double z = e->op == OP_DIV ? y * k : y / k, whole = nearbyint(z);
    const double back = e->op == OP_DIV ? whole / k : whole * k;
    /* Scales are used as f32: a whole number that gives the same one is meant. */
    const bool is_whole = !((float)back < (float)y) && !((float)back > (float)y);
    return put(w, e->kid.at[0], number(w, is_whole ? whole : z));
}

static bool put(writer *w, const expr *e, const value *x)
{
    if (e->kind == EXPR_PATH) {
        return put_path(w, e, x);
    }
    if (e->kind == EXPR_IF) {
        const value *holds = now(w, e->kid.at[0]);
        return put(w, e->kid.at[holds != NULL && value_truth(holds) ? 1 : 2], x);
    }
    if (e->kind == EXPR_BINARY && e->op == OP_ELSE) {
        return e->kid.at[0]->kind == EXPR_CALL ? put_lookup(w, e, x)
                                               : put(w, e->kid.at[0], x);
    }
    if (e->kind == EXPR_BINARY && (e->op == OP_DIV || e->op == OP_MUL)) {
        return put_product(w, e, x);
    }
    const value *is = now(w, e);
    return is != NULL && same_number(is, x);
}

bool write_back(context *cx, const values *v, value *config, const expr *e,
                const binding *b, const value *x)
{
    writer w = {cx, v, config, b};
    return put(&w, e, x);
}

void write_defaults(context *cx, const values *v, value *config)
{
    for (size_t i = 0; i < v->m->config_items.n; i++) {
        const item *it = v->m->config_items.at[i];
        unsigned side = 0;
        const char *path = NULL;
        if ((it->kind != ITEM_DEFAULT && it->kind != ITEM_CONST) ||
            !field_of_expr(v, cx->arena, it->u.assign.path, &side, &path) ||
            side != RIGHT || record_at(config, path) != NULL ||
            (it->u.assign.when != NULL &&
             values_holds(cx, v, it->u.assign.when, NULL) != 1)) {
            continue;
        }
        const value *x = values_eval(cx, v, it->u.assign.value, NULL, NULL);
        if (x != NULL) {
            record_put(cx->arena, config, path, x);
        }
    }
}
