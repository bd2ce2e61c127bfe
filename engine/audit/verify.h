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

/* ---- a merge: is it the adapter's, and at which scale? --------------------------- */

typedef struct fit_sums { /* over the elements that an update reaches */
    uint64_t n;           /* elements */
    /* With c, what became of the base; d, what the adapter adds at the scale that its
     * config says; e = c - d; u, what rounding explains (its standard deviation); o,
     * what rounding to nearest makes of d: the sums of their products. */
    double cc, dd, ee, ed, uu, od;
    uint64_t n_changed, n_broken; /* stored with other bits; NaN or infinite anew */
} fit_sums;

typedef enum fit_state {
    FIT_MERGED,  /* at the declared scale */
    FIT_HIDDEN,  /* so small that rounding hides whether it is there */
    FIT_MISSING, /* the base as it was */
    FIT_TWICE,
    FIT_OTHER_SCALE,
    FIT_OTHER_CHANGE, /* no multiple of the update */
} fit_state;

typedef struct verify_fit { /* the elements of a merged tensor that one update reaches
                             */
    const char *name;
    const char *module; /* the tensor that the update is of, in the adapter's layout */
    double scale;       /* as the adapter's config says; 1 when it does not */
    bool is_open;       /* no config says the scale */
    double times;       /* the fitted scale over `scale` */
    double residual;    /* what the fitted scale leaves, over the rounding's share */
    fit_sums sums;
    fit_state state;
} verify_fit;

typedef struct verify_result {
    size_t n_equal;
    uint64_t n_bytes; /* compared */
    VEC(verify_line) lines;
    VEC(verify_cast) casts;
    bool is_merge;
    VEC(verify_fit) fits;
    double times, residual; /* of all together, as in verify_fit */
} verify_result;

/* `a` is planned into the layout of `b` and decided.  Tensors that one side leaves out
 * because they are tied are equal when the other's are.  Where dtypes differ, a's
 * values are cast to b's, which is a warning.  A merge is fitted: what b has more than
 * the base against what the adapter adds (`fits`). */
RT_NODISCARD rt_status verify_run(context *cx, const job *a, const checkpoint *b,
                                  const exec_options *opt, verify_result *out);
/* Is the answer yes: all tensors equal, or merged as the adapter says? */
bool verify_holds(const verify_result *r);

void verify_text(buf *out, const verify_result *r);
value *verify_value(arena *a, const verify_result *r);
/* The fits of a merge as a table, and as a list. */
void fit_text(buf *out, const verify_result *r);
value *fit_value(arena *a, const verify_result *r);

#endif
