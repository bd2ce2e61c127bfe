/* What the parser says when it stumbles, in the author's words. */
#include <string.h>

#include "grammar/ast_build.h"
#include "grammar/scan.h"
#include "rules.tab.h"

/* Tokens that are named together when the parser could go on with any of them.  A
 * group is there when both of its signs are expected. */
typedef struct group {
    const char *name;    /* NULL: only left out */
    const char *sign[2]; /* tokens that tell the group from others */
    const char *tokens[18];
} group;

static const group groups[] = {
    {"an expression",
     {"'not'", "'null'"},
     {"'not'", "'null'", "'true'", "'false'", "'has'", "'if'", "a name", "a path",
      "a string", "a number", "a whole number", "'-'", "'('", "'['", "'{'", NULL}},
    {"a pattern",
     {"'_'", "'null'"},
     {"'_'", "'null'", "'true'", "'false'", "'absent'", "a name", "a path", "a string",
      "a number", "a whole number", "'-'", "'['", "'{'"}},
    {"a value",
     {"'null'", "'true'"},
     {"'null'", "'true'", "'false'", "a string", "a number", "a whole number", "'-'",
      "'['", "'{'"}},
    {NULL, {"`??`", "'+'"}, {"'('", "'['"}}, /* calls and indexes, beside operators */
    {"a name",
     {"a name", "a name with holes"},
     {"a name", "a path", "a name that ends in a dot", "a name with holes", "a hole",
      "'base'", "'adapter'"}},
    {"a name", {"a name", "a path"}, {"a name", "a path"}},
    {"a side", {"a name", "'adapter'"}, {"a name", "'base'", "'adapter'"}},
    {"a clause",
     {"'pad'", "'slice'"},
     {"'because'", "'cast'", "'only'", "'pad'", "'same'", "'slice'", "'times'",
      "'when'", "'with'"}},
    {"an operator",
     {"`??`", "'+'"},
     {"'or'", "'and'", "'=='", "'!='", "'<'", "'<='", "'>'", "'>='", "'=~'", "'in'",
      "`??`", "'+'", "'-'", "'*'", "'/'", "'%'"}},
};

static bool starts_item(const char *token)
{
    const word *w = token[0] == '\'' ? word_find(token + 1, strlen(token) - 2) : NULL;
    return (w != NULL && w->item) || strncmp(token, "a label", 7) == 0;
}

enum { N_GROUPS = sizeof groups / sizeof groups[0] };

/* The group of an expected token, or NULL. */
static const group *group_of(const char *token, const word_list *expected)
{
    for (size_t g = 0; g < N_GROUPS; g++) {
        if (!word_list_has(expected, groups[g].sign[0]) ||
            !word_list_has(expected, groups[g].sign[1])) {
            continue;
        }
        for (size_t i = 0; groups[g].tokens[i] != NULL; i++) {
            if (strcmp(groups[g].tokens[i], token) == 0) {
                return &groups[g];
            }
        }
    }
    return NULL;
}

/* The expected tokens: single ones first, groups behind them, each once. */
static word_list summary(parse_state *ps, const word_list *expected)
{
    const bool any_item =
        word_list_has(expected, "'axis'") && word_list_has(expected, "'under'");
    word_list single = {0};
    word_list many = {0};
    for (size_t i = 0; i < expected->n; i++) {
        const char *token = expected->at[i];
        const group *g = group_of(token, expected);
        const bool is_item = any_item && starts_item(token);
        const char *name = is_item ? "an item" : g != NULL ? g->name : token;
        if (name == NULL || word_list_has(&single, name) ||
            word_list_has(&many, name)) {
            continue;
        }
        const bool last =
            strcmp(name, token) != 0 || strcmp(token, "the end of the file") == 0;
        vec_push(ps->arena, last ? &many : &single, name);
    }
    for (size_t i = 0; i < many.n; i++) {
        vec_push(ps->arena, &single, many.at[i]);
    }
    return single;
}

static const char *found(const parse_state *ps, where at)
{
    if (at.lo >= at.hi) {
        return "the file ends";
    }
    const size_t n = at.hi - at.lo;
    return arena_printf(ps->arena, "found '%.*s%s'", (int)(n > 40 ? 40 : n),
                        ps->src->text + at.lo, n > 40 ? "..." : "");
}

void syntax_error(parse_state *ps, where at, const char *const *expected, size_t n)
{
    word_list all = {0};
    for (size_t i = 0; i < n; i++) {
        vec_push(ps->arena, &all, expected[i]);
    }
    const word_list list = summary(ps, &all);
    buf text = {.arena = ps->arena};
    for (size_t i = 0; i < list.n; i++) {
        buf_printf(&text, "%s%s",
                   i == 0            ? ""
                   : i + 1 == list.n ? " or "
                                     : ", ",
                   list.at[i]);
    }
    diag *dg = ast_error(ps, at, "expected %s, but %s", buf_str(&text), found(ps, at));
    syntax_help(ps, dg, at, &all);
}
