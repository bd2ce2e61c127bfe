/* mapping/model_type.h -- the names that a published config may give itself and that a
 * `detect` line asks for: families answer to them too. */
#ifndef RT_MAPPING_MODEL_TYPE_H
#define RT_MAPPING_MODEL_TYPE_H

#include "grammar/ast.h"

/* Add the words W of `model_type == "W"` and `model_type in {"W", ...}` in `e`. */
void model_types_of(arena *a, const expr *e, word_list *out);
bool model_types_have(const word_list *words, const char *word);

#endif
