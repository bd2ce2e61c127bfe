/* plan/scale.c -- the scalar factors of an update: what they are calculated from, and
 * which field they lack. */
#include <string.h>

#include "config/eval.h"
#include "grammar/parse.h"
#include "plan/update.h"

/* What a name of the merge file stands for, or the expression itself. */
static const expr *meaning_of(const merger *g, const expr *e)
{
    uint64_t id;
    if (e->kind != EXPR_PATH || !strmap_get(g->m->value_by_name, e->s, &id)) {
        return e;
    }
    const map_value *v = &g->m->values.at[id];
    return v->read[RIGHT] != NULL ? v->read[RIGHT] : v->is != NULL ? v->is : e;
}

const char *scalar_origin(merger *g, const expr *e)
{
    buf b = {.arena = g->cx->arena};
    expr_print(&b, meaning_of(g, e));
    return buf_str(&b);
}

/* What of the expression the value comes from: its branches that are taken, and of
 * lookup(...) the pattern that fits. */
static const expr *told_by(const merger *g, evaluation *ev, const expr *e)
{
    arena *a = g->cx->arena;
    const expr *of = eval_branch(ev, meaning_of(g, e));
    if (meaning_of(g, of) != of) {
        return told_by(g, ev, of);
    }
    if (of->kind == EXPR_CALL && strcmp(of->s, "lookup") == 0) {
        const value *record = eval_expr(ev, of->kid.at[0]);
        const value *name = eval_expr(ev, of->kid.at[1]);
        expr *key = NEW(a, expr), *at = NEW(a, expr);
        *key = (expr){.kind = EXPR_STRING, .at = of->at};
        *at = (expr){.kind = EXPR_INDEX, .at = of->at};
        key->s = lookup_key(a, record, name);
        vec_push(a, &at->kid, of->kid.at[0]);
        vec_push(a, &at->kid, key);
        return key->s != NULL ? at : of;
    }
    if (of->kind != EXPR_BINARY && of->kind != EXPR_CALL) {
        return of;
    }
    expr *copy = NEW(a, expr);
    *copy = *of;
    copy->kid = (expr_list){0};
    for (size_t i = 0; i < of->kid.n; i++) {
        vec_push(a, &copy->kid, told_by(g, ev, of->kid.at[i]));
    }
    return copy;
}

static const char *scale_origin(merger *g, const binding *b, const expr *scalar)
{
    evaluation ev = evaluation_of(g->cx, g->v);
    ev.captures = b;
    return scalar_origin(g, told_by(g, &ev, scalar));
}

typedef VEC(const char *) name_list;

/* The fields of the adapter for want of which the expression has no value. */
static void add_lacking(merger *g, const binding *b, const expr *e, name_list *names)
{
    static const char side[] = "adapter.";
    const value *x = values_eval(g->cx, g->v, e, b, NULL);
    const expr *of = meaning_of(g, e);
    size_t first = 0, end = of->kid.n;
    if (x != NULL && x->kind != V_NULL) {
        return;
    }
    if (of != e) {
        add_lacking(g, b, of, names);
        return;
    }
    if (e->kind == EXPR_PATH && strncmp(e->s, side, sizeof side - 1) == 0) {
        for (size_t i = 0; i < names->n; i++) {
            if (strcmp(names->at[i], e->s + sizeof side - 1) == 0) {
                return;
            }
        }
        vec_push(g->cx->arena, names, e->s + sizeof side - 1);
    } else if (e->kind == EXPR_BINARY && e->op == OP_ELSE) {
        first = 1; /* what is right of `??` would do */
    } else if (e->kind == EXPR_IF) {
        const value *is = values_eval(g->cx, g->v, e->kid.at[0], b, NULL);
        first = is != NULL && value_truth(is) ? 1 : 2;
        end = first + 1;
    }
    for (size_t i = first; i < end; i++) {
        add_lacking(g, b, e->kid.at[i], names);
    }
}

/* Said once: what one update lacks the others lack too. */
static void report_no_scale(merger *g, const attempt *x, const expr *scalar,
                            const binding *b)
{
    name_list names = {0};
    buf lacking = {.arena = g->cx->arena}, set = {.arena = g->cx->arena};
    const char *why = NULL;
    if (diags_has(g->cx->diags, "no-scale")) {
        return;
    }
    add_lacking(g, b, scalar, &names);
    for (size_t i = 0; i < names.n; i++) {
        buf_printf(&lacking, "%sadapter.%s", i == 0 ? "no config has " : ", ",
                   names.at[i]);
        buf_printf(&set, " --set %s=...", names.at[i]);
    }
    if (names.n == 0) {
        (void)values_eval(g->cx, g->v, meaning_of(g, scalar), b, &why);
        buf_add(&lacking, why != NULL ? why : "it is no number");
    }
    diag *dg = diag_report(g->cx->diags, SEV_ERROR, "no-scale", x->u->at,
                           "the adapter's scale is not known: %s", buf_str(&lacking));
    if (names.n == 0) {
        diag_note(dg, "it is %s", scale_origin(g, b, scalar));
    }
    diag_help(
        dg,
        "it is never in the weights: give it with%s; where somebody merged the "
        "adapter already, `retensor verify BASE MERGED --adapter ADAPTER` fits it",
        names.n > 0 ? buf_str(&set) : " --set");
}

bool scale_of(merger *g, const binding *b, attempt *x)
{
    x->scale = g->how.weight;
    for (size_t f = 0; f < x->u->factors.n; f++) {
        const expr *scalar = x->u->factors.at[f].scalar;
        if (scalar == NULL) {
            continue;
        }
        const value *s = values_eval(g->cx, g->v, scalar, b, NULL);
        if (s != NULL && value_is_number(s)) {
            x->scale *= value_number(s);
            x->scale_from = arena_printf(
                g->cx->arena, "%s (%s)", scale_origin(g, b, scalar),
                g->v->config_path[RIGHT] != NULL ? g->v->config_path[RIGHT] : "--set");
        } else if (g->how.scale_is_asked) {
            x->scale_is_open = true;
        } else {
            report_no_scale(g, x, scalar, b);
            return false;
        }
    }
    return true;
}
