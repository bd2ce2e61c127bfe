/* grammar/parse_state.h -- what the scanner, the parser and the builders share
 * while one file is parsed.  Private to grammar/.
 *
 * Places are bytes of the source.  Errors go to cx->diags; `pos` is the scanner's.
 */
#ifndef RT_GRAMMAR_PARSE_STATE_H
#define RT_GRAMMAR_PARSE_STATE_H

#include "grammar/ast.h"

typedef struct open_brace {
    bool hole; /* opens a hole of a name, else a set, record or block */
    where at;
} open_brace;

typedef struct parse_state {
    context *cx;
    arena *arena;
    const source *src;
    void *scanner; /* yyscan_t */

    uint32_t pos; /* the scanner's place: the byte behind the last token */
    VEC(open_brace) open;
    unsigned n_holes; /* of `open` */

    ast_file *file;

    /* Recovery (parse.c): where the current item began and how deep, the last token. */
    unsigned depth, item_depth; /* braces that the parser has seen and not yet closed */
    uint32_t item_at;
    bool resync, skipping;
    int last_token;
    const char *last_text;
    where last_at, before_last;
} parse_state;

/* A reserved word. */
typedef struct word {
    const char *text;
    int token;
    bool item;        /* an item may begin with it */
    bool expr;        /* reserved in expressions, hence also inside of holes */
    const char *form; /* of an item that begins with it, or NULL */
} word;
const word *word_find(const char *text, size_t n_bytes); /* NULL: a plain name */
/* The word that an author may have meant by this name at the start of an item; or NULL.
 */
const char *word_near(const char *name);

/* Called by the parser for each syntax error: what it expected, in user's words. */
void syntax_error(parse_state *ps, where at, const char *const *expected, size_t n);
/* What to do about it: the mistake by its signs, else the form of the item. */
void syntax_help(parse_state *ps, diag *dg, where at, const word_list *expected);
bool word_list_has(const word_list *l, const char *w);
/* Called when the parser starts an item, and when it gives one up. */
void item_begins(parse_state *ps);
void item_given_up(parse_state *ps);

#endif
