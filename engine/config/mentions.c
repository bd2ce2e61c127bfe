#include "config/mentions.h"

#include <string.h>

#include "base/strmap.h"
#include "config/fields.h"

typedef struct mentions {
    context *cx;
    const values *v;
    unsigned side;
    bool bare;      /* names without a layout are fields of the side (detect lines) */
    bool ignored;   /* those of `ignore` lines are among them */
    strmap *paths;  /* named, whole */
    strmap *within; /* records that have a named field inside */
} mentions;

static void mention(mentions *mt, const char *path)
{
    arena *a = mt->cx->arena;
    if (*path == '\0') {
        return;
    }
    strmap_set(mt->paths, path, 1);
    for (const char *dot = strchr(path, '.'); dot != NULL; dot = strchr(dot + 1, '.')) {
        strmap_set(mt->within, arena_strndup(a, path, (size_t)(dot - path)), 1);
    }
}

static void visit(void *who, const expr *e)
{
    mentions *mt = who;
    unsigned side = 0;
    const char *path = NULL;
    if (field_resolve(mt->v, mt->cx->arena, e->s, &side, &path)) {
        if (side == mt->side) {
            mention(mt, path);
        }
    } else if (mt->bare) {
        mention(mt, e->s);
    }
}

static void visit_all(mentions *mt, const expr *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        expr_paths(list[i], visit, mt);
    }
}

static void visit_item(mentions *mt, const item *it)
{
    const expr *pair[3] = {NULL, NULL, NULL};
    switch ((int)it->kind) {
    case ITEM_FIELD:
        pair[0] = it->u.field.path;
        pair[1] = it->u.field.absent;
        break;
    case ITEM_EQUATION:
        pair[0] = it->u.equation.left;
        pair[1] = it->u.equation.right;
        pair[2] = it->u.equation.when;
        break;
    case ITEM_CONST:
    case ITEM_DEFAULT:
        pair[0] = it->u.assign.path;
        pair[1] = it->u.assign.value;
        pair[2] = it->u.assign.when;
        break;
    case ITEM_REQUIRE:
    case ITEM_REFUSE:
    case ITEM_WARN: pair[0] = it->u.demand.is; break;
    case ITEM_SPELLED:
        visit_all(mt, it->u.spelled.paths.at, it->u.spelled.paths.n);
        break;
    case ITEM_IGNORE:
        visit_all(mt, it->u.ignore.paths.at, mt->ignored ? it->u.ignore.paths.n : 0);
        break;
    case ITEM_TABLE:
        visit_all(mt, it->u.table.columns.at, it->u.table.columns.n);
        pair[0] = it->u.table.when;
        for (size_t i = 0; i < it->u.table.rows.n; i++) {
            expr_paths(it->u.table.rows.at[i].when, visit, mt);
        }
        break;
    default: break;
    }
    visit_all(mt, pair, 3);
}

static void visit_mapping(mentions *mt)
{
    const mapping *m = mt->v->m;
    for (size_t i = 0; i < m->axes.n; i++) {
        expr_paths(m->axes.at[i].read[mt->side], visit, mt);
    }
    for (size_t i = 0; i < m->values.n; i++) {
        expr_paths(m->values.at[i].read[mt->side], visit, mt);
    }
    for (size_t i = 0; i < m->ties.n; i++) {
        expr_paths(m->ties.at[i].by, visit, mt);
    }
    for (size_t i = 0; i < m->config_items.n; i++) {
        visit_item(mt, m->config_items.at[i]);
    }
    for (size_t i = 0; i < m->updates.n; i++) {
        for (size_t k = 0; k < m->updates.at[i].factors.n; k++) {
            expr_paths(m->updates.at[i].factors.at[k].scalar, visit, mt);
        }
        visit_all(mt, m->updates.at[i].guards.at, m->updates.at[i].guards.n);
        expr_paths(m->updates.at[i].rows, visit, mt);
        for (size_t k = 0; k < m->updates.at[i].locals.n; k++) {
            expr_paths(m->updates.at[i].locals.at[k].size, visit, mt);
        }
    }
    mt->bare = true;
    for (size_t i = 0; i < m->detect[mt->side].n; i++) {
        expr_paths(m->detect[mt->side].at[i]->is, visit, mt);
    }
    mt->bare = false;
}

static mentions mentions_of(context *cx, const values *v, unsigned side, bool ignored)
{
    mentions mt = {.cx = cx,
                   .v = v,
                   .side = side,
                   .ignored = ignored,
                   .paths = strmap_new(cx->arena),
                   .within = strmap_new(cx->arena)};
    visit_mapping(&mt);
    return mt;
}

/* Named paths cover all that is below them; records are entered only where something
 * inside is named. */
typedef struct listing {
    const mentions *mt;
    void (*named)(void *who, const char *path, const value *is);
    void *who;
    path_list rest; /* not named */
} listing;

static void list_record(listing *l, const value *record, const char *root)
{
    arena *a = l->mt->cx->arena;
    for (size_t i = 0; i < record->members.n; i++) {
        const value_member *mb = &record->members.at[i];
        const char *path =
            *root == '\0' ? mb->key : arena_printf(a, "%s.%s", root, mb->key);
        if (strmap_has(l->mt->paths, path)) {
            if (l->named != NULL) {
                l->named(l->who, path, mb->val);
            }
        } else if (mb->val->kind == V_RECORD && strmap_has(l->mt->within, path)) {
            list_record(l, mb->val, path);
        } else {
            vec_push(a, &l->rest, path);
        }
    }
}

static void list_config(listing *l, const value *config)
{
    if (config != NULL && config->kind == V_RECORD) {
        list_record(l, config, "");
    }
}

path_list fields_unmentioned(context *cx, const values *v, unsigned side)
{
    const mentions mt = mentions_of(cx, v, side, true);
    listing l = {.mt = &mt};
    list_config(&l, v->config[side]);
    return l.rest;
}

void fields_used(context *cx, const values *v, unsigned side,
                 void (*named)(void *who, const char *path, const value *is), void *who)
{
    const mentions mt = mentions_of(cx, v, side, false);
    listing l = {.mt = &mt, .named = named, .who = who};
    list_config(&l, v->config[side]);
}
