/* checkpoint/torch_source.h -- a file of torch.save while it is read: its object, and
 * where the bytes of each storage lie.  (torch, serialization.py, inline_container.cc)
 */
#ifndef RT_CHECKPOINT_TORCH_SOURCE_H
#define RT_CHECKPOINT_TORCH_SOURCE_H

#include "checkpoint/inventory.h"
#include "checkpoint/pickle.h"

#define PICKLE_MAX (UINT64_C(1) << 28) /* bytes; some 2.5 million tensors */

/* The stored bytes of one storage. */
typedef struct torch_record {
    const char *key;
    uint64_t data_at, n_bytes; /* in the file */
    bool is_compressed;
} torch_record;

/* Results live in cx's arena, all else in that of scratch, which ends with the reading.
 */
typedef struct torch_source {
    context *cx, scratch;
    inventory *inv;
    uint32_t file;
    const char *path;
    pickle object;
    uint32_t n_id_items; /* in what the object says of a storage: see torch_storage.h */
    const char *shown;   /* before a record's key in messages: "archive/data/" */
    VEC(torch_record) records;   /* in the file's order */
    strmap *record_of;           /* key -> index into records */
    struct torch_stored *stored; /* see torch_tensor.c */
    strmap *stored_by_key;       /* -> index into stored */
    size_t n_stored, cap_stored;
    strmap *places; /* (storage, offset, shape, ...) -> number */
} torch_source;

/* torch_archive.c: the records of a zip archive, as torch saves since 1.6, in any order
 * below one prefix; TorchScript and torch.package files, which have code in them, are
 * refused by name.
 *
 *     PREFIX/data.pkl   the object           PREFIX/version     "3"
 *     PREFIX/data/KEY   one storage each     PREFIX/byteorder   "little", may be absent
 */
RT_NODISCARD rt_status torch_archive_open(torch_source *src);

/* torch_stream.c: what torch saved before, one after the other:
 *
 *     five pickles      a magic number; 1001; facts of the machine; the object; a list
 *                       of the keys of storages
 *     for each key      i64 number of elements, then these, little-endian
 */
RT_NODISCARD rt_status torch_stream_open(torch_source *src);
/* How long the first pickle is, from the first n bytes of a file; 0: it is no such
 * file.
 */
size_t torch_stream_begin(const void *head, size_t n);

#endif
