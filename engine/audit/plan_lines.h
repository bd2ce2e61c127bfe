/* audit/plan_lines.h -- the plan as a person reads it: one line for each output tensor.
 *
 *     plan v1  family llama (hf -> lit)  201 tensors, 2.2 GB in, 2.2 GB out
 *       join   transformer.h.0.attn.qkv.weight  bf16 [2560, 2048]  <- a, b, c
 * (llama.rules:43)
 *
 * The text is stable: it hangs on the rules and the headers, on nothing else.  What
 * depends on data stands below as conditions, with both outcomes.
 */
#ifndef RT_AUDIT_PLAN_LINES_H
#define RT_AUDIT_PLAN_LINES_H

#include "base/value.h"
#include "job/job.h"

typedef struct plan_line {
    const plan_tensor *t;
    const char *op; /* copy permute split join pad fill cast scale affine merge tie */
    dtype from;     /* type of the first source; DT_UNKNOWN: none, or names only */
    VEC(uint32_t)
    sources; /* plan sources, in the order of their places in the target */
} plan_line;

plan_line plan_line_of(arena *a, const plan *p, const plan_tensor *t);

typedef struct plan_totals {
    size_t n_tensors, n_sources; /* written; read */
    uint64_t n_bytes_in, n_bytes_out;
    size_t n_files;
    exactness class_of; /* the weakest, of what is written and of what is left out */
    bool side_car;      /* something is kept aside: the way back needs it */
    size_t n_of_class[LOSSY + 1];
} plan_totals;

plan_totals plan_totals_of(arena *a, const job *j);
const char *plan_class_text(const plan_totals *s);

/* memory_bytes: bound for buffers, as the run would have it. */
void plan_text(buf *out, const job *j, uint64_t memory_bytes);
value *plan_value(arena *a, const job *j, uint64_t memory_bytes);

/* What hangs on data: {if, then, else} for each condition and tie. */
typedef struct plan_condition {
    const char *when, *then, *otherwise;
    where at;
} plan_condition;
typedef VEC(plan_condition) plan_condition_list;
plan_condition_list plan_conditions(arena *a, const job *j);

/* "family llama (hf -> lit), family lit-legacy (lit -> lit-legacy)". */
const char *job_path_text(arena *a, const job *j);

#endif
