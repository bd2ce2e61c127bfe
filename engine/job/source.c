/* job/source.c -- rule files, the source with its configs, and what it is. */
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/near.h"
#include "job/build.h"

/* ---- rules --------------------------------------------------------------------- */

/* Between the same layouts, whichever the file names first. */
static bool same_layouts(const mapping *m, const mapping *n)
{
    const unsigned at = strcmp(m->layout[0], n->layout[0]) == 0 ? 0 : 1;
    return strcmp(m->layout[0], n->layout[at]) == 0 &&
           strcmp(m->layout[1], n->layout[1 - at]) == 0;
}

static rt_status load_rules(builder *b)
{
    VEC(const mapping *) families = {0}, merges = {0};
    const mapping *const *all;
    size_t n;
    VEC(const mapping *) given = {0};
    for (size_t i = 0; i < b->opt->n_rules; i++) {
        const mapping *m;
        TRY(mapping_load(b->cx, b->opt->rules[i], &m));
        vec_push(b->cx->arena, &given, m);
    }
    TRY(mapping_all(b->cx, &all, &n));
    for (size_t i = 0; i < given.n; i++) {
        if (given.at[i]->is_merge) {
            vec_push(b->cx->arena, &merges, given.at[i]);
        } else {
            vec_push(b->cx->arena, &families, given.at[i]);
        }
    }
    TRY(layouts_of(b->cx, given.at, given.n, all, n, &b->j->layouts));
    b->n_given = families.n;
    /* A given family stands for all others between its two layouts. */
    for (size_t i = 0; i < n; i++) {
        bool shadowed = false;
        for (size_t k = 0; k < given.n; k++) {
            const mapping *g = given.at[k], *o = all[i];
            shadowed = shadowed || (g->is_merge == o->is_merge &&
                                    (o->is_merge || same_layouts(g, o)));
        }
        if (shadowed) {
            continue;
        }
        if (all[i]->is_merge) {
            vec_push(b->cx->arena, &merges, all[i]);
        } else {
            vec_push(b->cx->arena, &families, all[i]);
        }
    }
    b->all = families.at;
    b->n_all = families.n;
    b->merges = merges.at;
    b->n_merges = merges.n;
    return RT_OK;
}

/* ---- configs ------------------------------------------------------------------- */

static rt_status load_config(builder *b, const char *layout, const char *dir)
{
    found_config f = {.layout = layout};
    if (config_of(&b->configs, layout) != NULL) {
        return RT_OK;
    }
    TRY(config_load(b->cx, layout_of(b->j->layouts, layout), dir, &f.record, &f.path));
    if (f.record != NULL) {
        vec_push(b->cx->arena, &b->configs, f);
    }
    return RT_OK;
}

static rt_status load_configs(builder *b, const char *dir)
{
    for (size_t i = 0; i < b->n_all; i++) {
        TRY(load_config(b, b->all[i]->layout[LEFT], dir));
        TRY(load_config(b, b->all[i]->layout[RIGHT], dir));
    }
    return RT_OK;
}

/* --config_path: which layouts it may belong to is told by its file name.
 */
static rt_status load_given_config(builder *b)
{
    if (b->opt->config_path == NULL) {
        return RT_OK;
    }
    found_config f = {.path = b->opt->config_path};
    TRY(config_load_file(b->cx, f.path, &f.record));
    for (size_t i = 0; i < b->n_all; i++) {
        for (unsigned side = 0; side < 2; side++) {
            const char *layout = b->all[i]->layout[side];
            if (config_is_file_of(layout_of(b->j->layouts, layout),
                                  path_base(f.path)) &&
                config_of(&b->configs, layout) == NULL) {
                f.layout = layout;
                vec_push(b->cx->arena, &b->configs, f);
            }
        }
    }
    if (f.layout == NULL) {
        diag *dg = diag_report(b->cx->diags, SEV_ERROR, "config-name", NOWHERE,
                               "%s is the config file of no layout", f.path);
        diag_help(dg, "its name tells the layout: %s",
                  layouts_configs(b->cx->arena, b->j->layouts));
        return RT_USAGE;
    }
    return RT_OK;
}

/* ---- the named model ----------------------------------------------------------- */

