/* A safetensors file: the length, the header, the places of the data. */
#define _GNU_SOURCE /* memfd_create */
#include "fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    return fuzz_file(bytes, n_bytes, safetensors_read);
}
