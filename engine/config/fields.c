#include "config/fields.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "config/learned.h"

/* Whole numbers up to here are exact as floats. */
#define EXACT_WHOLE 9007199254740992.0

/* ---- paths ------------------------------------------------------------------- */

/* The keys behind "NAME" or "NAME."; NULL when text is something else. */
static const char *behind(const char *text, const char *name)
{
    const size_t n = strlen(name);
    if (strncmp(text, name, n) != 0 || (text[n] != '.' && text[n] != '\0')) {
        return NULL;
    }
    return text[n] == '.' ? text + n + 1 : text + n;
}

static bool resolve_side(const mapping *m, const char *text, unsigned *side,
                         const char **path)
{
    for (unsigned s = LEFT; s <= RIGHT; s++) {
        const char *role = s == LEFT ? "base" : "adapter";
        *path = behind(text, m->layout[s]);
        if (*path == NULL && m->is_merge) {
            *path = behind(text, role);
        }
        if (*path != NULL) {
            *side = s;
            return true;
        }
    }
    return false;
}

static const char *join(arena *a, const char *root, const char *path)
{
    return root[0] == '\0'   ? path
           : path[0] == '\0' ? root
                             : arena_printf(a, "%s.%s", root, path);
}

bool field_resolve(const values *v, arena *a, const char *text, unsigned *side,
                   const char **path)
{
    const mapping *m = v->m;
    for (size_t i = 0; i < m->choices.n; i++) {
        const map_choice *c = &m->choices.at[i];
        const char *rest = c->of_roots ? behind(text, c->name) : NULL;
        if (rest != NULL && resolve_side(m, c->texts.at[v->choice[i]], side, path)) {
            *path = join(a, *path, rest);
            return true;
        }
    }
    return resolve_side(m, text, side, path);
}

bool field_of_expr(const values *v, arena *a, const expr *e, unsigned *side,
                   const char **path)
{
    if (e->kind == EXPR_INDEX) {
        e = e->kid.at[0];
    }
    return e->kind == EXPR_PATH && field_resolve(v, a, e->s, side, path) &&
           **path != '\0';
}

const value *record_at(const value *record, const char *path)
{
    while (record != NULL && *path != '\0') {
        const char *dot = strchr(path, '.');
        const size_t n = dot == NULL ? strlen(path) : (size_t)(dot - path);
        const value *next = NULL;
        if (record->kind != V_RECORD) {
            return NULL;
        }
        for (size_t i = 0; i < record->members.n && next == NULL; i++) {
            const value_member *mb = &record->members.at[i];
            if (strncmp(mb->key, path, n) == 0 && mb->key[n] == '\0') {
                next = mb->val;
            }
        }
        record = next;
        path += n + (dot == NULL ? 0 : 1);
    }
    return record;
}

void record_put(arena *a, value *record, const char *path, const value *x)
{
    const char *dot = strchr(path, '.');
    if (dot == NULL) {
        if (x == NULL) {
            value_remove(record, path);
        } else {
            value_set(a, record, path, value_copy(a, x));
        }
        return;
    }
    const char *key = arena_strndup(a, path, (size_t)(dot - path));
    for (size_t i = 0; i < record->members.n; i++) {
        if (strcmp(record->members.at[i].key, key) == 0 &&
            record->members.at[i].val->kind == V_RECORD) {
            value *inner = record->members.at[i].val;
            record_put(a, inner, dot + 1, x);
            if (x == NULL && inner->members.n == 0) {
                value_remove(record, key);
            }
            return;
        }
    }
    if (x != NULL) {
        value *inner = value_record(a);
        record_put(a, inner, dot + 1, x);
        value_set(a, record, key, inner);
    }
}

const char *field_name(const values *v, arena *a, unsigned side, const char *path)
{
    return arena_printf(a, "%s.%s", v->m->layout[side], path);
}

/* ---- declarations ------------------------------------------------------------ */

static const field_item *declared(const values *v, arena *a, unsigned side,
                                  const char *path, bool elements)
{
    for (size_t i = 0; i < v->m->config_items.n; i++) {
        const item *it = v->m->config_items.at[i];
        unsigned s = 0;
        const char *p = NULL;
        if (it->kind == ITEM_FIELD &&
            (it->u.field.path->kind == EXPR_INDEX) == elements &&
            field_of_expr(v, a, it->u.field.path, &s, &p) && s == side &&
            strcmp(p, path) == 0) {
            return &it->u.field;
        }
    }
    return NULL;
}

/* The `spelled` line that has the path, or NULL. */
static const spelled_item *spellings(const values *v, arena *a, unsigned side,
                                     const char *path)
{
    for (size_t i = 0; i < v->m->config_items.n; i++) {
        const item *it = v->m->config_items.at[i];
        for (size_t k = 0; it->kind == ITEM_SPELLED && k < it->u.spelled.paths.n; k++) {
            unsigned s = 0;
            const char *p = NULL;
            if (field_of_expr(v, a, it->u.spelled.paths.at[k], &s, &p) && s == side &&
                strcmp(p, path) == 0) {
                return &it->u.spelled;
            }
        }
    }
    return NULL;
}

