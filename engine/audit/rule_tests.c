#include "audit/rule_tests.h"

#include <stdlib.h>
#include <string.h>

#include "audit/expected.h"
#include "audit/show.h"
#include "audit/test_run.h"
#include "config/convert.h"
#include "config/learned.h"
#include "grammar/parse.h"
#include "plan/stage.h"

/* ---- what a test says ------------------------------------------------------------ */

/* A record of a test: literals only. */
static value *literal(arena *a, const expr *e)
{
    value *v = NULL;
    switch (e->kind) {
    case EXPR_NULL: return value_null(a);
    case EXPR_BOOL: return value_bool(a, e->i != 0);
    case EXPR_INT: return value_int(a, e->i);
    case EXPR_FLOAT: return value_float(a, e->f);
    case EXPR_STRING: return value_string(a, e->s);
    case EXPR_NEG:
        v = literal(a, e->kid.at[0]);
        if (v != NULL) {
            v->i = -v->i;
            v->f = -v->f;
        }
        return v;
    case EXPR_LIST:
        v = value_list(a);
        for (size_t i = 0; i < e->kid.n; i++) {
            vec_push(a, &v->items, literal(a, e->kid.at[i]));
        }
        return v;
    case EXPR_RECORD:
        v = value_record(a);
        for (size_t i = 0; i < e->kid.n; i++) {
            value_set(a, v, e->keys.at[i], literal(a, e->kid.at[i]));
        }
        return v;
    case EXPR_REGEX:
    case EXPR_PATH:
    case EXPR_INDEX:
    case EXPR_NOT:
    case EXPR_BINARY:
    case EXPR_IN:
    case EXPR_IF:
    case EXPR_CALL:
    case EXPR_HAS: break;
    }
    return value_null(a);
}

void test_fail(test_run *r, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vec_push(r->cx.arena, &r->failures, arena_vprintf(r->cx.arena, fmt, ap));
    va_end(ap);
}

unsigned test_side(const test_run *r, const char *layout)
{
    unsigned side = LEFT;
    (void)mapping_side(r->m, layout, &side); /* the check has refused other names */
    return side;
}

static test_run run_of(context *cx, const mapping *m, const test_item *t)
{
    test_run r = {.cx = {cx->arena, diags_new(cx->arena)}, .m = m, .t = t};
    for (size_t i = t->lines.n; i-- > 0;) {
        const test_line *line = &t->lines.at[i];
        if (line->config != NULL) {
            r.side = test_side(&r, line->side);
            r.config[r.side] = literal(cx->arena, line->config);
        }
    }
    return r;
}

struct values *rule_test_values(context *cx, const mapping *m, const test_item *t)
{
    test_run r = run_of(cx, m, t);
    values *v = NULL;
    if (t->reject || r.config[r.side] == NULL) {
        return NULL;
    }
    const rt_status status =
        m->is_merge ? values_read_pair(&r.cx, m, r.config[LEFT], "the test",
                                       r.config[RIGHT], "the test", &v)
                    : values_read(&r.cx, m, r.side, r.config[r.side], "the test", &v);
    return status == RT_OK ? v : NULL;
}

/* ---- configs both ways ------------------------------------------------------------
 */

static void compare_fields(test_run *r, unsigned side, const value *want,
                           const value *have)
{
    for (size_t i = 0; i < want->members.n; i++) {
        const value_member *m = &want->members.at[i];
        const value *got = value_get(have, m->key);
        const bool both_absent = m->val->kind == V_NULL && got == NULL;
        if (!both_absent && !value_equal(m->val, got)) {
            test_fail(r, "%s.%s comes out as %s, the test says %s", r->m->layout[side],
                      m->key, value_show(r->cx.arena, got),
                      value_show(r->cx.arena, m->val));
        }
    }
}

