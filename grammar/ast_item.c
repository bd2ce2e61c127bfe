#include <string.h>

#include "grammar/ast_build.h"

static item *item_new(parse_state *ps, where at, item_kind kind)
{
    item *it = NEW(ps->arena, item);
    it->kind = kind;
    it->at = at;
    return it;
}

/* ---- the file ---------------------------------------------------------------- */

void ast_header(parse_state *ps, where at, file_kind kind, const char *left,
                const char *right, const char *doc)
{
    ps->file->kind = kind;
    ps->file->at = at;
    ps->file->side[0] = left;
    ps->file->side[1] = right;
    ps->file->doc = doc;
    if (strcmp(left, right) == 0) {
        ast_error(ps, at, "both sides are the layout '%s'", left);
    }
}

void ast_file_items(parse_state *ps, item_list items)
{
    ps->file->items = items;
}

diag *ast_error(parse_state *ps, where at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *text = arena_vprintf(ps->arena, fmt, ap);
    va_end(ap);
    return diag_report(ps->cx->diags, SEV_ERROR, "syntax", at, "%s", text);
}

/* ---- sizes, facts ------------------------------------------------------------ */

const item *ast_define(parse_state *ps, where at, item_kind kind, const char *name,
                       expr_list is)
{
    item *it = item_new(ps, at, kind);
    it->u.define = (define_item){.name = name, .is = is};
    return it;
}

const item *ast_let(parse_state *ps, where at, item_kind kind, const char *name,
                    alternative_list alts)
{
    item *it = item_new(ps, at, kind);
    it->u.let = (let_item){.name = name, .alts = alts};
    for (size_t i = 0; kind == ITEM_CHOICE && i < alts.n; i++) {
        if (alts.at[i].optional || alts.at[i].when != NULL) {
            ast_error(ps, alts.at[i].at,
                      "an alternative of `choice` is plain: without '?' and `when`");
        }
    }
    return it;
}

const item *ast_detect(parse_state *ps, where at, const char *side, const expr *is)
{
    item *it = item_new(ps, at, ITEM_DETECT);
    it->u.detect = (detect_item){.side = side, .is = is};
    return it;
}

int64_t ast_shards(parse_state *ps, where at, const char *name, int64_t n_bytes)
{
    if (strcmp(name, "shards") != 0 || n_bytes == 0) {
        diag *dg = ast_error(ps, at, "this says nothing about shards");
        diag_help(dg, "the largest size of a shard: `in shards of 5000000000`");
    }
    return n_bytes;
}

expr_list ast_dtype(parse_state *ps, where at, const char *name, expr_list fields)
{
    if (strcmp(name, "dtype") != 0) {
        diag *dg = ast_error(ps, at, "this says nothing about the config");
        diag_help(dg, "its field that tells the type of the weights: `with dtype "
                      "torch_dtype`");
    }
    return fields;
}

const item *ast_files(parse_state *ps, where at, const char *side,
                      template_list weights, int64_t shard_bytes,
                      config_file_list configs, expr_list dtype)
{
    item *it = item_new(ps, at, ITEM_FILES);
    it->u.files = (files_item){.side = side,
                               .weights = weights,
                               .shard_bytes = shard_bytes,
                               .configs = configs,
                               .dtype = dtype};
    return it;
}

/* ---- config ------------------------------------------------------------------ */

const char *ast_type(parse_state *ps, where at, const char *type)
{
    static const char *const types[] = {"int",  "float",  "bool", "string",
                                        "list", "record", "any"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(type, types[i]) == 0) {
            return type;
        }
    }
    diag *dg = ast_error(ps, at, "'%s' is not the type of a field", type);
    diag_help(dg, "the types are int, float, bool, string, list, record and any");
    return type;
}

const item *ast_field(parse_state *ps, where at, const expr *path, const char *type,
                      const expr *absent)
{
    item *it = item_new(ps, at, ITEM_FIELD);
    it->u.field = (field_item){.path = path, .type = type, .absent = absent};
    return it;
}

const item *ast_spelled(parse_state *ps, where at, const expr *first, expr_list others)
{
    item *it = item_new(ps, at, ITEM_SPELLED);
    vec_push(ps->arena, &it->u.spelled.paths, first);
    for (size_t i = 0; i < others.n; i++) {
        vec_push(ps->arena, &it->u.spelled.paths, others.at[i]);
    }
    return it;
}

const item *ast_spelled_names(parse_state *ps, where at, const char *side,
                              const template *first, template_list others)
{
    item *it = item_new(ps, at, ITEM_SPELLED_NAMES);
    it->u.names.side = side;
    vec_push(ps->arena, &it->u.names.names, first);
    for (size_t i = 0; i < others.n; i++) {
        vec_push(ps->arena, &it->u.names.names, others.at[i]);
    }
    return it;
}

const item *ast_equation(parse_state *ps, where at, bool soft, const expr *left,
                         const expr *right, const expr *when)
{
    item *it = item_new(ps, at, ITEM_EQUATION);
    it->u.equation =
        (equation_item){.left = left, .right = right, .when = when, .soft = soft};
    return it;
}

