/* inspect and families: lists that need no job. */
#include <stdio.h>
#include <string.h>

#include "audit/inspect.h"
#include "audit/show.h"
#include "cli/command.h"
#include "config/convert.h"

rt_status cmd_inspect(session *s)
{
    checkpoint *c = NULL;
    TRY(checkpoint_open(&s->cx, s->opt.args.at[0], &c));
    buf out = {.arena = s->cx.arena};
    if (session_wants_value(s)) {
        session_value(s, &out, inspect_value(s->cx.arena, c));
    } else {
        inspect_text(&out, c);
    }
    const rt_status status = session_print(s, &out);
    for (size_t i = 0; i < c->inv->notes.n && !session_wants_value(s) && !s->opt.quiet;
         i++) {
        (void)fprintf(stderr, "note: %s\n", c->inv->notes.at[i]);
    }
    inventory_close(c->inv);
    return status;
}

/* ---- families ------------------------------------------------------------------- */

static bool is_of(const model_row *row, const mapping *m)
{
    return row->family != NULL && strcmp(row->family, m->name) == 0;
}

static value *family_value(arena *a, const mapping *m, const model_row *rows, size_t n)
{
    value *v = value_record(a), *models = value_list(a), *layouts = value_list(a);
    put_text(a, v, "name", m->name);
    put_text(a, v, "kind", m->is_merge ? "merge" : "family");
    vec_push(a, &layouts->items, value_string(a, m->layout[LEFT]));
    vec_push(a, &layouts->items, value_string(a, m->layout[RIGHT]));
    value_set(a, v, "layouts", layouts);
    put_text(a, v, "doc", m->doc);
    for (size_t i = 0; i < n; i++) {
        if (is_of(&rows[i], m)) {
            value *one = value_record(a);
            put_text(a, one, "name", rows[i].name);
            put_text(a, one, "repo", rows[i].repo);
            put_text(a, one, "layout", rows[i].layout);
            vec_push(a, &models->items, one);
        }
    }
    value_set(a, v, "models", models);
    return v;
}

static void family_text(buf *out, const mapping *m, const model_row *rows, size_t n)
{
    size_t n_models = 0;
    for (size_t i = 0; i < n; i++) {
        n_models += is_of(&rows[i], m);
    }
    buf_printf(out, "%-12s %-4s %s %-10s", m->name, m->layout[LEFT],
               m->is_merge ? "+= " : "<->", m->layout[RIGHT]);
    buf_printf(out, "  %s", m->doc != NULL ? m->doc : "");
    if (n_models > 0) {
        buf_printf(out, " (%s by name)", show_count(out->arena, n_models, "model"));
    }
    buf_add(out, "\n");
}

rt_status cmd_families(session *s)
{
    arena *a = s->cx.arena;
    const mapping *const *all = NULL;
    const model_row *rows = NULL;
    size_t n = 0, n_rows = 0;
    TRY(mapping_all(&s->cx, &all, &n));
    TRY(models_load(&s->cx, &rows, &n_rows));
    buf out = {.arena = a};
    value *list = value_list(a);
    for (size_t i = 0; i < n; i++) {
        if (session_wants_value(s)) {
            vec_push(a, &list->items, family_value(a, all[i], rows, n_rows));
        } else {
            family_text(&out, all[i], rows, n_rows);
        }
    }
    if (session_wants_value(s)) {
        value *v = value_record(a);
        value_set(a, v, "families", list);
        session_value(s, &out, v);
    }
    return session_print(s, &out);
}
