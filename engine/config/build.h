/* config/build.h -- the layers of the target's config, and the report of its fields.
 *
 * build_start .. build_defaults are called in that order; each later layer writes over
 * the earlier ones, soft equations and defaults only where nothing stands.
 */
#ifndef RT_CONFIG_BUILD_H
#define RT_CONFIG_BUILD_H

#include "base/strmap.h"
#include "config/lines.h"

typedef struct builder {
    conversion c;
    bool *forced;     /* by line: written although the carried config agreed */
    const value *row; /* not vetoed, or NULL */
    value *record;
    VEC(field_report) fields;
    strmap *field_at; /* path -> index of its report */
} builder;

void build_start(builder *b);
void build_soft(builder *b);
void build_row(builder *b);
void build_hard(builder *b);
void build_rest(builder *b);
RT_NODISCARD rt_status build_set(builder *b);
RT_NODISCARD rt_status build_defaults(builder *b);
config_result *build_finish(builder *b);

#endif
