#include <inttypes.h>
#include <string.h>

#include "grammar/format.h"
#include "grammar/parse.h"

/* ---- marks ------------------------------------------------------------------- */

void unmark(buf *out, size_t from)
{
    for (size_t i = from; i < out->n; i++) {
        if (out->p[i] >= MAY_BREAK[0] && out->p[i] <= MUST_BREAK[0]) {
            out->p[i] = ' ';
        }
    }
}

/* What stands between parentheses is broken last. */
static void lower_marks(buf *out, size_t from)
{
    for (size_t i = from; i < out->n; i++) {
        if (out->p[i] == MAY_INNER[0]) {
            out->p[i] = MAY_DEEP[0];
        }
    }
}

/* ---- expressions ------------------------------------------------------------- */

/* Binding strength, as in rules.y. */
enum {
    BIND_IF,
    BIND_OR,
    BIND_AND,
    BIND_NOT,
    BIND_COMPARE,
    BIND_ELSE,
    BIND_ADD,
    BIND_MUL,
    BIND_NEG,
    BIND_PRIMARY
};

static const struct {
    const char *text;
    int bind;
} operators[] = {
    [OP_OR] = {"or", BIND_OR},
    [OP_AND] = {"and", BIND_AND},
    [OP_EQ] = {"==", BIND_COMPARE},
    [OP_NE] = {"!=", BIND_COMPARE},
    [OP_LT] = {"<", BIND_COMPARE},
    [OP_LE] = {"<=", BIND_COMPARE},
    [OP_GT] = {">", BIND_COMPARE},
    [OP_GE] = {">=", BIND_COMPARE},
    [OP_MATCH] = {"=~", BIND_COMPARE},
    [OP_ELSE] = {"?"
                 "?",
                 BIND_ELSE},
    [OP_ADD] = {"+", BIND_ADD},
    [OP_SUB] = {"-", BIND_ADD},
    [OP_MUL] = {"*", BIND_MUL},
    [OP_DIV] = {"/", BIND_MUL},
    [OP_MOD] = {"%", BIND_MUL},
};

static int bind_of(const expr *e)
{
    switch (e->kind) {
    case EXPR_IF: return BIND_IF;
    case EXPR_NOT: return BIND_NOT;
    case EXPR_IN: return BIND_COMPARE;
    case EXPR_NEG: return BIND_NEG;
    case EXPR_BINARY: return operators[e->op].bind;
    case EXPR_NULL:
    case EXPR_BOOL:
    case EXPR_INT:
    case EXPR_FLOAT:
    case EXPR_STRING:
    case EXPR_REGEX:
    case EXPR_PATH:
    case EXPR_INDEX:
    case EXPR_CALL:
    case EXPR_HAS:
    case EXPR_LIST:
    case EXPR_RECORD: break;
    }
    return BIND_PRIMARY;
}

static void print_bound(buf *out, const expr *e, int at_least);

static void print_list(buf *out, const expr_list *list, size_t from)
{
    for (size_t i = from; i < list->n; i++) {
        buf_add(out, i == from ? "" : "," MAY_INNER);
        print_bound(out, list->at[i], BIND_IF);
    }
}

/* An operand of a condition: `a ?? b`, and `and` beside `or`, are easier to read in
 * parentheses. */
static void print_condition(buf *out, const expr *e, int parent, int at_least)
{
    const int bind = bind_of(e);
    const bool parens = bind == BIND_ELSE || (bind == BIND_AND && parent == BIND_OR);
    print_bound(out, e, parens ? BIND_PRIMARY : at_least);
}

static void print_binary(buf *out, const expr *e)
{
    const int bind = operators[e->op].bind;
    const bool chain = bind != BIND_COMPARE;
    const int at_least[2] = {chain ? bind : bind + 1, bind + 1};
    for (size_t i = 0; i < 2; i++) {
        if (i == 1) {
            buf_printf(out, "%s%s ", bind <= BIND_ELSE && chain ? MAY_INNER : " ",
                       operators[e->op].text);
        }
        if (bind <= BIND_COMPARE) {
            print_condition(out, e->kid.at[i], bind, at_least[i]);
        } else {
            print_bound(out, e->kid.at[i], at_least[i]);
        }
    }
}

