/* `use FAMILY without ...` and `include "FILE"`: the items of the whole, flattened. */
#include <string.h>

#include "mapping/check.h"

typedef struct reuse {
    check *ck;
    VEC(const source *) open; /* files being taken, to find cycles */
} reuse;

static void take_file(reuse *ru, const ast_file *file, const origin *from);

/* ---- what a `without` list may name ------------------------------------------- */

/* The field that an expression is, `hf.layer_types` for `hf.layer_types[l]`; or NULL.
 */
static const char *field_of(const expr *e)
{
    const expr *at = e;
    while (at->kind == EXPR_INDEX) {
        at = at->kid.at[0];
    }
    return at->kind == EXPR_PATH ? at->s : NULL;
}

static void gather_field(const expr *e, strmap *fields)
{
    const char *field = field_of(e);
    if (field != NULL && strchr(field, '.') != NULL) {
        strmap_set(fields, field, 1);
    }
}

static void gather_paths(const expr *e, strmap *fields)
{
    gather_field(e, fields);
    for (size_t i = 0; i < e->kid.n; i++) {
        gather_paths(e->kid.at[i], fields);
    }
}

/* The one field that a condition is about; of two, neither can be left out alone. */
static void gather_sole_field(check *ck, const expr *e, strmap *fields)
{
    strmap *all = strmap_new(ck->a);
    gather_paths(e, all);
    if (strmap_count(all) == 1) {
        strmap_set(fields, strmap_key(all, 0), 1);
    }
}

/* The fields that a line writes, or its condition is about: `without hf.x` leaves it
 * out. What `field` and `spelled` say of a field is how it is read, which holds all the
 * same.
 */
static void gather_said(check *ck, const item *it, strmap *fields)
{
    switch ((int)it->kind) {
    case ITEM_CONST:
    case ITEM_DEFAULT: gather_field(it->u.assign.path, fields); break;
    case ITEM_EQUATION:
        gather_field(it->u.equation.left, fields);
        gather_field(it->u.equation.right, fields);
        break;
    case ITEM_TABLE:
        for (size_t i = 0; i < it->u.table.columns.n; i++) {
            gather_field(it->u.table.columns.at[i], fields);
        }
        break;
    case ITEM_REQUIRE:
    case ITEM_REFUSE:
    case ITEM_WARN: gather_sole_field(ck, it->u.demand.is, fields); break;
    default: break;
    }
}

static bool says_any(check *ck, const item *it, const strmap *fields)
{
    strmap *said = strmap_new(ck->a);
    gather_said(ck, it, said);
    for (size_t i = 0; i < strmap_count(said); i++) {
        if (strmap_has(fields, strmap_key(said, i))) {
            return true;
        }
    }
    return false;
}

static bool is_item_removed(check *ck, const item *it, const origin *from)
{
    for (const origin *o = from; o != NULL; o = o->up) {
        if (o->without == NULL) {
            continue;
        }
        if (says_any(ck, it, o->without)) {
            return true;
        }
        if ((it->kind == ITEM_AXIS || it->kind == ITEM_VALUE) &&
            strmap_has(o->without, it->u.define.name)) {
            return true;
        }
        if ((it->kind == ITEM_LET || it->kind == ITEM_CHOICE) &&
            strmap_has(o->without, it->u.let.name)) {
            return true;
        }
    }
    return false;
}

static void gather_names(check *ck, const item *it, strmap *names)
{
    switch ((int)it->kind) {
    case ITEM_RULE: strmap_set(names, it->u.rule.name, 1); break;
    case ITEM_UPDATE: strmap_set(names, it->u.update.name, 1); break;
    case ITEM_AXIS:
    case ITEM_VALUE: strmap_set(names, it->u.define.name, 1); break;
    case ITEM_LET:
    case ITEM_CHOICE: strmap_set(names, it->u.let.name, 1); break;
    case ITEM_BLOCK:
        for (size_t i = 0; i < it->u.block.items.n; i++) {
            gather_names(ck, it->u.block.items.at[i], names);
        }
        break;
    case ITEM_EACH:
        for (size_t i = 0; i < it->u.each.items.n; i++) {
            gather_names(ck, it->u.each.items.at[i], names);
        }
        break;
    default: gather_said(ck, it, names); break;
    }
}

/* ---- taking ------------------------------------------------------------------- */

static bool enter(reuse *ru, const ast_file *file, where at)
{
    for (size_t i = 0; i < ru->open.n; i++) {
        if (ru->open.at[i] == file->src ||
            strcmp(ru->open.at[i]->path, file->src->path) == 0) {
            complain(ru->ck, "cycle", at, "`%s` takes itself, by way of this line",
                     file->src->path);
            return false;
        }
    }
    vec_push(ru->ck->a, &ru->open, file->src);
    return true;
}

