/* checkpoint/zip_write.h -- the structure of a zip archive of stored members, as
 * torch.save writes it: data of each member at a multiple of 64 bytes (a padding field
 * "FB" in the local header, never in the directory), UTF-8 names, ZIP64 end records
 * always, ZIP64 fields where a size or an offset does not fit 32 bits.
 * (PKWARE appnote 4.3, 4.5.3; torch, inline_container.cc, getPadding)
 *
 * Sizes are known before the data, checksums after it: members are laid out first, and
 * the local headers are made when the CRC-32 is there.  Unlike torch's own files these
 * hold true sizes and checksums, so no data descriptors are needed.  Dates are fixed:
 * equal input gives equal bytes.
 */
#ifndef RT_CHECKPOINT_ZIP_WRITE_H
#define RT_CHECKPOINT_ZIP_WRITE_H

#include <stdint.h>

#include "base/arena.h"

typedef struct zip_member {
    const char *name;
    uint64_t header_at, data_at; /* bytes from the start of the file */
    uint64_t n_bytes;
    uint32_t crc32; /* set by the owner before its headers are made */
} zip_member;

typedef struct zip_archive {
    VEC(zip_member) members; /* in the order of the file */
    uint64_t end;            /* first byte behind the last member */
} zip_archive;

/* Append a member; the result is its number.  `name` is borrowed. */
size_t zip_add(arena *a, zip_archive *zip, const char *name, uint64_t n_bytes);
/* The bytes of the local header: from header_at to data_at. */
void zip_local_header(const zip_member *m, buf *out);
/* The bytes behind the last member, and how many they are. */
void zip_directory(const zip_archive *zip, buf *out);
uint64_t zip_directory_bytes(const zip_archive *zip);

#endif
