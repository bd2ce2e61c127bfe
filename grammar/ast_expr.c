#include <stdlib.h>
#include <string.h>

#include "grammar/ast_build.h"

static expr *expr_new(parse_state *ps, where at, expr_kind kind)
{
    expr *e = NEW(ps->arena, expr);
    e->kind = kind;
    e->at = at;
    e->depth = 1;
    return e;
}

static void add_kid(parse_state *ps, expr *e, const expr *kid)
{
    vec_push(ps->arena, &e->kid, kid);
    if (kid->depth < e->depth) {
        return;
    }
    e->depth = kid->depth + 1;
    if (e->depth == EXPR_MAX_DEPTH + 1) {
        ast_error(ps, e->at, "the expression nests deeper than %d", EXPR_MAX_DEPTH);
    }
}

const expr *ast_literal(parse_state *ps, where at, expr_kind kind, int64_t i)
{
    expr *e = expr_new(ps, at, kind);
    e->i = i;
    return e;
}

const expr *ast_float(parse_state *ps, where at, const char *numeral, bool negative)
{
    expr *e = expr_new(ps, at, EXPR_FLOAT);
    e->s = negative ? arena_printf(ps->arena, "-%s", numeral) : numeral;
    e->f = strtod(e->s, NULL);
    if (e->f - e->f != 0.0) { /* an infinity */
        ast_error(ps, at, "the number is too large for a double");
    }
    return e;
}

const expr *ast_string(parse_state *ps, where at, const char *s)
{
    expr *e = expr_new(ps, at, EXPR_STRING);
    e->s = s;
    return e;
}

const expr *ast_path(parse_state *ps, where at, const char *path)
{
    expr *e = expr_new(ps, at, EXPR_PATH);
    e->s = path;
    return e;
}

const expr *ast_index(parse_state *ps, where at, const expr *of, const expr *i)
{
    expr *e = expr_new(ps, at, EXPR_INDEX);
    add_kid(ps, e, of);
    add_kid(ps, e, i);
    return e;
}

const expr *ast_unary(parse_state *ps, where at, expr_kind kind, const expr *x)
{
    expr *e = expr_new(ps, at, kind);
    add_kid(ps, e, x);
    return e;
}

const expr *ast_binary(parse_state *ps, where at, expr_op op, const expr *x,
                       const expr *y)
{
    expr *e = expr_new(ps, at, EXPR_BINARY);
    e->op = op;
    add_kid(ps, e, x);
    add_kid(ps, e, y);
    return e;
}

const expr *ast_if(parse_state *ps, where at, const expr *c, const expr *x,
                   const expr *y)
{
    expr *e = expr_new(ps, at, EXPR_IF);
    add_kid(ps, e, c);
    add_kid(ps, e, x);
    add_kid(ps, e, y);
    return e;
}

const expr *ast_match(parse_state *ps, where at, const expr *x, where re_at,
                      regex_text re)
{
    expr *regex = expr_new(ps, re_at, EXPR_REGEX);
    regex->s = re.pattern;
    regex->flags = re.flags;
    return ast_binary(ps, at, OP_MATCH, x, regex);
}

const expr *ast_in(parse_state *ps, where at, const expr *x, expr_list set)
{
    expr *e = expr_new(ps, at, EXPR_IN);
    add_kid(ps, e, x);
    for (size_t i = 0; i < set.n; i++) {
        add_kid(ps, e, set.at[i]);
    }
    return e;
}

const expr *ast_call(parse_state *ps, where at, const char *name, expr_list args)
{
    expr *e = expr_new(ps, at, EXPR_CALL);
    e->s = name;
    for (size_t i = 0; i < args.n; i++) {
        add_kid(ps, e, args.at[i]);
    }
    return e;
}

const expr *ast_list(parse_state *ps, where at, expr_list items)
{
    expr *e = expr_new(ps, at, EXPR_LIST);
    for (size_t i = 0; i < items.n; i++) {
        add_kid(ps, e, items.at[i]);
    }
    return e;
}

const expr *ast_has(parse_state *ps, where at, const template *t)
{
    expr *e = expr_new(ps, at, EXPR_HAS);
    e->tmpl = t;
    return e;
}

expr *ast_record(parse_state *ps, where at)
{
    return expr_new(ps, at, EXPR_RECORD);
}

expr *ast_member(parse_state *ps, where at, expr *record, const char *key,
                 const expr *e)
{
    for (size_t i = 0; i < record->keys.n; i++) {
        if (strcmp(record->keys.at[i], key) == 0) {
            ast_error(ps, at, "the record has the field '%s' twice", key);
        }
    }
    vec_push(ps->arena, &record->keys, key);
    add_kid(ps, record, e);
    return record;
}

const expr *ast_record_end(parse_state *ps, where at, expr *record)
{
    (void)ps;
    record->at = at;
    return record;
}
