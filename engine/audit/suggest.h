/* audit/suggest.h -- a first draft of a rule file, from one model in two layouts.
 *
 *     fold     names that differ in whole numbers become a group with captures
 *     match    groups of both sides are paired: by their bytes, as they stand, as rows
 *              of one another, or transposed; what is left by shape and nearest name
 *     draft    sizes become axes, pairs become rules, the rest becomes remarks
 *
 * The draft is what an author begins with.  What bytes don't prove says so.
 */
#ifndef RT_AUDIT_SUGGEST_H
#define RT_AUDIT_SUGGEST_H

#include "checkpoint/open.h"
#include "config/convert.h"

typedef struct suggest_side {
    const char *layout;
    const checkpoint *from;
    const value *config; /* or NULL */
} suggest_side;

/* The text of the draft, in canonical form.  RT_FILE when data cannot be read,
 * RT_MISMATCH for an index without its shards: names alone say nothing of shapes. */
RT_NODISCARD rt_status suggest_rules(context *cx, const suggest_side side[2], buf *out);

#endif
