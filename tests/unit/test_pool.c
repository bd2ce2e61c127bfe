/* Every job runs once, workers have their own numbers, false stops all. */
#include <stdatomic.h>

#include "base/pool.h"
#include "check.h"

enum { N_JOBS = 5000, N_THREADS = 7 };

typedef struct record {
    atomic_uint times[N_JOBS];
    atomic_uint by_worker[N_THREADS];
    atomic_bool strange_worker;
    atomic_size_t n_done;
    size_t fail_at;
} record;

static bool count(void *shared, unsigned worker, size_t i)
{
    record *r = shared;
    if (worker >= N_THREADS || i >= N_JOBS) {
        atomic_store(&r->strange_worker, true);
        return false;
    }
    atomic_fetch_add(&r->times[i], 1);
    atomic_fetch_add(&r->by_worker[worker], 1);
    atomic_fetch_add(&r->n_done, 1);
    return i != r->fail_at;
}

static void test_all_run(unsigned n_threads)
{
    record r = {.fail_at = N_JOBS};
    CHECK(pool_run(n_threads, N_JOBS, count, &r, NULL));
    unsigned n_wrong = 0, n_total = 0;
    for (size_t i = 0; i < N_JOBS; i++) {
        n_wrong += atomic_load(&r.times[i]) != 1;
    }
    for (size_t i = 0; i < N_THREADS; i++) {
        n_total += atomic_load(&r.by_worker[i]);
    }
    CHECK_INT(n_wrong, 0);
    CHECK_INT(n_total, N_JOBS);
    CHECK(!atomic_load(&r.strange_worker));
}

static void test_stop(void)
{
    record r = {.fail_at = 3};
    CHECK(!pool_run(1, N_JOBS, count, &r, NULL));
    CHECK_INT(atomic_load(&r.n_done), 4);

    record many = {.fail_at = 0};
    CHECK(!pool_run(N_THREADS, N_JOBS, count, &many, NULL));
    /* What was begun before the failure was seen has run; nothing ran twice. */
    for (size_t i = 0; i < N_JOBS; i++) {
        CHECK(atomic_load(&many.times[i]) <= 1);
    }
}

typedef struct patience {
    atomic_uint n_ticks;
} patience;

/* Ends only after the tick has come: with a tick that never came it would hang. */
static bool wait_for_tick(void *shared, unsigned worker, size_t i)
{
    (void)worker;
    (void)i;
    patience *p = shared;
    while (atomic_load(&p->n_ticks) == 0) {
    }
    return true;
}

static void tick(void *shared)
{
    patience *p = shared;
    atomic_fetch_add(&p->n_ticks, 1);
}

int main(void)
{
    test_all_run(1);
    test_all_run(2);
    test_all_run(N_THREADS);
    test_stop();
    record none = {0};
    CHECK(pool_run(4, 0, count, &none, NULL));
    CHECK(pool_run(0, 1, count, &(record){.fail_at = N_JOBS}, NULL));
    patience p = {0};
    CHECK(pool_run(2, 2, wait_for_tick, &p, tick));
    CHECK(pool_default_threads() >= 1);
    return CHECK_RESULT();
}
