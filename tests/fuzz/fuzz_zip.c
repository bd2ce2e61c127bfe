/* A torch.save archive: the directory, the records, and what the pickle makes of them.
 */
#define _GNU_SOURCE /* memfd_create */
#include "fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    return fuzz_file(bytes, n_bytes, torch_read);
}
