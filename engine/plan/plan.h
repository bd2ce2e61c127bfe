/* plan/plan.h -- every output tensor as pieces over source bytes; no names are matched
 * and no rule is read after this point.
 *
 * Built from headers and configs alone (plan/stage.h applies mappings one after
 * another; job/decide.h closes what hangs on data).  Immutable while exec runs.
 */
#ifndef RT_PLAN_PLAN_H
#define RT_PLAN_PLAN_H

#include "checkpoint/inventory.h"
#include "mapping/mapping.h"
#include "plan/piece.h"

typedef struct plan_source { /* a tensor of an input checkpoint */
    const inventory *inv;
    const tensor_info *t;
    bool of_adapter; /* merged into the base */
} plan_source;

typedef struct plan_tensor {
    const char *name;
    dtype dt;
    bool own_type; /* the layout stores it so, whatever type is asked for */
    unsigned rank;
    uint64_t shape[RT_MAX_RANK];
    uint64_t n_elems;
    piece_list pieces; /* cover every element once; empty for an alias */
    int64_t alias_of;  /* index of the tensor whose bytes it shares, or -1 */
    exactness class_of;
    const char *rule; /* "qkv" or "qkv.bias", the last mapping's rule; for messages */
    where rule_at;
} plan_tensor;

/* Norms that a tensor's elements are given (DoRA): an element becomes itself times
 * m / |v|, v being the elements of `sum` that share m. */
typedef struct plan_norm {
    plan_tensor sum;    /* as it stands before */
    piece by;           /* its box: dst_stride in the sum, src_stride in m */
    uint32_t magnitude; /* source of m */
    int64_t n;          /* elements of m */
} plan_norm;

typedef enum rounding { ROUND_NEAREST, ROUND_STOCHASTIC, ROUND_STEPWISE } rounding;

typedef struct plan {
    rounding round; /* of what is calculated or cast (exec/round.h) */
    uint64_t seed;  /* ROUND_STOCHASTIC */
    VEC(plan_source) sources;
    VEC(plan_norm *) norms;
    VEC(plan_tensor) tensors;
} plan;

#endif
