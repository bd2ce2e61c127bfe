/* checkpoint/torch_write.h -- one file as torch.save writes it: the members data.pkl,
 * byteorder, data/0, data/1, ..., version below a folder named like the file.
 *
 * Left out on purpose: `.format_version`, which lets torch guess offsets instead of
 * reading them, and `.data/serialization_id`, which no reader needs.
 * (torch, serialization.py _save, inline_container.cc)
 */
#ifndef RT_CHECKPOINT_TORCH_WRITE_H
#define RT_CHECKPOINT_TORCH_WRITE_H

#include "checkpoint/output.h"
#include "checkpoint/zip_write.h"

typedef struct torch_file {
    zip_archive zip;
    buf pickle;
    VEC(size_t) stored; /* tensor of each data member, in their order */
    uint64_t n_bytes;   /* of the file */
} torch_file;

/* Lay out the n tensors numbered by `which` and set their offsets.  An alias in the
 * list has the tensor that it stands for in the same list.  `keys` has room for every
 * tensor; those in the list are written. */
void torch_layout(context *cx, output_tensor *tensors, const size_t *which, size_t n,
                  size_t *keys, const char *of_file, const char *wrap, torch_file *out);

/* Everything but the data and what depends on its checksums; returns 0 or an errno. */
int torch_write_head(arena *a, torch_file *f, int fd);
/* The rest: headers of the data, version, directory.  `crc32` is by tensor. */
int torch_write_tail(arena *a, torch_file *f, int fd, const uint32_t *crc32);

#endif
