#include "config/build.h"

#include <stdlib.h>
#include <string.h>

#include "config/fields.h"
#include "config/mentions.h"

/* ---- reports ----------------------------------------------------------------- */

static void report(builder *b, const char *path, field_source from, exactness class_of,
                   const char *text)
{
    const field_report r = {path, from, class_of, from == FROM_DEFAULT, text};
    uint64_t at = 0;
    if (strmap_get(b->field_at, path, &at)) {
        b->fields.at[at] = r;
        return;
    }
    strmap_add(b->field_at, path, b->fields.n);
    vec_push(b->c.cx->arena, &b->fields, r);
}

/* What the carried config says of a field, in whatever spelling; NULL: nothing. */
static const value *carried_value(builder *b, const char *path)
{
    conversion *c = &b->c;
    if (c->req->carried == NULL) {
        return NULL;
    }
    c->view->config[c->to] = c->req->carried;
    evaluation ev = evaluation_of(c->cx, c->view);
    const value *x = field_read(&ev, c->to, path);
    return x == UNKNOWN ? NULL : x;
}

/* Write a field (NULL: remove it) and report it, with what the carried config said. */
static void put(builder *b, const char *path, const value *x, field_source from,
                exactness class_of, const char *text)
{
    conversion *c = &b->c;
    arena *a = c->cx->arena;
    const value *old = carried_value(b, path);
    if (old != NULL && (x == NULL || !value_equal(old, x))) {
        text =
            arena_printf(a, "%s; the carried config says %s", text, value_show(a, old));
    }
    record_put(a, b->record, path, x);
    field_remove_spellings(c->view, a, c->to, path, b->record);
    if (x != NULL) {
        report(b, path, from, class_of, text);
    }
}

/* ---- layers ------------------------------------------------------------------ */

void build_start(builder *b)
{
    arena *a = b->c.cx->arena;
    b->record =
        b->c.req->carried == NULL ? value_record(a) : value_copy(a, b->c.req->carried);
    b->fields.n = 0;
    b->field_at = strmap_new(a);
}

/* What the row says of a field: a row lists what differs from the layout's defaults, so
 * an absent one with a declared default says that default. */
static const value *row_value(builder *b, const char *path)
{
    conversion *c = &b->c;
    if (b->row == NULL) {
        return NULL;
    }
    c->view->config[c->to] = b->row;
    evaluation ev = evaluation_of(c->cx, c->view);
    const value *x = field_read(&ev, c->to, path);
    return x == UNKNOWN ? NULL : x;
}

static bool stands(builder *b, const char *path)
{
    conversion *c = &b->c;
    values *v = c->view;
    v->config[c->to] = b->record;
    if (field_has_default(v, c->cx->arena, c->to, path)) {
        return record_at(b->record, path) != NULL;
    }
    evaluation ev = evaluation_of(c->cx, v);
    return field_read(&ev, c->to, path) != NULL;
}

/* A soft equation is a good guess: what is known of this very model, by its row or by
 * the config that it came with, is better. */
void build_soft(builder *b)
{
    conversion *c = &b->c;
    for (size_t i = 0; i < c->writes.n; i++) {
        const field_write *w = &c->writes.at[i];
        if (!w->by->soft || w->kept || w->val == NULL) {
            continue;
        }
        const value *of_row = row_value(b, w->path);
        const char *text = w->text;
        if (of_row != NULL && !value_equal(of_row, w->val)) {
            text =
                arena_printf(c->cx->arena, "row %s; %s would give %s", c->req->row_name,
                             text, value_show(c->cx->arena, w->val));
            put(b, w->path, of_row, FROM_ROW, MADE, text);
        } else if (!stands(b, w->path)) {
            put(b, w->path, w->val, FROM_EQUATION, w->class_of, text);
            uint64_t at = 0;
            if (strmap_get(b->field_at, w->path, &at)) {
                b->fields.at[at].guessed = true;
            }
        }
    }
}

void build_row(builder *b)
{
    conversion *c = &b->c;
    arena *a = c->cx->arena;
    const char *text = arena_printf(a, "row %s", c->req->row_name);
    for (size_t i = 0; b->row != NULL && i < b->row->members.n; i++) {
        const value_member *mb = &b->row->members.at[i];
        const char *bad = NULL;
        const char *path = field_spelling(c->view, a, c->to, mb->key);
        const value *typed = field_typed(c->view, a, c->to, path, mb->val, &bad);
        const value *old = carried_value(b, path);
        const value *x = typed == NULL ? mb->val : typed;
        if (old != NULL && value_equal(old, x)) {
            report(b, path, FROM_ROW, MADE, text);
        } else if (!strmap_has(b->field_at, path)) {
            put(b, path, x, FROM_ROW, MADE, text);
        }
    }
}

void build_hard(builder *b)
{
    conversion *c = &b->c;
    for (size_t i = 0; i < c->writes.n; i++) {
        const field_write *w = &c->writes.at[i];
        if (w->by->soft) {
            continue;
        }
        if (!w->kept) {
            put(b, w->path, w->val, FROM_EQUATION, w->class_of, w->text);
        } else if (record_at(b->record, w->path) != NULL) {
            report(b, w->path, FROM_EQUATION, w->class_of, w->text);
        }
    }
}

/* Was a field of the source guessed, so that what this layout's own table says of the
 * model is better, or the
 * carried config?  One era's guess is not pushed through to the other. */
