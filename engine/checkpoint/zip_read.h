/* checkpoint/zip_read.h -- the directory of a zip file, believed only as a whole.
 *
 *     [local header, name, extra][data][descriptor]  for each entry
 *     central directory                              one header for each entry
 *     ZIP64 end record and its locator               (torch always writes them)
 *     end record                                     must end the file
 *
 * Both headers of each entry are read and must agree; entries may not overlap; the
 * directory must lie where the end records say and be as long; two names that differ
 * only in case are refused, because torch itself looks names up that way.  So there is
 * one file, whoever reads it.  Offsets of data come from the local header, whose extra
 * field (torch's padding) differs from the central one.  (PKWARE APPNOTE 6.3, 4.3 to
 * 4.5; torch, inline_container.cc and its miniz.)
 *
 * Memory: the arena given; names are borrowed from the central directory's text.
 */
#ifndef RT_CHECKPOINT_ZIP_READ_H
#define RT_CHECKPOINT_ZIP_READ_H

#include <stdint.h>

#include "base/status.h"
#include "base/strmap.h"
#include "diag/diag.h"

#define ZIP_STORED   0
#define ZIP_DEFLATED 8

typedef struct zip_entry {
    const char *name;
    uint64_t header_at; /* byte of the local header */
    uint64_t data_at;   /* byte of the data */
    uint64_t n_stored;  /* bytes in the file */
    uint64_t n_bytes;   /* bytes when inflated */
    uint32_t crc;       /* of the inflated bytes; 0 may mean "not computed" */
    uint16_t method, flags;
} zip_entry;

typedef struct zip_dir {
    const char *path;
    int fd;
    VEC(zip_entry) entries; /* in the directory's order */
    strmap *by_name;        /* -> index into entries */
    uint64_t n_gap_bytes;   /* between entries, beyond descriptors: nobody's bytes */
} zip_dir;

RT_NODISCARD rt_status zip_read(context *cx, const char *path, int fd, uint64_t n_bytes,
                                zip_dir **out);
const zip_entry *zip_find(const zip_dir *z, const char *name); /* or NULL */

/* The bytes of a small entry, inflated, with a NUL behind; at most max_bytes and 200
 * times its stored size.  A CRC that is not 0 is checked. */
RT_NODISCARD rt_status zip_extract(context *cx, const zip_dir *z, const zip_entry *e,
                                   uint64_t max_bytes, char **bytes);

#endif
