/* audit/lint.h -- what shapes cannot tell apart: in one model, or, for a rule file, in
 * any model (its sizes are the probe's then, which agree only where the rules force
 * them to).  None of it is wrong; all of it is where a wrong rule would not be noticed.
 *
 *     square     two dims of a tensor are different axes of equal size, so a transposed
 *                tensor would have the same shape
 *     coincide   different axes of equal size: rules that confuse them give the same
 *                shapes
 *     twins      tensors of one shape whose names could be swapped without a complaint
 *     tied       (rule files) no field says whether two tensors are tied
 *     pad        (rule files) no config tells how many elements are padded
 */
#ifndef RT_AUDIT_LINT_H
#define RT_AUDIT_LINT_H

#include "config/values.h"

/* Report as warnings with these slugs; `side` is the side that is read. */
void lint_run(context *cx, const values *v, unsigned side);
void lint_rules(context *cx, const mapping *m);

#endif
