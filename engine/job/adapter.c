/* job/adapter.c -- an adapter's file, and the merge rules that know it. */
#include <string.h>

#include "base/file.h"
#include "job/build.h"

/* The adapter's weights file: the path itself, or the first of its directory that the
 * merge files name. */
static rt_status find_adapter(builder *b, const char *path, const char **file)
{
    file_name_list known = {0};
    *file = path;
    if (!dir_exists(path)) {
        return RT_OK;
    }
    for (size_t i = 0; i < b->n_merges; i++) {
        const layout_files *l = layout_of(b->j->layouts, b->merges[i]->layout[RIGHT]);
        layout_add_weights(b->cx->arena, l, &known);
    }
    for (size_t i = 0; i < known.n; i++) {
        *file = path_join(b->cx->arena, path, known.at[i].text);
        if (file_exists(*file)) {
            return RT_OK;
        }
    }
    diag *dg = diag_report(b->cx->diags, SEV_ERROR, "no-adapter", NOWHERE,
                           "%s holds no adapter file", path);
    for (size_t i = 0; i < known.n; i++) {
        diag_note(dg, "looked for %s", known.at[i].text);
    }
    diag_help(dg, "name the file itself if it has another name");
    return RT_FILE;
}

/* The merge file whose adapter side knows these names. */
static const mapping *pick_merge(builder *b, const stage *adapter, const value *config)
{
    stage *who = NULL;
    memcpy(&who, &adapter, sizeof who);
    for (size_t i = 0; i < b->n_merges; i++) {
        const int is =
            config_detect(b->cx, b->merges[i], RIGHT, config, stage_has, who);
        if (is == 1 || (is < 0 && b->n_merges == 1)) {
            return b->merges[i];
        }
    }
    return NULL;
}

/* The merge file for an adapter, by its names or its config. */
static rt_status find_merge(builder *b, const checkpoint *from, const char *file,
                            const mapping **m)
{
    plan aside = {0};
    const char *config_path;
    value *found = NULL;
    const stage *names = stage_of_inventory(b->cx, &aside, from->inv);
    *m = pick_merge(b, names, NULL);
    for (size_t i = 0; *m == NULL && i < b->n_merges; i++) {
        const layout_files *l = layout_of(b->j->layouts, b->merges[i]->layout[RIGHT]);
        TRY(config_load(b->cx, l, from->dir, &found, &config_path));
        *m = found != NULL ? pick_merge(b, names, found) : NULL;
    }
    if (*m != NULL) {
        return RT_OK;
    }
    diag *dg = diag_report(b->cx->diags, SEV_ERROR, "no-merge-rules", NOWHERE,
                           "no merge rules know the names of %s", file);
    if (names->tensors.n > 0) {
        diag_note(dg, "the first is %s", names->tensors.at[0].name);
    }
    diag_help(
        dg, "name the rules with --rules; an adapter holds lora_A and lora_B tensors");
    return RT_MISMATCH;
}

rt_status builder_open_adapter(builder *b, const char *path, checkpoint **opened,
                               const mapping **m)
{
    const char *file;
    TRY(find_adapter(b, path, &file));
    TRY(checkpoint_open(b->cx, file, opened));
    vec_push(b->cx->arena, &b->j->adapters, *opened);
    return find_merge(b, *opened, file, m);
}
