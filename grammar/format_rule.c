#include "grammar/format.h"

#include <string.h>

/* ---- rules in columns -------------------------------------------------------- */

static const char *tensor_text(const lines *l, const tensor_ref *t)
{
    buf b = {.arena = l->arena};
    print_tensor(&b, t);
    return buf_str(&b);
}

static size_t label_columns(const rule_item *r)
{
    return strlen(r->name) + (r->optional ? 3 : 2);
}

static const char *when_text(const lines *l, const rule_item *r)
{
    buf b = {.arena = l->arena};
    print_when(&b, r->when);
    return buf_str(&b);
}

/* `A <-> B` can stand on the line of the label, its left side `left` columns wide (or
 * as wide as it is). */
static size_t flat_columns(const lines *l, const rule_item *r, const rule_columns *c,
                           size_t left)
{
    const size_t own = columns_of(tensor_text(l, &r->left.at[0]));
    return c->indent + c->label + (left < own ? own : left) +
           strlen(arrow_text(r->arrow)) + 2 +
           columns_of(tensor_text(l, &r->right.at[0]));
}

/* A comment between the sides keeps its place, so they stand on lines of their own. */
static bool is_flat(const lines *l, const item *it, const rule_columns *c)
{
    const rule_item *r = &it->u.rule;
    return r->left.n == 1 && r->right.n == 1 &&
           flat_columns(l, r, c, 0) <= FORMAT_COLUMNS &&
           !lines_comment_in(l, r->left.at[0].at.hi, r->right.at[0].at.lo);
}

/* Nothing that fits its line alone has to leave it when the arrows are in a column. */
static bool stays_flat(const lines *l, const rule_item *r, const rule_columns *c)
{
    const size_t alone = flat_columns(l, r, c, 0);
    const size_t aligned = flat_columns(l, r, c, c->left);
    const size_t when = columns_of(when_text(l, r));
    return aligned <= FORMAT_COLUMNS &&
           (aligned + when <= FORMAT_COLUMNS || alone + when > FORMAT_COLUMNS);
}

