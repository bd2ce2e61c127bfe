/* audit/probe_merge.h -- every update of a merge file on a small base and adapter.
 *
 * The plan's terms are compared with a slow enumeration: for each element of the
 * target, which products of which elements of the factors are summed, in which order,
 * under which scale.  No value is computed, so nothing is lost to rounding.
 */
#ifndef RT_AUDIT_PROBE_MERGE_H
#define RT_AUDIT_PROBE_MERGE_H

#include "audit/probe.h"
#include "audit/probe_facts.h"

void probe_merge(context *cx, const mapping *m, const facts_list *facts,
                 probe_result *out);

#endif
