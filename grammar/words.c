#include <string.h>

#include "rules.tab.h"

/* Sorted by bytes. */
static const word words[] = {
    {"absent", TOK_ABSENT, false, false},
    {"adapter", TOK_ADAPTER, false, false},
    {"and", TOK_AND, false, true},
    {"axis", TOK_AXIS, true, false},
    {"base", TOK_BASE, false, false},
    {"because", TOK_BECAUSE, false, false},
    {"by", TOK_BY, false, false},
    {"choice", TOK_CHOICE, true, false},
    {"config", TOK_CONFIG, true, false},
    {"const", TOK_CONST, true, false},
    {"default", TOK_DEFAULT, true, false},
    {"detect", TOK_DETECT, true, false},
    {"drop", TOK_DROP, true, false},
    {"each", TOK_EACH, true, false},
    {"else", TOK_ELSE, false, true},
    {"except", TOK_EXCEPT, false, false},
    {"false", TOK_FALSE, false, true},
    {"family", TOK_FAMILY, false, false},
    {"field", TOK_FIELD, true, false},
    {"has", TOK_HAS, false, true},
    {"if", TOK_IF, false, true},
    {"ignore", TOK_IGNORE, true, false},
    {"in", TOK_IN, false, true},
    {"include", TOK_INCLUDE, true, false},
    {"keep", TOK_KEEP, false, false},
    {"let", TOK_LET, true, false},
    {"merge", TOK_MERGE, false, false},
    {"not", TOK_NOT, false, true},
    {"null", TOK_NULL, false, true},
    {"of", TOK_OF, false, false},
    {"on", TOK_ON, false, false},
    {"only", TOK_ONLY, false, false},
    {"or", TOK_OR, false, true},
    {"pad", TOK_PAD, false, false},
    {"refuse", TOK_REFUSE, true, false},
    {"reject", TOK_REJECT, true, false},
    {"require", TOK_REQUIRE, true, false},
    {"rest", TOK_REST, true, false},
    {"same", TOK_SAME, false, false},
    {"slice", TOK_SLICE, false, false},
    {"soft", TOK_SOFT, true, false},
    {"spelled", TOK_SPELLED, true, false},
    {"table", TOK_TABLE, true, false},
    {"test", TOK_TEST, true, false},
    {"then", TOK_THEN, false, true},
    {"tie", TOK_TIE, true, false},
    {"true", TOK_TRUE, false, true},
    {"under", TOK_UNDER, true, false},
    {"use", TOK_USE, true, false},
    {"value", TOK_VALUE, true, false},
    {"when", TOK_WHEN, false, true},
    {"with", TOK_WITH, false, false},
    {"without", TOK_WITHOUT, false, false},
};

const word *word_find(const char *text, size_t n_bytes)
{
    size_t lo = 0;
    size_t hi = sizeof words / sizeof words[0];
    while (lo < hi) {
        const size_t mid = lo + (hi - lo) / 2;
        const int order = strncmp(words[mid].text, text, n_bytes);
        if (order == 0 && words[mid].text[n_bytes] == '\0') {
            return &words[mid];
        }
        if (order < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return NULL;
}
