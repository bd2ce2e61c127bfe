/* grammar/parse.h -- the one door from text to AST, and back to canonical text. */
#ifndef RT_GRAMMAR_PARSE_H
#define RT_GRAMMAR_PARSE_H

#include "base/status.h"
#include "grammar/ast.h"

/* Parse a whole rule file.  All syntax errors are reported in one run (recovery at
 * item starts and closing braces), RT_RULES then; *out is set only on RT_OK.  `src`
 * and its text must live as long as the arena. */
RT_NODISCARD rt_status rules_parse(context *cx, const source *src,
                                   const ast_file **out);

/* The canonical text of a file: idempotent, keeps every comment, parses to the same
 * tree.  At most 110 columns where a line can be broken. */
void rules_format(buf *out, const ast_file *file);

/* Pieces for messages, plans and explain: as the formatter writes them. */
void expr_print(buf *out, const expr *e);
void template_print(buf *out, const template *t);
void dims_print(buf *out, const dims *d);
void config_item_print(buf *out, const item *it); /* whole, on one line */

#endif
