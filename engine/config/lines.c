#include "config/lines.h"

#include <math.h>

#include "config/fields.h"
#include "config/table.h"

/* ---- asking ------------------------------------------------------------------ */

const value *conversion_eval(conversion *c, const expr *e, const value *record,
                             const char **why)
{
    evaluation ev = evaluation_of(c->cx, c->view);
    c->view->config[c->to] = record;
    const value *x = eval_expr(&ev, e);
    if (why != NULL) {
        *why = ev.why;
    }
    return x;
}

int conversion_holds(conversion *c, const expr *e)
{
    evaluation ev = evaluation_of(c->cx, c->view);
    if (e == NULL) {
        return 1;
    }
    c->view->config[c->to] = NULL;
    int holds = eval_truth(&ev, e);
    if (holds < 0) {
        c->used_latest = true;
        c->view->config[c->to] = c->latest;
        holds = eval_truth(&ev, e);
    }
    return holds < 0 ? values_holds(c->cx, c->view, e, NULL) : holds;
}

/* The condition of a line without reporting: for questions about other records. */
static bool quiet_when(conversion *c, const expr *e, const value *record)
{
    evaluation ev = evaluation_of(c->cx, c->view);
    c->view->config[c->to] = record;
    return e == NULL || eval_truth(&ev, e) == 1;
}

void lines_collect(conversion *c)
{
    const mapping *m = c->from->m;
    arena *a = c->cx->arena;
    for (uint32_t i = 0; i < m->axes.n; i++) {
        const line l = {.kind = LINE_AXIS, .at = m->axes.at[i].at, .id = i};
        if (m->axes.at[i].read[c->to] != NULL) {
            vec_push(a, &c->lines, l);
        }
    }
    for (uint32_t i = 0; i < m->values.n; i++) {
        const line l = {.kind = LINE_VALUE, .at = m->values.at[i].at, .id = i};
        if (m->values.at[i].read[c->to] != NULL) {
            vec_push(a, &c->lines, l);
        }
    }
    for (size_t i = 0; i < m->config_items.n; i++) {
        const item *it = m->config_items.at[i];
        line l = {.at = it->at, .it = it};
        if (it->kind == ITEM_EQUATION) {
            l.kind = LINE_EQUATION;
            l.soft = it->u.equation.soft;
        } else if (it->kind == ITEM_TABLE) {
            l.kind = LINE_TABLE;
            l.soft = it->u.table.soft;
        } else if (it->kind == ITEM_CONST) {
            unsigned side = 0;
            const char *path = NULL;
            l.kind = LINE_CONST;
            if (!field_of_expr(c->view, a, it->u.assign.path, &side, &path) ||
                side != c->to) {
                continue;
            }
        } else {
            continue;
        }
        vec_push(a, &c->lines, l);
    }
}

/* ---- the two ends of a line -------------------------------------------------- */

/* The end of an equation that the target's config has, and the other one. */
static void equation_ends(const conversion *c, const equation_item *eq,
                          const expr **given, const expr **target)
{
    const unsigned bit = 1u << c->to;
    const bool left = (sides_named(c->view, eq->left) & bit) != 0;
    const bool right = (sides_named(c->view, eq->right) & bit) != 0;
    *given = left && !right ? eq->right : eq->left;
    *target = left && !right ? eq->left : eq->right;
    if (left && right) {
        *given = NULL;
    }
}

static const expr *target_end(conversion *c, const line *l)
{
    const mapping *m = c->from->m;
    const expr *given = NULL, *target = NULL;
    switch (l->kind) {
    case LINE_AXIS: return m->axes.at[l->id].read[c->to];
    case LINE_VALUE: return m->values.at[l->id].read[c->to];
    case LINE_CONST: return l->it->u.assign.path;
    case LINE_EQUATION:
        equation_ends(c, &l->it->u.equation, &given, &target);
        return given == NULL ? NULL : target;
    case LINE_TABLE: return NULL;
    }
    return NULL;
}

