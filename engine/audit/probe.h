/* audit/probe.h -- every rule moves a small model whose sizes are distinct primes.
 *
 * A wrong order of axes gives the right shape wherever two sizes agree, so real models
 * hide it.  Here every free axis has a prime of its own; where each element must come
 * from is enumerated by a slow, independent evaluation of both sides' dims (slow.h),
 * and the planner's pieces must say the same, in both directions; then again with each
 * factor of a grouped axis set to 1 (multi-query, multi-head).
 */
#ifndef RT_AUDIT_PROBE_H
#define RT_AUDIT_PROBE_H

#include "base/status.h"
#include "mapping/mapping.h"

typedef struct probe_result {
    uint64_t n_elems;         /* compared */
    size_t n_probed;          /* rules that a model reached */
    size_t n_models;          /* applied, of different facts, sizes and directions */
    size_t n_failed;          /* reported with the slug "probe-differs" */
    VEC(const char *) sizes;  /* "c = 11" */
    VEC(const char *) forced; /* "p = 6, forced by v - t" */
    VEC(const char *)
    not_probed; /* rules that no model reached: their guards never held */
} probe_result;

void probe_run(context *cx, const mapping *m, probe_result *out);

#endif