static bool sides_fit(check *ck, const ast_file *file, const use_item *u, where at)
{
    if (file->kind != ck->file->kind) {
        complain(ck, "wrong-kind", at, "`%s` is no %s file", u->family,
                 ck->m->is_merge ? "merge" : "family");
        return false;
    }
    if (strcmp(file->side[LEFT], ck->m->layout[LEFT]) != 0 ||
        strcmp(file->side[RIGHT], ck->m->layout[RIGHT]) != 0) {
        diag *dg = complain(ck, "sides-differ", at,
                            "`%s` relates `%s` and `%s`, this file `%s` and `%s`",
                            u->family, file->side[LEFT], file->side[RIGHT],
                            ck->m->layout[LEFT], ck->m->layout[RIGHT]);
        diag_label(dg, file->at, "its header");
        return false;
    }
    return true;
}

static void take_use(reuse *ru, const item *it, const origin *from)
{
    check *ck = ru->ck;
    const use_item *u = &it->u.use;
    const ast_file *file = find_file(ck, from->file->src, u->family, it->at);
    if (file == NULL || !sides_fit(ck, file, u, it->at) || !enter(ru, file, it->at)) {
        ck->incomplete = true;
        return;
    }
    strmap *without = strmap_new(ck->a);
    for (size_t i = 0; i < u->without.n; i++) {
        strmap_set(without, u->without.at[i], i);
    }
    const size_t first = ck->items.n;
    origin *o = NEW(ck->a, origin);
    *o = (origin){from, file, NULL, from->depth + 1, from->layer + 1};
    take_file(ru, file, o);
    strmap *names = strmap_new(ck->a);
    for (size_t i = first; i < ck->items.n; i++) {
        gather_names(ck, ck->items.at[i].it, names);
    }
    for (size_t i = 0; i < u->without.n; i++) {
        const char *name = u->without.at[i];
        if (!strmap_has(names, name)) {
            diag *dg = complain(
                ck, "unknown-rule", it->at, "`%s` has no %s `%s` to leave out",
                u->family, strchr(name, '.') == NULL ? "rule" : "line about", name);
            help_near(dg, name, names);
        }
    }
    o->without = without;
    size_t n = first;
    for (size_t i = first; i < ck->items.n; i++) {
        if (!is_item_removed(ck, ck->items.at[i].it, ck->items.at[i].from)) {
            ck->items.at[n++] = ck->items.at[i];
        }
    }
    ck->items.n = n;
    ru->open.n--;
}

static void take_include(reuse *ru, const item *it, const origin *from)
{
    check *ck = ru->ck;
    const ast_file *file = find_file(ck, from->file->src, it->u.include, it->at);
    if (file == NULL || !enter(ru, file, it->at)) {
        ck->incomplete = true;
        return;
    }
    if (file->kind != FILE_FRAGMENT) {
        diag *dg = complain(ck, "wrong-kind", it->at, "`%s` has a header of its own",
                            it->u.include);
        diag_label(dg, file->at, "here");
        ck->incomplete = true;
        diag_help(dg, "`use` takes families; `include` takes text without a header");
    } else {
        origin *o = NEW(ck->a, origin);
        *o = (origin){from, file, NULL, from->depth, from->layer + 1};
        take_file(ru, file, o);
    }
    ru->open.n--;
}

static const expr *sole_path(const item *it)
{
    if (it->kind == ITEM_FIELD) {
        return it->u.field.path;
    }
    if (it->kind == ITEM_CONST || it->kind == ITEM_DEFAULT) {
        return it->u.assign.path;
    }
    return it->kind == ITEM_SPELLED ? it->u.spelled.paths.at[0] : NULL;
}

/* `const lit { x: 1, y: 2 }` is two lines, of which each may be overridden; so are
 * `default` and `field` with a record. */
static void take_fields(check *ck, const item *it, const origin *from)
{
    const bool is_field = it->kind == ITEM_FIELD;
    const expr *record = is_field ? it->u.field.absent : it->u.assign.value;
    for (size_t i = 0; i < record->keys.n; i++) {
        expr *path = NEW(ck->a, expr);
        item *one = NEW(ck->a, item);
        *path = is_field ? *it->u.field.path : *it->u.assign.path;
        path->at = record->kid.at[i]->at;
        path->s = arena_printf(ck->a, "%s.%s", path->s, record->keys.at[i]);
        *one = *it;
        one->at = path->at;
        if (is_field) {
            one->u.field = (field_item){.path = path, .absent = record->kid.at[i]};
        } else {
            one->u.assign.path = path;
            one->u.assign.value = record->kid.at[i];
        }
        const taken_item ti = {one, from};
        vec_push(ck->a, &ck->items, ti);
    }
}

