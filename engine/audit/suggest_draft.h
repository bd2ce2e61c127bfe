/* audit/suggest_draft.h -- a draft being written (suggest.h). */
#ifndef RT_AUDIT_SUGGEST_DRAFT_H
#define RT_AUDIT_SUGGEST_DRAFT_H

#include "audit/suggest_parts.h"

typedef struct draft_axis {
    uint64_t size;
    bool is_capture;
    size_t n_uses;
    unsigned n_copies; /* how often one tensor has it: c, c2 */
    const char *name;
    const char *field[2]; /* "hf.hidden_size", or NULL */
} draft_axis;

typedef struct draft {
    suggestion *s;
    arena *a;
    buf *out;
    VEC(draft_axis) axes;
    strmap *labels;
    strmap *blocks; /* prefixes of both sides that a block has said */
} draft;

/* Name the axes of all sizes and captures. */
void draft_axes(draft *d);
/* Their lines, where a config has a field of that value. */
void draft_add_axes(draft *d);

const char *draft_name(draft *d, const group *g); /* "x.{l}.weight" */
const char *draft_dim(draft *d, const tensor_info *t, unsigned k);
/* "[x <- y]"; turned round, and the arrow with it, where the other side is transposed.
 * `rows` (or NULL) stands for the first dim where that is a sum. */
const char *draft_dims(draft *d, const tensor_info *t, const char *rows, bool turned);

#endif
