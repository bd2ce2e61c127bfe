/* checkpoint/open_parts.h -- the steps behind checkpoint_open, one file each. */
#ifndef RT_CHECKPOINT_OPEN_PARTS_H
#define RT_CHECKPOINT_OPEN_PARTS_H

#include "checkpoint/open.h"

/* open_file.c: open one weights file as the next file of inv, tell its format by its
 * content and read its header.  `root` (or NULL) is a directory that it must lie in
 * when links are followed. */
RT_NODISCARD rt_status open_weights_file(context *cx, inventory *inv, const char *path,
                                         const char *root);

/* find.c: the weights of a directory, or an error that says what was looked for.
 * `last` is as for checkpoint_open_before(), *because as in checkpoint.chosen_because.
 */
RT_NODISCARD rt_status find_weights(context *cx, const char *dir, const char *last,
                                    const char **path, const char **because);

/* index_read.c: an index and its shards into inv. */
RT_NODISCARD rt_status index_read(context *cx, inventory *inv, const char *path,
                                  const char *root);

/* unwrap.c: remove the prefixes that wrapping modules leave in names. */
RT_NODISCARD rt_status unwrap_names(context *cx, inventory *inv);

#endif
