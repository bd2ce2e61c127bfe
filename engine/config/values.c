/* Axes and values of one side's config, evaluated until nothing new comes out. */
#include "config/values.h"

#include <string.h>

#include "config/fields.h"
#include "config/learned.h"

bool values_set_size(values *v, uint32_t axis, int64_t size, const char *from)
{
    if (v->size[axis] != SIZE_UNKNOWN) {
        return false;
    }
    v->size[axis] = size;
    v->size_from[axis] = from;
    return true;
}

int64_t term_size(const values *v, const axis_term *t)
{
    int64_t product = 1;
    for (size_t i = 0; i < t->axes.n; i++) {
        const int64_t s = v->size[t->axes.at[i]];
        if (s == SIZE_UNKNOWN || __builtin_mul_overflow(product, s, &product)) {
            return SIZE_UNKNOWN;
        }
    }
    return product;
}

values *values_view(context *cx, const values *v)
{
    arena *a = cx->arena;
    const mapping *m = v->m;
    values *w = NEW(a, values);
    *w = *v;
    w->choice = NEW_N(a, uint32_t, m->choices.n + 1);
    memcpy(w->choice, v->choice, m->choices.n * sizeof *w->choice);
    w->learned = NEW(a, values_learned);
    w->learned->fact_absent = v->learned->fact_absent;
    w->learned->axis_reported = NEW_N(a, bool, m->axes.n + 1);
    w->learned->equation_by_key = strmap_new(a);
    w->learned->undecided = strmap_new(a);
    return w;
}

/* ---- settling ---------------------------------------------------------------- */

/* A value as a size: a whole number that is not negative. */
static bool size_of(const value *x, int64_t *size)
{
    if (x == NULL || x == UNKNOWN) {
        return false;
    }
    if (x->kind == V_FLOAT && x->f >= 0 && x->f < 9.0e15 &&
        (double)(int64_t)x->f >= x->f) {
        *size = (int64_t)x->f;
        return true;
    }
    *size = x->i;
    return x->kind == V_INT && x->i >= 0;
}

static bool settle_expr(context *cx, values *v, uint32_t id, const expr *e)
{
    evaluation ev = evaluation_of(cx, v);
    int64_t size = 0;
    if (e == NULL || v->size[id] != SIZE_UNKNOWN) {
        return false;
    }
    const value *x = eval_expr(&ev, e);
    return size_of(x, &size) && values_set_size(v, id, size, eval_origin(&ev, e, x));
}

/* `axis h = g * r`: the product from its factors, or its one unknown factor. */
static bool settle_product(context *cx, values *v, uint32_t id)
{
    const map_axis *ax = &v->m->axes.at[id];
    int64_t known = 1;
    uint32_t open = NO_AXIS;
    for (size_t i = 0; i < ax->primes.n; i++) {
        const int64_t s = v->size[ax->primes.at[i]];
        if (s == SIZE_UNKNOWN) {
            if (open != NO_AXIS) {
                return false;
            }
            open = ax->primes.at[i];
        } else if (__builtin_mul_overflow(known, s, &known)) {
            return false;
        }
    }
    if (ax->primes.n == 0 || (open != NO_AXIS && v->size[id] == SIZE_UNKNOWN)) {
        return false;
    }
    if (open == NO_AXIS) {
        return values_set_size(v, id, known,
                               arena_printf(cx->arena, "the product of its axes = %lld",
                                            (long long)known));
    }
    if (known == 0 || v->size[id] % known != 0) {
        return false; /* values_agree says so */
    }
    return values_set_size(v, open, v->size[id] / known,
                           arena_printf(cx->arena, "%s / %lld, %s = %lld from %s",
                                        ax->name, (long long)known, ax->name,
                                        (long long)v->size[id], v->size_from[id]));
}

/* What tells a value: its side's expression; the two roles of a merge tell together. */
static const expr *fact_expr(const values *v, uint32_t id)
{
    const map_value *mv = &v->m->values.at[id];
    if (mv->read[v->side] != NULL) {
        return mv->read[v->side];
    }
    return v->m->is_merge && mv->read[1 - v->side] != NULL ? mv->read[1 - v->side]
                                                           : mv->is;
}

static bool settle_fact(context *cx, values *v, uint32_t id)
{
    const expr *e = fact_expr(v, id);
    evaluation ev = evaluation_of(cx, v);
    if (e == NULL || v->fact[id] != NULL || v->learned->fact_absent[id]) {
        return false;
    }
    const value *x = eval_expr(&ev, e);
    if (x == UNKNOWN) {
        return false;
    }
    v->fact[id] = x;
    v->learned->fact_absent[id] = x == NULL;
    return true;
}

