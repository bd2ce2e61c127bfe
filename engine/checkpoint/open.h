/* checkpoint/open.h -- the one door for reading: what a user names becomes an
 * inventory.
 *
 *     directory        its weights: the first of the known names that is there, or its
 *                      NAME.index.json; numbered files are one checkpoint; else a
 *                      single other *.safetensors, *.bin, *.pth
 *     weights file     .safetensors .bin .pth .pt .ckpt: by content, not by ending
 *     index file       *.index.json: its shards beside it; shards missing altogether
 *                      give an inventory of names (FORMAT_NAMES_ONLY), some missing
 *                      is an error
 *     org/name[@rev]   in the local hub cache (HF_HUB_CACHE, HF_HOME, ...), when no
 *                      such path exists here
 *
 * Input is hostile: headers are validated in full, sizes with overflow-checked
 * arithmetic, pickles run on an inert machine that calls nothing.  Files must be
 * regular; they stay open in the inventory until inventory_close().
 */
#ifndef RT_CHECKPOINT_OPEN_H
#define RT_CHECKPOINT_OPEN_H

#include "base/file_name.h"
#include "base/status.h"
#include "checkpoint/inventory.h"
#include "diag/diag.h"

typedef struct checkpoint {
    const char *given;   /* what the user wrote */
    const char *dir;     /* directory of the weights: configs and side-cars lie here */
    const char *weights; /* path of the file or index that was taken, or the first */
    inventory *inv;
    const char *chosen_because; /* NULL, or what was passed over: "also there: ..." */
} checkpoint;

/* RT_FILE with diagnostics when it cannot be read or is damaged.  No names are known:
 * for files, and directories that hold one. */
RT_NODISCARD rt_status checkpoint_open(context *cx, const char *path, checkpoint **out);

/* The same with the names that weights may have, the preferred ones first. */
RT_NODISCARD rt_status checkpoint_open_known(context *cx, const char *path,
                                             const file_name_list *known,
                                             checkpoint **out);

/* Is it a name under which a directory's weights, a shard or an index are found? */
bool weights_name(arena *a, const file_name_list *known, const char *name);

/* A path of the hub cache for org/name[@rev], or NULL (not cached). */
const char *hub_cache_find(arena *a, const char *repo_id);

/* The single-file doors, by descriptor, for tests and fuzzing: `fd` becomes file number
 * `file` of inv (already pushed to inv->files).  Slug of all complaints: "bad-file". */
RT_NODISCARD rt_status safetensors_read(context *cx, inventory *inv, uint32_t file);
RT_NODISCARD rt_status torch_read(context *cx, inventory *inv, uint32_t file);

#endif
