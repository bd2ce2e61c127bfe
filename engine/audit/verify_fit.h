/* audit/verify_fit.h -- for verify.c: the tensors that an adapter adds to, fitted.
 *
 * Three views of each are computed side by side in f64: the base, the base with the
 * update, unrounded, and the merged checkpoint.  What the merge left is then
 * s * update + rounding, and s is fitted by least squares.
 */
#ifndef RT_AUDIT_VERIFY_FIT_H
#define RT_AUDIT_VERIFY_FIT_H

#include "audit/verify.h"

typedef struct fitter fitter;

/* Of the merge `a`; `merged` has the sources of the other checkpoint. */
fitter *fitter_new(context *cx, const job *a, const plan *merged);
/* Is something added to the tensor, or its norms? */
bool fit_wants(const plan_tensor *t);
void fit_add(fitter *f, const plan_tensor *planned, const plan_tensor *merged);
/* Fill the result's fits; elements that no update reaches and that differ are lines. */
RT_NODISCARD rt_status fit_run(fitter *f, const exec_options *opt, verify_result *out);

/* The states of all fits from their sums, and the scale of all together (fit_state.c).
 */
void fit_judge(verify_result *out);
/* "[3, 17]": element `at` of the tensor. */
const char *verify_place(arena *a, const plan_tensor *t, uint64_t at);

#endif
