#include "config/table.h"

#include <string.h>

#include "config/fields.h"

/* ---- columns ----------------------------------------------------------------- */

unsigned table_column_side(const values *v, arena *a, const table_item *t,
                           size_t column)
{
    unsigned side = 0;
    const char *path = NULL;
    if (field_of_expr(v, a, t->columns.at[column], &side, &path)) {
        return side;
    }
    return column == 0 ? LEFT : RIGHT;
}

uint32_t index_axis(const values *v, const expr *e)
{
    uint64_t id = 0;
    if (e->kind == EXPR_INDEX && e->kid.at[1]->kind == EXPR_PATH &&
        strmap_get(v->m->axis_by_name, e->kid.at[1]->s, &id)) {
        return (uint32_t)id;
    }
    return NO_AXIS;
}

const value *table_column(evaluation *ev, const expr *column)
{
    const uint32_t axis = index_axis(ev->v, column);
    if (axis == NO_AXIS) {
        return eval_expr(ev, column);
    }
    arena *a = ev->cx->arena;
    value *list = value_list(a);
    variable index = {column->kid.at[1]->s, NULL};
    evaluation inner = *ev;
    inner.vars = &index;
    inner.n_vars = 1;
    for (int64_t i = 0; i < ev->v->size[axis]; i++) {
        index.val = value_int(a, i);
        const value *x = eval_expr(&inner, column);
        if (x == NULL || x == UNKNOWN) {
            ev->why = inner.why;
            return x;
        }
        vec_push(a, &list->items, value_copy(a, x));
    }
    return ev->v->size[axis] == SIZE_UNKNOWN ? UNKNOWN : list;
}

/* ---- one pass over the rows -------------------------------------------------- */

typedef struct run {
    context *cx;
    const values *v;
    const table_item *t;
    unsigned read_side;
    unsigned *side;     /* by column */
    const value **read; /* by column: of the read side */
    variable index;     /* of an element-wise table */
    size_t n_index;     /* 0 or 1 */
} run;

static const pattern *column_pattern(const run *r, const table_row *row, size_t column)
{
    size_t nth = 0;
    for (size_t i = 0; i < column; i++) {
        nth += r->side[i] == r->side[column];
    }
    if (r->side[column] == LEFT) {
        return nth < row->left.n ? row->left.at[nth] : NULL;
    }
    return nth < row->right.n ? row->right.at[nth] : NULL;
}

static bool row_fits(const run *r, const table_row *row, evaluation *ev)
{
    const rule_arrow against =
        r->read_side == LEFT ? RULE_RIGHT_TO_LEFT : RULE_LEFT_TO_RIGHT;
    if (row->arrow == against) {
        return false;
    }
    row_variables(ev, row, &r->index, r->n_index);
    for (size_t i = 0; i < r->t->columns.n; i++) {
        if (r->side[i] != r->read_side) {
            continue;
        }
        const pattern *p = column_pattern(r, row, i);
        if (p != NULL && !pattern_match(ev, p, r->read[i])) {
            return false;
        }
    }
    /* A condition over what only the other side knows says nothing here. */
    return row->when == NULL || eval_truth(ev, row->when) != 0;
}

/* Does some row ask for the absence of a column that is read? */
static bool asks_absence(const run *r)
{
    for (size_t k = 0; k < r->t->rows.n; k++) {
        for (size_t i = 0; i < r->t->columns.n; i++) {
            const pattern *p = column_pattern(r, &r->t->rows.at[k], i);
            if (r->side[i] == r->read_side && p != NULL && p->kind == PAT_ABSENT) {
                return true;
            }
        }
    }
    return false;
}

static const char *show_read(const run *r)
{
    arena *a = r->cx->arena;
    buf b = {.arena = a};
    for (size_t i = 0; i < r->t->columns.n; i++) {
        if (r->side[i] == r->read_side) {
            buf_printf(&b, "%s%s = %s", b.n == 0 ? "" : ", ",
                       expr_text(a, r->t->columns.at[i]), value_show(a, r->read[i]));
        }
    }
    return buf_str(&b);
}

static table_answer read_columns(run *r, table_reading *out)
{
    evaluation ev = evaluation_of(r->cx, r->v);
    size_t n_read = 0, n_absent = 0;
    ev.vars = &r->index;
    ev.n_vars = r->n_index;
    for (size_t i = 0; i < r->t->columns.n; i++) {
        if (r->side[i] != r->read_side) {
            continue;
        }
        r->read[i] = eval_expr(&ev, r->t->columns.at[i]);
        if (r->read[i] == UNKNOWN) {
            return TABLE_UNTOLD;
        }
        n_read++;
        n_absent += r->read[i] == NULL;
    }
    out->absent = n_absent > 0;
    return n_read > 0 && n_absent == n_read && !asks_absence(r) ? TABLE_UNTOLD
                                                                : TABLE_FOUND;
}

