/* checkpoint/torch_archive.h -- the records of a torch.save zip:
 *
 *     PREFIX/data.pkl   the pickle           PREFIX/version     "3"
 *     PREFIX/data/KEY   one storage each     PREFIX/byteorder   "little", may be absent
 *
 * in any order, below one prefix.  TorchScript and torch.package files, which have code
 * in them, are refused by name.  (torch, serialization.py and inline_container.cc.)
 */
#ifndef RT_CHECKPOINT_TORCH_ARCHIVE_H
#define RT_CHECKPOINT_TORCH_ARCHIVE_H

#include "checkpoint/inventory.h"
#include "checkpoint/pickle.h"
#include "checkpoint/zip_read.h"

/* One file of torch.save while it is read.  Results live in cx's arena, all else in
 * that of scratch, which ends with the reading. */
typedef struct torch_source {
    context *cx, scratch;
    inventory *inv;
    uint32_t file;
    const char *path;
    zip_dir *zip;
    const char *prefix;
    const char *pkl; /* the bytes of data.pkl */
    size_t n_pkl;
    struct torch_stored *stored; /* see torch_tensor.c */
    strmap *stored_by_key;       /* -> index into stored */
    size_t n_stored, cap_stored;
    strmap *places; /* (storage, offset, shape, ...) -> number */
} torch_source;

RT_NODISCARD rt_status torch_archive_open(torch_source *src);

#endif