static const config_result *convert(test_run *r, const values *v, const value *carried)
{
    const config_request req = {.carried = carried};
    config_result *out = NULL;
    if (config_convert(&r->cx, v, 1 - v->side, &req, &out) != RT_OK) {
        test_fail(r, "the config cannot be converted from %s to %s",
                  r->m->layout[v->side], r->m->layout[1 - v->side]);
        return NULL;
    }
    return out;
}

/* There, and from the whole that came out back: the test may list few fields of the
 * other side. */
static void convert_both_ways(test_run *r, const values *v)
{
    arena *a = r->cx.arena;
    const unsigned there = 1 - v->side;
    const config_result *out = convert(r, v, NULL);
    if (out == NULL || r->config[there] == NULL) {
        return;
    }
    compare_fields(r, there, r->config[there], out->record);
    if (out->lossy.n > 0 || r->failures.n > 0) {
        return;
    }
    values *w = NULL;
    if (values_read(&r->cx, r->m, there, value_copy(a, out->record),
                    "the converted config", &w) != RT_OK) {
        test_fail(r, "the converted config cannot be read");
        return;
    }
    const config_result *back = convert(r, w, r->config[v->side]);
    if (back != NULL) {
        compare_fields(r, v->side, r->config[v->side], back->record);
    }
}

/* ---- names and shapes -------------------------------------------------------------
 */

const char *test_name(test_run *r, const test_line *line)
{
    buf b = {.arena = r->cx.arena};
    template_print(&b, line->name);
    return buf_str(&b);
}

static bool shape_is(const dims *d, const uint64_t *shape, unsigned rank)
{
    bool same = d->left.n == rank;
    for (size_t i = 0; same && i < d->left.n; i++) {
        same = (uint64_t)d->left.at[i]->size == shape[i];
    }
    return same;
}

static void check_line(test_run *r, const test_line *line, const expected_list *list)
{
    arena *a = r->cx.arena;
    const char *name = test_name(r, line);
    const expected *e = expected_find(list, name);
    if (line->absent) {
        if (e != NULL && !e->optional) {
            test_fail(r, "%s is a name of %s, the test says it is absent", name,
                      line->side);
        }
    } else if (e == NULL) {
        test_fail(r, "%s is no name of %s under these values", name, line->side);
    } else if (line->shape != NULL && !shape_is(line->shape, e->shape, e->rank)) {
        buf b = {.arena = a};
        dims_print(&b, line->shape);
        test_fail(r, "%s has the shape %s, the test says %s", name,
                  show_shape(a, e->shape, e->rank), buf_str(&b));
    }
}

/* Of numbered files there are as many as the test's names tell. */
static void count_files(test_run *r, values *v)
{
    for (unsigned side = LEFT; side <= RIGHT; side++) {
        const file_name *f = files_numbered(r->m->files[side]);
        const uint32_t axis = f != NULL ? mapping_axis(r->m, f->capture) : NO_AXIS;
        int64_t n = 1;
        for (size_t i = 0; axis != NO_AXIS && i < r->t->lines.n; i++) {
            const test_line *line = &r->t->lines.at[i];
            if (line->name != NULL && !line->absent &&
                test_side(r, line->side) == side) {
                const int64_t number = strtoll(test_name(r, line), NULL, 10);
                n = number >= n ? number + 1 : n;
            }
        }
        if (axis != NO_AXIS) {
            values_set_size(v, axis, n, "the names of the test");
            values_settle(&r->cx, v);
        }
    }
}

static void check_names(test_run *r, const values *v)
{
    expected_list lists[2] = {{0}, {0}};
    bool listed[2] = {false, false};
    for (size_t i = 0; i < r->t->lines.n; i++) {
        const test_line *line = &r->t->lines.at[i];
        if (line->name == NULL) {
            continue;
        }
        const unsigned side = test_side(r, line->side);
        if (!listed[side] && expect_side(&r->cx, v, side, &lists[side]) != RT_OK) {
            test_fail(r, "the names of %s cannot be told", line->side);
            return;
        }
        listed[side] = true;
        check_line(r, line, &lists[side]);
    }
}

