/* base/pool.c -- n jobs on a fixed number of threads; see pool.h. */

/* Only sched_getaffinity needs it: containers and taskset give a process fewer
 * processors than the machine has. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { TICK_NANOSECONDS = 100 * 1000 * 1000, MAX_THREADS = 1024 };

typedef struct crew {
    pool_job job;
    void *shared;
    size_t n_jobs;
    atomic_size_t next_job;
    atomic_bool stop;
    pthread_mutex_t lock; /* guards n_running */
    pthread_cond_t ended;
    unsigned n_running;
} crew;

typedef struct worker {
    crew *crew;
    unsigned index;
    pthread_t thread;
} worker;

static void work(crew *c, unsigned index)
{
    while (!atomic_load_explicit(&c->stop, memory_order_relaxed)) {
        const size_t i =
            atomic_fetch_add_explicit(&c->next_job, 1, memory_order_relaxed);
        if (i >= c->n_jobs) {
            return;
        }
        if (!c->job(c->shared, index, i)) {
            atomic_store_explicit(&c->stop, true, memory_order_relaxed);
        }
    }
}

static void *worker_main(void *arg)
{
    worker *w = arg;
    crew *c = w->crew;
    work(c, w->index);
    (void)pthread_mutex_lock(&c->lock);
    c->n_running--;
    if (c->n_running == 0) {
        (void)pthread_cond_signal(&c->ended);
    }
    (void)pthread_mutex_unlock(&c->lock);
    return NULL;
}

static void time_in(struct timespec *when, long nanoseconds)
{
    (void)clock_gettime(CLOCK_MONOTONIC, when);
    when->tv_nsec += nanoseconds;
    if (when->tv_nsec >= 1000000000L) {
        when->tv_nsec -= 1000000000L;
        when->tv_sec++;
    }
}

static void wait_for(crew *c, void (*tick)(void *shared))
{
    (void)pthread_mutex_lock(&c->lock);
    while (c->n_running > 0) {
        struct timespec when;
        time_in(&when, TICK_NANOSECONDS);
        const int rc = pthread_cond_timedwait(&c->ended, &c->lock, &when);
        if (rc != 0 && tick != NULL) {
            (void)pthread_mutex_unlock(&c->lock);
            tick(c->shared);
            (void)pthread_mutex_lock(&c->lock);
        }
    }
    (void)pthread_mutex_unlock(&c->lock);
}

/* One thread: everything in the caller, with the tick between jobs. */
static void run_alone(crew *c, void (*tick)(void *shared))
{
    struct timespec last;
    time_in(&last, 0);
    for (size_t i = 0; i < c->n_jobs; i++) {
        if (!c->job(c->shared, 0, i)) {
            atomic_store(&c->stop, true);
            return;
        }
        struct timespec now;
        time_in(&now, 0);
        const double passed = (double)(now.tv_sec - last.tv_sec) * 1e9 +
                              (double)(now.tv_nsec - last.tv_nsec);
        if (tick != NULL && passed >= TICK_NANOSECONDS) {
            tick(c->shared);
            last = now;
        }
    }
}

/* Start up to n threads; fewer are fine when the system refuses more. */
static unsigned start(crew *c, worker *workers, unsigned n)
{
    unsigned n_started = 0;
    c->n_running = n;
    for (unsigned i = 0; i < n; i++) {
        workers[n_started] = (worker){.crew = c, .index = n_started};
        worker *w = &workers[n_started];
        if (pthread_create(&w->thread, NULL, worker_main, w) == 0) {
            n_started++;
            continue;
        }
        (void)pthread_mutex_lock(&c->lock);
        c->n_running--;
        (void)pthread_mutex_unlock(&c->lock);
    }
    return n_started;
}

static bool run_threads(crew *c, unsigned n_threads, void (*tick)(void *shared))
{
    worker *workers = calloc(n_threads, sizeof *workers);
    if (workers == NULL) {
        return false;
    }
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&c->lock, NULL);
    (void)pthread_cond_init(&c->ended, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);

    const unsigned n_started = start(c, workers, n_threads);
    wait_for(c, tick);
    for (unsigned i = 0; i < n_started; i++) {
        (void)pthread_join(workers[i].thread, NULL);
    }
    (void)pthread_cond_destroy(&c->ended);
    (void)pthread_mutex_destroy(&c->lock);
    free(workers);
    return n_started > 0;
}

bool pool_run(unsigned n_threads, size_t n, pool_job job, void *shared,
              void (*tick)(void *shared))
{
    crew c = {.job = job, .shared = shared, .n_jobs = n};
    if (n_threads > MAX_THREADS) {
        n_threads = MAX_THREADS;
    }
    if (n_threads > n) {
        n_threads = (unsigned)n;
    }
    if (n_threads <= 1 || !run_threads(&c, n_threads, tick)) {
        run_alone(&c, tick);
    }
    return !atomic_load(&c.stop);
}

unsigned pool_default_threads(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) {
        return (unsigned)CPU_COUNT(&set);
    }
    const long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (unsigned)n : 1;
}
