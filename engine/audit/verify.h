/* audit/verify.h -- a planned job against a checkpoint that exists: what would be
 * written is computed tile by tile and compared as it streams; nothing is written.
 */
#ifndef RT_AUDIT_VERIFY_H
#define RT_AUDIT_VERIFY_H

#include "base/value.h"
#include "job/job.h"

typedef struct verify_line {
    const char *name, *what; /* "differs", "is only in the first", ... */
    const char *place;       /* "[3, 17]": of the first element that differs; or NULL */
} verify_line;

typedef struct verify_cast { /* tensors whose dtypes differ, compared in the second */
    dtype from, to;
    size_t n;
} verify_cast;

typedef struct verify_result {
    size_t n_equal;
    uint64_t n_bytes; /* compared */
    VEC(verify_line) lines;
    VEC(verify_cast) casts;
} verify_result;

/* `a` is planned into the layout of `b` and decided.  Tensors that one side leaves out
 * because they are tied are equal when the other's are.  Where dtypes differ, a's
 * values are cast to b's, which is a warning. */
RT_NODISCARD rt_status verify_run(context *cx, const job *a, const checkpoint *b,
                                  const exec_options *opt, verify_result *out);

void verify_text(buf *out, const verify_result *r);
value *verify_value(arena *a, const verify_result *r);

#endif
