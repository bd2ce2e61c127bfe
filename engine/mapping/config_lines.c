/* Config lines: their names and sides are checked here; config/ gives them meaning. */
#include <string.h>

#include "mapping/check.h"

static const name_scope plain = {0};

/* A path of one side: `hf.x`, `hf.x[l]`; false: reported. */
static bool check_field(check *ck, const expr *e, unsigned *side)
{
    const size_t before = n_errors(ck);
    const unsigned sides = expr_check(ck, e, &plain);
    const expr *p = e;
    if (n_errors(ck) != before) {
        return false;
    }
    while (p->kind == EXPR_INDEX) {
        p = p->kid.at[0];
    }
    if (p->kind != EXPR_PATH || sides == 0 || sides == 3u) {
        diag *dg = complain(ck, "no-field", e->at, "`%s` is no field of a config",
                            expr_shown(ck->a, e));
        diag_help(dg, "fields are written `%s.NAME` or `%s.NAME`",
                  side_shown(ck->m, LEFT), side_shown(ck->m, RIGHT));
        return false;
    }
    *side = sides - 1;
    return true;
}

/* A merge reads both configs before it decides anything. */
static void check_when(check *ck, const expr *e)
{
    const name_scope scope = {.both = ck->m->is_merge};
    if (e != NULL) {
        expr_check(ck, e, &scope);
    }
}

static void check_field_line(check *ck, const field_item *f)
{
    unsigned side;
    if (check_field(ck, f->path, &side) && f->absent != NULL) {
        const unsigned of = expr_check(ck, f->absent, &plain);
        if (of != 0 && of != 3u && of != 1u << side) {
            complain(ck, "two-sides", f->absent->at,
                     "what the absence of `%s` means is told by its own side",
                     expr_shown(ck->a, f->path));
        }
    }
}

static void check_spelled(check *ck, const spelled_item *s)
{
    unsigned first = 0, side;
    for (size_t i = 0; i < s->paths.n; i++) {
        if (!check_field(ck, s->paths.at[i], &side)) {
            continue;
        }
        first = i == 0 ? side : first;
        if (side != first) {
            complain(ck, "two-sides", s->paths.at[i]->at,
                     "the spellings of one field stand on one side");
        }
    }
}

static void check_equation(check *ck, const equation_item *e)
{
    const size_t before = n_errors(ck);
    const unsigned left = expr_check(ck, e->left, &plain);
    const unsigned right = expr_check(ck, e->right, &plain);
    check_when(ck, e->when);
    if (left == 0 && right == 0 && n_errors(ck) == before) {
        diag *dg = complain(ck, "no-field", e->left->at,
                            "the equation names no field of a config");
        diag_help(dg, "fields are written `%s.NAME` or `%s.NAME`",
                  side_shown(ck->m, LEFT), side_shown(ck->m, RIGHT));
    } else if (left == right && left != 0 && left != 3u) {
        diag *dg = complain(ck, "one-side", e->left->at,
                            "both sides of the equation read %s, so that it converts "
                            "nothing",
                            side_shown(ck->m, left - 1));
        diag_help(dg, "a condition on one layout is `require %s == %s because \"...\"`",
                  expr_shown(ck->a, e->left), expr_shown(ck->a, e->right));
    }
}

/* ---- tables
 * ---------------------------------------------------------------------------- */

/* Names in a pattern that mean nothing else are variables of the row. */
static void gather_vars(check *ck, const expr *e, strmap *vars)
{
    if (e->kind == EXPR_PATH && strchr(e->s, '.') == NULL &&
        !strmap_has(ck->m->axis_by_name, e->s) &&
        !strmap_has(ck->m->value_by_name, e->s)) {
        strmap_set(vars, e->s, 1);
    }
    for (size_t i = 0; i < e->kid.n; i++) {
        gather_vars(ck, e->kid.at[i], vars);
    }
}

static void gather_pattern(check *ck, const pattern *p, strmap *vars)
{
    if (p->kind == PAT_EXPR) {
        gather_vars(ck, p->e, vars);
    }
    for (size_t i = 0; i < p->fields.n; i++) {
        gather_pattern(ck, p->fields.at[i].is, vars);
    }
}

