/* checkpoint/checksums.h -- are the stored bytes those that were saved?
 *
 * A torch archive has a CRC-32 of each storage; safetensors files and older ones of
 * torch have none.  A conversion reads parts of a storage in the order of its output,
 * some of them never or twice, so the check reads everything once for itself.
 */
#ifndef RT_CHECKPOINT_CHECKSUMS_H
#define RT_CHECKPOINT_CHECKSUMS_H

#include "base/status.h"
#include "checkpoint/inventory.h"
#include "diag/diag.h"

typedef struct checksums {
    size_t n_compared, n_different;
    uint64_t n_bytes;
} checksums;

/* RT_NO when some differ, each reported with the slug "checksum"; RT_FILE when a file
 * cannot be read. */
RT_NODISCARD rt_status checksums_compare(context *cx, const inventory *inv,
                                         checksums *out);

#endif
