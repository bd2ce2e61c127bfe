/* base/yaml_scalar.h -- what a plain scalar of YAML means to PyYAML (yaml.c only).
 *
 * The patterns are those of the YAML 1.1 types as PyYAML 6 has them: 1e-5 and 1e5
 * have no dot and are texts, 010 is eight, 1:30 is ninety, `off` is false.
 */
#ifndef RT_BASE_YAML_SCALAR_H
#define RT_BASE_YAML_SCALAR_H

#include "base/value.h"

typedef struct yaml_scalars yaml_scalars;

yaml_scalars *yaml_scalars_new(arena *a);

typedef enum yaml_meaning {
    YAML_TEXT,
    YAML_NULL,
    YAML_BOOL,
    YAML_INT,
    YAML_FLOAT,
    YAML_OTHER, /* a date, a merge key or a default key: no value of ours */
} yaml_meaning;

yaml_meaning yaml_scalar_meaning(arena *a, const yaml_scalars *known, const char *text);
/* The value of a plain scalar; dates and the like are texts. */
value *yaml_scalar_value(arena *a, const yaml_scalars *known, const char *text);

#endif
