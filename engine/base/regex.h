/* base/regex.h -- regular expressions.  The only file that knows PCRE2. */
#ifndef RT_BASE_REGEX_H
#define RT_BASE_REGEX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

typedef struct regex regex;

/* Compile `pattern`; flags is a set of letters, only 'i' (ignore case) is known.
 * Returns NULL and sets *why and *at_byte on a bad pattern.  Freed with the arena's
 * process; match and depth limits are set. */
regex *regex_new(arena *a, const char *pattern, const char *flags, const char **why,
                 size_t *at_byte);
/* True when the pattern is found somewhere in text (anchors are the author's). */
bool regex_search(const regex *re, const char *text);
/* Whole-text match; on success groups[i] is group i+1 (arena text, NULL if unset). */
bool regex_match(arena *a, const regex *re, const char *text, const char **groups,
                 size_t n_groups);

#endif