static const value *elements(conversion *c, const expr *e, uint32_t axis,
                             const char *name)
{
    arena *a = c->cx->arena;
    value *list = value_list(a);
    variable index = {name, NULL};
    evaluation ev = evaluation_of(c->cx, c->view);
    ev.vars = &index;
    ev.n_vars = 1;
    for (int64_t i = 0; i < c->view->size[axis]; i++) {
        index.val = value_int(a, i);
        const value *x = eval_expr(&ev, e);
        if (x == NULL || x == UNKNOWN) {
            return x;
        }
        vec_push(a, &list->items, value_copy(a, x));
    }
    return c->view->size[axis] == SIZE_UNKNOWN ? UNKNOWN : list;
}

/* What the source says at a line (tables apart); UNKNOWN: nothing. */
static const value *source_value(conversion *c, const line *l)
{
    const values *v = c->from;
    const expr *given = NULL, *target = NULL;
    c->view->config[c->to] = NULL;
    switch (l->kind) {
    case LINE_AXIS:
        return v->size[l->id] == SIZE_UNKNOWN ? UNKNOWN
                                              : value_int(c->cx->arena, v->size[l->id]);
    case LINE_VALUE: return v->fact[l->id] == NULL ? UNKNOWN : v->fact[l->id];
    case LINE_EQUATION:
        equation_ends(c, &l->it->u.equation, &given, &target);
        if (given != NULL && index_axis(v, target) != NO_AXIS) {
            return elements(c, given, index_axis(v, target), target->kid.at[1]->s);
        }
        return given == NULL ? UNKNOWN : conversion_eval(c, given, NULL, NULL);
    case LINE_CONST: {
        const value *x = conversion_eval(c, l->it->u.assign.value, NULL, NULL);
        c->used_latest = c->used_latest || x == UNKNOWN;
        return x != UNKNOWN
                   ? x
                   : conversion_eval(c, l->it->u.assign.value, c->latest, NULL);
    }
    case LINE_TABLE: break;
    }
    return UNKNOWN;
}

static const expr *line_when(const line *l)
{
    return l->kind == LINE_EQUATION ? l->it->u.equation.when
           : l->kind == LINE_CONST  ? l->it->u.assign.when
           : l->kind == LINE_TABLE  ? l->it->u.table.when
                                    : NULL;
}

const char *line_show(conversion *c, const line *l)
{
    const mapping *m = c->from->m;
    arena *a = c->cx->arena;
    evaluation ev = evaluation_of(c->cx, c->view);
    const expr *given = NULL, *target = NULL;
    c->view->config[c->to] = NULL;
    if (l->kind == LINE_AXIS) {
        const char *from = c->from->size_from[l->id];
        return arena_printf(a, "axis %s, %s", m->axes.at[l->id].name,
                            from == NULL ? "which is not known" : from);
    }
    if (l->kind == LINE_VALUE) {
        const expr *e = m->values.at[l->id].read[1 - c->to];
        const value *x = source_value(c, l);
        return e == NULL || x == UNKNOWN
                   ? arena_printf(a, "value %s", m->values.at[l->id].name)
                   : arena_printf(a, "value %s, %s", m->values.at[l->id].name,
                                  eval_origin(&ev, e, x));
    }
    if (l->kind == LINE_EQUATION) {
        equation_ends(c, &l->it->u.equation, &given, &target);
        const value *x = given == NULL ? UNKNOWN : source_value(c, l);
        return x == UNKNOWN ? "an equation" : eval_origin(&ev, given, x);
    }
    if (l->kind == LINE_TABLE) {
        const table_reading r = table_read(c->cx, c->view, &l->it->u.table, 1 - c->to);
        return r.shown == NULL ? "a table" : r.shown;
    }
    return arena_printf(a, "const %s = %s", expr_text(a, l->it->u.assign.path),
                        expr_text(a, l->it->u.assign.value));
}

/* ---- agreement --------------------------------------------------------------- */