static void print_record(buf *out, const expr *e)
{
    buf_add(out, e->kid.n == 0 ? "{" : "{ ");
    for (size_t i = 0; i < e->kid.n; i++) {
        buf_printf(out, "%s%s: ", i == 0 ? "" : "," MAY_INNER, e->keys.at[i]);
        print_bound(out, e->kid.at[i], BIND_IF);
    }
    buf_add(out, e->kid.n == 0 ? "}" : " }");
}

static void print_unbound(buf *out, const expr *e)
{
    switch (e->kind) {
    case EXPR_NULL: buf_add(out, "null"); break;
    case EXPR_BOOL: buf_add(out, e->i != 0 ? "true" : "false"); break;
    case EXPR_INT: buf_printf(out, "%" PRId64, e->i); break;
    case EXPR_FLOAT:
    case EXPR_PATH: buf_add(out, e->s); break;
    case EXPR_STRING: print_string(out, e->s); break;
    case EXPR_REGEX: buf_printf(out, "/%s/%s", e->s, e->flags); break;
    case EXPR_INDEX:
        print_bound(out, e->kid.at[0], BIND_PRIMARY);
        buf_add(out, "[");
        print_bound(out, e->kid.at[1], BIND_IF);
        buf_add(out, "]");
        break;
    case EXPR_NOT:
        buf_add(out, "not ");
        print_condition(out, e->kid.at[0], BIND_NOT, BIND_NOT);
        break;
    case EXPR_NEG:
        buf_add(out, "-");
        print_bound(out, e->kid.at[0], BIND_NEG);
        break;
    case EXPR_BINARY: print_binary(out, e); break;
    case EXPR_IN:
        print_condition(out, e->kid.at[0], BIND_COMPARE, BIND_ELSE);
        buf_add(out, " in {");
        print_list(out, &e->kid, 1);
        buf_add(out, "}");
        break;
    case EXPR_IF:
        buf_add(out, "if ");
        print_bound(out, e->kid.at[0], BIND_OR);
        buf_add(out, MAY_INNER "then ");
        print_bound(out, e->kid.at[1], BIND_OR);
        buf_add(out, MAY_INNER "else ");
        print_bound(out, e->kid.at[2], BIND_IF);
        break;
    case EXPR_CALL:
        buf_printf(out, "%s(", e->s);
        print_list(out, &e->kid, 0);
        buf_add(out, ")");
        break;
    case EXPR_HAS:
        buf_add(out, "has ");
        print_template(out, e->tmpl);
        break;
    case EXPR_LIST:
        buf_add(out, "[");
        print_list(out, &e->kid, 0);
        buf_add(out, "]");
        break;
    case EXPR_RECORD: print_record(out, e); break;
    }
}

static void print_bound(buf *out, const expr *e, int at_least)
{
    const bool parens = bind_of(e) < at_least;
    const size_t from = out->n;
    buf_add(out, parens ? "(" : "");
    print_unbound(out, e);
    if (parens) {
        buf_add(out, ")");
        lower_marks(out, from);
    }
}

void print_expr(buf *out, const expr *e)
{
    print_bound(out, e, BIND_IF);
}

void print_string(buf *out, const char *s)
{
    buf_add(out, "\"");
    for (; *s != '\0'; s++) {
        buf_add(out, *s == '"' || *s == '\\' ? "\\" : "");
        buf_add_n(out, s, 1);
    }
    buf_add(out, "\"");
}

/* ---- names ------------------------------------------------------------------- */

