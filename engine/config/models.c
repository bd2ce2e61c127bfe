/* The named-model table: what frameworks know of a model by its name alone. */
#include <string.h>
#include <strings.h>

#include "base/embedded.h"
#include "base/json.h"
#include "config/convert.h"

#define TABLE_NAME "models.json"

static const char *text_of(const value *row, const char *key)
{
    const value *x = value_get(row, key);
    return x != NULL && x->kind == V_STRING ? x->s : NULL;
}

static rt_status bad_table(context *cx, const char *why)
{
    diag *dg = diag_report(cx->diags, SEV_ERROR, "bad-models", NOWHERE,
                           "the table of named models is wrong: %s", why);
    diag_help(dg, "%s was built in damaged; build the program anew", TABLE_NAME);
    return RT_BUG;
}

rt_status models_load(context *cx, const model_row **rows, size_t *n)
{
    const embedded_file *file = NULL;
    const char *why = NULL;
    *rows = NULL;
    *n = 0;
    for (size_t i = 0; i < n_embedded_rules; i++) {
        if (strcmp(embedded_rules[i].name, TABLE_NAME) == 0) {
            file = &embedded_rules[i];
        }
    }
    if (file == NULL) {
        return RT_OK;
    }
    const value *all = json_parse(cx->arena, file->text, file->n_bytes, &why);
    if (all == NULL || all->kind != V_LIST) {
        return bad_table(cx, all == NULL ? why : "it is no list");
    }
    model_row *out = NEW_N(cx->arena, model_row, all->items.n + 1);
    for (size_t i = 0; i < all->items.n; i++) {
        const value *row = all->items.at[i];
        out[i] = (model_row){.layout = text_of(row, "layout"),
                             .name = text_of(row, "name"),
                             .repo = text_of(row, "repo"),
                             .family = text_of(row, "family"),
                             .fields = value_get(row, "fields")};
        if (out[i].layout == NULL || out[i].name == NULL || out[i].fields == NULL ||
            out[i].fields->kind != V_RECORD) {
            return bad_table(cx, arena_printf(cx->arena, "row %zu lacks a part", i));
        }
    }
    *rows = out;
    *n = all->items.n;
    return RT_OK;
}

static bool fits(const model_row *row, const char *name, int how)
{
    if (how == 0) {
        return strcmp(row->name, name) == 0;
    }
    if (how == 1) {
        return strcasecmp(row->name, name) == 0;
    }
    if (row->repo == NULL) {
        return false;
    }
    const char *slash = strrchr(row->repo, '/');
    return strcasecmp(row->repo, name) == 0 ||
           strcasecmp(slash == NULL ? row->repo : slash + 1, name) == 0;
}

const model_row *models_find(const model_row *rows, size_t n, const char *layout,
                             const char *name)
{
    const model_row *found = NULL;
    for (int how = 0; how <= 2 && found == NULL; how++) {
        for (size_t i = 0; i < n; i++) {
            if (strcmp(rows[i].layout, layout) != 0 || !fits(&rows[i], name, how)) {
                continue;
            }
            if (found != NULL) {
                return NULL; /* several: a name must be one */
            }
            found = &rows[i];
        }
    }
    return found;
}
