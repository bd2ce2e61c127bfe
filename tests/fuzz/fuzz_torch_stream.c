/* What torch.save wrote before 1.6: pickles behind each other, then storages. */
#define _GNU_SOURCE /* memfd_create */
#include "fuzz_file.h"

#include "checkpoint/torch_source.h"

static rt_status read_stream(context *cx, inventory *inv, uint32_t file)
{
    inv->files.at[file].format = FORMAT_TORCH_STREAM;
    return torch_read(cx, inv, file);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    return fuzz_file(bytes, n_bytes, read_stream);
}
