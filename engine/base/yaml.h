/* base/yaml.h -- YAML text to values and back.  The only file that knows libyaml.
 *
 * Reading follows PyYAML's safe_load for scalars (YAML 1.1 booleans, `1e-5` without a
 * dot is text).  Anchors, aliases, tags and merge keys are refused.  Writing looks
 * like PyYAML's default dump: block style, sorted keys, `1.0e-05`.
 */
#ifndef RT_BASE_YAML_H
#define RT_BASE_YAML_H

#include "base/value.h"

value *yaml_parse(arena *a, const char *text, size_t n_bytes, const char **why);
void yaml_print(buf *out, const value *v);

#endif