const char *field_spelling(const values *v, arena *a, unsigned side, const char *path)
{
    const spelled_item *sp = spellings(v, a, side, path);
    unsigned s = 0;
    const char *first = path;
    if (sp != NULL && !field_of_expr(v, a, sp->paths.at[0], &s, &first)) {
        return path;
    }
    return first;
}

void field_remove_spellings(const values *v, arena *a, unsigned side, const char *path,
                            value *record)
{
    const spelled_item *sp = spellings(v, a, side, path);
    for (size_t k = 0; sp != NULL && k < sp->paths.n; k++) {
        unsigned s = 0;
        const char *p = NULL;
        if (field_of_expr(v, a, sp->paths.at[k], &s, &p) && strcmp(p, path) != 0) {
            record_put(a, record, p, NULL);
        }
    }
}

static const field_item *declared_any(const values *v, arena *a, unsigned side,
                                      const char *path, bool elements)
{
    const field_item *f = declared(v, a, side, path, elements);
    return f != NULL ? f
                     : declared(v, a, side, field_spelling(v, a, side, path), elements);
}

bool field_has_default(const values *v, arena *a, unsigned side, const char *path)
{
    const field_item *f = declared_any(v, a, side, path, false);
    return f != NULL && f->absent != NULL;
}

const char *field_type(const values *v, arena *a, unsigned side, const char *path)
{
    const field_item *f = declared_any(v, a, side, path, false);
    return f == NULL ? NULL : f->type;
}

/* ---- reading ----------------------------------------------------------------- */

static const value *stored(const values *v, arena *a, unsigned side, const char *path)
{
    const value *x = record_at(v->config[side], path);
    const spelled_item *sp = x == NULL ? spellings(v, a, side, path) : NULL;
    for (size_t k = 0; sp != NULL && x == NULL && k < sp->paths.n; k++) {
        unsigned s = 0;
        const char *p = NULL;
        if (field_of_expr(v, a, sp->paths.at[k], &s, &p)) {
            x = record_at(v->config[side], p);
        }
    }
    return x;
}

static const value *no_config(evaluation *ev, unsigned side)
{
    ev->why = arena_printf(ev->cx->arena, "there is no config of layout %s",
                           ev->v->m->layout[side]);
    return UNKNOWN;
}

static const value *absent(evaluation *ev, unsigned side, const char *path)
{
    const char *file = ev->v->config_path[side];
    arena *a = ev->cx->arena;
    ev->why =
        arena_printf(a, "%s is absent%s%s", field_name(ev->v, a, side, path),
                     file == NULL ? "" : " from ", file == NULL ? "" : path_base(file));
    return NULL;
}

/* A default sees fields, axes and values, but neither captures nor table variables. */
static const value *eval_default(evaluation *ev, const expr *e, variable *index)
{
    evaluation inner = {.cx = ev->cx, .v = ev->v, .depth = ev->depth + 1};
    inner.vars = index;
    inner.n_vars = index == NULL ? 0 : 1;
    const value *x = eval_expr(&inner, e);
    ev->why = inner.why;
    return x;
}

const value *field_read(evaluation *ev, unsigned side, const char *path)
{
    arena *a = ev->cx->arena;
    if (ev->v->config[side] == NULL) {
        return no_config(ev, side);
    }
    const value *x = stored(ev->v, a, side, path);
    const field_item *f = declared_any(ev->v, a, side, path, false);
    if (x == NULL && f != NULL && f->absent != NULL) {
        x = eval_default(ev, f->absent, NULL);
    }
    if (x == UNKNOWN) {
        return UNKNOWN;
    }
    if (x == NULL) {
        return absent(ev, side, path);
    }
    const value *typed = x;
    return f != NULL && value_coerce(a, f->type, x, &typed) ? typed : x;
}

const value *field_element(evaluation *ev, unsigned side, const char *path, int64_t i)
{
    arena *a = ev->cx->arena;
    if (ev->v->config[side] == NULL) {
        return no_config(ev, side);
    }
    const value *list = stored(ev->v, a, side, path);
    const field_item *f = declared_any(ev->v, a, side, path, true);
    if ((list == NULL || list->kind == V_NULL) && f != NULL && f->absent != NULL) {
        variable index = {f->path->kid.at[1]->kind == EXPR_PATH ? f->path->kid.at[1]->s
                                                                : "",
                          value_int(a, i)};
        return eval_default(ev, f->absent, &index);
    }
    if (list == NULL) {
        list = field_read(ev, side, path);
        if (list == NULL || list == UNKNOWN) {
            return list;
        }
    }
    if (list->kind == V_LIST && i >= 0 && (uint64_t)i < list->items.n) {
        return list->items.at[i];
    }
    return absent(ev, side, arena_printf(a, "%s[%lld]", path, (long long)i));
}

