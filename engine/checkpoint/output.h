/* checkpoint/output.h -- output files, laid out before any data moves.
 *
 *     output_plan    names, dtypes, shapes -> files, offsets, headers (no I/O)
 *     output_begin   files under temporary names in the directory, sized, headers in
 *     (exec writes every tensor's bytes with pwrite to output_fd() at its offset,
 *      from any thread, and tells the CRC-32 of each tensor when needs_crc)
 *     output_commit  trailers, index, fsync (if asked), rename to the final names
 *     output_abort   removes what begin made; inputs and older files are untouched
 *
 * safetensors: tensors sorted as the reference writer does (dtype descending, then
 * name), `{"format":"pt"}` in the metadata, header padded with spaces so that data
 * starts at a multiple of 64; shards `model-00001-of-0000N.safetensors` filled in the
 * given order up to shard_bytes, `model.safetensors.index.json` with total_size.
 * An alias is not written (safetensors cannot share), the caller decides before.
 *
 * torch: a zip of stored members as torch.save makes it, protocol 2, string keys, data
 * aligned to 64 bytes, real CRC-32, ZIP64 end records, `byteorder` and `version`, no
 * `.format_version` (so that torch reads true offsets); aliases share one storage.
 * Loads with weights_only=True and mmap=True.  (formats.md 2; torch inline_container)
 */
#ifndef RT_CHECKPOINT_OUTPUT_H
#define RT_CHECKPOINT_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/file_name.h"
#include "base/status.h"
#include "base/value.h"
#include "checkpoint/inventory.h"
#include "diag/diag.h"

typedef struct output_tensor {
    const char *name;
    dtype dt;
    uint8_t rank;
    uint64_t shape[RT_MAX_RANK];
    int64_t alias_of; /* the tensor whose bytes it shares, or -1; never chained */
    /* set by output_plan: */
    uint32_t file;
    uint64_t offset; /* in the file, bytes */
    uint64_t n_bytes;
} output_tensor;

typedef struct output output;
typedef struct output_options {
    file_format format;   /* FORMAT_SAFETENSORS or FORMAT_TORCH */
    const char *name;     /* file name: "lit_model.pth", "model.safetensors" */
    uint64_t shard_bytes; /* 0: one file.  Else "model-0000i-of-0000n.safetensors" from
                             "model.safetensors"; for torch "pytorch_model-....bin" */
    const file_name *numbered; /* each tensor goes to the file whose number its name
                                  begins with, under the rest of it; or NULL */
    const char *wrap; /* torch: put the dict below this key ("model"), or NULL */
    /* Planned before and not begun, or NULL: its files are begun, committed and aborted
     * with these, which are published behind them. */
    output *with;
} output_options;

/* Lay the tensors out; `tensors` is kept and its last three fields are filled in, with
 * numbered files the names are shortened.  RT_MISMATCH when a tensor cannot be stored.
 */
RT_NODISCARD rt_status output_plan(context *cx, const output_options *opt,
                                   output_tensor *tensors, size_t n, output **out);
size_t output_n_files(const output *o);
const char *output_file_name(const output *o, size_t file);
uint64_t output_file_bytes(const output *o, size_t file); /* final size */
bool output_needs_crc(const output *o);

/* Small files that go beside the weights and are published with them: after the
 * weights, before an index.  To be added before output_begin. */
void output_add_text(output *o, const char *name, const char *text, size_t n_bytes);
void output_add_copy(output *o, const char *name, const char *from_path);
/* A file that is being read: an output of its name is an error, even with force. */
void output_add_input(output *o, const char *path);

/* A file of an earlier output that must not outlive it; see publish_add_stale(). */
void output_add_stale(output *o, const char *name);
/* An index even for one file, for readers that find weights of any name by it. */
void output_add_index(output *o, const char *name);

/* Create `dir` if needed and all files under temporary names in it; preallocate.  An
 * existing final name is an error unless `force`.  RT_FILE on any system error. */
RT_NODISCARD rt_status output_begin(context *cx, output *o, const char *dir,
                                    bool force);
int output_fd(const output *o, size_t file);
void output_set_crc(output *o, size_t tensor, uint32_t crc32);
RT_NODISCARD rt_status output_commit(context *cx, output *o, bool sync);
void output_abort(
    output *o); /* async-signal-unsafe; also called by signal clean-up in cli */

#endif
