/* audit/expected.h -- all tensors that a mapping's rules name on one side, for the
 * values of one model: names, shapes, and what they were made from.
 *
 * A file's tests ask it, and the probe builds its small model from it.
 */
#ifndef RT_AUDIT_EXPECTED_H
#define RT_AUDIT_EXPECTED_H

#include "base/status.h"
#include "checkpoint/inventory.h"
#include "config/values.h"

typedef struct expected {
    const char *name;
    const map_rule *rule; /* NULL: a `const` tensor */
    const map_tensor *t;  /* NULL: a constant, or a scale */
    bool optional;        /* the rule or alternative may be absent as a whole */
    const int64_t *numbers,
        *lo; /* by capture: its number, and the first of its range */
    const char *const *words;
    const bool *part_on; /* by part id */
    double fill;         /* of a `const` tensor */
    uint64_t shape[RT_MAX_RANK];
    unsigned rank;
} expected;
typedef VEC(expected) expected_list;

/* Rules whose guards do not hold name nothing.  Captures without a range stand for one
 * word: "x", or what their regular expressions match.  RT_MISMATCH when a size or a
 * guard cannot be told (reported). */
RT_NODISCARD rt_status expect_side(context *cx, const values *v, unsigned side,
                                   expected_list *out);
const expected *expected_find(const expected_list *list,
                              const char *name); /* or NULL */

/* The word that stands for a capture; NULL: none was found that all its expressions
 * match. */
const char *capture_word(arena *a, const map_rule *r, uint32_t capture);

/* Does the capture occur in the name? */
bool name_uses(const map_name *n, uint32_t capture);

#endif
