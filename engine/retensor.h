/* retensor.h -- the library: all that a program needs which embeds the engine.
 *
 *     open      checkpoint_open          files -> inventory, from headers alone
 *     compile   mapping_load             a rule file -> a mapping, proven
 *     plan      job_convert, job_merge   the two above and the plan, in one call;
 *               job_decide               what hangs on the data, read and decided
 *     run       job_run                  the plan -> published files
 *     report    report_of, report_text, report_value, diags_print_text
 *
 * A conversion, complete:
 *
 *     arena *a = arena_new();
 *     context cx = {a, diags_new(a)};
 *     const job_options what = {.to = "lit"};
 *     const run_options how = {.sync = true, .exec = {.threads = 2}};
 *     run_result done;
 *     job *j = NULL;
 *     rt_status status = job_convert(&cx, &what, "checkpoints/TinyLlama", &j);
 *     if (status == RT_OK) {
 *         status = j->status != RT_OK ? j->status : job_run(&cx, j, &how, "lit",
 * &done); job_close(j);
 *     }
 *     diags_print_text(cx.diags, stderr, false);
 *     arena_free(a);
 *
 * All memory is the arena's and goes with it.  No call ends the process, prints, or
 * keeps state of its own: every thread may have a context, none may share one.  A
 * status other than RT_OK (base/status.h) comes with at least one error among the
 * diagnostics.
 */
#ifndef RETENSOR_H
#define RETENSOR_H

#include "audit/report.h"
#include "checkpoint/open.h"
#include "diag/diag.h"
#include "job/job.h"
#include "mapping/mapping.h"

#endif
