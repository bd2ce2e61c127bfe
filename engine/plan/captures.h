/* plan/captures.h -- the numbers that captures in names run over.
 *
 * An odometer counts through the combinations of some captures, the last dial fastest.
 */
#ifndef RT_PLAN_CAPTURES_H
#define RT_PLAN_CAPTURES_H

#include "base/status.h"
#include "config/values.h"
#include "mapping/mapping.h"

typedef struct capture_range {
    uint32_t capture;
    int64_t lo, hi;
} capture_range;

typedef struct odometer {
    capture_range *dial;
    size_t n;
} odometer;

bool capture_in_name(const map_name *n, uint32_t capture);
bool capture_on_side(const map_rule *r, unsigned side, uint32_t capture);
/* The numbers that a capture runs over; false when nothing tells. */
bool capture_range_of(context *cx, const values *v, const map_capture *c, int64_t *lo,
                      int64_t *hi);
/* Captures of `rule` that occur in names of one side only. */
odometer captures_only_on(context *cx, const values *v, const map_rule *rule,
                          unsigned side);
size_t odometer_count(const odometer *o); /* SIZE_MAX: more than can be counted */
/* Set numbers[] of the dials to combination k. */
void odometer_set(const odometer *o, size_t k, int64_t *numbers);

/* Names are made of numbers that a config claims.  A claim that no checkpoint of
 * n_tensors tensors can back is an error here, before anything is counted out. */
RT_NODISCARD rt_status captures_check(context *cx, const mapping *m, const values *v,
                                      size_t n_tensors);

#endif
