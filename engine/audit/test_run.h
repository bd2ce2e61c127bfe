/* audit/test_run.h -- for rule_tests.c and merge_tests.c: one test of a rule file. */
#ifndef RT_AUDIT_TEST_RUN_H
#define RT_AUDIT_TEST_RUN_H

#include "base/value.h"
#include "checkpoint/inventory.h"
#include "mapping/mapping.h"

typedef struct test_run {
    context cx; /* complaints of this test alone */
    const mapping *m;
    const test_item *t;
    value *config[2]; /* by side, or NULL */
    unsigned side;    /* of the first config */
    VEC(const char *) failures;
} test_run;

void test_fail(test_run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
unsigned test_side(const test_run *r, const char *layout);
const char *test_name(test_run *r, const test_line *line);
/* The tensors that the lines of one side list, as a checkpoint of headers; `absent`:
 * those of `absent` lines too (scalars, unless the line gives a shape). */
inventory *test_inventory(test_run *r, unsigned side, bool absent);

/* A merge file's lines are a small base and a small adapter: they must merge, with
 * every tensor of the adapter in a term (`test`), or be refused (`reject`). */
void merge_test_run(test_run *r);
void merge_test_provoke(test_run *r);

#endif
