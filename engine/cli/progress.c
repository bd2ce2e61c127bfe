/* Drawing the progress line on stderr. */
#include "cli/progress.h"

#include <stdio.h>

enum { BAR_COLUMNS = 30 };

static double seconds_between(struct timespec from, struct timespec to)
{
    return (double)(to.tv_sec - from.tv_sec) +
           1e-9 * (double)(to.tv_nsec - from.tv_nsec);
}

static struct timespec now(void)
{
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return t;
}

void progress_begin(progress *p)
{
    *p = (progress){.began = now()};
}

void progress_tell(void *who, uint64_t done_bytes, uint64_t total_bytes)
{
    progress *p = who;
    const struct timespec t = now();
    const double elapsed = seconds_between(p->began, t);
    /* Short runs show nothing; long ones ten pictures a second. */
    if (elapsed < 0.3 || (p->shown && seconds_between(p->drawn, t) < 0.1)) {
        return;
    }
    const double part = total_bytes == 0 ? 1 : (double)done_bytes / (double)total_bytes;
    const double rate = (double)done_bytes / elapsed;
    const int filled = (int)(part * BAR_COLUMNS);
    char bar[BAR_COLUMNS + 1];
    for (int i = 0; i < BAR_COLUMNS; i++) {
        bar[i] = i < filled ? '=' : i == filled ? '>' : ' ';
    }
    bar[BAR_COLUMNS] = '\0';
    (void)fprintf(stderr, "\r[%s] %3d%%  %.2f of %.2f GB  %.2f GB/s", bar,
                  (int)(part * 100), (double)done_bytes / 1e9,
                  (double)total_bytes / 1e9, rate / 1e9);
    if (rate > 0 && elapsed > 1) {
        const long left = (long)((double)(total_bytes - done_bytes) / rate);
        (void)fprintf(stderr, "  %ld:%02ld left", left / 60, left % 60);
    }
    (void)fputs("\x1b[K", stderr);
    (void)fflush(stderr);
    p->shown = true;
    p->drawn = t;
}

void progress_end(progress *p)
{
    if (p->shown) {
        (void)fputs("\r\x1b[K", stderr);
        (void)fflush(stderr);
    }
}
