/* checkpoint/open.h -- the one door for reading: what a user names becomes an
 * inventory.
 *
 *     directory        its weights, found as transformers and litgpt find them:
 *                      lit_model.pth; else model.safetensors[.index.json];
 *                      else pytorch_model.bin[.index.json]; else model.pth /
 *                      consolidated or other single *.safetensors, *.bin, *.pth
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

#include "base/status.h"
#include "checkpoint/inventory.h"
#include "diag/diag.h"

typedef struct checkpoint {
    const char *given;   /* what the user wrote */
    const char *dir;     /* directory of the weights: configs and side-cars lie here */
    const char *weights; /* path of the file or index that was taken */
    inventory *inv;
    const char *chosen_because; /* NULL, or what was passed over: "also there: ..." */
} checkpoint;

/* RT_FILE with diagnostics when it cannot be read or is damaged. */
RT_NODISCARD rt_status checkpoint_open(context *cx, const char *path, checkpoint **out);

/* The same, but weights of this usual name are taken only when there are no others: a
 * conversion in place finds its source again, not what it wrote.  `last` may be NULL.
 */
RT_NODISCARD rt_status checkpoint_open_before(context *cx, const char *path,
                                              const char *last, checkpoint **out);

/* Is it a name under which a directory's weights, a shard or an index are found? */
bool weights_name(const char *name);

/* A path of the hub cache for org/name[@rev], or NULL (not cached). */
const char *hub_cache_find(arena *a, const char *repo_id);

/* The single-file doors, by descriptor, for tests and fuzzing: `fd` becomes file number
 * `file` of inv (already pushed to inv->files).  Slug of all complaints: "bad-file". */
RT_NODISCARD rt_status safetensors_read(context *cx, inventory *inv, uint32_t file);
RT_NODISCARD rt_status torch_read(context *cx, inventory *inv, uint32_t file);

#endif