static void check_row(check *ck, const table_item *t, const table_row *row,
                      unsigned n_left)
{
    strmap *vars = strmap_new(ck->a);
    for (size_t i = 0; i < row->left.n; i++) {
        gather_pattern(ck, row->left.at[i], vars);
    }
    for (size_t i = 0; i < row->right.n; i++) {
        gather_pattern(ck, row->right.at[i], vars);
    }
    if (row->when != NULL) {
        const name_scope scope = {.vars = vars, .both = true};
        expr_check(ck, row->when, &scope);
    }
    const unsigned n_right = (unsigned)t->columns.n - n_left;
    /* nothing at all on a side means: nothing on that side is matched or written */
    if ((row->left.n != n_left && row->left.n > 0) ||
        (row->right.n != n_right && row->right.n > 0)) {
        diag *dg =
            complain(ck, "row-width", row->at,
                     "the row has %zu and %zu patterns, the table %u and %u columns",
                     row->left.n, row->right.n, n_left, n_right);
        diag_help(dg,
                  "a pattern for each column on both sides of the arrow; `_` is any "
                  "value");
    }
}

static void check_table(check *ck, const table_item *t)
{
    unsigned n_left = 0;
    bool good = true;
    int last = -1;
    for (size_t i = 0; i < t->columns.n; i++) {
        unsigned side = LEFT;
        const expr *e = t->columns.at[i];
        if (e->kind == EXPR_PATH && strchr(e->s, '.') == NULL &&
            strmap_has(ck->m->axis_by_name, e->s)) {
            side = last < 0 ? LEFT : RIGHT; /* a size may stand for the other side */
        } else if (!check_field(ck, e, &side)) {
            good = false;
        }
        if (good && last > (int)side) {
            complain(ck, "two-sides", e->at, "columns of %s come before those of %s",
                     side_shown(ck->m, LEFT), side_shown(ck->m, RIGHT));
            good = false;
        }
        last = (int)side;
        n_left += side == LEFT ? 1 : 0;
    }
    check_when(ck, t->when);
    for (size_t i = 0; good && i < t->rows.n; i++) {
        check_row(ck, t, &t->rows.at[i], n_left);
    }
}

/* ---- the pass
 * ----------------------------------------------------------------------------- */

static void check_detect(check *ck, const item *it)
{
    const name_scope scope = {.fields = true};
    unsigned side;
    if (side_resolve(ck, it->u.detect.side, it->at, &side)) {
        expr_check(ck, it->u.detect.is, &scope);
        vec_push(ck->a, &ck->m->detect[side], &it->u.detect);
    }
}

static void check_line(check *ck, const item *it, const block_scope *b,
                       const origin *from)
{
    unsigned side;
    (void)b;
    (void)from;
    switch ((int)it->kind) {
    case ITEM_DETECT: check_detect(ck, it); return;
    case ITEM_FIELD: check_field_line(ck, &it->u.field); break;
    case ITEM_SPELLED: check_spelled(ck, &it->u.spelled); break;
    case ITEM_EQUATION: check_equation(ck, &it->u.equation); break;
    case ITEM_CONST:
    case ITEM_DEFAULT:
        check_field(ck, it->u.assign.path, &side);
        expr_check(ck, it->u.assign.value, &plain);
        check_when(ck, it->u.assign.when);
        break;
    case ITEM_TABLE: check_table(ck, &it->u.table); break;
    case ITEM_REQUIRE:
    case ITEM_REFUSE:
    case ITEM_WARN: check_when(ck, it->u.demand.is); break;
    case ITEM_IGNORE:
        for (size_t i = 0; i < it->u.ignore.paths.n; i++) {
            check_field(ck, it->u.ignore.paths.at[i], &side);
        }
        break;
    default: return;
    }
    vec_push(ck->a, &ck->m->config_items, it);
}

void config_check(check *ck)
{
    walk_items(ck, check_line);
}
