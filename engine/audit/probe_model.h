/* audit/probe_model.h -- the small models of the probe: their sizes. */
#ifndef RT_AUDIT_PROBE_MODEL_H
#define RT_AUDIT_PROBE_MODEL_H

#include "audit/probe.h"
#include "config/values.h"

/* Give every axis a size; axis `one` (or NO_AXIS) gets 1, those `told` (by axis id;
 * NULL: none) keep theirs.  False: no choice of primes makes all sizes that follow from
 * others whole numbers. */
bool probe_sizes(context *cx, values *v, unsigned side, uint32_t one, const bool *told);
/* The smallest prime above n. */
int64_t probe_prime(int64_t n);
/* The values of a small model: sizes as above; facts as given, or all false. */
bool probe_values(context *cx, const mapping *m, unsigned side, const values *facts,
                  uint32_t one, values **out);
void probe_tell_sizes(arena *a, const values *v, unsigned side, probe_result *out);

#endif