static const char *text_field(const value *record, const char *key)
{
    const value *v = value_get(record, key);
    return v != NULL && v->kind == V_STRING && v->s[0] != '\0' ? v->s : NULL;
}

/* Does the name stand for a row of some layout?  Rows of one layout stand together. */
static bool names_row(const builder *b, const char *name)
{
    for (size_t r = 0; r < b->n_rows; r++) {
        const char *layout = b->rows[r].layout;
        const bool seen = r > 0 && strcmp(layout, b->rows[r - 1].layout) == 0;
        if (!seen && models_find(b->rows, b->n_rows, layout, name) != NULL) {
            return true;
        }
    }
    return false;
}

/* The first of these that names a row: given, config fields, the directory. */
static const char *find_name(builder *b, const checkpoint *ck)
{
    const char *candidates[8];
    size_t n = 0;
    if (b->opt->model_name != NULL) {
        return b->opt->model_name; /* what the user says is not overruled */
    }
    candidates[n++] = text_field(b->opt->set, "name");
    for (size_t i = 0; i < b->configs.n && n + 2 < 8; i++) {
        candidates[n++] = text_field(b->configs.at[i].record, "name");
        candidates[n++] = text_field(b->configs.at[i].record, "_name_or_path");
    }
    candidates[n++] = path_base(ck->given);
    for (size_t i = 0; i < n; i++) {
        if (candidates[i] != NULL && names_row(b, candidates[i])) {
            return candidates[i];
        }
    }
    return NULL;
}

static rt_status check_name(builder *b)
{
    const char *name = b->opt->model_name;
    if (name == NULL || names_row(b, name)) {
        return RT_OK;
    }
    const char **known = NEW_N(b->cx->arena, const char *, b->n_rows + 1);
    for (size_t i = 0; i < b->n_rows; i++) {
        known[i] = b->rows[i].name;
    }
    const char *near = near_name(name, known, b->n_rows);
    diag *dg = diag_report(b->cx->diags, SEV_ERROR, "no-model", NOWHERE,
                           "no model is known by the name '%s'", name);
    if (near != NULL) {
        diag_help(dg, "did you mean '%s'?", near);
    }
    diag_help(dg, "`retensor families` lists the names; without one the config tells");
    return RT_USAGE;
}

/* ---- opening ------------------------------------------------------------------- */

static rt_status open_kept(builder *b, const char *dir)
{
    const char *path = path_join(b->cx->arena, dir, "retensor-kept.safetensors");
    const char *facts = path_join(b->cx->arena, dir, "retensor-kept.json");
    if (file_exists(path)) {
        checkpoint *ck;
        TRY(checkpoint_open(b->cx, path, &ck));
        b->j->set_aside = stage_of_inventory(b->cx, &b->j->plan, ck->inv);
    }
    if (file_exists(facts)) {
        char *text;
        size_t n;
        const char *why = "it cannot be read";
        value *v = NULL;
        if (file_read(b->cx->arena, facts, 1 << 26, &text, &n) == 0) {
            v = json_parse(b->cx->arena, text, n, &why);
        }
        const value *stored = value_get(v, "stored");
        if (v == NULL) {
            diag_report(b->cx->diags, SEV_ERROR, "bad-file", NOWHERE, "%s: %s", facts,
                        why);
            return RT_FILE;
        }
        for (size_t i = 0;
             stored != NULL && stored->kind == V_LIST && i < stored->items.n; i++) {
            if (stored->items.at[i]->kind == V_STRING) {
                vec_push(b->cx->arena, &b->j->was_stored, stored->items.at[i]->s);
            }
        }
    }
    return RT_OK;
}

bool builder_is_variant(const builder *b, const char *of)
{
    const bool has_scales = strcmp(builder_plain_layout(b), b->layout) != 0;
    return of != NULL && strcmp(b->layout, of) != 0 && !has_scales &&
           same_config_file(b->j->layouts, b->layout, of);
}

/* A model of no family, whose names are also those of a variant of the fallback, is in
 * the fallback's layout: the variant's rules are for the families that there are. */
