/* audit/rule_tests.h -- the `test` and `reject` blocks of a rule file.
 *
 *     test     each config is read, the lines' names and shapes are looked up on their
 * side; with both configs given, each is converted to the other layout and the listed
 *              fields must come out
 *     reject   the check (of added rules) or the reading of the lines must complain
 * with the slug
 */
#ifndef RT_AUDIT_RULE_TESTS_H
#define RT_AUDIT_RULE_TESTS_H

#include "base/status.h"
#include "mapping/mapping.h"

/* Report every failing test (slug "test-failed"); returns how many fail. */
size_t rule_tests_run(context *cx, const mapping *m);
/* The values that the configs of a test give, or NULL (probe.c takes its facts from
 * them). */
struct values *rule_test_values(context *cx, const mapping *m, const test_item *t);

#endif