/* Do the columns of `side` that a reading built stand in the view? */
static int columns_hold(conversion *c, const table_item *t, const table_reading *r,
                        unsigned side)
{
    arena *a = c->cx->arena;
    for (size_t i = 0; i < t->columns.n; i++) {
        evaluation ev = evaluation_of(c->cx, c->view);
        if (table_column_side(c->view, a, t, i) != side || r->written[i] == UNKNOWN) {
            continue;
        }
        const value *x = table_column(&ev, t->columns.at[i]);
        if (x != UNKNOWN && !pattern_holds(a, r->by[i], r->written[i], x)) {
            return 0;
        }
    }
    return 1;
}

/* The record agrees when the source's row leads to it, or when its own row leads to the
 * source: after a one-way row only one of the two can be. */
static int table_holds(conversion *c, const table_item *t, const value *record)
{
    c->view->config[c->to] = record;
    const table_reading there = table_read(c->cx, c->view, t, 1 - c->to);
    if (there.answer == TABLE_UNTOLD) {
        return -1;
    }
    if (there.answer == TABLE_FOUND && columns_hold(c, t, &there, c->to) == 1) {
        return 1;
    }
    const table_reading back = table_read(c->cx, c->view, t, c->to);
    if (back.answer != TABLE_FOUND) {
        return back.answer == TABLE_UNTOLD || back.absent ? -1 : 0;
    }
    return columns_hold(c, t, &back, 1 - c->to);
}

/* Floats that went through arithmetic and back may differ in their last bits. */
static bool means_same(const value *x, const value *y)
{
    if (value_equal(x, y)) {
        return true;
    }
    if (!value_is_number(x) || !value_is_number(y) ||
        (x->kind == V_INT && y->kind == V_INT)) {
        return false;
    }
    const double p = value_number(x), q = value_number(y);
    return fabs(p - q) <= 1e-12 * fmax(fabs(p), fabs(q));
}

int line_holds(conversion *c, const line *l, const value *record)
{
    if (!quiet_when(c, line_when(l), record)) {
        return -1;
    }
    if (l->kind == LINE_TABLE) {
        return table_holds(c, &l->it->u.table, record);
    }
    const expr *target = target_end(c, l);
    const value *want = source_value(c, l);
    if (target == NULL || want == NULL || want == UNKNOWN) {
        return -1;
    }
    evaluation ev = evaluation_of(c->cx, c->view);
    c->view->config[c->to] = record;
    const value *has = table_column(&ev, target);
    /* Where a size would stand, null says no more than absence. */
    if (has == NULL || has == UNKNOWN ||
        (l->kind == LINE_AXIS && has->kind == V_NULL)) {
        return -1;
    }
    return means_same(want, has) ? 1 : 0;
}

/* ---- writing ----------------------------------------------------------------- */

typedef struct target_leaf {
    conversion *c;
} target_leaf;

static bool is_target_field(void *who, const expr *e)
{
    const target_leaf *t = who;
    unsigned side = 0;
    const char *path = NULL;
    return (e->kind == EXPR_PATH || index_axis(t->c->view, e) != NO_AXIS) &&
           field_of_expr(t->c->view, t->c->cx->arena, e, &side, &path) &&
           side == t->c->to;
}

bool line_writes(conversion *c, const line *l)
{
    target_leaf who = {c};
    const expr *e = l->kind == LINE_TABLE ? NULL : target_end(c, l);
    while (e != NULL && !is_target_field(&who, e)) {
        e = e->kind == EXPR_BINARY && e->op == OP_ELSE ? e->kid.at[0] : NULL;
    }
    return e != NULL;
}

