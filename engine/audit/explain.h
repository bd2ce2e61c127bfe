/* audit/explain.h -- one tensor: which rule, which equation in numbers, which rows.
 *
 * The name may stand in the source or in the target layout; seen from a source, the
 * rows of all tensors that are made from it are listed.
 */
#ifndef RT_AUDIT_EXPLAIN_H
#define RT_AUDIT_EXPLAIN_H

#include "base/value.h"
#include "job/job.h"

typedef struct explain_rows { /* a run of whole rows, or of elements where rank < 2 */
    const char *target, *source;
    int64_t target_lo, target_hi, source_lo, source_hi; /* inclusive */
    bool is_box;     /* no whole rows: offsets are elements, the text tells the box */
    const char *box; /* "box [4, 64, 2048], strides ..." */
} explain_rows;

typedef struct explain_tensor { /* one of the tensors of the rule's equation */
    const char *layout, *name, *dims, *numbers; /* as written; in numbers */
} explain_tensor;

typedef struct explanation {
    const char *name;
    bool is_target;
    const char *head; /* "bf16 [384, 2048] join, exact" */
    const char *fate; /* dropped, kept, unmapped, ...: in a sentence; or NULL */
    const mapping *m;
    const char *rule, *rule_text; /* "qkv"; the text as written; or NULL */
    where rule_at;
    VEC(explain_tensor) tensors;
    VEC(const char *) axes; /* "g = 4, from hf.num_key_value_heads = 4 (config.json)" */
    VEC(explain_rows) rows; /* at most a screenful */
    size_t n_rows;          /* all of them */
    bool by_element;        /* rows are elements */
} explanation;

/* RT_NO when no tensor has that name (slug "no-tensor"). */
RT_NODISCARD rt_status explain(context *cx, const job *j, const char *name,
                               explanation *out);
void explanation_text(buf *out, const explanation *e);
value *explanation_value(arena *a, const explanation *e);

#endif
