#include <string.h>

#include "grammar/format.h"
#include "grammar/parse.h"

const char *arrow_text(rule_arrow arrow)
{
    return arrow == RULE_BOTH ? "<->" : arrow == RULE_LEFT_TO_RIGHT ? "->" : "<-";
}

void print_words(buf *out, const word_list *words, const char *between)
{
    for (size_t i = 0; i < words->n; i++) {
        buf_printf(out, "%s%s", i == 0 ? "" : between, words->at[i]);
    }
}

void print_when(buf *out, const expr *when)
{
    if (when != NULL) {
        buf_add(out, MAY_BREAK "when ");
        print_expr(out, when);
    }
}

void print_because(buf *out, const char *because)
{
    if (because != NULL) {
        buf_add(out, MAY_BREAK "because ");
        print_string(out, because);
    }
}

void print_tensor(buf *out, const tensor_ref *t)
{
    if (t->role != NULL) {
        buf_printf(out, "%s ", t->role);
    }
    print_template(out, t->name);
    if (t->label != NULL) {
        buf_printf(out, " %s:", t->label);
    }
    buf_add(out, MAY_INNER);
    print_dims(out, t->dims);
    if (t->same_in != NULL) {
        buf_printf(out, " same in {%s}", t->same_in);
    }
}

/* ---- patterns ---------------------------------------------------------------- */

static void print_pattern(buf *out, const pattern *p);

static void print_fields(buf *out, const pattern_field_list *fields)
{
    buf_add(out, fields->n == 0 ? "{" : "{ ");
    for (size_t i = 0; i < fields->n; i++) {
        const pattern_field *f = &fields->at[i];
        buf_add(out, i == 0 ? "" : "," MAY_INNER);
        print_words(out, &f->keys, "|");
        buf_add(out, f->optional ? "?: " : ": ");
        print_pattern(out, f->is);
    }
    buf_add(out, fields->n == 0 ? "}" : " }");
}

static void print_pattern(buf *out, const pattern *p)
{
    switch (p->kind) {
    case PAT_LITERAL:
        for (size_t i = 0; i < p->literals.n; i++) {
            buf_add(out, i == 0 ? "" : " | ");
            print_expr(out, p->literals.at[i]);
        }
        break;
    case PAT_ABSENT: buf_add(out, "absent"); break;
    case PAT_ANY: buf_add(out, "_"); break;
    case PAT_EXPR: print_expr(out, p->e); break;
    case PAT_RECORD: print_fields(out, &p->fields); break;
    }
}

void print_patterns(buf *out, const pattern_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        buf_add(out, i == 0 ? "" : "," MAY_INNER);
        print_pattern(out, list->at[i]);
    }
}

void print_row_rest(buf *out, const table_row *row)
{
    buf_add(out, arrow_text(row->arrow));
    buf_add(out, row->right.n > 0 ? " " : "");
    print_patterns(out, &row->right);
    if (row->when != NULL) {
        buf_add(out, MAY_BREAK "if ");
        print_expr(out, row->when);
    }
    print_because(out, row->because);
}

void print_row(buf *out, const table_row *row)
{
    const size_t from = out->n;
    print_patterns(out, &row->left);
    buf_add(out, out->n > from ? MAY_BREAK : "");
    print_row_rest(out, row);
}

/* ---- items ------------------------------------------------------------------- */

static void print_equals(buf *out, const expr *e, const char *mark)
{
    buf_printf(out, "%s= ", mark);
    print_expr(out, e);
}

/* A side of an equation: an `if` there ends where the parenthesis does. */
static void print_equated(buf *out, const expr *e, const char *before)
{
    const bool parens = e->kind == EXPR_IF;
    buf_printf(out, "%s%s", before, parens ? "(" : "");
    print_expr(out, e);
    buf_add(out, parens ? ")" : "");
}

static void print_exprs(buf *out, const expr_list *list, const char *between)
{
    for (size_t i = 0; i < list->n; i++) {
        buf_add(out, i == 0 ? "" : between);
        print_expr(out, list->at[i]);
    }
}

static void print_block(buf *out, const block_item *b)
{
    buf_add(out, "under ");
    print_template(out, b->left);
    buf_add(out, MAY_BREAK "<-> ");
    print_template(out, b->right);
    print_when(out, b->when);
}

static void print_drop(buf *out, const drop_item *d)
{
    buf_printf(out, "drop %s ", d->side);
    print_template(out, d->name);
    if (d->same != NULL) {
        buf_printf(out, " = %s", d->same);
    }
    print_when(out, d->when);
    buf_add(out, d->keep ? MAY_BREAK "keep because " : MAY_BREAK "because ");
    print_string(out, d->because);
}

