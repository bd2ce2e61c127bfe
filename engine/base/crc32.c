#include "base/crc32.h"

#include <libdeflate.h>
#include <sys/types.h>
#include <zlib.h>

uint32_t crc32_of(const void *bytes, size_t n_bytes)
{
    return libdeflate_crc32(0, bytes, n_bytes);
}

uint32_t crc32_part(uint32_t crc_of_piece, uint64_t n_behind)
{
    return (uint32_t)crc32_combine(crc_of_piece, 0, (z_off_t)n_behind);
}
