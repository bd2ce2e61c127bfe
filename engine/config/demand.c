/* What a config must, must not and should not say: require, refuse, warn, const; fields
 * that nobody reads. */
#include <string.h>

#include "config/fields.h"
#include "config/mentions.h"
#include "config/values.h"

/* Notes with the fields that a condition names. */
typedef struct noting {
    context *cx;
    const values *v;
    diag *dg;
    strmap *said;
} noting;

static void note_field(void *who, const expr *path)
{
    noting *n = who;
    evaluation ev = evaluation_of(n->cx, n->v);
    if (!strmap_add(n->said, path->s, 1)) {
        return;
    }
    const value *x = eval_expr(&ev, path);
    if (x != UNKNOWN) {
        diag_note(n->dg, "%s", eval_origin(&ev, path, x));
    }
}

bool is_demand(const item *it)
{
    return it->kind == ITEM_REQUIRE || it->kind == ITEM_REFUSE || it->kind == ITEM_WARN;
}

typedef struct wording {
    severity level;
    const char *slug, *says, *of;
} wording;

static wording wording_of(const item *it)
{
    if (it->kind == ITEM_WARN) {
        return (wording){SEV_WARNING, "warned", "the rules warn of it", "warned of is"};
    }
    return it->kind == ITEM_REQUIRE
               ? (wording){SEV_ERROR, "refused", "the rules need another config",
                           "required is"}
               : (wording){SEV_ERROR, "refused", "the rules refuse it", "refused is"};
}

bool demand_met(context *cx, const values *v, const item *it)
{
    const expr *e = it->u.demand.is;
    evaluation ev = evaluation_of(cx, v);
    const int holds = eval_truth(&ev, e);
    const bool require = it->kind == ITEM_REQUIRE;
    if (holds < 0 || (holds == 1) == require) {
        return true;
    }
    const wording w = wording_of(it);
    diag *dg = diag_report(cx->diags, w.level, w.slug, it->at, "%s: %s", w.says,
                           it->u.demand.because);
    noting n = {cx, v, dg, strmap_new(cx->arena)};
    expr_paths(e, note_field, &n);
    diag_help(dg, "%s `%s`", w.of, expr_text(cx->arena, e));
    return w.level != SEV_ERROR;
}

/* `const hf.x = E` holds for every config of that layout, so for the one that is read.
 */
static bool const_holds(context *cx, const values *v, const item *it)
{
    const assign_item *as = &it->u.assign;
    unsigned side = 0;
    const char *path = NULL;
    evaluation ev = evaluation_of(cx, v);
    if (!field_of_expr(v, cx->arena, as->path, &side, &path) || side != v->side ||
        v->config[side] == NULL ||
        (as->when != NULL && eval_truth(&ev, as->when) != 1)) {
        return true;
    }
    const value *want = eval_expr(&ev, as->value);
    const value *has = field_read(&ev, side, path);
    if (want == NULL || want == UNKNOWN || has == NULL || has == UNKNOWN ||
        value_equal(want, has)) {
        return true;
    }
    diag *dg =
        diag_report(cx->diags, SEV_ERROR, "const-differs", it->at,
                    "%s, but it is %s in every model of these rules",
                    eval_origin(&ev, as->path, has), value_show(cx->arena, want));
    diag_help(dg, "other rules may fit: see --rules");
    return false;
}

/* What an adapter's config asks for may change what the adapter adds: a kind of adapter
 * that is newer than the rules shows in a field only. */
static bool refuse_unknown(context *cx, const values *v)
{
    const path_list rest = fields_unmentioned(cx, v, v->side);
    bool good = true;
    for (size_t i = 0; i < rest.n; i++) {
        const value *x = record_at(v->config[v->side], rest.at[i]);
        if (!value_truth(x)) {
            continue; /* it asks for nothing */
        }
        const char *file = v->config_path[v->side];
        diag *dg = diag_report(cx->diags, SEV_ERROR, "unknown-field", NOWHERE,
                               "%s of the adapter's config is %s, and the rules %s do "
                               "not know what it does to the weights",
                               rest.at[i], value_show(cx->arena, x), v->m->name);
        if (file != NULL) {
            diag_note(dg, "read from %s", file);
        }
        diag_help(dg, "if it does nothing: --set %s=null", rest.at[i]);
        good = false;
    }
    return good;
}

static void warn_unknown(context *cx, const values *v)
{
    const path_list rest = fields_unmentioned(cx, v, v->side);
    const char *file = v->config_path[v->side];
    buf b = {.arena = cx->arena};
    if (rest.n == 0) {
        return;
    }
    for (size_t i = 0; i < rest.n; i++) {
        buf_printf(&b, "%s%s", i == 0 ? "" : ", ", rest.at[i]);
    }
    diag *dg = diag_report(
        cx->diags, SEV_WARNING, "unknown-field", NOWHERE,
        "%zu field%s that no line of the rules %s names %s left out: %s", rest.n,
        rest.n == 1 ? "" : "s", v->m->name, rest.n == 1 ? "is" : "are", buf_str(&b));
    if (file != NULL) {
        diag_note(dg, "read from %s", file);
    }
    diag_help(dg, "a line `ignore %s.FIELD` says that a field does not matter",
              v->m->layout[v->side]);
}

/* ---- numbers ----------------------------------------------------------------------
 */

typedef struct numbers {
    context *cx;
    const values *v;
    bool good;
} numbers;

/* NaN, infinities, 1e999: Python writes and reads them, no model means them. */
static void refuse_not_finite(void *who, const char *path, const value *is)
{
    numbers *n = who;
    arena *a = n->cx->arena;
    if (is->kind == V_FLOAT && is->line > 0) {
        const char *file = n->v->config_path[n->v->side];
        diag *dg = diag_report(n->cx->diags, SEV_ERROR, "field-not-finite", NOWHERE,
                               "the field %s.%s is %s, no finite number (%s, line %zu)",
                               n->v->m->layout[n->v->side], path, value_show(a, is),
                               file != NULL ? file : "the config", is->line);
        diag_help(dg, "the rules read it; mend the file");
        n->good = false;
    }
    for (size_t i = 0; i < is->items.n; i++) {
        refuse_not_finite(n, arena_printf(a, "%s[%zu]", path, i), is->items.at[i]);
    }
    for (size_t i = 0; i < is->members.n; i++) {
        const value_member *mb = &is->members.at[i];
        refuse_not_finite(n, arena_printf(a, "%s.%s", path, mb->key), mb->val);
    }
}

rt_status values_demand(context *cx, const values *v)
{
    bool good = true;
    for (size_t i = 0; i < v->m->config_items.n; i++) {
        const item *it = v->m->config_items.at[i];
        if (is_demand(it)) {
            good = demand_met(cx, v, it) && good;
        } else if (it->kind == ITEM_CONST) {
            good = const_holds(cx, v, it) && good;
        }
    }
    numbers n = {cx, v, good};
    fields_used(cx, v, v->side, refuse_not_finite, &n);
    good = n.good;
    if (v->m->config_rest) {
        return good ? RT_OK : RT_MISMATCH; /* all fields have their place */
    }
    if (v->m->is_merge && v->side == RIGHT) {
        good = refuse_unknown(cx, v) && good;
    } else {
        warn_unknown(cx, v);
    }
    return good ? RT_OK : RT_MISMATCH;
}