void print_alternatives(buf *out, const alternative_list *alts)
{
    for (size_t i = 0; i < alts->n; i++) {
        const alternative *a = &alts->at[i];
        buf_add(out, i == 0 ? "" : " |" MAY_INNER);
        if (a->quoted) {
            print_string(out, a->text);
        } else {
            buf_add(out, a->text);
        }
        buf_add(out, a->optional ? "?" : "");
        if (a->when != NULL) {
            buf_add(out, " when ");
            print_expr(out, a->when);
        }
    }
}

static void print_name(buf *out, const segment *s)
{
    buf_add(out, s->name);
    if (s->width != 0) {
        buf_printf(out, ":0%u", s->width);
    }
    if (s->shift != 0) {
        buf_printf(out, " %c %" PRId64, s->shift < 0 ? '-' : '+',
                   s->shift < 0 ? -s->shift : s->shift);
    }
    if (s->lo == NULL && s->hi == NULL) {
        return;
    }
    buf_add(out, " in ");
    if (s->lo != NULL) {
        print_expr(out, s->lo);
    }
    buf_add(out, "..");
    if (s->hi != NULL) {
        print_expr(out, s->hi);
    }
}

void print_template(buf *out, const template *t)
{
    const size_t from = out->n;
    for (size_t i = 0; i < t->segs.n; i++) {
        const segment *s = &t->segs.at[i];
        buf_add(out, s->kind == SEG_TEXT ? s->text : "{");
        switch (s->kind) {
        case SEG_TEXT: continue;
        case SEG_NAME: print_name(out, s); break;
        case SEG_PATH: buf_printf(out, "%s...", s->name); break;
        case SEG_REGEX: buf_printf(out, "%s:/%s/", s->name, s->text); break;
        case SEG_ALT: print_alternatives(out, &s->alts); break;
        }
        buf_add(out, "}");
    }
    unmark(out, from);
}

/* ---- dimensions -------------------------------------------------------------- */

static void print_dim(buf *out, const dim *d);

static void print_group(buf *out, const dim_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        buf_add(out, i == 0 ? "" : " ");
        print_dim(out, list->at[i]);
    }
}

static void print_part(buf *out, const dim_part *p)
{
    buf_printf(out, "%s:%s", p->label, p->body->kids.n == 0 ? "" : " ");
    print_group(out, &p->body->kids);
    if (p->when != NULL) {
        buf_add(out, " when ");
        print_expr(out, p->when);
    }
}

static void print_dim(buf *out, const dim *d)
{
    switch (d->kind) {
    case DIM_AXIS: buf_add(out, d->name); break;
    case DIM_INT: buf_printf(out, "%" PRId64, d->size); break;
    case DIM_PRODUCT:
        buf_add(out, "(");
        print_group(out, &d->kids);
        buf_add(out, ")");
        break;
    case DIM_SUM:
        buf_add(out, "(");
        for (size_t i = 0; i < d->parts.n; i++) {
            buf_add(out, i == 0 ? "" : " |" MAY_DEEP);
            print_part(out, &d->parts.at[i]);
        }
        buf_add(out, ")");
        break;
    }
}

void print_dims(buf *out, const dims *d)
{
    buf_add(out, d->any ? "[..." : "[");
    for (size_t i = 0; i < d->batch.n; i++) {
        print_dim(out, d->batch.at[i]);
        buf_add(out, ", ");
    }
    print_group(out, &d->left);
    if (d->arrow != ARROW_NONE) {
        buf_add(out, d->arrow == ARROW_OUT_IN ? " <- " : " -> ");
        print_group(out, &d->right);
    }
    buf_add(out, "]");
}

/* ---- pieces for others ------------------------------------------------------- */

void expr_print(buf *out, const expr *e)
{
    const size_t from = out->n;
    print_expr(out, e);
    unmark(out, from);
}

void template_print(buf *out, const template *t)
{
    print_template(out, t);
}

void dims_print(buf *out, const dims *d)
{
    const size_t from = out->n;
    print_dims(out, d);
    unmark(out, from);
}