void values_settle(context *cx, values *v)
{
    const mapping *m = v->m;
    bool news = true;
    while (news) {
        news = false;
        for (uint32_t i = 0; i < m->axes.n; i++) {
            news = settle_expr(cx, v, i, m->axes.at[i].read[v->side]) || news;
            if (m->is_merge) {
                news = settle_expr(cx, v, i, m->axes.at[i].read[1 - v->side]) || news;
            }
            news = settle_expr(cx, v, i, m->axes.at[i].size) || news;
            news = settle_product(cx, v, i) || news;
        }
        for (uint32_t i = 0; i < m->values.n; i++) {
            news = settle_fact(cx, v, i) || news;
        }
    }
}

/* ---- contradictions ---------------------------------------------------------- */

static diag *contradicts(context *cx, values *v, uint32_t id, const char *other)
{
    const map_axis *ax = &v->m->axes.at[id];
    v->learned->axis_reported[id] = true;
    diag *dg = diag_report(cx->diags, SEV_ERROR, "config-contradicts", ax->at,
                           "axis %s has two sizes: %s", ax->name, other);
    diag_note(dg, "%s = %lld from %s", ax->name, (long long)v->size[id],
              v->size_from[id]);
    diag_help(dg, "correct the config, or choose other rules with --rules");
    return dg;
}

/* The size that an expression tells, against the one that is known. */
static bool agrees_with(context *cx, values *v, uint32_t id, const expr *e)
{
    evaluation ev = evaluation_of(cx, v);
    int64_t size = 0;
    if (e == NULL || v->size[id] == SIZE_UNKNOWN) {
        return true;
    }
    const value *x = eval_expr(&ev, e);
    if (!size_of(x, &size) || size == v->size[id]) {
        return true;
    }
    contradicts(cx, v, id,
                arena_printf(cx->arena, "%s, and %lld", eval_origin(&ev, e, x),
                             (long long)v->size[id]));
    return false;
}

/* A field that is there but no size at all: "hidden_size": "big", -1. */
static bool is_size(context *cx, values *v, uint32_t id)
{
    const map_axis *ax = &v->m->axes.at[id];
    const expr *e = ax->read[v->side];
    evaluation ev = evaluation_of(cx, v);
    int64_t size = 0;
    const value *x = e == NULL ? NULL : eval_expr(&ev, e);
    if (x == NULL || x == UNKNOWN || x->kind == V_NULL || size_of(x, &size)) {
        return true;
    }
    v->learned->axis_reported[id] = true;
    diag *dg = diag_report(cx->diags, SEV_ERROR, "config-contradicts", e->at,
                           "axis %s needs a whole number, but %s", ax->name,
                           eval_origin(&ev, e, x));
    diag_help(dg, "correct the config");
    return false;
}

static bool product_agrees(context *cx, values *v, uint32_t id)
{
    const map_axis *ax = &v->m->axes.at[id];
    axis_term t = {0};
    buf b = {.arena = cx->arena};
    int64_t known = 1;
    if (ax->primes.n == 0 || v->size[id] == SIZE_UNKNOWN) {
        return true;
    }
    for (size_t i = 0; i < ax->primes.n; i++) {
        const int64_t s = v->size[ax->primes.at[i]];
        vec_push(cx->arena, &t.axes, ax->primes.at[i]);
        if (s != SIZE_UNKNOWN) {
            buf_printf(&b, "%s%s = %lld", b.n == 0 ? "" : ", ",
                       v->m->axes.at[ax->primes.at[i]].name, (long long)s);
            known = __builtin_mul_overflow(known, s, &known) ? 0 : known;
        }
    }
    const int64_t all = term_size(v, &t);
    const bool divides = known == 0 ? v->size[id] == 0 : v->size[id] % known == 0;
    if (all == v->size[id] || (all == SIZE_UNKNOWN && divides)) {
        return true;
    }
    diag *dg = contradicts(cx, v, id,
                           arena_printf(cx->arena, "%lld is not a product with %s",
                                        (long long)v->size[id], buf_str(&b)));
    for (size_t i = 0; i < ax->primes.n; i++) {
        const uint32_t p = ax->primes.at[i];
        if (v->size[p] != SIZE_UNKNOWN) {
            diag_note(dg, "%s = %lld from %s", v->m->axes.at[p].name,
                      (long long)v->size[p], v->size_from[p]);
        }
    }
    return false;
}

rt_status values_agree(context *cx, values *v)
{
    bool good = true;
    for (uint32_t i = 0; i < v->m->axes.n; i++) {
        const map_axis *ax = &v->m->axes.at[i];
        if (v->learned->axis_reported[i]) {
            good = false;
            continue;
        }
        good = is_size(cx, v, i) && agrees_with(cx, v, i, ax->read[v->side]) &&
               (!v->m->is_merge || agrees_with(cx, v, i, ax->read[1 - v->side])) &&
               agrees_with(cx, v, i, ax->size) && product_agrees(cx, v, i) && good;
    }
    return good ? RT_OK : RT_MISMATCH;
}