static void run_test(test_run *r)
{
    values *v = NULL;
    if (r->m->is_merge) {
        merge_test_run(r);
        return;
    }
    if (values_read(&r->cx, r->m, r->side, r->config[r->side], "the test", &v) !=
            RT_OK ||
        values_demand(&r->cx, v) != RT_OK) {
        test_fail(r, "the config is refused");
        return;
    }
    count_files(r, v);
    if (r->config[LEFT] != NULL && r->config[RIGHT] != NULL) {
        convert_both_ways(r, v);
    }
    check_names(r, v);
}

/* ---- reject -----------------------------------------------------------------------
 */

inventory *test_inventory(test_run *r, unsigned side, bool absent)
{
    arena *a = r->cx.arena;
    inventory *inv = inventory_new(a);
    for (size_t i = 0; i < r->t->lines.n; i++) {
        const test_line *line = &r->t->lines.at[i];
        if (line->name == NULL || (line->absent && !absent) ||
            test_side(r, line->side) != side) {
            continue;
        }
        tensor_info t = {.name = test_name(r, line),
                         .dt = DT_BF16,
                         .has_shape = line->shape != NULL || line->absent,
                         .is_contiguous = true,
                         .n_elems = 1};
        for (size_t d = 0; line->shape != NULL && d < line->shape->left.n; d++) {
            t.shape[t.rank] = (uint64_t)line->shape->left.at[d]->size;
            t.n_elems *= t.shape[t.rank++];
        }
        (void)inventory_add(a, inv, t);
    }
    return inv;
}

static void provoke(test_run *r)
{
    const mapping *with = NULL;
    values *v = NULL;
    if (r->t->items.n > 0) {
        if (mapping_check_with(&r->cx, r->m->ast, &r->t->items, &with) == RT_OK) {
            test_fail(r, "the added rules are accepted");
        }
        return;
    }
    if (r->m->is_merge) {
        merge_test_provoke(r);
        return;
    }
    if (values_read(&r->cx, r->m, r->side, r->config[r->side], "the test", &v) !=
            RT_OK ||
        values_demand(&r->cx, v) != RT_OK) {
        return;
    }
    inventory *inv = test_inventory(r, r->side, false);
    if (inv->tensors.n > 0) {
        plan p = {0};
        stage *out = NULL;
        account *acc = NULL;
        const stage *in = stage_of_inventory(&r->cx, &p, inv);
        stage_bind_choices(&r->cx, in, v->side, v);
        const rt_status status = stage_apply(&r->cx, in, v, NULL, &out, &acc);
        if (status != RT_OK || account_report(&r->cx, acc) != RT_OK) {
            return;
        }
    }
    config_result *out = NULL;
    const config_request req = {0};
    if (config_convert(&r->cx, v, 1 - v->side, &req, &out) == RT_OK) {
        test_fail(r, "nothing complains");
    }
}

/* ---- all of a file ----------------------------------------------------------------
 */

size_t rule_tests_run(context *cx, const mapping *m)
{
    size_t n_failed = 0;
    for (size_t i = 0; i < m->tests.n; i++) {
        const map_test *t = &m->tests.at[i];
        test_run r = run_of(cx, m, t->ast);
        if (!t->ast->reject) {
            run_test(&r);
        } else {
            provoke(&r);
            if (r.failures.n == 0 && !diags_has(r.cx.diags, t->ast->slug)) {
                test_fail(&r, "it is refused, but not with '%s'", t->ast->slug);
            }
        }
        if (r.failures.n == 0) {
            continue;
        }
        n_failed++;
        diag *dg = diag_report(cx->diags, SEV_ERROR, "test-failed", t->at,
                               "the test \"%s\" fails", t->ast->title);
        for (size_t k = 0; k < r.failures.n; k++) {
            diag_note(dg, "%s", r.failures.at[k]);
        }
        note_complaints(cx->arena, dg, r.cx.diags);
    }
    return n_failed;
}