rt_status conversion_write(conversion *c, const line *l, const char *path,
                           const value *x, exactness class_of, const char *text,
                           bool kept)
{
    arena *a = c->cx->arena;
    const char *bad = NULL;
    const char *first = field_spelling(c->view, a, c->to, path);
    field_write w = {first, NULL, l, class_of, text, kept};
    if (x != NULL) {
        w.val = field_typed(c->view, a, c->to, first, x, &bad);
        if (w.val == NULL) {
            diag *dg = diag_report(
                c->cx->diags, SEV_ERROR, "field-type", l == NULL ? NOWHERE : l->at,
                "%s must be %s, but it would be %s", field_name(c->view, a, c->to, bad),
                field_type(c->view, a, c->to, bad), value_show(a, x));
            diag_note(dg, "from %s", text);
            diag_help(dg, "the value cannot be said in this layout");
            return RT_MISMATCH;
        }
    }
    vec_push(a, &c->writes, w);
    return RT_OK;
}

static rt_status write_table(conversion *c, const line *l, bool kept)
{
    arena *a = c->cx->arena;
    const table_item *t = &l->it->u.table;
    c->view->config[c->to] = NULL;
    const table_reading r = table_read(c->cx, c->view, t, 1 - c->to);
    if (r.answer == TABLE_NO_ROW) {
        diag *dg = diag_report(c->cx->diags, SEV_ERROR, "no-row", l->at,
                               "no row of the table fits %s", r.why);
        if (c->from->config_path[1 - c->to] != NULL) {
            diag_note(dg, "read from %s", c->from->config_path[1 - c->to]);
        }
        diag_help(dg, "the rules do not know this case of the config");
        return RT_MISMATCH;
    }
    if (r.answer != TABLE_FOUND) {
        return RT_OK;
    }
    for (size_t i = 0; i < r.one_way.n; i++) {
        const char *because = r.one_way.at[i]->because;
        const char *text = arena_printf(
            a, "%s: %s", r.shown, because == NULL ? "there is no way back" : because);
        vec_push(a, &c->lossy, text);
    }
    for (size_t i = 0; i < t->columns.n; i++) {
        unsigned side = 0;
        const char *path = NULL;
        if (!field_of_expr(c->view, a, t->columns.at[i], &side, &path) ||
            side != c->to || r.written[i] == UNKNOWN) {
            continue;
        }
        TRY(conversion_write(c, l, path, r.written[i], r.one_way.n > 0 ? LOSSY : EXACT,
                             r.shown, kept));
    }
    return RT_OK;
}

/* An equation that has no field of the target: a demand on the source. */
static rt_status check_demand(conversion *c, const line *l, const expr *target,
                              const value *want)
{
    const value *has = conversion_eval(c, target, NULL, NULL);
    if (has == UNKNOWN || sides_named(c->view, target) != 0 || value_equal(has, want)) {
        return RT_OK;
    }
    diag *dg = diag_report(c->cx->diags, SEV_ERROR, "config-contradicts", l->at,
                           "%s, but the rules want %s", line_show(c, l),
                           value_show(c->cx->arena, has));
    diag_help(dg, "the other layout cannot say this");
    return RT_MISMATCH;
}

rt_status line_write(conversion *c, const line *l, bool kept)
{
    const int when = conversion_holds(c, line_when(l));
    if (when <= 0) {
        return when == 0 ? RT_OK : RT_MISMATCH;
    }
    if (l->kind == LINE_TABLE) {
        return write_table(c, l, kept);
    }
    const expr *target = target_end(c, l);
    const value *x = source_value(c, l);
    if (target == NULL || x == NULL || x == UNKNOWN) {
        return RT_OK;
    }
    target_leaf who = {c};
    unsigned side = 0;
    const char *path = NULL;
    const value *leaf_value = x;
    evaluation ev = evaluation_of(c->cx, c->view);
    c->view->config[c->to] = c->latest;
    const expr *leaf = expr_invert(&ev, target, is_target_field, &who, &leaf_value);
    if (leaf == NULL || !field_of_expr(c->view, c->cx->arena, leaf, &side, &path)) {
        return l->kind == LINE_EQUATION ? check_demand(c, l, target, x) : RT_OK;
    }
    const bool same = leaf_value == x;
    const exactness class_of = same || leaf_value->kind != V_FLOAT ? EXACT : ROUNDING;
    return conversion_write(c, l, path, leaf_value, class_of, line_show(c, l), kept);
}
