/* checkpoint/safetensors_write.h -- the header of one safetensors file.
 *
 * Order and header follow the reference writer (safetensors, tensor.rs, serialize):
 * dtype descending, then name by bytes, so that wider types come first and all data is
 * naturally aligned; `__metadata__` first; compact JSON.  Padding with trailing spaces
 * goes further than the reference's 8 bytes, to 64, which every reader accepts.
 */
#ifndef RT_CHECKPOINT_SAFETENSORS_WRITE_H
#define RT_CHECKPOINT_SAFETENSORS_WRITE_H

#include "checkpoint/output.h"

typedef struct safetensors_file {
    const char *head; /* length field, JSON, padding: the file up to the data */
    size_t n_head;
    uint64_t n_bytes; /* of the file */
} safetensors_file;

/* Lay out the n tensors numbered by `which` (put in the order of the data) and set
 * their offsets; n_bytes of each is known.  Fails when a name or the header's size is
 * not representable (RT_MISMATCH, slug "output-name" or "output-too-large"). */
RT_NODISCARD rt_status safetensors_layout(context *cx, output_tensor *tensors,
                                          size_t *which, size_t n,
                                          safetensors_file *out);

#endif