const item *ast_assign(parse_state *ps, where at, item_kind kind, const expr *path,
                       const expr *value, const expr *when)
{
    item *it = item_new(ps, at, kind);
    it->u.assign = (assign_item){.path = path, .value = value, .when = when};
    return it;
}

const item *ast_demand(parse_state *ps, where at, item_kind kind, const expr *is,
                       const char *why)
{
    item *it = item_new(ps, at, kind);
    it->u.demand = (demand_item){.is = is, .because = why};
    return it;
}

const item *ast_ignore(parse_state *ps, where at, expr_list paths)
{
    item *it = item_new(ps, at, ITEM_IGNORE);
    it->u.ignore = (ignore_item){.paths = paths};
    return it;
}

/* ---- tables ------------------------------------------------------------------ */

const item *ast_table(parse_state *ps, where at, where brace, bool soft,
                      expr_list columns, const expr *when, table_row_list rows)
{
    item *it = item_new(ps, at, ITEM_TABLE);
    it->brace = brace.hi;
    it->u.table =
        (table_item){.soft = soft, .columns = columns, .when = when, .rows = rows};
    if (rows.n == 0) {
        ast_error(ps, at, "the table has no row");
    }
    return it;
}

table_row ast_row(where at, pattern_list left, rule_arrow arrow, pattern_list right,
                  table_row end)
{
    return (table_row){.at = at,
                       .left = left,
                       .right = right,
                       .arrow = arrow,
                       .when = end.when,
                       .because = end.because};
}

pattern_list ast_patterns(parse_state *ps, const pattern *first, pattern_list others)
{
    pattern_list all = {0};
    vec_push(ps->arena, &all, first);
    for (size_t i = 0; i < others.n; i++) {
        vec_push(ps->arena, &all, others.at[i]);
    }
    return all;
}

static pattern *pattern_new(parse_state *ps, where at, pattern_kind kind)
{
    pattern *p = NEW(ps->arena, pattern);
    p->kind = kind;
    p->at = at;
    return p;
}

const pattern *ast_pattern(parse_state *ps, where at, pattern_kind kind)
{
    return pattern_new(ps, at, kind);
}

const pattern *ast_pattern_record(parse_state *ps, where at, pattern_field_list fields)
{
    pattern *p = pattern_new(ps, at, PAT_RECORD);
    p->fields = fields;
    return p;
}

static bool is_literal(const expr *e)
{
    return e->kind != EXPR_PATH && e->kind != EXPR_BINARY;
}

const pattern *ast_pattern_alts(parse_state *ps, where at, expr_list alts)
{
    if (alts.n == 1 && !is_literal(alts.at[0])) {
        pattern *p = pattern_new(ps, at, PAT_EXPR);
        p->e = alts.at[0];
        return p;
    }
    for (size_t i = 0; i < alts.n; i++) {
        if (!is_literal(alts.at[i])) {
            ast_error(ps, alts.at[i]->at, "alternatives of a pattern are literals");
        }
    }
    pattern *p = pattern_new(ps, at, PAT_LITERAL);
    p->literals = alts;
    return p;
}

pattern_field ast_pattern_field(parse_state *ps, where at, word_list keys,
                                const char *key, bool optional, const pattern *is)
{
    vec_push(ps->arena, &keys, key);
    return (pattern_field){.at = at, .keys = keys, .optional = optional, .is = is};
}

/* ---- reuse ------------------------------------------------------------------- */

const item *ast_use(parse_state *ps, where at, const char *family, word_list without)
{
    item *it = item_new(ps, at, ITEM_USE);
    it->u.use = (use_item){.family = family, .without = without};
    return it;
}

const item *ast_include(parse_state *ps, where at, const char *file)
{
    item *it = item_new(ps, at, ITEM_INCLUDE);
    it->u.include = file;
    return it;
}

/* ---- tests ------------------------------------------------------------------- */

static bool is_shape(const dims *d)
{
    bool sizes = d->arrow == ARROW_NONE;
    for (size_t i = 0; i < d->left.n; i++) {
        sizes = sizes && d->left.at[i]->kind == DIM_INT;
    }
    return sizes;
}

test_line ast_test_tensor(parse_state *ps, where at, const char *side,
                          const template *name, const dims *shape)
{
    if (shape != NULL && !is_shape(shape)) {
        ast_error(ps, shape->at, "a test gives the shape in whole numbers: [2 3]");
    }
    return (test_line){.at = at, .side = side, .name = name, .shape = shape};
}

const item *ast_test(parse_state *ps, where at, where brace, const char *title,
                     test_line_list lines)
{
    item *it = item_new(ps, at, ITEM_TEST);
    it->brace = brace.hi;
    it->u.test = (test_item){.title = title, .lines = lines};
    return it;
}

const item *ast_reject(parse_state *ps, where at, where brace, const char *title,
                       const char *slug, test_line_list lines, item_list items)
{
    item *it = item_new(ps, at, ITEM_TEST);
    it->brace = brace.hi;
    it->u.test = (test_item){
        .title = title, .reject = true, .slug = slug, .lines = lines, .items = items};
    return it;
}