static void print_make(buf *out, const make_item *m)
{
    buf_printf(out, "const %s ", m->side);
    print_template(out, m->name);
    buf_add(out, " ");
    print_dims(out, m->dims);
    print_equals(out, m->value, " ");
    print_because(out, m->because);
}

static void print_tie(buf *out, const tie_item *t)
{
    buf_printf(out, "tie %s = %s on %s", t->rule, t->to, t->side);
    if (t->by != NULL) {
        buf_add(out, MAY_BREAK "by ");
        print_expr(out, t->by);
    }
}

static void print_tie_names(buf *out, const tie_names_item *t)
{
    buf_printf(out, "tie %s ", t->side);
    print_template(out, t->name);
    buf_add(out, " = ");
    print_template(out, t->to);
    buf_add(out, MAY_BREAK "by ");
    print_expr(out, t->by);
    print_when(out, t->when);
}

static void print_define(buf *out, const char *word, const define_item *d)
{
    buf_printf(out, "%s %s", word, d->name);
    for (size_t i = 0; i < d->is.n; i++) {
        if (d->is.n == 1) {
            print_equals(out, d->is.at[i], " ");
        } else {
            print_equated(out, d->is.at[i], i == 0 ? " = " : MAY_BREAK "= ");
        }
    }
}

static void print_let(buf *out, const char *word, const let_item *l)
{
    buf_printf(out, "%s %s = ", word, l->name);
    print_alternatives(out, &l->alts);
}

/* What a line with a record is about is a layout, not a field of one. */
static bool is_layout(const expr *path)
{
    return path->kind == EXPR_PATH && strchr(path->s, '.') == NULL;
}

static void print_files(buf *out, const files_item *f)
{
    buf_printf(out, "files %s ", f->side);
    for (size_t i = 0; i < f->weights.n; i++) {
        buf_add(out, i == 0 ? "" : " |" MAY_INNER);
        print_template(out, f->weights.at[i]);
    }
    if (f->shard_bytes > 0) {
        buf_printf(out, " in shards of %lld", (long long)f->shard_bytes);
    }
    for (size_t i = 0; i < f->configs.n; i++) {
        buf_add(out, i == 0 ? MAY_BREAK "config " : " |" MAY_INNER);
        print_template(out, f->configs.at[i].name);
        print_when(out, f->configs.at[i].when);
    }
    for (size_t i = 0; i < f->dtype.n; i++) {
        buf_add(out, i == 0 ? MAY_BREAK "with dtype " : " |" MAY_INNER);
        print_expr(out, f->dtype.at[i]);
    }
}

static void print_field(buf *out, const field_item *f)
{
    buf_add(out, "field ");
    print_expr(out, f->path);
    if (is_layout(f->path) && f->absent != NULL && f->type == NULL) {
        buf_add(out, " ");
        print_expr(out, f->absent);
        return;
    }
    if (f->type != NULL) {
        buf_printf(out, " : %s", f->type);
    }
    if (f->absent != NULL) {
        print_equals(out, f->absent, " ");
    }
}

static void print_equation(buf *out, const equation_item *e)
{
    print_equated(out, e->left, e->soft ? "soft " : "config ");
    print_equated(out, e->right, MAY_BREAK "= ");
    print_when(out, e->when);
}

static void print_assign(buf *out, const char *word, const assign_item *a)
{
    buf_printf(out, "%s ", word);
    print_expr(out, a->path);
    if (is_layout(a->path)) {
        buf_add(out, " ");
        print_expr(out, a->value);
    } else {
        print_equals(out, a->value, " ");
    }
    print_when(out, a->when);
}

static void print_table(buf *out, const table_item *t)
{
    buf_add(out, t->soft ? "soft table " : "table ");
    print_exprs(out, &t->columns, "," MAY_INNER);
    print_when(out, t->when);
}

static void print_demand(buf *out, const char *word, const demand_item *d)
{
    buf_printf(out, "%s ", word);
    print_expr(out, d->is);
    print_because(out, d->because);
}

static void print_use(buf *out, const use_item *u)
{
    buf_printf(out, "use %s", u->family);
    if (u->without.n > 0) {
        buf_add(out, MAY_BREAK "without ");
        print_words(out, &u->without, "," MAY_INNER);
    }
}

