/* grammar/format.h -- what the files of the formatter share.  Private to grammar/.
 *
 * Text is composed with marks where a line may be broken; `lines.c` joins what fits
 * into 110 columns, breaks the rest, and puts the comments back.
 */
#ifndef RT_GRAMMAR_FORMAT_H
#define RT_GRAMMAR_FORMAT_H

#include "grammar/ast.h"

enum {
    FORMAT_COLUMNS = 110,
    FORMAT_INDENT = 2, /* of what stands inside of braces */
    FORMAT_HANG = 4,   /* of the further lines of one item */
};

/* Marks stand for one blank or a line's end.  Control characters occur in no text. */
#define MAY_BREAK  "\x01" /* preferred: between the clauses of an item */
#define MAY_INNER  "\x02" /* inside of a clause, if it does not fit a line by itself */
#define MAY_DEEP   "\x03" /* between parentheses, if that is still too long */
#define MUST_BREAK "\x04"

/* ---- text with marks (print.c, print_item.c) ---- */
void print_expr(buf *out, const expr *e);
void print_string(buf *out, const char *s);
void print_template(buf *out, const template *t);
void print_alternatives(buf *out, const alternative_list *alts);
void print_dims(buf *out, const dims *d);
void print_tensor(buf *out, const tensor_ref *t);
void print_patterns(buf *out, const pattern_list *list);
void print_words(buf *out, const word_list *words, const char *between);
void print_when(buf *out, const expr *when); /* with a mark before; nothing for NULL */
void print_because(buf *out, const char *because);
void print_row(buf *out, const table_row *row);
void print_row_rest(buf *out, const table_row *row); /* from the arrow on */
const char *arrow_text(rule_arrow arrow);
/* An item that is not a rule and has no items of its own; or the first line of one
 * that has, without its brace. */
void print_item(buf *out, const item *it);

/* Blanks instead of marks, from byte `from` on: what was added there stays on its line.
 */
void unmark(buf *out, size_t from);

/* Columns of a text, each mark counted as a blank. */
size_t columns_of(const char *text);

/* ---- lines (lines.c) ---- */
typedef struct lines {
    buf *out;
    arena *arena;
    const ast_file *file;
    size_t next_comment;
    uint32_t pos;   /* bytes of the source that are written */
    bool open_line; /* the last line has no newline yet */
    bool trailed;   /* it ends in a comment */
    bool fresh;     /* nothing stands in this block yet */
} lines;

/* How a piece of text becomes a line. */
typedef struct line_style {
    unsigned indent, hang; /* columns of the first and of further lines */
    bool item;             /* a blank line before it is kept */
} line_style;

/* Write `text` as a line.  The comments before `at` come first, on lines of their own
 * (or behind the line before); those inside of `at` too, since the text is one piece.
 */
void lines_put(lines *l, line_style style, where at, const char *text);
/* The closing brace of a block at `at`; comments before it are indented as its items.
 */
void lines_close(lines *l, unsigned indent, where at);
void lines_end(lines *l);
bool lines_comment_in(const lines *l, uint32_t lo, uint32_t hi);
bool lines_blank_in(const lines *l, uint32_t lo, uint32_t hi);

/* ---- rules and tables (format_rule.c) ---- */
/* Columns shared by the rules of a run: rules, ties and drops without a blank line. */
typedef struct rule_columns {
    unsigned indent;
    size_t label; /* of "name: ", with the blank */
    size_t left;  /* of the left sides that stand on one line; 0: not in columns */
    size_t end;   /* the item behind the run */
} rule_columns;
/* The columns of the run that begins with items[from]. */
rule_columns format_run(const lines *l, unsigned indent, const item_list *items,
                        size_t from);
void format_rule(lines *l, const rule_columns *run, const item *it);
const char *row_text(const lines *l, const table_row *row);
void format_rows(lines *l, unsigned indent, const table_row_list *rows);

#endif