/* Find the row for the columns as they are at this index; built[] by column. */
static table_answer run_rows(run *r, table_reading *out, const value **built)
{
    const table_answer told = read_columns(r, out);
    if (told != TABLE_FOUND) {
        return told;
    }
    out->shown = out->shown == NULL ? show_read(r) : out->shown;
    for (size_t k = 0; k < r->t->rows.n; k++) {
        const table_row *row = &r->t->rows.at[k];
        evaluation ev = evaluation_of(r->cx, r->v);
        if (!row_fits(r, row, &ev)) {
            continue;
        }
        for (size_t i = 0; i < r->t->columns.n; i++) {
            const pattern *p = column_pattern(r, row, i);
            if (r->side[i] != r->read_side) {
                built[i] = p == NULL ? UNKNOWN : pattern_build(&ev, p);
                out->by[i] = r->n_index == 0 ? p : NULL;
            }
        }
        if (row->arrow != RULE_BOTH &&
            (out->one_way.n == 0 || out->one_way.at[out->one_way.n - 1] != row)) {
            vec_push(r->cx->arena, &out->one_way, row);
        }
        return TABLE_FOUND;
    }
    out->why = show_read(r);
    return TABLE_NO_ROW;
}

/* ---- element-wise ------------------------------------------------------------ */

static uint32_t table_axis(const run *r, const expr **column)
{
    for (size_t i = 0; i < r->t->columns.n; i++) {
        const uint32_t axis = index_axis(r->v, r->t->columns.at[i]);
        if (axis != NO_AXIS) {
            *column = r->t->columns.at[i];
            return axis;
        }
    }
    return NO_AXIS;
}

/* A list that is read must have one element for each index. */
static bool lengths_fit(const run *r, int64_t n, table_reading *out)
{
    for (size_t i = 0; i < r->t->columns.n; i++) {
        const expr *c = r->t->columns.at[i];
        evaluation ev = evaluation_of(r->cx, r->v);
        if (r->side[i] != r->read_side || index_axis(r->v, c) == NO_AXIS) {
            continue;
        }
        const value *list = eval_expr(&ev, c->kid.at[0]);
        if (list != NULL && list != UNKNOWN && list->kind == V_LIST &&
            list->items.n != (size_t)n) {
            out->why = arena_printf(r->cx->arena, "%s has %zu elements, but %s = %lld",
                                    expr_text(r->cx->arena, c->kid.at[0]),
                                    list->items.n, c->kid.at[1]->s, (long long)n);
            return false;
        }
    }
    return true;
}

/* Add what one index built to the columns: lists grow, plain columns must not change.
 */
static bool collect(const run *r, table_reading *out, const value **built,
                    value **lists)
{
    arena *a = r->cx->arena;
    for (size_t i = 0; i < r->t->columns.n; i++) {
        const bool first = r->index.val->i == 0;
        if (r->side[i] == r->read_side) {
            continue;
        }
        if (index_axis(r->v, r->t->columns.at[i]) != NO_AXIS) {
            if (built[i] == UNKNOWN || (!first && out->written[i] == UNKNOWN)) {
                out->written[i] = UNKNOWN;
                continue;
            }
            vec_push(a, &lists[i]->items,
                     built[i] == NULL ? value_null(a) : value_copy(a, built[i]));
            out->written[i] = lists[i];
        } else if (first || out->written[i] == UNKNOWN) {
            out->written[i] = built[i];
        } else if (built[i] != UNKNOWN && !value_equal(built[i], out->written[i])) {
            out->why = arena_printf(a, "%s, after %s for a smaller %s", show_read(r),
                                    value_show(a, out->written[i]), r->index.name);
            return false;
        }
    }
    return true;
}

static void run_elements(run *r, uint32_t axis, const expr *column, table_reading *out)
{
    arena *a = r->cx->arena;
    const int64_t n = r->v->size[axis];
    const value **built = NEW_N(a, const value *, r->t->columns.n);
    value **lists = NEW_N(a, value *, r->t->columns.n);
    for (size_t i = 0; i < r->t->columns.n; i++) {
        lists[i] = value_list(a);
        out->written[i] = UNKNOWN;
    }
    if (n == SIZE_UNKNOWN) {
        out->answer = TABLE_UNTOLD;
        return;
    }
    out->answer = lengths_fit(r, n, out) ? TABLE_FOUND : TABLE_NO_ROW;
    r->n_index = 1;
    r->index.name = column->kid.at[1]->s;
    for (int64_t i = 0; i < n && out->answer == TABLE_FOUND; i++) {
        r->index.val = value_int(a, i);
        out->answer = run_rows(r, out, built);
        if (out->answer == TABLE_FOUND && !collect(r, out, built, lists)) {
            out->answer = TABLE_NO_ROW;
        }
    }
}

table_reading table_read(context *cx, const values *v, const table_item *t,
                         unsigned read_side)
{
    arena *a = cx->arena;
    table_reading out = {.written = NEW_N(a, const value *, t->columns.n + 1),
                         .by = NEW_N(a, const pattern *, t->columns.n + 1)};
    run r = {.cx = cx, .v = v, .t = t, .read_side = read_side};
    const expr *column = NULL;
    r.side = NEW_N(a, unsigned, t->columns.n + 1);
    r.read = NEW_N(a, const value *, t->columns.n + 1);
    for (size_t i = 0; i < t->columns.n; i++) {
        r.side[i] = table_column_side(v, a, t, i);
    }
    const uint32_t axis = table_axis(&r, &column);
    if (axis != NO_AXIS) {
        run_elements(&r, axis, column, &out);
    } else {
        out.answer = run_rows(&r, &out, out.written);
    }
    return out;
}
