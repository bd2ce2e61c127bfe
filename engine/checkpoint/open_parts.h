/* checkpoint/open_parts.h -- the steps behind checkpoint_open, one file each. */
#ifndef RT_CHECKPOINT_OPEN_PARTS_H
#define RT_CHECKPOINT_OPEN_PARTS_H

#include "checkpoint/open.h"

/* open_file.c: open one weights file as the next file of inv, tell its format by its
 * content and read its header.  `root` (or NULL) is a directory that it must lie in
 * when links are followed; `part` is as in inventory_file. */
RT_NODISCARD rt_status open_weights_file(context *cx, inventory *inv, const char *path,
                                         const char *root, const char *part);

typedef struct found_weights {
    VEC(const char *) paths; /* a file or an index; or numbered files, by number */
    VEC(const char *) parts; /* of each path, as in inventory_file */
    const char *because;     /* as checkpoint.chosen_because */
} found_weights;

/* find.c: the weights of a directory, or an error that says what was looked for. */
RT_NODISCARD rt_status find_weights(context *cx, const char *dir,
                                    const file_name_list *known, found_weights *out);
/* The part of a file that is named by itself, or NULL. */
const char *find_part(arena *a, const file_name_list *known, const char *path);

/* index_read.c: an index and its shards into inv. */
RT_NODISCARD rt_status index_read(context *cx, inventory *inv, const char *path,
                                  const char *root);

/* unwrap.c: remove the prefixes that wrapping modules leave in names. */
RT_NODISCARD rt_status unwrap_names(context *cx, inventory *inv);

#endif
