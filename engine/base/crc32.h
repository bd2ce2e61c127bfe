/* base/crc32.h -- the CRC-32 of zip archives, of bytes and of bytes in pieces. */
#ifndef RT_BASE_CRC32_H
#define RT_BASE_CRC32_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32_of(const void *bytes, size_t n_bytes);

/* What a piece adds to the checksum of a whole: the checksum of a whole is the
 * exclusive or of `crc32_part` of its pieces, in any order.  `n_behind`: bytes of the
 * whole that follow the piece. */
uint32_t crc32_part(uint32_t crc_of_piece, uint64_t n_behind);

#endif