static bool was_guessed(const builder *b, const char *path)
{
    const config_result *made = b->c.req->made;
    for (size_t i = 0; made != NULL && i < made->fields.n; i++) {
        if (strcmp(made->fields.at[i].field, path) == 0) {
            return made->fields.at[i].guessed;
        }
    }
    return false;
}

/* `config rest`: what no other line names, unchanged. */
void build_rest(builder *b)
{
    conversion *c = &b->c;
    if (!c->from->m->config_rest) {
        return;
    }
    const unsigned side = 1 - c->to;
    const path_list rest = fields_unmentioned(c->cx, c->from, side);
    for (size_t i = 0; i < rest.n; i++) {
        const char *path = rest.at[i];
        const value *x = record_at(c->from->config[side], path);
        const value *old = record_at(b->record, path);
        const char *text =
            arena_printf(c->cx->arena, "%s.%s", c->from->m->layout[side], path);
        uint64_t at = 0;
        const bool known = strmap_get(b->field_at, path, &at);
        if (x == NULL || (known && b->fields.at[at].from == FROM_EQUATION) ||
            ((known || old != NULL) && was_guessed(b, path))) {
            continue;
        }
        if (old != NULL && value_equal(old, x)) {
            report(b, path, FROM_EQUATION, EXACT, text);
            continue;
        }
        /* The other side may name the field and give it a type. */
        const char *bad = NULL;
        const value *typed = field_typed(c->view, c->cx->arena, c->to, path, x, &bad);
        put(b, path, typed == NULL ? x : typed, FROM_EQUATION, EXACT, text);
    }
}

rt_status build_set(builder *b)
{
    conversion *c = &b->c;
    const value *set = c->req->set;
    for (size_t i = 0; set != NULL && i < set->members.n; i++) {
        const value_member *mb = &set->members.at[i];
        unsigned side = c->to;
        const char *path = mb->key;
        const size_t n = c->writes.n;
        if (!field_resolve(c->view, c->cx->arena, mb->key, &side, &path)) {
            path = mb->key;
            side = c->to;
        }
        if (side != c->to || *path == '\0') {
            continue;
        }
        const char *text = arena_printf(c->cx->arena, "--set %s", mb->key);
        TRY(conversion_write(c, NULL, path, mb->val, MADE, text, false));
        const field_write w = c->writes.at[n];
        c->writes.n = n;
        put(b, w.path, w.val, FROM_SET, MADE, text);
    }
    return RT_OK;
}

/* A carried config is whole: what it leaves out, its own framework fills; defaults are
 * for a config that is made from nothing. */
rt_status build_defaults(builder *b)
{
    conversion *c = &b->c;
    const mapping *m = c->from->m;
    for (size_t i = 0; c->req->carried == NULL && i < m->config_items.n; i++) {
        const item *it = m->config_items.at[i];
        const line l = {.kind = LINE_CONST, .at = it->at, .it = it};
        unsigned side = 0;
        const char *path = NULL;
        if (it->kind != ITEM_DEFAULT ||
            !field_of_expr(c->view, c->cx->arena, it->u.assign.path, &side, &path) ||
            side != c->to) {
            continue;
        }
        const char *first = field_spelling(c->view, c->cx->arena, c->to, path);
        if (stands(b, first) || conversion_holds(c, it->u.assign.when) != 1) {
            continue;
        }
        const value *x = conversion_eval(c, it->u.assign.value, NULL, NULL);
        x = x == UNKNOWN ? conversion_eval(c, it->u.assign.value, b->record, NULL) : x;
        if (x == NULL || x == UNKNOWN) {
            continue;
        }
        const size_t n = c->writes.n;
        TRY(conversion_write(c, &l, path, x, MADE, "default", false));
        const field_write w = c->writes.at[n];
        c->writes.n = n;
        put(b, w.path, w.val, FROM_DEFAULT, MADE,
            arena_printf(c->cx->arena, "default %s",
                         expr_text(c->cx->arena, it->u.assign.value)));
    }
    return RT_OK;
}

/* ---- the result -------------------------------------------------------------- */

static int by_key(const void *x, const void *y)
{
    return strcmp(((const value_member *)x)->key, ((const value_member *)y)->key);
}

/* Reports for what nothing but the carried config says. */
static void report_carried(builder *b)
{
    for (size_t i = 0; i < b->record->members.n; i++) {
        const char *key = b->record->members.at[i].key;
        const size_t n = strlen(key);
        bool reported = strmap_has(b->field_at, key);
        for (size_t k = 0; k < b->fields.n && !reported; k++) {
            reported = strncmp(b->fields.at[k].field, key, n) == 0 &&
                       b->fields.at[k].field[n] == '.';
        }
        if (!reported) {
            report(b, key, FROM_CARRIED, EXACT, "the carried config");
        }
    }
}

config_result *build_finish(builder *b)
{
    arena *a = b->c.cx->arena;
    config_result *r = NEW(a, config_result);
    report_carried(b);
    if (b->c.req->carried == NULL && b->record->members.n > 0) {
        qsort(b->record->members.at, b->record->members.n,
              sizeof *b->record->members.at,
              by_key); /* as the frameworks write a config of their own */
    }
    r->record = b->record;
    for (size_t i = 0; i < b->fields.n; i++) {
        if (record_at(b->record, b->fields.at[i].field) != NULL) {
            vec_push(a, &r->fields, b->fields.at[i]);
        }
    }
    for (size_t i = 0; i < b->c.lossy.n; i++) {
        vec_push(a, &r->lossy, b->c.lossy.at[i]);
    }
    return r;
}
