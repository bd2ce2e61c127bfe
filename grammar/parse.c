#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "grammar/parse.h"
#include "grammar/scan.h"
#include "rules.tab.h"

enum { MAX_BYTES = 64 << 20 };

/* The scanner's door (rules.l).  Its own header would drag in flex's macros. */
int rules_yylex_init_extra(parse_state *ps, void **scanner);
void *rules_yy_scan_bytes(const char *bytes, int n_bytes, void *scanner);
int rules_yylex_destroy(void *scanner);

/* ---- recovery ---------------------------------------------------------------- */

void item_begins(parse_state *ps)
{
    ps->item_depth = ps->depth;
    ps->item_at = ps->last_at.lo;
}

void item_given_up(parse_state *ps)
{
    ps->resync = true;
}

static bool starts_item(const parse_state *ps)
{
    if (ps->last_token == TOK_LABEL || ps->last_token == TOK_LABEL_OPT) {
        return true;
    }
    const word *w =
        word_find(ps->src->text + ps->last_at.lo, ps->last_at.hi - ps->last_at.lo);
    return w != NULL && w->token == ps->last_token && w->item;
}

/* The broken item ends before a token that stands first on its line and begins an
 * item: outside of the item's own braces, or at most as far right as the item. */
static bool ends_broken_item(const parse_state *ps)
{
    uint32_t indent = 0;
    uint32_t item_indent = 0;
    if (!starts_item(ps) || !first_on_line(ps->src, ps->last_at.lo, &indent)) {
        return false;
    }
    first_on_line(ps->src, ps->item_at, &item_indent);
    return ps->depth <= ps->item_depth || indent <= item_indent;
}

static int next_token(parse_state *ps, RULES_YYSTYPE *value, where *at)
{
    ps->before_last = ps->last_at;
    ps->last_token = rules_scan(value, at, ps->scanner);
    ps->last_at = *at;
    if (ps->last_token == TOK_LABEL) {
        ps->last_text = value->TOK_LABEL;
    } else if (ps->last_token == TOK_LABEL_OPT) {
        ps->last_text = value->TOK_LABEL_OPT;
    }
    return ps->last_token;
}

/* Skip the rest of a broken item.  The token at which the parser stumbled is looked
 * at again: it may be the beginning of the next item. */
static int skip_item(parse_state *ps, RULES_YYSTYPE *value, where *at)
{
    int token = ps->last_token;
    *at = ps->last_at;
    value->TOK_LABEL = ps->last_text;
    for (;; token = next_token(ps, value, at)) {
        if (token == TOK_END) {
            return token;
        }
        if (ends_broken_item(ps)) {
            ps->depth = ps->item_depth;
            return token;
        }
        if (token == '{') {
            ps->depth++;
        } else if (token == '}' && ps->depth > ps->item_depth) {
            ps->depth--;
        } else if (token == '}' && ps->item_depth > 0) {
            return token;
        }
    }
}

int rules_yylex(RULES_YYSTYPE *value, where *at, parse_state *ps)
{
    ps->skipping = ps->resync;
    const int token = ps->resync ? skip_item(ps, value, at) : next_token(ps, value, at);
    ps->resync = ps->skipping = false;
    if (token == '{') {
        ps->depth++;
    } else if (token == '}' && ps->depth > 0) {
        ps->depth--;
        ps->item_depth = ps->item_depth < ps->depth ? ps->item_depth : ps->depth;
    }
    return token;
}

/* ---- the door ---------------------------------------------------------------- */

static bool readable(context *cx, const source *src)
{
    if (src->n_bytes > MAX_BYTES) {
        diag_report(cx->diags, SEV_ERROR, "syntax", (where){src, 0, 0},
                    "the file has %zu bytes, more than a rule file can have (%d)",
                    src->n_bytes, MAX_BYTES);
        return false;
    }
    const char *nul = memchr(src->text, '\0', src->n_bytes);
    if (nul != NULL) {
        const uint32_t lo = (uint32_t)(nul - src->text);
        diag_report(cx->diags, SEV_ERROR, "syntax", (where){src, lo, lo + 1},
                    "a NUL byte stands in the file");
        return false;
    }
    const size_t bad = utf8_valid_prefix(src->text, src->n_bytes);
    if (bad < src->n_bytes) {
        const where at = {src, (uint32_t)bad, (uint32_t)bad + 1};
        diag_report(cx->diags, SEV_ERROR, "syntax", at, "the file is not UTF-8 here");
        return false;
    }
    return true;
}

rt_status rules_parse(context *cx, const source *src, const ast_file **out)
{
    if (!readable(cx, src)) {
        return RT_RULES;
    }
    const size_t n_before = diags_count(cx->diags, SEV_ERROR);
    ast_file *file = NEW(cx->arena, ast_file);
    file->src = src;
    file->kind = FILE_FRAGMENT;
    file->at = (where){src, 0, 0};
    parse_state ps = {.cx = cx, .arena = cx->arena, .src = src, .file = file};
    if (rules_yylex_init_extra(&ps, &ps.scanner) != 0 ||
        rules_yy_scan_bytes(src->text, (int)src->n_bytes, ps.scanner) == NULL) {
        diag_report(cx->diags, SEV_ERROR, "syntax", file->at,
                    "there is no memory to read it");
        return RT_FILE;
    }
    const int failed = rules_yyparse(&ps);
    rules_yylex_destroy(ps.scanner);
    if (failed != 0 || diags_count(cx->diags, SEV_ERROR) > n_before) {
        return RT_RULES;
    }
    *out = file;
    return RT_OK;
}
