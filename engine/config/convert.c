/* The target's config, built by layers: carried, soft equations, row, equations, --set,
 * defaults.
 *
 * A carried config stays as it is wherever it agrees with the source, in its own
 * spelling. What is built is read back: a line that it then contradicts although the
 * carried config agreed (because another field changed) is written out, and the record
 * built anew.
 */
#include "config/convert.h"

#include <stdlib.h>
#include <string.h>

#include "config/build.h"
#include "config/fields.h"
#include "config/learned.h"
#include "config/mentions.h"

/* ---- the row ----------------------------------------------------------------- */

/* Does the named model's row agree with all sizes and hard equations? */
static bool row_agrees(builder *b)
{
    conversion *c = &b->c;
    const config_request *req = c->req;
    for (size_t i = 0; i < c->lines.n; i++) {
        const line *l = &c->lines.at[i];
        const bool asked = !l->soft && (l->kind != LINE_VALUE || line_writes(c, l));
        if (!asked || line_holds(c, l, req->row) != 0) {
            continue;
        }
        diag *dg =
            diag_report(c->cx->diags, SEV_WARNING, "row-vetoed", l->at,
                        "the named model %s is another one: its row disagrees with %s",
                        req->row_name == NULL ? "" : req->row_name, line_show(c, l));
        diag_help(dg, "nothing is taken from the row; name another model, or none");
        return false;
    }
    return true;
}

/* ---- one build --------------------------------------------------------------- */

static rt_status gather(builder *b)
{
    conversion *c = &b->c;
    c->writes.n = 0;
    c->lossy.n = 0;
    for (size_t i = 0; i < c->lines.n; i++) {
        const line *l = &c->lines.at[i];
        const bool kept = c->req->carried != NULL && !b->forced[i] &&
                          line_holds(c, l, c->req->carried) == 1;
        TRY(line_write(c, l, kept));
    }
    return RT_OK;
}

static bool same(const value *x, const value *y)
{
    return x == NULL || y == NULL ? x == y : value_equal(x, y);
}

/* Two lines of one strength that write one field must write the same. */
static rt_status check_twice(builder *b)
{
    conversion *c = &b->c;
    arena *a = c->cx->arena;
    strmap *first[2] = {strmap_new(a), strmap_new(a)};
    rt_status status = RT_OK;
    for (size_t i = 0; i < c->writes.n; i++) {
        const field_write *w = &c->writes.at[i];
        uint64_t at = 0;
        if (w->kept || strmap_add(first[w->by->soft], w->path, i)) {
            continue;
        }
        if (!strmap_get(first[w->by->soft], w->path, &at) ||
            same(c->writes.at[at].val, w->val)) {
            continue;
        }
        const field_write *o = &c->writes.at[at];
        diag *dg =
            diag_report(c->cx->diags, SEV_ERROR, "config-contradicts", w->by->at,
                        "%s would be %s and %s", field_name(c->view, a, c->to, w->path),
                        value_show(a, o->val), value_show(a, w->val));
        diag_label(dg, o->by->at, "%s is written here too", w->path);
        diag_note(dg, "%s from %s", value_show(a, o->val), o->text);
        diag_note(dg, "%s from %s", value_show(a, w->val), w->text);
        diag_help(dg, "the source's config contradicts itself, or the rules do");
        status = RT_MISMATCH;
    }
    return status;
}

static rt_status build(builder *b)
{
    TRY(gather(b));
    TRY(check_twice(b));
    build_start(b);
    build_soft(b);
    build_row(b);
    build_hard(b);
    build_rest(b);
    TRY(build_set(b));
    return build_defaults(b);
}

/* ---- reading back ------------------------------------------------------------ */

/* Lines that the built record does not say; those that were kept are forced. */
static bool force_lines(builder *b)
{
    conversion *c = &b->c;
    bool again = false;
    for (size_t i = 0; i < c->lines.n; i++) {
        const line *l = &c->lines.at[i];
        if (!l->soft && !b->forced[i] && c->req->carried != NULL &&
            line_holds(c, l, b->record) == 0) {
            b->forced[i] = true;
            again = true;
        }
    }
    return again;
}

