/* job/place.h -- where an output may go, and what of an older one leaves with it. */
#ifndef RT_JOB_PLACE_H
#define RT_JOB_PLACE_H

#include "job/job.h"

/* Add to `o` the names of the earlier output in `dst` that would outlive this one:
 * weights in another format or number of shards, their index, configs of other
 * layouts, side-cars.  A directory never holds two models. */
RT_NODISCARD rt_status place_stale(context *cx, const job *j, const run_options *opt,
                                   const char *dst, output *o);

#endif