static bool is_of_fields(const item *it)
{
    const expr *path = sole_path(it);
    if (path == NULL || path->kind != EXPR_PATH || strchr(path->s, '.') != NULL) {
        return false;
    }
    if (it->kind == ITEM_FIELD) {
        return it->u.field.absent != NULL && it->u.field.absent->kind == EXPR_RECORD;
    }
    return it->kind != ITEM_SPELLED;
}

static void take_list(reuse *ru, const item_list *items, const origin *from)
{
    check *ck = ru->ck;
    for (size_t i = 0; i < items->n; i++) {
        const item *it = items->at[i];
        if (it->kind == ITEM_USE) {
            take_use(ru, it, from);
        } else if (it->kind == ITEM_INCLUDE) {
            take_include(ru, it, from);
        } else if (is_of_fields(it)) {
            take_fields(ck, it, from);
        } else if (!(it->kind == ITEM_DETECT && from->depth > 0)) {
            /* how a used family is told from others says nothing about its user */
            const taken_item ti = {it, from};
            vec_push(ck->a, &ck->items, ti);
        }
    }
}

static void take_file(reuse *ru, const ast_file *file, const origin *from)
{
    take_list(ru, &file->items, from);
}

/* ---- nearer lines replace used ones ------------------------------------------- */

/* The fields that lines of one kind are about, with the nearest layer that has such a
 * line. */
typedef struct nearest {
    strmap *layer;
    strmap *seen; /* fields that may have one such line in the nearest layer */
} nearest;

typedef enum line_kind { OF_FIELD, OF_SPELLED, OF_VALUE, N_LINE_KINDS } line_kind;

static line_kind kind_of(const item *it)
{
    return it->kind == ITEM_FIELD     ? OF_FIELD
           : it->kind == ITEM_SPELLED ? OF_SPELLED
                                      : OF_VALUE;
}

static void find_nearest(check *ck, nearest *near, const taken_item *ti)
{
    const char *key = expr_shown(ck->a, sole_path(ti->it));
    uint64_t least;
    if (!strmap_get(near->layer, key, &least) || least > ti->from->layer) {
        strmap_set(near->layer, key, ti->from->layer);
    }
}

static bool is_nearest(check *ck, nearest *near, const taken_item *ti)
{
    const char *key = expr_shown(ck->a, sole_path(ti->it));
    uint64_t least = 0;
    if (strmap_get(near->layer, key, &least) && ti->from->layer > least) {
        return false;
    }
    const line_kind kind = kind_of(ti->it);
    if (kind != OF_VALUE && !strmap_add(near->seen, key, 1)) {
        complain(ck, "field-twice", ti->it->at, "`%s` has two `%s` lines", key,
                 kind == OF_FIELD ? "field" : "spelled");
    }
    return true;
}

/* A `field`, `spelled`, `const` or `default` line replaces the ones of used and
 * included files for the same field: one statement about one field needs no `without`.
 */
static void drop_overridden(check *ck)
{
    nearest near[N_LINE_KINDS];
    for (unsigned i = 0; i < N_LINE_KINDS; i++) {
        near[i] = (nearest){strmap_new(ck->a), strmap_new(ck->a)};
    }
    for (size_t i = 0; i < ck->items.n; i++) {
        if (sole_path(ck->items.at[i].it) != NULL) {
            find_nearest(ck, &near[kind_of(ck->items.at[i].it)], &ck->items.at[i]);
        }
    }
    size_t n = 0;
    for (size_t i = 0; i < ck->items.n; i++) {
        const taken_item ti = ck->items.at[i];
        if (sole_path(ti.it) == NULL || is_nearest(ck, &near[kind_of(ti.it)], &ti)) {
            ck->items.at[n++] = ti;
        }
    }
    ck->items.n = n;
}

void reuse_take(check *ck, const item_list *more)
{
    reuse ru = {.ck = ck};
    origin *top = NEW(ck->a, origin);
    *top = (origin){NULL, ck->file, NULL, 0, 0};
    vec_push(ck->a, &ru.open, ck->file->src);
    take_file(&ru, ck->file, top);
    if (more != NULL) {
        take_list(&ru, more, top);
    }
    drop_overridden(ck);
}
