/* What the author of a broken item can do: a few common mistakes are known by the token
 * that was found and one that was expected; else the form of the item is shown. */
#include <ctype.h>
#include <string.h>

#include "grammar/ast_build.h"
#include "grammar/scan.h"
#include "rules.tab.h"

bool word_list_has(const word_list *l, const char *w)
{
    for (size_t i = 0; i < l->n; i++) {
        if (strcmp(l->at[i], w) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- mistakes by their signs ----------------------------------------------------- */

#define JOINED   "the two sides are joined by `<->`"
#define HOLE     "what varies in a name is a hole: model.layers.{l}.norm.weight"
#define DIMS     "dims are axes side by side, a sum has labels: [(q: g r d | k: g d) <- c]"
#define A_STRING "\"" /* any string */

typedef struct mistake {
    const char *found;    /* the token's text, A_STRING, or NULL: any */
    const char *expected; /* one of the expected tokens */
    const char *help;
} mistake;

/* The first that fits is told. */
static const mistake mistakes[] = {
    {"when", "'<->'",
     "a `when` stands behind both sides, on labels and on alternatives, never on one "
     "tensor"},
    {"=", "'<->'", JOINED},
    {"<=", "'<->'", JOINED},
    {"->", "'<->'", JOINED},
    {"=", "'=='", "`==` compares"},
    {";", "'axis'", "an item ends where the next one begins, without a sign"},
    {"}", "'axis'", "no brace is open here"},
    {"*", "'['", HOLE},
    {"%", "'['", HOLE},
    {A_STRING, "a name with holes", "names of tensors and files stand without quotes"},
    {A_STRING, "a regular expression", "it stands between slashes: name =~ /^tiny-/i"},
    {A_STRING, "a label", "keys stand without quotes: { hidden_size: 4 }"},
    {"*", "a whole number", DIMS},
    {"+", "a whole number", DIMS},
    {"|", "a whole number", DIMS},
    {NULL, "the '}' of the hole", "a hole ends with '}'"},
    {NULL, "'keep'", "a reason belongs to it: because \"...\""},
    {NULL, "';'",
     "a row ends where the next begins, but a row that begins with '-', '[' or an "
     "arrow "
     "stands behind a ';'"},
    {NULL, "':'", "a file begins with: family NAME : LAYOUT <-> LAYOUT"},
};

static bool is_found(const char *text, size_t n, const char *sign)
{
    return sign == NULL || (strcmp(sign, A_STRING) == 0 && n > 0 && text[0] == '"') ||
           (strlen(sign) == n && memcmp(text, sign, n) == 0);
}

static bool help_mistake(diag *dg, where at, const word_list *expected)
{
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        const mistake *m = &mistakes[i];
        if (is_found(at.src->text + at.lo, at.hi - at.lo, m->found) &&
            word_list_has(expected, m->expected)) {
            diag_help(dg, "%s", m->help);
            return true;
        }
    }
    return false;
}

/* Two slashes, as other languages begin a comment. */
static bool help_comment(diag *dg, where at)
{
    const char *t = at.src->text;
    const bool slash = at.lo < at.hi && t[at.lo] == '/';
    if (slash && ((at.lo > 0 && t[at.lo - 1] == '/') ||
                  (at.hi < at.src->n_bytes && t[at.hi] == '/'))) {
        diag_help(dg, "comments begin with '#'");
        return true;
    }
    return false;
}

/* ---- words ----------------------------------------------------------------------- */

/* A name at the start of a line: a misspelled word, or a rule without its label. */
static bool help_start(parse_state *ps, diag *dg, where at)
{
    const char *t = ps->src->text;
    uint32_t behind = at.hi;
    uint32_t indent;
    const bool name = ps->last_token == TOK_NAME;
    if ((!name && ps->last_token != TOK_PATH && ps->last_token != TOK_STEM) ||
        !first_on_line(ps->src, at.lo, &indent)) {
        return false;
    }
    while (behind < ps->src->n_bytes && (t[behind] == ' ' || t[behind] == '\t')) {
        behind++;
    }
    const char *text = arena_strndup(ps->arena, t + at.lo, at.hi - at.lo);
    const char *near = name ? word_near(text) : NULL;
    if (name && behind < ps->src->n_bytes && t[behind] == ':') {
        diag_help(dg, "the colon stands right behind the label: `%s:`", text);
    } else if (near != NULL) {
        diag_help(dg, "did you mean `%s`?", near);
    } else {
        diag_help(dg,
                  "a rule begins with a label: `LABEL: NAME [AXES] <-> NAME [AXES]`");
    }
    return true;
}

/* A misspelled word behind a rule was read as one more tensor of it. */
static bool help_before(parse_state *ps, diag *dg, const word_list *expected)
{
    const where at = ps->before_last;
    uint32_t indent;
    if (at.src == NULL || !word_list_has(expected, "'['") ||
        !first_on_line(ps->src, at.lo, &indent)) {
        return false;
    }
    const char *near =
        word_near(arena_strndup(ps->arena, ps->src->text + at.lo, at.hi - at.lo));
    if (near == NULL) {
        return false;
    }
    diag_label(dg, at, "read as the name of a tensor");
    diag_help(dg, "did you mean `%s`?", near);
    return true;
}

static bool help_reserved(parse_state *ps, diag *dg, where at,
                          const word_list *expected)
{
    uint32_t indent;
    const word *w = word_find(ps->src->text + at.lo, at.hi - at.lo);
    if (w == NULL || ps->last_token == TOK_BECAUSE ||
        first_on_line(ps->src, at.lo, &indent) || word_list_has(expected, "'axis'") ||
        !word_list_has(expected, "a name")) {
        return false;
    }
    diag_help(dg, "'%s' is a reserved word", w->text);
    return true;
}

/* ---- brackets -------------------------------------------------------------------- */

/* The bracket or parenthesis of the item that is open before a place. */
static bool open_bracket(const parse_state *ps, where at, where *out)
{
    unsigned depth = 0;
    for (uint32_t i = at.lo; i > ps->item_at; i--) {
        const char c = ps->src->text[i - 1];
        if (c == ']' || c == ')') {
            depth++;
        } else if (c == '[' || c == '(') {
            if (depth == 0) {
                *out = (where){ps->src, i - 1, i};
                return true;
            }
            depth--;
        }
    }
    return false;
}

static bool help_bracket(const parse_state *ps, diag *dg, where at,
                         const word_list *expected)
{
    where open;
    if (!open_bracket(ps, at, &open)) {
        return false;
    }
    const bool square = ps->src->text[open.lo] == '[';
    const bool arrow = ps->last_token == TOK_TO_LEFT || ps->last_token == TOK_TO_RIGHT;
    if ((square && arrow) || !word_list_has(expected, square ? "']'" : "')'")) {
        return false;
    }
    if (ps->last_token == TOK_LABEL) {
        diag_help(dg, "%s", DIMS);
        return true;
    }
    diag_label(dg, open, "open since here");
    diag_help(dg, "close it with '%c'", square ? ']' : ')');
    return true;
}

/* ---- forms ----------------------------------------------------------------------- */

static void help_form(const parse_state *ps, diag *dg)
{
    const char *t = ps->src->text;
    uint32_t hi = ps->item_at;
    while (hi < ps->src->n_bytes && (isalnum((unsigned char)t[hi]) || t[hi] == '_')) {
        hi++;
    }
    const word *w = word_find(t + ps->item_at, hi - ps->item_at);
    if (w != NULL && w->form != NULL) {
        diag_help(dg, "the form is `%s`", w->form);
    } else if (w == NULL && ps->file->kind == FILE_MERGE) {
        diag_help(dg, "the form is `LABEL: base NAME [AXES] += adapter NAME [AXES]`");
    } else if (w == NULL && hi > ps->item_at) {
        diag_help(dg, "the form is `LABEL: NAME [AXES] <-> NAME [AXES]`, behind it "
                      "clauses such as `when CONDITION`");
    }
}

void syntax_help(parse_state *ps, diag *dg, where at, const word_list *expected)
{
    uint32_t indent = 0;
    const bool first = first_on_line(ps->src, at.lo, &indent);
    const bool any_item = word_list_has(expected, "'axis'");
    const bool ends = at.lo >= at.hi;
    if (first && !ends && !any_item && ps->before_last.hi > 0) {
        diag_label(dg, ps->before_last, "behind this");
    }
    if (ends && ps->open.n > 0) {
        diag_label(dg, ps->open.at[ps->open.n - 1].at, "this brace is open");
        diag_help(dg, "close it with '}'");
    } else if (ps->last_token == TOK_HOLE_CLOSE) {
        diag_help(dg, "a hole is a capture, {l}, or alternatives, {weight | bias}");
    } else if (ps->last_token == TOK_STEM && !(first && any_item)) {
        diag_help(dg,
                  "a '{' right behind a name opens a hole; before a set, a record or a "
                  "block stands a blank");
    } else if (expected->n == 1 && word_list_has(expected, "a string")) {
        diag_help(dg, "text stands in double quotes");
    } else if (!help_comment(dg, at) && !help_mistake(dg, at, expected) &&
               !(any_item && help_start(ps, dg, at)) &&
               !help_before(ps, dg, expected) && !help_reserved(ps, dg, at, expected) &&
               !help_bracket(ps, dg, at, expected)) {
        help_form(ps, dg);
    }
}
