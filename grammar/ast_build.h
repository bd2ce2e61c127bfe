/* grammar/ast_build.h -- the builders that the parser's actions call.
 *
 * Each makes one node in the arena and fills it.  They report only what can be said
 * without knowing names: a clause given twice, a number of alternatives that makes no
 * sense, a role where none may stand.  The node is made all the same, so that the
 * parser goes on and finds the next error.  Private to grammar/.
 */
#ifndef RT_GRAMMAR_AST_BUILD_H
#define RT_GRAMMAR_AST_BUILD_H

#include "grammar/parse_state.h"

/* What the parser holds between actions, beside nodes and lists of nodes. */
typedef struct rule_name {
    where at;
    const char *text;
    bool optional;
} rule_name;

typedef struct regex_text {
    const char *pattern, *flags;
} regex_text;

typedef VEC(dim_list) dim_group_list;

/* ---- the file ---- */
void ast_header(parse_state *ps, where at, file_kind kind, const char *left,
                const char *right, const char *doc);
void ast_file_items(parse_state *ps, item_list items);

/* ---- expressions (ast_expr.c) ---- */
const expr *ast_literal(parse_state *ps, where at, expr_kind kind, int64_t i);
const expr *ast_float(parse_state *ps, where at, const char *numeral, bool negative);
const expr *ast_string(parse_state *ps, where at, const char *s);
const expr *ast_path(parse_state *ps, where at, const char *path);
const expr *ast_index(parse_state *ps, where at, const expr *of, const expr *i);
const expr *ast_unary(parse_state *ps, where at, expr_kind kind, const expr *x);
const expr *ast_binary(parse_state *ps, where at, expr_op op, const expr *x,
                       const expr *y);
const expr *ast_if(parse_state *ps, where at, const expr *c, const expr *x,
                   const expr *y);
const expr *ast_match(parse_state *ps, where at, const expr *x, where re_at,
                      regex_text re);
const expr *ast_in(parse_state *ps, where at, const expr *x, expr_list set);
const expr *ast_call(parse_state *ps, where at, const char *name, expr_list args);
const expr *ast_list(parse_state *ps, where at, expr_list items);
const expr *ast_has(parse_state *ps, where at, const template *t);
expr *ast_record(parse_state *ps, where at);
expr *ast_member(parse_state *ps, where at, expr *record, const char *key,
                 const expr *e);
const expr *ast_record_end(parse_state *ps, where at, expr *record);

/* ---- names and dimensions (ast_tensor.c) ---- */
template *ast_template(parse_state *ps, where at, const char *text);
template *ast_template_text(parse_state *ps, where at, template *t, const char *text);
template *ast_template_hole(parse_state *ps, where at, template *t, segment hole,
                            where end);
segment ast_hole(parse_state *ps, where at, segment_kind kind, const char *name,
                 const char *regex);
segment ast_hole_shift(parse_state *ps, where at, const char *name, int64_t shift);
segment ast_hole_width(parse_state *ps, where at, const char *name, unsigned width);
segment ast_hole_range(parse_state *ps, where at, const char *name, int64_t shift,
                       segment range);
segment ast_hole_alts(parse_state *ps, where at, alternative_list alts);
alternative ast_alternative(where at, alternative text, bool optional,
                            const expr *when);
alternative_list ast_alt(parse_state *ps, alternative_list list, alternative a);

const dims *ast_dims(parse_state *ps, where at, dim_group_list groups);
const dims *ast_dims_any(parse_state *ps, where at);
const dims *ast_dims_map(parse_state *ps, where at, dim_group_list left,
                         arrow_kind arrow, dim_list right);
const dim *ast_dim_axis(parse_state *ps, where at, const char *name);
const dim *ast_dim_int(parse_state *ps, where at, int64_t size);
const dim *ast_dim_product(parse_state *ps, where at, dim_list kids);
const dim *ast_dim_sum(parse_state *ps, where at, dim_part_list parts);
dim_part ast_dim_part(parse_state *ps, where at, const char *label, dim_list body,
                      const expr *when);

tensor_ref ast_tensor(where at, const template *name, const char *label, const dims *d,
                      const char *same_in);
tensor_ref ast_role(where at, const char *role, tensor_ref t);

/* ---- items about tensors (ast_rule.c) ---- */
const item *ast_item(parse_state *ps, where at, item_kind kind);
const item *ast_rule(parse_state *ps, where at, rule_name name, tensor_list left,
                     rule_arrow arrow, tensor_list right, rule_item *clauses);
rule_item *ast_clauses(parse_state *ps);
rule_item *ast_clause_when(parse_state *ps, where at, rule_item *r, const expr *e);
rule_item *ast_clause_because(parse_state *ps, where at, rule_item *r, const char *why);
rule_item *ast_clause_with(parse_state *ps, where at, rule_item *r, const char *side,
                           const expr *op, const char *dtype);