static void print_update(buf *out, const update_item *u)
{
    buf_printf(out, "%s%s ", u->name, u->optional ? "?:" : ":");
    print_tensor(out, &u->target);
    buf_add(out, u->replace ? MAY_BREAK ":=" : MAY_BREAK "+=");
    for (size_t i = 0; i < u->factors.n; i++) {
        const factor *f = &u->factors.at[i];
        buf_add(out, i == 0 ? " " : MAY_BREAK "* ");
        if (f->tensor != NULL) {
            print_tensor(out, f->tensor);
            continue;
        }
        const expr_kind kind = f->scalar->kind;
        const bool simple = kind == EXPR_PATH || kind == EXPR_INT ||
                            kind == EXPR_FLOAT || kind == EXPR_CALL;
        buf_add(out, simple ? "" : "(");
        print_expr(out, f->scalar);
        buf_add(out, simple ? "" : ")");
    }
    if (u->how.norm != NULL) {
        buf_add(out, MAY_BREAK "norm = ");
        print_tensor(out, u->how.norm);
    } else if (u->how.rows != NULL) {
        print_equals(out, u->how.rows, MAY_BREAK "rows ");
    }
    print_when(out, u->when);
}

static void print_each(buf *out, const each_item *e)
{
    buf_add(out, "each ");
    print_template(out, e->name);
    buf_add(out, " ");
    print_dims(out, e->dims);
    buf_add(out, " of base");
    for (size_t i = 0; i < e->except.n; i++) {
        buf_add(out, i == 0 ? MAY_BREAK "except " : "," MAY_INNER);
        print_template(out, e->except.at[i]);
    }
    print_when(out, e->when);
}

static void print_test(buf *out, const test_item *t)
{
    buf_add(out, t->reject ? "reject " : "test ");
    print_string(out, t->title);
    if (t->reject) {
        buf_printf(out, MAY_BREAK "with %s", t->slug);
    }
}

void print_item(buf *out, const item *it)
{
    switch (it->kind) {
    case ITEM_RULE: break; /* format_rule.c */
    case ITEM_BLOCK: print_block(out, &it->u.block); break;
    case ITEM_DROP: print_drop(out, &it->u.drop); break;
    case ITEM_MAKE: print_make(out, &it->u.make); break;
    case ITEM_TIE: print_tie(out, &it->u.tie); break;
    case ITEM_TIE_NAMES: print_tie_names(out, &it->u.tie_names); break;
    case ITEM_REST: buf_add(out, "rest"); break;
    case ITEM_AXIS: print_define(out, "axis", &it->u.define); break;
    case ITEM_VALUE: print_define(out, "value", &it->u.define); break;
    case ITEM_LET: print_let(out, "let", &it->u.let); break;
    case ITEM_CHOICE: print_let(out, "choice", &it->u.let); break;
    case ITEM_DETECT:
        buf_printf(out, "detect %s ", it->u.detect.side);
        print_expr(out, it->u.detect.is);
        break;
    case ITEM_FILES: print_files(out, &it->u.files); break;
    case ITEM_FIELD: print_field(out, &it->u.field); break;
    case ITEM_SPELLED:
        buf_add(out, "spelled ");
        print_exprs(out, &it->u.spelled.paths, " |" MAY_INNER);
        break;
    case ITEM_SPELLED_NAMES:
        buf_printf(out, "spelled %s ", it->u.names.side);
        for (size_t i = 0; i < it->u.names.names.n; i++) {
            buf_add(out, i == 0 ? "" : MAY_BREAK "| ");
            print_template(out, it->u.names.names.at[i]);
        }
        break;
    case ITEM_EQUATION: print_equation(out, &it->u.equation); break;
    case ITEM_CONST: print_assign(out, "const", &it->u.assign); break;
    case ITEM_DEFAULT: print_assign(out, "default", &it->u.assign); break;
    case ITEM_TABLE: print_table(out, &it->u.table); break;
    case ITEM_REQUIRE: print_demand(out, "require", &it->u.demand); break;
    case ITEM_REFUSE: print_demand(out, "refuse", &it->u.demand); break;
    case ITEM_WARN: print_demand(out, "warn", &it->u.demand); break;
    case ITEM_IGNORE:
        buf_add(out, "ignore ");
        print_exprs(out, &it->u.ignore.paths, "," MAY_INNER);
        break;
    case ITEM_CONFIG_REST: buf_add(out, "config rest"); break;
    case ITEM_USE: print_use(out, &it->u.use); break;
    case ITEM_INCLUDE:
        buf_add(out, "include ");
        print_string(out, it->u.include);
        break;
    case ITEM_UPDATE: print_update(out, &it->u.update); break;
    case ITEM_EACH: print_each(out, &it->u.each); break;
    case ITEM_TEST: print_test(out, &it->u.test); break;
    }
}

void config_item_print(buf *out, const item *it)
{
    const size_t from = out->n;
    print_item(out, it);
    if (it->kind == ITEM_TABLE) {
        for (size_t i = 0; i < it->u.table.rows.n; i++) {
            buf_add(out, i == 0 ? " { " : "; ");
            print_row(out, &it->u.table.rows.at[i]);
        }
        buf_add(out, " }");
    }
    unmark(out, from);
}
