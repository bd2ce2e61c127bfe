/* Names in expressions: which sides they read, whether they exist; and constants. */
#include <string.h>

#include "grammar/parse.h"
#include "mapping/check.h"

const char *expr_shown(arena *a, const expr *e)
{
    buf b = {.arena = a};
    expr_print(&b, e);
    return buf_str(&b);
}

/* ---- sameness ----------------------------------------------------------------- */

static bool text_same(const char *x, const char *y)
{
    return x == y || (x != NULL && y != NULL && strcmp(x, y) == 0);
}

bool expr_same(const expr *x, const expr *y)
{
    if (x == y) {
        return true;
    }
    if (x == NULL || y == NULL || x->kind != y->kind || x->i != y->i ||
        x->kid.n != y->kid.n || x->keys.n != y->keys.n || !text_same(x->s, y->s) ||
        !text_same(x->flags, y->flags)) {
        return false;
    }
    if ((x->kind == EXPR_BINARY && x->op != y->op) ||
        (x->kind == EXPR_FLOAT && (x->f < y->f || x->f > y->f))) {
        return false;
    }
    for (size_t i = 0; i < x->kid.n; i++) {
        if (!expr_same(x->kid.at[i], y->kid.at[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < x->keys.n; i++) {
        if (!text_same(x->keys.at[i], y->keys.at[i])) {
            return false;
        }
    }
    return x->kind != EXPR_HAS || template_same(x->tmpl, y->tmpl);
}

static bool segment_same(const segment *x, const segment *y)
{
    if (x->kind != y->kind || !text_same(x->text, y->text) ||
        !text_same(x->name, y->name) || x->shift != y->shift || x->width != y->width ||
        x->alts.n != y->alts.n || !expr_same(x->lo, y->lo) ||
        !expr_same(x->hi, y->hi)) {
        return false;
    }
    for (size_t i = 0; i < x->alts.n; i++) {
        const alternative *p = &x->alts.at[i], *q = &y->alts.at[i];
        if (!text_same(p->text, q->text) || p->optional != q->optional ||
            !expr_same(p->when, q->when)) {
            return false;
        }
    }
    return true;
}

bool template_same(const template *x, const template *y)
{
    if (x == y) {
        return true;
    }
    if (x == NULL || y == NULL || x->segs.n != y->segs.n) {
        return false;
    }
    for (size_t i = 0; i < x->segs.n; i++) {
        if (!segment_same(&x->segs.at[i], &y->segs.at[i])) {
            return false;
        }
    }
    return true;
}

/* ---- constants ---------------------------------------------------------------- */

bool expr_constant(const expr *e, double *out)
{
    double x, y;
    switch ((int)e->kind) {
    case EXPR_INT: *out = (double)e->i; return true;
    case EXPR_FLOAT: *out = e->f; return true;
    case EXPR_NEG:
        if (!expr_constant(e->kid.at[0], &x)) {
            return false;
        }
        *out = -x;
        return true;
    case EXPR_BINARY: break;
    default: return false;
    }
    if (!expr_constant(e->kid.at[0], &x) || !expr_constant(e->kid.at[1], &y)) {
        return false;
    }
    switch ((int)e->op) {
    case OP_ADD: *out = x + y; return true;
    case OP_SUB: *out = x - y; return true;
    case OP_MUL: *out = x * y; return true;
    case OP_DIV: *out = x / y; return y < 0 || y > 0;
    default: return false;
    }
}

/* ---- names -------------------------------------------------------------------- */

/* The side of `hf.x` or of `t.x` with `choice t = hf.text_config | hf`; -1: neither. */
static int path_side(const check *ck, const char *path)
{
    const char *dot = strchr(path, '.');
    if (dot == NULL) {
        return -1;
    }
    const char *first = arena_strndup(ck->a, path, (size_t)(dot - path));
    unsigned side;
    uint64_t id;
    if (side_named(ck->m, first, &side)) {
        return (int)side;
    }
    if (strmap_get(ck->m->choice_by_name, first, &id)) {
        return ck->root_side.at[id];
    }
    return -1;
}

static bool is_capture(const name_scope *scope, const char *name)
{
    for (size_t i = 0; scope->captures != NULL && i < scope->captures->n; i++) {
        if (strcmp(scope->captures->at[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* `when era == "3"` with `choice era = "3" | "1"`. */
static bool is_text_choice(const check *ck, const char *name)
{
    uint64_t id;
    return strmap_get(ck->m->choice_by_name, name, &id) &&
           !ck->m->choices.at[id].of_roots;
}

static void complain_name(check *ck, const expr *e, const name_scope *scope,
                          bool dotted)
{
    strmap *known = strmap_new(ck->a);
    const strmap *const maps[3] = {ck->m->axis_by_name, ck->m->value_by_name,
                                   scope->vars};
    for (size_t k = 0; k < 3 && !dotted; k++) {
        for (size_t i = 0; maps[k] != NULL && i < strmap_count(maps[k]); i++) {
            strmap_set(known, strmap_key(maps[k], i), 1);
        }
    }
    for (size_t i = 0; !dotted && scope->captures != NULL && i < scope->captures->n;
         i++) {
        strmap_set(known, scope->captures->at[i].name, 1);
    }
    if (!dotted) {
        diag *dg = complain(ck, "unknown-name", e->at,
                            "`%s` is no axis, value or capture here", e->s);
        strmap_set(known, "true", 1);
        strmap_set(known, "false", 1);
        strmap_set(known, "null", 1);
        if (!help_near(dg, e->s, known)) {
            diag_help(
                dg,
                scope->guard
                    ? "declare `value %s = %s.EXPR = %s.EXPR`"
                    : "text stands in quotes, \"%s\"; fields are written `%s.NAME` "
                      "or `%s.NAME`",
                e->s, side_shown(ck->m, LEFT), side_shown(ck->m, RIGHT));
        }
        return;
    }
    const size_t n = strcspn(e->s, ".");
    const char *first = arena_strndup(ck->a, e->s, n);
    diag *dg = complain(ck, "unknown-name", e->at,
                        "`%s` is neither a side nor a choice of "
                        "config roots",
                        first);
    diag_help(dg, "fields are written `%s.NAME` or `%s.NAME`", side_shown(ck->m, LEFT),
              side_shown(ck->m, RIGHT));
}

/* `when l > 1` beside `{l}` asks for the number in the name, not for how many there
 * are. */
static void warn_hidden(check *ck, const expr *e, const name_scope *scope)
{
    const uint32_t axis = mapping_axis(ck->m, e->s);
    if (!scope->guard || !is_capture(scope, e->s) || axis == NO_AXIS ||
        !ck->m->axes.at[axis].declared) {
        return;
    }
    diag *dg = diag_report(ck->cx->diags, SEV_WARNING, "capture-hides-axis", e->at,
                           "`%s` is the capture of the name here, not the axis of this "
                           "name",
                           e->s);
    diag_label(dg, ck->m->axes.at[axis].at, "the axis");
    diag_help(dg,
              "for the axis declare `value n = %s` and ask for `n`; for some of the "
              "names write a range, `{%s in 0..2}`",
              e->s, e->s);
}

static unsigned check_path(check *ck, const expr *e, const name_scope *scope)
{
    if (scope->fields) {
        return 0;
    }
    const int side = path_side(ck, e->s);
    if (side >= 0) {
        if (scope->guard && !ck->m->is_merge) {
            diag *dg = complain(
                ck, "guard-side", e->at,
                "a guard can't read `%s`: it must hold in both directions", e->s);
            diag_help(dg, "declare `value NAME = %s.EXPR = %s.EXPR` and name it here",
                      side_shown(ck->m, LEFT), side_shown(ck->m, RIGHT));
        }
        return 1u << side;
    }
    warn_hidden(ck, e, scope);
    if (strchr(e->s, '.') != NULL) {
        complain_name(ck, e, scope, true);
    } else if (!is_capture(scope, e->s) && !strmap_has(ck->m->axis_by_name, e->s) &&
               !strmap_has(ck->m->value_by_name, e->s) && !is_text_choice(ck, e->s) &&
               !(scope->vars != NULL && strmap_has(scope->vars, e->s))) {
        complain_name(ck, e, scope, false);
    }
    return 0;
}

static void check_regex(check *ck, const expr *e)
{
    const char *why;
    size_t at_byte;
    if (regex_new(ck->a, e->s, e->flags != NULL ? e->flags : "", &why, &at_byte) ==
        NULL) {
        complain(ck, "bad-regex", e->at,
                 "the regular expression is wrong at byte %zu: %s", at_byte, why);
    }
}

static void check_call(check *ck, const expr *e)
{
    static const char *const known[] = {"ceil", "floor", "len",     "lookup", "lower",
                                        "max",  "min",   "modules", "sqrt"};
    strmap *names = strmap_new(ck->a);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        strmap_set(names, known[i], i);
    }
    if (!strmap_has(names, e->s)) {
        diag *dg =
            complain(ck, "unknown-name", e->at, "there is no function `%s`", e->s);
        help_near(dg, e->s, names);
    }
}

static unsigned check_names(check *ck, const expr *e, const name_scope *scope)
{
    unsigned sides = 0;
    if (e->kind == EXPR_PATH) {
        return check_path(ck, e, scope);
    }
    if (e->kind == EXPR_REGEX) {
        check_regex(ck, e);
    } else if (e->kind == EXPR_CALL) {
        check_call(ck, e);
    } else if (e->kind == EXPR_HAS) {
        template_check_asked(ck, e->tmpl);
    }
    for (size_t i = 0; i < e->kid.n; i++) {
        sides |= check_names(ck, e->kid.at[i], scope);
    }
    return sides;
}

unsigned expr_check(check *ck, const expr *e, const name_scope *scope)
{
    const unsigned sides = check_names(ck, e, scope);
    if (sides == 3u && !scope->both) {
        diag *dg = complain(ck, "two-sides", e->at,
                            "the expression reads fields of both sides");
        diag_help(
            dg, "each side of an equation reads one layout: `axis NAME = %s.A = %s.B`",
            side_shown(ck->m, LEFT), side_shown(ck->m, RIGHT));
    }
    return sides;
}

unsigned expr_sides(const check *ck, const expr *e)
{
    if (e->kind == EXPR_PATH) {
        const int side = path_side(ck, e->s);
        return side >= 0 ? 1u << side : 0u;
    }
    unsigned sides = 0;
    for (size_t i = 0; i < e->kid.n; i++) {
        sides |= expr_sides(ck, e->kid.at[i]);
    }
    return sides;
}
