/* audit/inspect.h -- a checkpoint as it lies there; no rules. */
#ifndef RT_AUDIT_INSPECT_H
#define RT_AUDIT_INSPECT_H

#include "base/value.h"
#include "checkpoint/open.h"

void inspect_text(buf *out, const checkpoint *c);
/* {"tensors": [{"name", "dtype", "shape", "file", "offset"}], "format":
 *  "safetensors|torch|names", "notes": [...], "n_bytes": ...} */
value *inspect_value(arena *a, const checkpoint *c);

const char *format_name(file_format f);

#endif
