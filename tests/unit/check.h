/* check.h -- the few words of the unit tests.
 *
 * Each CHECK counts; a failed one says where and with which values, and the test goes
 * on.  main ends with `return CHECK_RESULT();`: 0 when all held, 1 otherwise.
 */
#ifndef RT_TESTS_UNIT_CHECK_H
#define RT_TESTS_UNIT_CHECK_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static unsigned check_n_failed, check_n_done;

static inline bool check_that(bool holds, const char *file, int line, const char *what)
{
    check_n_done++;
    if (!holds) {
        check_n_failed++;
        (void)fprintf(stderr, "%s:%d: failed: %s\n", file, line, what);
    }
    return holds;
}

static inline void check_int(int64_t got, int64_t want, const char *file, int line,
                             const char *what)
{
    if (!check_that(got == want, file, line, what)) {
        (void)fprintf(stderr, "    got %" PRId64 ", expected %" PRId64 "\n", got, want);
    }
}

static inline void check_str(const char *got, const char *want, const char *file,
                             int line, const char *what)
{
    const bool same =
        got != NULL && want != NULL ? strcmp(got, want) == 0 : got == want;
    if (!check_that(same, file, line, what)) {
        (void)fprintf(stderr, "    got      \"%s\"\n    expected \"%s\"\n",
                      got == NULL ? "(null)" : got, want == NULL ? "(null)" : want);
    }
}

static inline int check_result(void)
{
    if (check_n_done == 0) {
        (void)fprintf(stderr, "nothing was checked\n");
    }
    return check_n_failed == 0 && check_n_done > 0 ? 0 : 1;
}

#define CHECK(cond) check_that((cond), __FILE__, __LINE__, #cond)
#define CHECK_INT(got, want)                                                           \
    check_int((int64_t)(got), (int64_t)(want), __FILE__, __LINE__, #got)
#define CHECK_STR(got, want) check_str((got), (want), __FILE__, __LINE__, #got)
#define CHECK_RESULT()       check_result()

#endif
