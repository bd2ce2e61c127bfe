/* mapping/names.h -- match, fill and compare name templates.
 *
 * Names are matched whole.  A binding gives each capture of the rule a text.
 */
#ifndef RT_MAPPING_NAMES_H
#define RT_MAPPING_NAMES_H

#include "mapping/mapping.h"

/* Which alternative of each choice holds; index by choice id; NULL: the first of all.
 */
typedef const uint32_t *choice_binding;

/* Fill the template: numbers[c] for captures that are numbers, words[c] otherwise. */
const char *name_fill(arena *a, const mapping *m, const map_name *n,
                      choice_binding choices, const int64_t *numbers,
                      const char *const *words);
/* Match `text` whole.  On success sets words[c] (arena text) for every capture that
 * occurs, and numbers[c] for captures that are numbers (shift removed).  Ranges are not
 * checked. */
bool name_match(arena *a, const mapping *m, const map_name *n, choice_binding choices,
                const map_capture *captures, const char *text, int64_t *numbers,
                const char **words);
/* A text that both templates match, or NULL: they can never claim one name.  Captures
 * are "digits" or "anything without a dot"; regular expressions count as the latter. */
const char *name_overlap(arena *a, const mapping *m, const map_name *x,
                         const map_capture *x_captures, const map_name *y,
                         const map_capture *y_captures);
/* "model.layers.{l}.mlp.up_proj.weight", for messages. */
const char *name_show(arena *a, const mapping *m, const map_name *n);

#endif
