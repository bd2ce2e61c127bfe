/* audit/probe_facts.h -- which combinations of facts some config can give.
 *
 * Guards hang on values, values on fields of the configs.  Each of those fields is left
 * out, set to true and false, and to every literal that it meets in a value; what the
 * rules refuse, or can't be read, is not reachable.
 */
#ifndef RT_AUDIT_PROBE_FACTS_H
#define RT_AUDIT_PROBE_FACTS_H

#include "config/values.h"

typedef VEC(const values *) facts_list;

/* Those of the file's tests first; no two agree in all values that guards name. */
facts_list facts_reachable(context *cx, const mapping *m);

#endif
