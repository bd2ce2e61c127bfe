/* audit/views.h -- tensors computed side by side, tile by tile: what two checkpoints
 * hold, or what a plan makes of one tensor in several ways.  Nothing is written.
 */
#ifndef RT_AUDIT_VIEWS_H
#define RT_AUDIT_VIEWS_H

#include "exec/exec.h"

enum { MAX_VIEWS = 4 };

typedef struct view_part { /* elements first .. first + n of a tensor, in every view */
    size_t tensor;
    uint64_t first;
    size_t n;
    const unsigned char *elems[MAX_VIEWS]; /* of each view's own dtype */
} view_part;

typedef struct views {
    unsigned n;
    plan plans[MAX_VIEWS]; /* tensor i of each has as many elements, at least one */
    /* Called for the parts of a tensor in their order, by one thread; false: enough of
     * this tensor. */
    bool (*look)(void *who, const view_part *part);
    void *who;
} views;

/* Look at all tensors, with buffers of opt->memory_bytes for all views together;
 * *n_bytes: looked at, in the last view's types.  RT_FILE when a file cannot be read or
 * opt->cancel is set. */
RT_NODISCARD rt_status views_run(context *cx, const views *v, const exec_options *opt,
                                 uint64_t *n_bytes);

#endif
