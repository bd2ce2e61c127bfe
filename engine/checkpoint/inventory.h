/* checkpoint/inventory.h -- what a checkpoint holds, from headers alone: names, dtypes,
 * shapes, and where the bytes lie.  Nothing here knows rules.
 */
#ifndef RT_CHECKPOINT_INVENTORY_H
#define RT_CHECKPOINT_INVENTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/strmap.h"
#include "tensor/dtype.h"

#define RT_MAX_RANK 8

typedef enum file_format {
    FORMAT_SAFETENSORS,
    FORMAT_TORCH,        /* zip archive of torch.save */
    FORMAT_TORCH_STREAM, /* what torch.save wrote before 1.6; read only */
    FORMAT_NAMES_ONLY,   /* an index without its shards: names, no shapes */
} file_format;

typedef struct tensor_info {
    const char *name; /* with its file's part; wrapper prefixes (`_orig_mod.`, ...) are
                         already removed */
    dtype dt;         /* DT_UNKNOWN for a name without header */
    uint8_t rank;
    bool has_shape;     /* false: names only */
    bool is_contiguous; /* row-major, packed */
    uint64_t shape[RT_MAX_RANK];
    int64_t stride[RT_MAX_RANK]; /* elements; >= 0 */
    uint64_t n_elems;
    uint64_t n_bytes; /* n_elems * size of dt */
    uint32_t file;    /* index into inventory.files */
    uint32_t storage; /* equal numbers in one file: the same stored bytes (ties) */
    uint64_t offset;  /* byte of the first element in the file */
} tensor_info;

typedef struct inventory_file {
    const char *path;
    const char *part; /* "00/": what its tensors' names begin with, to be told from
                         those of the other numbered files; NULL: nothing */
    file_format format;
    int fd; /* open for reading; -1 for FORMAT_NAMES_ONLY */
    uint64_t n_bytes;
} inventory_file;

/* Stored bytes whose checksum the file has (checksums.h). */
typedef struct inventory_sum {
    const char *name; /* of the record: "archive/data/0" */
    uint32_t file, crc;
    uint64_t offset, n_bytes;
} inventory_sum;

typedef struct inventory {
    VEC(tensor_info)
    tensors;         /* in the order of the files' headers (state-dict order) */
    strmap *by_name; /* name -> index into tensors */
    VEC(inventory_file) files;
    VEC(inventory_sum) sums;
    VEC(const char *)
    notes;               /* what a person should hear: prefixes removed, extra
                            records ignored, other subtrees of a nested pickle */
    const char *subtree; /* "model" for {"model": {...}}, NULL for a plain dict */
} inventory;

inventory *inventory_new(arena *a);
/* The name of a tensor that stands as `name` in a file. */
const char *inventory_name(arena *a, const inventory *inv, uint32_t file,
                           const char *name);
/* Append; false when the name is there already. */
bool inventory_add(arena *a, inventory *inv, tensor_info t);
const tensor_info *inventory_find(const inventory *inv, const char *name); /* or NULL */
void inventory_close(inventory *inv); /* closes the files; memory is the arena's */

#endif
