/* Words of `detect` and `files` lines, where bare names are fields: one that stands
 * where a text is compared, and is a field nowhere else, lacks its quotes. */
#include <string.h>

#include "mapping/check.h"

typedef struct wording {
    check *ck;
    unsigned side;
    strmap *fields; /* of that side, named by any line */
} wording;

static bool is_bare(const expr *e)
{
    return e->kind == EXPR_PATH && strchr(e->s, '.') == NULL;
}

/* Is operand i what a bare name is compared with? */
static bool is_compared(const expr *e, size_t i)
{
    const bool compares = e->kind == EXPR_IN || (e->kind == EXPR_BINARY &&
                                                 (e->op == OP_EQ || e->op == OP_NE));
    return compares && i > 0 && is_bare(e->kid.at[0]) && is_bare(e->kid.at[i]);
}

/* ---- the fields that are named --------------------------------------------------- */

static void add_bare(const wording *w, const expr *e)
{
    if (e->kind == EXPR_PATH) {
        strmap_set(w->fields, e->s, 1);
    }
    for (size_t i = 0; i < e->kid.n; i++) {
        if (!is_compared(e, i)) {
            add_bare(w, e->kid.at[i]);
        }
    }
}

/* `hf.x` and `t.x`, for this side or, which does no harm, another. */
static void add_dotted(const wording *w, const expr *e)
{
    if (e == NULL) {
        return;
    }
    const char *dot = e->kind == EXPR_PATH ? strchr(e->s, '.') : NULL;
    if (dot != NULL && expr_sides(w->ck, e) == 1u << w->side) {
        strmap_set(w->fields, arena_strndup(w->ck->a, dot + 1, strcspn(dot + 1, ".")),
                   1);
    }
    for (size_t i = 0; i < e->kid.n; i++) {
        add_dotted(w, e->kid.at[i]);
    }
}

static void add_all(const wording *w, const expr_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        add_dotted(w, list->at[i]);
    }
}

static void add_line(const wording *w, const item *it)
{
    switch ((int)it->kind) {
    case ITEM_FIELD: add_dotted(w, it->u.field.path); break;
    case ITEM_SPELLED: add_all(w, &it->u.spelled.paths); break;
    case ITEM_EQUATION:
        add_dotted(w, it->u.equation.left);
        add_dotted(w, it->u.equation.right);
        break;
    case ITEM_CONST:
    case ITEM_DEFAULT: add_dotted(w, it->u.assign.path); break;
    case ITEM_TABLE: add_all(w, &it->u.table.columns); break;
    case ITEM_REQUIRE:
    case ITEM_REFUSE:
    case ITEM_WARN: add_dotted(w, it->u.demand.is); break;
    case ITEM_IGNORE: add_all(w, &it->u.ignore.paths); break;
    default: break;
    }
}

static void add_fields(const wording *w)
{
    const mapping *m = w->ck->m;
    for (size_t i = 0; i < m->axes.n; i++) {
        add_dotted(w, m->axes.at[i].read[w->side]);
    }
    for (size_t i = 0; i < m->values.n; i++) {
        add_dotted(w, m->values.at[i].read[w->side]);
    }
    for (size_t i = 0; i < m->config_items.n; i++) {
        add_line(w, m->config_items.at[i]);
    }
}

/* ---- the words ------------------------------------------------------------------- */

static void check_words(const wording *w, const expr *e)
{
    for (size_t i = 0; i < e->kid.n; i++) {
        const expr *kid = e->kid.at[i];
        if (is_compared(e, i) && !strmap_has(w->fields, kid->s)) {
            diag *dg =
                complain(w->ck, "unquoted", kid->at,
                         "`%s` is read as a field of %s, and no other line names "
                         "such a field",
                         kid->s, side_shown(w->ck->m, w->side));
            diag_help(dg, "text stands in quotes: \"%s\"", kid->s);
        }
        check_words(w, kid);
    }
}

void words_check(check *ck)
{
    const mapping *m = ck->m;
    for (unsigned side = LEFT; side <= RIGHT; side++) {
        const wording w = {ck, side, strmap_new(ck->a)};
        add_fields(&w);
        for (size_t i = 0; i < m->detect[side].n; i++) {
            add_bare(&w, m->detect[side].at[i]->is);
        }
        for (size_t i = 0; i < m->detect[side].n; i++) {
            check_words(&w, m->detect[side].at[i]->is);
        }
        for (size_t i = 0; m->files[side] != NULL && i < m->files[side]->configs.n;
             i++) {
            const expr *when = m->files[side]->configs.at[i].when;
            if (when != NULL) {
                check_words(&w, when);
            }
        }
    }
}
