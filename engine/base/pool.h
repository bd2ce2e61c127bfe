/* base/pool.h -- run n jobs on a fixed number of threads. */
#ifndef RT_BASE_POOL_H
#define RT_BASE_POOL_H

#include <stdbool.h>
#include <stddef.h>

/* Do job `i` with the state of worker `worker`; false asks all workers to stop. */
typedef bool (*pool_job)(void *shared, unsigned worker, size_t i);

/* Run jobs 0..n-1 on n_threads threads, taken in order by an atomic counter; with
 * one thread everything runs in the caller.  Returns when all have ended.  `tick`
 * (may be NULL) is called from the calling thread about ten times a second. */
bool pool_run(unsigned n_threads, size_t n, pool_job job, void *shared,
              void (*tick)(void *shared));
unsigned pool_default_threads(void); /* processors of this process' affinity mask */

#endif
