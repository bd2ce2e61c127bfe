/* cli/progress.h -- one line on a terminal that tells how far a run is. */
#ifndef RT_CLI_PROGRESS_H
#define RT_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

typedef struct progress {
    bool shown;
    struct timespec began, drawn;
} progress;

void progress_begin(progress *p);
/* As exec_options.progress wants it; `who` is a progress. */
void progress_tell(void *who, uint64_t done_bytes, uint64_t total_bytes);
void progress_end(progress *p); /* clears the line */

#endif