const value *values_field(context *cx, const values *v, unsigned side, const expr *path)
{
    evaluation ev = evaluation_of(cx, v);
    ev.bare = true;
    ev.bare_side = side;
    const value *x = eval_expr(&ev, path);
    return x == UNKNOWN ? NULL : x;
}

/* ---- types ------------------------------------------------------------------- */

/* YAML 1.1 readers take `1e-05` for text; a float field knows better. */
static bool float_of_text(arena *a, const char *s, const value **out)
{
    char *end = NULL;
    errno = 0;
    const double f = strtod(s, &end);
    if (*s == '\0' || *end != '\0' || errno != 0 ||
        strspn(s, "+-.0123456789eE") != strlen(s)) {
        return false;
    }
    *out = value_float(a, f);
    return true;
}

static bool coerce_int(arena *a, const value *x, const value **out)
{
    if (x->kind == V_FLOAT && fabs(x->f) <= EXACT_WHOLE && floor(x->f) >= x->f) {
        *out = value_int(a, (int64_t)x->f);
        return true;
    }
    return x->kind == V_INT;
}

static bool coerce_float(arena *a, const value *x, const value **out)
{
    if (x->kind == V_INT && fabs((double)x->i) <= EXACT_WHOLE) {
        *out = value_float(a, (double)x->i);
        return true;
    }
    return x->kind == V_FLOAT || (x->kind == V_STRING && float_of_text(a, x->s, out));
}

bool value_coerce(arena *a, const char *type, const value *x, const value **out)
{
    static const struct {
        const char *name;
        value_kind kind;
    } plain[] = {
        {"bool", V_BOOL}, {"string", V_STRING}, {"list", V_LIST}, {"record", V_RECORD}};
    *out = x;
    if (type == NULL || x->kind == V_NULL || strcmp(type, "any") == 0) {
        return true;
    }
    if (strcmp(type, "int") == 0) {
        return coerce_int(a, x, out);
    }
    if (strcmp(type, "float") == 0) {
        return coerce_float(a, x, out);
    }
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        if (strcmp(type, plain[i].name) == 0) {
            return x->kind == plain[i].kind;
        }
    }
    return true;
}

/* A copy whose floats are spelled anew: 1e-05 of JSON is text to a YAML reader. */
static value *respelled(arena *a, const value *x)
{
    value *copy = NULL;
    if (x->kind == V_FLOAT) {
        return value_float(a, x->f);
    }
    if (x->kind == V_LIST) {
        copy = value_list(a);
        for (size_t i = 0; i < x->items.n; i++) {
            vec_push(a, &copy->items, respelled(a, x->items.at[i]));
        }
        return copy;
    }
    if (x->kind == V_RECORD) {
        copy = value_record(a);
        for (size_t i = 0; i < x->members.n; i++) {
            value_set(a, copy, x->members.at[i].key,
                      respelled(a, x->members.at[i].val));
        }
        return copy;
    }
    return value_copy(a, x);
}

const value *field_typed(const values *v, arena *a, unsigned side, const char *path,
                         const value *x, const char **bad)
{
    const value *whole = x;
    *bad = path;
    if (!value_coerce(a, field_type(v, a, side, path), x, &whole)) {
        return NULL;
    }
    value *copy = respelled(a, whole);
    for (size_t i = 0; copy->kind == V_RECORD && i < v->m->config_items.n; i++) {
        const item *it = v->m->config_items.at[i];
        unsigned s = 0;
        const char *p = NULL;
        const char *below = NULL;
        if (it->kind != ITEM_FIELD || it->u.field.path->kind == EXPR_INDEX ||
            !field_of_expr(v, a, it->u.field.path, &s, &p) || s != side ||
            (below = behind(p, path)) == NULL || *below == '\0') {
            continue;
        }
        const value *old = record_at(copy, below);
        const value *typed = old;
        if (old != NULL && !value_coerce(a, it->u.field.type, old, &typed)) {
            *bad = p;
            return NULL;
        }
        if (old != NULL) {
            record_put(a, copy, below, typed);
        }
    }
    return copy;
}

/* ---- roots ------------------------------------------------------------------- */

void field_choose_roots(const mapping *m, unsigned side, const value *record,
                        uint32_t *choice)
{
    for (size_t i = 0; record != NULL && i < m->choices.n; i++) {
        const map_choice *c = &m->choices.at[i];
        bool found = false;
        for (uint32_t k = 0; c->of_roots && k < c->texts.n; k++) {
            unsigned s = 0;
            const char *path = NULL;
            if (!resolve_side(m, c->texts.at[k], &s, &path) || s != side) {
                continue;
            }
            /* The record itself always stands: it is taken only if no inner root does.
             */
            const value *root = record_at(record, path);
            const bool inner = *path != '\0' && root != NULL && root->kind == V_RECORD;
            if (!found && (inner || *path == '\0')) {
                choice[i] = k;
            }
            found = found || inner;
        }
    }
}
