/* job/along.h -- the small files that go along with the weights. */
#ifndef RT_JOB_ALONG_H
#define RT_JOB_ALONG_H

#include "job/job.h"

/* Add to `o`, which goes to the directory `dst`: what lies beside the source and is
 * known by name, the config of the layout written, what the way back has to know. */
RT_NODISCARD rt_status along_add(context *cx, job *j, const run_options *opt,
                                 const char *dst, output *o);

#endif
