#include <string.h>

#include "base/near.h"
#include "rules.tab.h"

/* Sorted by bytes. */
static const word words[] = {
    {"absent", TOK_ABSENT, false, false, NULL},
    {"adapter", TOK_ADAPTER, false, false, NULL},
    {"and", TOK_AND, false, true, NULL},
    {"axis", TOK_AXIS, true, false, "axis NAME = EXPRESSION = EXPRESSION"},
    {"base", TOK_BASE, false, false, NULL},
    {"because", TOK_BECAUSE, false, false, NULL},
    {"by", TOK_BY, false, false, NULL},
    {"cast", TOK_CAST, false, false, NULL},
    {"choice", TOK_CHOICE, true, false, "choice NAME = \"A.\" | \"B.\""},
    {"config", TOK_CONFIG, true, false, "config FIELD = FIELD"},
    {"const", TOK_CONST, true, false, "const SIDE.FIELD = EXPRESSION"},
    {"default", TOK_DEFAULT, true, false, "default SIDE.FIELD = EXPRESSION"},
    {"detect", TOK_DETECT, true, false, "detect SIDE CONDITION"},
    {"drop", TOK_DROP, true, false, "drop SIDE NAME because \"...\""},
    {"each", TOK_EACH, true, false, "each NAME [O <- I] of base { ... }"},
    {"else", TOK_ELSE, false, true, NULL},
    {"except", TOK_EXCEPT, false, false, NULL},
    {"false", TOK_FALSE, false, true, NULL},
    {"family", TOK_FAMILY, false, false, NULL},
    {"field", TOK_FIELD, true, false, "field SIDE.NAME : TYPE = EXPRESSION"},
    {"files", TOK_FILES, true, false, "files SIDE WEIGHTS config CONFIG"},
    {"has", TOK_HAS, false, true, NULL},
    {"if", TOK_IF, false, true, NULL},
    {"ignore", TOK_IGNORE, true, false, "ignore SIDE.FIELD, SIDE.FIELD"},
    {"in", TOK_IN, false, true, NULL},
    {"include", TOK_INCLUDE, true, false, "include \"FILE.rules\""},
    {"keep", TOK_KEEP, false, false, NULL},
    {"let", TOK_LET, true, false, "let NAME = weight | bias when CONDITION"},
    {"merge", TOK_MERGE, false, false, NULL},
    {"not", TOK_NOT, false, true, NULL},
    {"null", TOK_NULL, false, true, NULL},
    {"of", TOK_OF, false, false, NULL},
    {"on", TOK_ON, false, false, NULL},
    {"only", TOK_ONLY, false, false, NULL},
    {"or", TOK_OR, false, true, NULL},
    {"pad", TOK_PAD, false, false, NULL},
    {"refuse", TOK_REFUSE, true, false, "refuse CONDITION because \"...\""},
    {"reject", TOK_REJECT, true, false, "reject \"...\" with SLUG { ... }"},
    {"require", TOK_REQUIRE, true, false, "require CONDITION because \"...\""},
    {"rest", TOK_REST, true, false, NULL},
    {"same", TOK_SAME, false, false, NULL},
    {"slice", TOK_SLICE, false, false, NULL},
    {"soft", TOK_SOFT, true, false, "soft FIELD = FIELD"},
    {"spelled", TOK_SPELLED, true, false, "spelled SIDE.NAME | SIDE.OTHER"},
    {"table", TOK_TABLE, true, false, "table FIELD, FIELD { PATTERN <-> PATTERN }"},
    {"test", TOK_TEST, true, false,
     "test \"...\" { SIDE { FIELD: 1 } SIDE NAME [4 4] }"},
    {"then", TOK_THEN, false, true, NULL},
    {"tie", TOK_TIE, true, false, "tie RULE = RULE on SIDE by FIELD"},
    {"times", TOK_TIMES, false, false, NULL},
    {"true", TOK_TRUE, false, true, NULL},
    {"under", TOK_UNDER, true, false, "under PREFIX. <-> PREFIX. { ... }"},
    {"use", TOK_USE, true, false, "use FAMILY without RULE, RULE"},
    {"value", TOK_VALUE, true, false, "value NAME = EXPRESSION = EXPRESSION"},
    {"warn", TOK_WARN, true, false, "warn CONDITION because \"...\""},
    {"when", TOK_WHEN, false, true, NULL},
    {"with", TOK_WITH, false, false, NULL},
    {"without", TOK_WITHOUT, false, false, NULL},
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

const char *word_near(const char *name)
{
    const char *starts[sizeof words / sizeof words[0]];
    size_t n = 0;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (words[i].item) {
            starts[n++] = words[i].text;
        }
    }
    return near_name(name, starts, n);
}