/* What the user sets may contradict everything but the sizes of the tensors. */
static rt_status check_built(builder *b)
{
    conversion *c = &b->c;
    rt_status status = RT_OK;
    for (size_t i = 0; i < c->lines.n; i++) {
        const line *l = &c->lines.at[i];
        if (l->soft || (c->req->set != NULL && l->kind != LINE_AXIS) ||
            line_holds(c, l, b->record) != 0) {
            continue;
        }
        diag *dg = diag_report(c->cx->diags, SEV_ERROR, "config-contradicts", l->at,
                               "the %s config that the rules make disagrees with %s",
                               c->from->m->layout[c->to], line_show(c, l));
        diag_help(dg, "the %s layout cannot say this, or the rules lack a line for it",
                  c->from->m->layout[c->to]);
        status = RT_MISMATCH;
    }
    /* What the rules demand of the target's config holds for one that is made, too. */
    c->view->config[c->to] = b->record;
    for (size_t i = 0; i < c->from->m->config_items.n; i++) {
        const item *it = c->from->m->config_items.at[i];
        if (is_demand(it) &&
            (sides_named(c->view, it->u.demand.is) & 1u << c->to) != 0 &&
            !demand_met(c->cx, c->view, it)) {
            status = RT_MISMATCH;
        }
    }
    return status;
}

/* A size that the target must say and that no source gives. */
static rt_status check_sources(builder *b)
{
    conversion *c = &b->c;
    rt_status status = RT_OK;
    for (size_t i = 0; i < c->lines.n; i++) {
        const line *l = &c->lines.at[i];
        unsigned side = 0;
        const char *path = NULL;
        const expr *e =
            l->kind == LINE_AXIS ? c->from->m->axes.at[l->id].read[c->to] : NULL;
        if (e == NULL || !field_of_expr(c->view, c->cx->arena, e, &side, &path) ||
            side != c->to) {
            continue;
        }
        c->view->config[c->to] = b->record;
        evaluation ev = evaluation_of(c->cx, c->view);
        if (field_read(&ev, c->to, path) != NULL) {
            continue;
        }
        diag *dg =
            diag_report(c->cx->diags, SEV_ERROR, "no-source", l->at, "nothing tells %s",
                        field_name(c->view, c->cx->arena, c->to, path));
        diag_help(dg, "give it with --set %s=NUMBER", path);
        status = RT_MISMATCH;
    }
    return status;
}

/* ---- the whole --------------------------------------------------------------- */

static builder builder_new(context *cx, const values *from, unsigned to_side,
                           const config_request *req)
{
    builder b = {.c = {.cx = cx, .from = from, .to = to_side, .req = req}};
    b.c.view = values_view(cx, from);
    b.c.view->config_path[to_side] = NULL;
    b.c.latest = req->carried != NULL ? req->carried : value_record(cx->arena);
    /* Which root the target has, the carried config tells; else the first is written.
     */
    field_choose_roots(from->m, to_side, req->carried, b.c.view->choice);
    lines_collect(&b.c);
    b.forced = NEW_N(cx->arena, bool, b.c.lines.n + 1);
    b.row = req->row != NULL && row_agrees(&b) ? req->row : NULL;
    return b;
}

rt_status config_convert(context *cx, const values *from, unsigned to_side,
                         const config_request *req, config_result **out)
{
    const config_request none = {0};
    builder b = builder_new(cx, from, to_side, req == NULL ? &none : req);
    TRY(build(&b));
    /* Where a condition looked at the target itself, look again at what was built. */
    bool again = b.c.used_latest;
    b.c.latest = b.record;
    while (force_lines(&b) || again) {
        again = false;
        TRY(build(&b));
        b.c.latest = b.record;
    }
    TRY(check_built(&b));
    TRY(check_sources(&b));
    *out = build_finish(&b);
    return RT_OK;
}