rule_item *ast_clause_cast(parse_state *ps, where at, rule_item *r, const char *side,
                           const char *dtype);
block_dim_list ast_blocks(parse_state *ps, block_dim_list l, const char *joint,
                          block_dim b);
rule_item *ast_clause_times(parse_state *ps, where at, rule_item *r, const char *side,
                            const template *name, block_dim_list blocks);
rule_item *ast_clause_part(parse_state *ps, where at, rule_item *r, part_kind kind,
                           const char *side, const char *label, bool keep,
                           const char *why);
rule_item *ast_clause_pad(parse_state *ps, where at, rule_item *r, const char *side,
                          const char *label, const expr *fill);
const item *ast_block(parse_state *ps, where at, where brace, const template *left,
                      const template *right, const expr *when, item_list items);
const item *ast_drop(parse_state *ps, where at, const char *side, const template *name,
                     const char *same, const expr *when, bool keep, const char *why);
const item *ast_make(parse_state *ps, where at, const char *side, const template *name,
                     const dims *d, const expr *value, const char *why);
const item *ast_tie(parse_state *ps, where at, const char *rule, const char *to,
                    const char *side, const expr *by);
const item *ast_tie_names(parse_state *ps, where at, const char *side,
                          const template *name, const template *to, const expr *by,
                          const expr *when);
factor ast_factor(parse_state *ps, where at, tensor_ref t);
const item *ast_update(parse_state *ps, where at, rule_name name, tensor_ref target,
                       bool replace, factor_list factors, manner how, const expr *when);
manner ast_how_norm(parse_state *ps, where at, const char *name, tensor_ref t);
manner ast_how_rows(parse_state *ps, where at, const char *name, const expr *rows);
const item *ast_each(parse_state *ps, where at, where brace, const template *name,
                     const dims *d, template_list except, const expr *when,
                     item_list items);

/* ---- the other items (ast_item.c) ---- */
const item *ast_define(parse_state *ps, where at, item_kind kind, const char *name,
                       expr_list is);
const item *ast_let(parse_state *ps, where at, item_kind kind, const char *name,
                    alternative_list alts);
const item *ast_detect(parse_state *ps, where at, const char *side, const expr *is);
const char *ast_type(parse_state *ps, where at, const char *type);
const item *ast_field(parse_state *ps, where at, const expr *path, const char *type,
                      const expr *absent);
const item *ast_spelled(parse_state *ps, where at, const expr *first, expr_list others);
const item *ast_files(parse_state *ps, where at, const char *side,
                      template_list weights, int64_t shard_bytes,
                      config_file_list configs, expr_list dtype);
/* The number of bytes of `in shards of N`; the word is no keyword. */
int64_t ast_shards(parse_state *ps, where at, const char *name, int64_t n_bytes);
/* The fields of `with dtype FIELD | FIELD`; the word is no keyword. */
expr_list ast_dtype(parse_state *ps, where at, const char *name, expr_list fields);
const item *ast_spelled_names(parse_state *ps, where at, const char *side,
                              const template *first, template_list others);
const item *ast_equation(parse_state *ps, where at, bool soft, const expr *left,
                         const expr *right, const expr *when);
const item *ast_assign(parse_state *ps, where at, item_kind kind, const expr *path,
                       const expr *value, const expr *when);
const item *ast_demand(parse_state *ps, where at, item_kind kind, const expr *is,
                       const char *why);
const item *ast_ignore(parse_state *ps, where at, expr_list paths);
const item *ast_table(parse_state *ps, where at, where brace, bool soft,
                      expr_list columns, const expr *when, table_row_list rows);
table_row ast_row(where at, pattern_list left, rule_arrow arrow, pattern_list right,
                  table_row end);
pattern_list ast_patterns(parse_state *ps, const pattern *first, pattern_list others);
const pattern *ast_pattern(parse_state *ps, where at, pattern_kind kind);
const pattern *ast_pattern_record(parse_state *ps, where at, pattern_field_list fields);
const pattern *ast_pattern_alts(parse_state *ps, where at, expr_list alts);
pattern_field ast_pattern_field(parse_state *ps, where at, word_list keys,
                                const char *key, bool optional, const pattern *is);
const item *ast_use(parse_state *ps, where at, const char *family, word_list without);
const item *ast_include(parse_state *ps, where at, const char *file);
test_line ast_test_tensor(parse_state *ps, where at, const char *side,
                          const template *name, const dims *shape);
const item *ast_test(parse_state *ps, where at, where brace, const char *title,
                     test_line_list lines);
const item *ast_reject(parse_state *ps, where at, where brace, const char *title,
                       const char *slug, test_line_list lines, item_list items);

/* An error of the builders: slug "syntax". */
diag *ast_error(parse_state *ps, where at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
