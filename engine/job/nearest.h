/* job/nearest.h -- which family knows most of a checkpoint's names, and which it lacks.
 */
#ifndef RT_JOB_NEAREST_H
#define RT_JOB_NEAREST_H

#include "job/detect.h"

/* How many of a sample of the stage's names this side of a mapping knows. */
size_t names_known(const mapping *m, unsigned side, const stage *s);
/* The same, with those that it drops or takes as `rest`. */
size_t names_claimed(const mapping *m, unsigned side, const stage *s);

/* Notes for a checkpoint that no family fits: the family of most names with its counts,
 * and the names that it does not know, folded into ranges. */
void note_nearest(context *cx, const evidence *ev, const stage *s, diag *dg);

#endif
