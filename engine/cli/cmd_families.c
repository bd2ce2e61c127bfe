/* families and download: what the program knows by name. */
#include <stdlib.h>
#include <string.h>

#include "audit/show.h"
#include "cli/command.h"
#include "config/convert.h"
#include "mapping/model_type.h"

typedef struct known {
    const mapping *const *all;
    const model_row *rows;
    size_t n, n_rows;
} known;

static rt_status load_known(session *s, known *k)
{
    TRY(mapping_all(&s->cx, &k->all, &k->n));
    return models_load(&s->cx, &k->rows, &k->n_rows);
}

static bool is_of(const model_row *row, const mapping *m)
{
    return row->family != NULL && strcmp(row->family, m->name) == 0;
}

static word_list types_of(arena *a, const mapping *m)
{
    word_list words = {0};
    for (unsigned side = LEFT; side <= RIGHT; side++) {
        for (size_t i = 0; i < m->detect[side].n; i++) {
            model_types_of(a, m->detect[side].at[i]->is, &words);
        }
    }
    return words;
}

/* A family is asked for by its name, a model_type, or a model that it serves. */
static bool answers_to(arena *a, const known *k, const mapping *m, const char *name)
{
    const word_list types = types_of(a, m);
    if (strcmp(m->name, name) == 0 || model_types_have(&types, name)) {
        return true;
    }
    for (unsigned side = LEFT; side <= RIGHT; side++) {
        const model_row *row = models_find(k->rows, k->n_rows, m->layout[side], name);
        if (row != NULL && is_of(row, m)) {
            return true;
        }
    }
    return false;
}

static value *family_value(arena *a, const known *k, const mapping *m)
{
    value *v = value_record(a), *models = value_list(a);
    const word_list types = types_of(a, m);
    put_text(a, v, "name", m->name);
    put_text(a, v, "kind", m->is_merge ? "merge" : "family");
    put_texts(a, v, "layouts", m->layout, 2);
    put_text(a, v, "doc", m->doc);
    put_texts(a, v, "model_types", types.at, types.n);
    for (size_t i = 0; i < k->n_rows; i++) {
        if (is_of(&k->rows[i], m)) {
            value *one = value_record(a);
            put_text(a, one, "name", k->rows[i].name);
            put_text(a, one, "repo", k->rows[i].repo);
            put_text(a, one, "layout", k->rows[i].layout);
            vec_push(a, &models->items, one);
        }
    }
    value_set(a, v, "models", models);
    return v;
}

static const char *shown_name(const model_row *row)
{
    return row->repo != NULL ? row->repo : row->name;
}

/* The tables of both eras name it, and this is not the first time. */
static bool is_again(const known *k, size_t i)
{
    for (size_t j = 0; j < i; j++) {
        if (strcmp(shown_name(&k->rows[j]), shown_name(&k->rows[i])) == 0) {
            return true;
        }
    }
    return false;
}

/* What it relates; below it, indented, what it answers to. */
static void family_text(buf *out, const known *k, const mapping *m)
{
    const word_list types = types_of(out->arena, m);
    buf_printf(out, "%-15s %-10s %s %-11s", m->name, m->layout[LEFT],
               m->is_merge ? "+= " : "<->", m->layout[RIGHT]);
    buf_printf(out, "  %s\n", m->doc != NULL ? m->doc : "");
    for (size_t i = 0; i < types.n; i++) {
        buf_printf(out, "%s%s", i == 0 ? "  model_type " : ", ", types.at[i]);
    }
    buf_add(out, types.n > 0 ? "\n" : "");
    for (size_t i = 0; i < k->n_rows; i++) {
        if (is_of(&k->rows[i], m) && !is_again(k, i)) {
            buf_printf(out, "  %s\n", shown_name(&k->rows[i]));
        }
    }
}

static rt_status print_families(session *s, const known *k, const mapping *const *some,
                                size_t n)
{
    arena *a = s->cx.arena;
    buf out = {.arena = a};
    value *list = value_list(a), *v = value_record(a);
    for (size_t i = 0; i < n; i++) {
        if (session_wants_value(s)) {
            vec_push(a, &list->items, family_value(a, k, some[i]));
        } else {
            family_text(&out, k, some[i]);
        }
    }
    if (session_wants_value(s)) {
        value_set(a, v, "families", list);
        session_value(s, &out, v);
    }
    return session_print(s, &out);
}

rt_status cmd_families(session *s)
{
    known k = {0};
    TRY(load_known(s, &k));
    if (s->opt.args.n == 0) {
        return print_families(s, &k, k.all, k.n);
    }
    VEC(const mapping *) some = {0};
    for (size_t i = 0; i < s->opt.args.n; i++) {
        const char *name = s->opt.args.at[i];
        const size_t n_before = some.n;
        for (size_t f = 0; f < k.n; f++) {
            if (answers_to(s->cx.arena, &k, k.all[f], name)) {
                vec_push(s->cx.arena, &some, k.all[f]);
            }
        }
        if (some.n == n_before) {
            diag *dg = diag_report(s->cx.diags, SEV_ERROR, "no-family", NOWHERE,
                                   "no family serves '%s'", name);
            diag_help(dg, "it is a family's name, a model_type, or a model's name; "
                          "`retensor families` lists all");
            return RT_NO;
        }
    }
    return print_families(s, &k, some.at, some.n);
}

/* ---- download ---------------------------------------------------------------------
 */

static int by_text(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

static rt_status list_repos(session *s)
{
    known k = {0};
    buf out = {.arena = s->cx.arena};
    TRY(load_known(s, &k));
    const char **repos = NEW_N(s->cx.arena, const char *, k.n_rows + 1);
    size_t n = 0;
    for (size_t i = 0; i < k.n_rows; i++) {
        if (k.rows[i].repo != NULL) {
            repos[n++] = k.rows[i].repo;
        }
    }
    qsort(repos, n, sizeof *repos, by_text);
    buf_add(&out, "Please specify --repo_id <repo_id>. Available values:\n");
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || strcmp(repos[i - 1], repos[i]) != 0) {
            buf_printf(&out, "%s\n", repos[i]);
        }
    }
    return session_print(s, &out);
}

/* Nothing is fetched from a network: the tools of the hub do that, and resume. */
rt_status cmd_download(session *s)
{
    const char *repo = s->opt.repo_id;
    if (repo == NULL && s->opt.args.n > 0) {
        repo = s->opt.args.at[0];
    }
    if (repo == NULL) {
        return list_repos(s);
    }
    const char *dir = hub_cache_find(s->cx.arena, repo);
    if (dir == NULL) {
        diag *dg =
            diag_report(s->cx.diags, SEV_ERROR, "not-cached", NOWHERE,
                        "%s is not in the local hub cache, and retensor opens no "
                        "network connection",
                        repo);
        diag_help(dg, "`hf download %s --local-dir checkpoints/%s` fetches it", repo,
                  repo);
        return RT_FILE;
    }
    buf out = {.arena = s->cx.arena};
    buf_printf(&out, "%s\n", dir);
    return session_print(s, &out);
}
