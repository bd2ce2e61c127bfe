/* audit/lint.h -- what the shapes of one model cannot tell apart.  None of it is wrong;
 * all of it is where a wrong rule would not be noticed.
 *
 *     square     two dims of a tensor are different axes of equal size here, so a
 *                transposed tensor would have the same shape
 *     coincide   different axes of equal size here: rules that confuse them give the
 * same shapes on this model twins      tensors of one shape whose names could be
 * swapped without a complaint
 */
#ifndef RT_AUDIT_LINT_H
#define RT_AUDIT_LINT_H

#include "config/values.h"

/* Report as warnings with these slugs; `side` is the side that is read. */
void lint_run(context *cx, const values *v, unsigned side);

#endif
