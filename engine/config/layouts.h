/* config/layouts.h -- what the files of each layout are called: the `files` lines of
 * all rule files together, and the config files that they name.
 *
 * A layout's line stands in one rule file, or the same in several.  A layout without a
 * line has model.safetensors, or pytorch_model.bin, and config.json.
 */
#ifndef RT_CONFIG_LAYOUTS_H
#define RT_CONFIG_LAYOUTS_H

#include "base/status.h"
#include "base/value.h"
#include "mapping/mapping.h"

typedef struct layout_files {
    const char *name;
    bool of_adapters;
    const map_files *files;
    const mapping *m; /* the file that has the line, and the side; NULL: no line */
    unsigned side;
} layout_files;

typedef struct layout_table {
    VEC(layout_files) at; /* in the order in which their files are looked for */
    layout_files none;    /* for names that are not among them */
} layout_table;

/* The layouts of the given mappings and of the embedded ones, but for those whose name
 * a given one has: it is the same file, perhaps changed.  RT_RULES: two lines for one
 * layout contradict each other (slug "files-differ"). */
RT_NODISCARD rt_status layouts_of(context *cx, const mapping *const *given,
                                  size_t n_given, const mapping *const *embedded,
                                  size_t n_embedded, const layout_table **out);
/* The same where the embedded ones are still to be loaded. */
RT_NODISCARD rt_status layouts_load(context *cx, const mapping *const *given,
                                    size_t n_given, const layout_table **out);
/* Never NULL: a layout that no file names is one without a line. */
const layout_files *layout_of(const layout_table *l, const char *name);

/* Add the names of a layout's weights that are not there yet. */
void layout_add_weights(arena *a, const layout_files *l, file_name_list *list);
/* All names of weights, each once; those of layout `first` (or NULL) before others.
 * Else a layout on the right side of a family comes before the one on its left: where
 * both stand in one directory, it was made from the other. */
file_name_list layouts_weights(arena *a, const layout_table *l, const char *first);

/* The names of the configs of models, for messages. */
const char *layouts_configs(arena *a, const layout_table *l);

/* Read the layout's config that stands in dir (NULL record, RT_OK when there is none).
 */
RT_NODISCARD rt_status config_load(context *cx, const layout_files *l, const char *dir,
                                   value **record, const char **path);
RT_NODISCARD rt_status config_load_file(context *cx, const char *path, value **record);
bool config_is_file_of(const layout_files *l, const char *name);
bool config_is_file_name(const layout_table *l, const char *name); /* of any layout */
/* Name of the file that is written: the first whose condition holds, else the first. */
const char *config_file_for(context *cx, const layout_files *l, const value *record);
/* Text of the file of this name. */
const char *config_text(arena *a, const char *name, const value *record,
                        size_t *n_bytes);

#endif