static rule_columns columns_for(const lines *l, unsigned indent, const item *const *run,
                                size_t n)
{
    rule_columns c = {.indent = indent};
    for (size_t i = 0; i < n; i++) {
        const rule_item *r = &run[i]->u.rule;
        if (run[i]->kind != ITEM_RULE) {
            continue;
        }
        c.label = c.label < label_columns(r) ? label_columns(r) : c.label;
        if ((r->left.n > 1 || r->right.n > 1) && c.label < 4) {
            c.label = 4; /* room for the arrow */
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (run[i]->kind == ITEM_RULE && is_flat(l, run[i], &c)) {
            const size_t wide = columns_of(tensor_text(l, &run[i]->u.rule.left.at[0]));
            c.left = c.left < wide ? wide : c.left;
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (run[i]->kind == ITEM_RULE && is_flat(l, run[i], &c) &&
            !stays_flat(l, &run[i]->u.rule, &c)) {
            c.left = 0;
        }
    }
    return c;
}

static void pad(buf *b, size_t to)
{
    const size_t n = columns_of(buf_str(b));
    if (n < to) {
        buf_printf(b, "%*s", (int)(to - n), "");
    }
}

static void put_label(buf *b, const rule_item *r, size_t wide)
{
    buf_printf(b, "%s%s ", r->name, r->optional ? "?:" : ":");
    pad(b, wide);
}

/* ---- clauses ----------------------------------------------------------------- */

static void put_clause(lines *l, const rule_columns *c, where at, const char *text)
{
    const unsigned indent = c->indent + (unsigned)c->label;
    lines_put(l, (line_style){.indent = indent, .hang = indent + FORMAT_HANG}, at,
              text);
}

static void put_part(lines *l, const rule_columns *c, const one_sided *p)
{
    static const char *const words[] = {
        [PART_ONLY] = "only", [PART_SLICE] = "slice", [PART_PAD] = "pad"};
    buf b = {.arena = l->arena};
    buf_printf(&b, "%s %s %s", words[p->kind], p->side, p->label);
    if (p->kind == PART_PAD) {
        buf_add(&b, " with ");
        print_expr(&b, p->fill);
    } else {
        buf_add(&b, p->keep ? " keep" : "");
        print_because(&b, p->because);
    }
    put_clause(l, c, p->at, buf_str(&b));
}

static void put_times(lines *l, const rule_columns *c, const times_clause *t)
{
    buf b = {.arena = l->arena};
    buf_printf(&b, "times %s ", t->side);
    print_template(&b, t->name);
    buf_add(&b, " [");
    for (size_t i = 0; i < t->blocks.n; i++) {
        const block_dim *d = &t->blocks.at[i];
        buf_add(&b, i > 0 ? d->joint : "");
        buf_add(&b, d->axis != NULL ? d->axis : "");
        if (d->by != NULL) {
            buf_printf(&b, " / %s", d->by);
        } else if (d->axis == NULL || d->size != 1) {
            buf_printf(&b, "%s%lld", d->axis != NULL ? " / " : "", (long long)d->size);
        }
    }
    buf_add(&b, "]");
    put_clause(l, c, t->at, buf_str(&b));
}

/* The clauses that did not fit the line before; `at` is the end of the rule. */
static void put_clauses(lines *l, const rule_columns *c, const rule_item *r, where at,
                        bool when_done, bool because_done)
{
    buf b = {.arena = l->arena};
    if (r->when != NULL && !when_done) {
        put_clause(l, c, r->when->at, when_text(l, r) + 1);
    }
    if (r->op != NULL) {
        buf_printf(&b, "with %s = ", r->op_side);
        print_expr(&b, r->op);
        if (r->op_dtype != NULL) {
            buf_printf(&b, " in %s", r->op_dtype);
        }
        put_clause(l, c, r->op->at, buf_str(&b));
    }
    if (r->times != NULL) {
        put_times(l, c, r->times);
    }
    for (size_t i = 0; i < r->casts.n; i++) {
        const cast_clause *k = &r->casts.at[i];
        put_clause(l, c, k->at,
                   arena_printf(l->arena, "cast %s %s", k->side, k->dtype));
    }
    for (size_t i = 0; i < r->parts.n; i++) {
        put_part(l, c, &r->parts.at[i]);
    }
    if (r->because != NULL && !because_done) {
        buf why = {.arena = l->arena};
        print_because(&why, r->because);
        put_clause(l, c, at, buf_str(&why) + 1);
    }
}

/* ---- one rule ---------------------------------------------------------------- */

static where between(const item *it, uint32_t lo, uint32_t hi)
{
    return (where){it->at.src, lo, hi};
}

static void put_flat(lines *l, const item *it, const rule_columns *c)
{
    const rule_item *r = &it->u.rule;
    buf b = {.arena = l->arena};
    put_label(&b, r, c->label);
    buf_add(&b, tensor_text(l, &r->left.at[0]));
    pad(&b, c->left == 0 ? 0 : c->label + c->left);
    buf_printf(&b, " %s %s", arrow_text(r->arrow), tensor_text(l, &r->right.at[0]));

    uint32_t hi = r->right.at[0].at.hi;
    const char *when = when_text(l, r);
    const bool when_fits =
        c->indent + columns_of(buf_str(&b)) + columns_of(when) <= FORMAT_COLUMNS &&
        (r->when == NULL || !lines_comment_in(l, hi, r->when->at.lo));
    if (when_fits && r->when != NULL) {
        buf_add(&b, when);
        hi = r->when->at.hi;
    }
    buf why = {.arena = l->arena};
    print_because(&why, r->because);
    const bool why_fits =
        when_fits && r->op == NULL && r->times == NULL && r->casts.n == 0 &&
        r->parts.n == 0 &&
        c->indent + columns_of(buf_str(&b)) + columns_of(buf_str(&why)) <=
            FORMAT_COLUMNS;
    if (why_fits && r->because != NULL) {
        buf_add(&b, buf_str(&why));
        hi = it->at.hi;
    }
    const unsigned hang = c->indent + FORMAT_HANG;
    lines_put(l, (line_style){c->indent, hang, true}, between(it, it->at.lo, hi),
              buf_str(&b));
    put_clauses(l, c, r, between(it, it->at.hi, it->at.hi), when_fits, why_fits);
}

/* The tensors of a side, one on a line, their labels in a column. */
static void put_side(lines *l, const item *it, const rule_columns *c,
                     const tensor_list *side, const char *lead, bool first_line)
{
    size_t wide = 0;
    for (size_t i = 0; i < side->n; i++) {
        buf b = {.arena = l->arena};
        print_template(&b, side->at[i].name);
        const size_t n = columns_of(buf_str(&b));
        wide = wide < n ? n : wide;
    }
    const unsigned column = c->indent + (unsigned)c->label;
    for (size_t i = 0; i < side->n; i++) {
        const tensor_ref *t = &side->at[i];
        buf b = {.arena = l->arena};
        buf_add(&b, i == 0 ? lead : "");
        const size_t before = columns_of(buf_str(&b));
        print_template(&b, t->name);
        if (side->n > 1) {
            pad(&b, before + wide);
        }
        tensor_ref rest = *t;
        const template none = {0};
        rest.name = &none;
        buf_add(&b, tensor_text(l, &rest));
        const bool named = first_line && i == 0;
        const unsigned indent = column - (unsigned)(i == 0 ? before : 0);
        const uint32_t lo = named ? it->at.lo : t->at.lo;
        lines_put(l, (line_style){indent, column + FORMAT_HANG, named},
                  between(it, lo, t->at.hi), buf_str(&b));
    }
}

static void put_tall(lines *l, const item *it, const rule_columns *run)
{
    const rule_item *r = &it->u.rule;
    rule_columns c = *run;
    c.label = c.label < 4 ? 4 : c.label;
    buf label = {.arena = l->arena};
    put_label(&label, r, c.label);
    put_side(l, it, &c, &r->left, buf_str(&label), true);
    buf arrow = {.arena = l->arena};
    buf_printf(&arrow, "%s ", arrow_text(r->arrow));
    put_side(l, it, &c, &r->right, buf_str(&arrow), false);
    put_clauses(l, &c, r, between(it, it->at.hi, it->at.hi), false, false);
}

static bool may_run(item_kind kind)
{
    return kind == ITEM_RULE || kind == ITEM_TIE || kind == ITEM_DROP;
}

rule_columns format_run(const lines *l, unsigned indent, const item_list *items,
                        size_t from)
{
    size_t to = from + 1;
    while (may_run(items->at[from]->kind) && to < items->n &&
           may_run(items->at[to]->kind) &&
           !lines_blank_in(l, items->at[to - 1]->at.hi, items->at[to]->at.lo)) {
        to++;
    }
    rule_columns c = columns_for(l, indent, items->at + from, to - from);
    c.end = to;
    return c;
}

void format_rule(lines *l, const rule_columns *run, const item *it)
{
    if (is_flat(l, it, run)) {
        put_flat(l, it, run);
    } else {
        put_tall(l, it, run);
    }
    l->pos = l->pos < it->at.hi ? it->at.hi : l->pos;
}

/* ---- rows of tables ---------------------------------------------------------- */

static const char *patterns_text(const lines *l, const pattern_list *list)
{
    buf b = {.arena = l->arena};
    print_patterns(&b, list);
    return buf_str(&b);
}

/* A ';' must stand before this row, or the row before would go on with it. */
static bool needs_end_before(const table_row *row)
{
    if (row->left.n == 0) {
        return true;
    }
    const pattern *p = row->left.at[0];
    if (p->kind != PAT_LITERAL) {
        return false;
    }
    const expr *e = p->literals.at[0];
    return e->kind == EXPR_LIST || (e->kind == EXPR_INT && e->i < 0) ||
           (e->kind == EXPR_FLOAT && e->s[0] == '-');
}

const char *row_text(const lines *l, const table_row *row)
{
    buf b = {.arena = l->arena};
    print_row(&b, row);
    return buf_str(&b);
}

/* The common width of the left sides, 0 if not every row has room for it. */
static size_t left_columns(const lines *l, unsigned indent, const table_row_list *rows)
{
    size_t left = 0;
    size_t right = 0;
    for (size_t i = 0; i < rows->n; i++) {
        buf b = {.arena = l->arena};
        print_row_rest(&b, &rows->at[i]);
        const size_t x = columns_of(patterns_text(l, &rows->at[i].left));
        const size_t y = columns_of(buf_str(&b));
        if (indent + x + 1 + y + 2 <= FORMAT_COLUMNS) { /* a longer row is broken */
            left = left < x ? x : left;
            right = right < y ? y : right;
        }
    }
    return indent + left + 1 + right + 2 <= FORMAT_COLUMNS ? left : 0;
}

void format_rows(lines *l, unsigned indent, const table_row_list *rows)
{
    const size_t left = left_columns(l, indent, rows);
    for (size_t i = 0; i < rows->n; i++) {
        const table_row *row = &rows->at[i];
        buf b = {.arena = l->arena};
        buf rest = {.arena = l->arena};
        buf_add(&b, patterns_text(l, &row->left));
        print_row_rest(&rest, row);
        if (i + 1 < rows->n &&
            (row->right.n == 0 || needs_end_before(&rows->at[i + 1]))) {
            buf_add(&rest, ";");
        }
        if (indent + left + 1 + columns_of(buf_str(&rest)) <= FORMAT_COLUMNS) {
            pad(&b, left);
        }
        buf_add(&b, b.n > 0 ? MAY_BREAK : "");
        buf_add(&b, buf_str(&rest));
        lines_put(l, (line_style){indent, indent + FORMAT_HANG, true}, row->at,
                  buf_str(&b));
    }
}
