/* audit/regex_word.h -- a word that a regular expression matches, for names that the
 * probe invents. */
#ifndef RT_AUDIT_REGEX_WORD_H
#define RT_AUDIT_REGEX_WORD_H

#include "base/regex.h"

/* Of alternatives the first, of a class its first character, of what may be absent
 * nothing.  NULL: the expression does not match the word that this gives. */
const char *regex_word(arena *a, const char *pattern, const regex *re);

#endif