static void settle_variant(builder *b)
{
    const mapping *family;
    const char *because, *to = usual_target(&b->ev, b->fallback);
    context quiet = {b->cx->arena, diags_new(b->cx->arena)};
    const found_config *f = config_of(&b->configs, b->fallback);
    if (to != NULL && f != NULL &&
        detect_family(&quiet, &b->ev, b->at, b->fallback, to, f->record, &family,
                      &because) != RT_OK) {
        b->layout = b->fallback;
    }
}

/* The layout by names; the fallback where only its config is there and no family knows
 * the other one. */
static rt_status find_layout(builder *b)
{
    context quiet = *b->cx;
    quiet.diags = diags_new(b->cx->arena);
    if (b->fallback == NULL || config_of(&b->configs, b->fallback) == NULL) {
        return detect_layout(b->cx, &b->ev, b->at, &b->layout, &b->j->because);
    }
    const mapping *family;
    const char *because, *other = NULL;
    if (detect_layout(&quiet, &b->ev, b->at, &b->layout, &b->j->because) == RT_OK) {
        const found_config *own = config_of(&b->configs, b->layout);
        other = usual_target(&b->ev, b->layout);
        if (own != NULL ||
            (other != NULL && detect_family(&quiet, &b->ev, b->at, b->layout, other,
                                            NULL, &family, &because) == RT_OK)) {
            return RT_OK;
        }
    }
    b->layout = b->fallback;
    b->j->because = "its config";
    return RT_OK;
}

/* The layout that the user said, or the variant of it that is there.  From a layout to
 * itself nothing is converted, whatever the names are, but for scales. */
static void take_layout(builder *b)
{
    const char *said = b->opt->from;
    b->layout = said;
    if (b->opt->to != NULL && strcmp(b->opt->to, said) == 0 && !b->opt->dequantize) {
        return;
    }
    b->layout = layout_meant(b->cx, &b->ev, b->at, said);
    if (strcmp(b->layout, said) != 0) {
        builder_note(b, arena_printf(b->cx->arena,
                                     "the names are those of layout '%s', which is "
                                     "taken for '%s'",
                                     b->layout, said));
    }
}

rt_status builder_open(builder *b, const char *path)
{
    /* A conversion in place finds its source again, not what it wrote. */
    const file_name_list known =
        layouts_weights(b->cx->arena, b->j->layouts, b->opt->from);
    TRY(checkpoint_open_known(b->cx, path, &known, &b->j->src));
    const checkpoint *ck = b->j->src;
    for (size_t i = 0; i < ck->inv->notes.n; i++) {
        builder_note(b, ck->inv->notes.at[i]);
    }
    if (ck->chosen_because != NULL) {
        builder_note(b, ck->chosen_because);
    }
    TRY(load_given_config(b));
    TRY(load_configs(b, ck->dir));
    TRY(models_load(b->cx, &b->rows, &b->n_rows));
    TRY(check_name(b));
    TRY(open_kept(b, ck->dir));
    b->ev = (evidence){.all = b->all,
                       .n_all = b->n_all,
                       .layouts = b->j->layouts,
                       .n_given = b->n_given,
                       .configs = &b->configs,
                       .rows = b->rows,
                       .n_rows = b->n_rows};
    b->ev.model_name = find_name(b, ck);
    b->j->first = stage_of_inventory(b->cx, &b->j->plan, ck->inv);
    b->at = b->j->first;
    if (b->opt->from == NULL) {
        TRY(find_layout(b));
    } else {
        take_layout(b);
    }
    if (builder_is_variant(b, b->fallback)) {
        settle_variant(b);
    }
    b->j->from = b->layout;
    const found_config *f = config_of(&b->configs, b->layout);
    b->config = f != NULL ? f->record : NULL;
    b->config_path = f != NULL ? f->path : NULL;
    if (b->config == NULL && b->ev.model_name != NULL) {
        const model_row *row =
            models_find(b->rows, b->n_rows, b->layout, b->ev.model_name);
        if (row != NULL) {
            b->config = value_copy(b->cx->arena, row->fields);
            b->config_path =
                arena_printf(b->cx->arena, "the named model %s", row->name);
            b->j->row_name = row->name;
        }
    }
    return RT_OK;
}

rt_status builder_start(context *cx, const job_options *opt, builder *b)
{
    *b = (builder){.cx = cx, .opt = opt, .j = NEW(cx->arena, job)};
    return load_rules(b);
}