/* ---- reading ----------------------------------------------------------------- */

/* Every typed field that stands in the config must fit its type. */
static rt_status check_types(context *cx, const values *v, unsigned of)
{
    rt_status status = RT_OK;
    for (size_t i = 0; v->config[of] != NULL && i < v->m->config_items.n; i++) {
        const item *it = v->m->config_items.at[i];
        unsigned side = 0;
        const char *path = NULL;
        const value *typed = NULL;
        if (it->kind != ITEM_FIELD || it->u.field.type == NULL ||
            !field_of_expr(v, cx->arena, it->u.field.path, &side, &path) ||
            side != of || it->u.field.path->kind == EXPR_INDEX) {
            continue;
        }
        const value *x = record_at(v->config[side], path);
        if (x == NULL || value_coerce(cx->arena, it->u.field.type, x, &typed)) {
            continue;
        }
        diag *dg = diag_report(cx->diags, SEV_ERROR, "field-type", it->at,
                               "%s must be %s, but it is %s",
                               field_name(v, cx->arena, side, path), it->u.field.type,
                               value_show(cx->arena, x));
        if (v->config_path[side] != NULL) {
            diag_note(dg, "read from %s", v->config_path[side]);
        }
        diag_help(dg, "correct the config");
        status = RT_MISMATCH;
    }
    return status;
}

static values *values_new(arena *a, const mapping *m, unsigned side)
{
    values *v = NEW(a, values);
    v->m = m;
    v->side = side;
    v->size = NEW_N(a, int64_t, m->axes.n + 1);
    v->size_from = NEW_N(a, const char *, m->axes.n + 1);
    v->choice = NEW_N(a, uint32_t, m->choices.n + 1);
    v->fact = NEW_N(a, const value *, m->values.n + 1);
    v->learned = NEW(a, values_learned);
    v->learned->equation_by_key = strmap_new(a);
    v->learned->undecided = strmap_new(a);
    v->learned->fact_absent = NEW_N(a, bool, m->values.n + 1);
    v->learned->axis_reported = NEW_N(a, bool, m->axes.n + 1);
    for (size_t i = 0; i < m->axes.n; i++) {
        v->size[i] = SIZE_UNKNOWN;
    }
    return v;
}

static rt_status take_configs(context *cx, values *v)
{
    rt_status types = RT_OK;
    for (unsigned side = LEFT; side <= RIGHT; side++) {
        field_choose_roots(v->m, side, v->config[side], v->choice);
        const rt_status good = check_types(cx, v, side);
        types = types == RT_OK ? good : types;
    }
    values_settle(cx, v);
    const rt_status agree = values_agree(cx, v);
    return types != RT_OK ? types : agree;
}

rt_status values_read(context *cx, const mapping *m, unsigned side, const value *config,
                      const char *config_path, values **out)
{
    values *v = values_new(cx->arena, m, side);
    *out = v;
    v->config[side] = config;
    v->config_path[side] = config_path;
    return take_configs(cx, v);
}

rt_status values_read_pair(context *cx, const mapping *m, const value *base,
                           const char *base_path, const value *adapter,
                           const char *adapter_path, values **out)
{
    values *v = values_new(cx->arena, m, RIGHT);
    *out = v;
    v->config[LEFT] = base;
    v->config_path[LEFT] = base_path;
    v->config[RIGHT] = adapter;
    v->config_path[RIGHT] = adapter_path;
    return take_configs(cx, v);
}

/* ---- asking ------------------------------------------------------------------ */

const value *values_eval(context *cx, const values *v, const expr *e, const binding *b,
                         const char **why)
{
    evaluation ev = evaluation_of(cx, v);
    ev.captures = b;
    const value *x = eval_expr(&ev, e);
    if (why != NULL) {
        *why = ev.why;
    }
    return x == UNKNOWN ? NULL : x;
}

int values_holds(context *cx, const values *v, const expr *e, const binding *b)
{
    evaluation ev = evaluation_of(cx, v);
    ev.captures = b;
    const int holds = eval_truth(&ev, e);
    /* A guard stands on many tensors; its trouble is said once. */
    const char *key = arena_printf(cx->arena, "%p", (const void *)e);
    if (holds < 0 && strmap_add(v->learned->undecided, key, 1)) {
        diag *dg = diag_report(cx->diags, SEV_ERROR, "undecided-guard", e->at,
                               "the condition `%s` cannot be decided: %s",
                               expr_text(cx->arena, e),
                               ev.why == NULL ? "a value is missing" : ev.why);
        diag_help(dg, "give the missing field with --set, or a config that has it");
    }
    return holds;
}

int values_all_hold(context *cx, const values *v, const expr *const *guards, size_t n,
                    const binding *b)
{
    int holds = 1;
    for (size_t i = 0; i < n && holds == 1; i++) {
        holds = values_holds(cx, v, guards[i], b);
    }
    return holds;
}
