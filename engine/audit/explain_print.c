/* An explanation as text and as JSON. */
#include <string.h>

#include "audit/explain.h"
#include "audit/show.h"

static const char *range_text(arena *a, int64_t lo, int64_t hi, bool by_element)
{
    const char *what = by_element ? "element" : "row";
    return lo == hi
               ? arena_printf(a, "%s %lld", what, (long long)lo)
               : arena_printf(a, "%ss %lld-%lld", what, (long long)lo, (long long)hi);
}

static void add_rows(buf *out, const explanation *e)
{
    arena *a = out->arena;
    for (size_t i = 0; i < e->rows.n; i++) {
        const explain_rows *r = &e->rows.at[i];
        const char *other = e->is_target ? r->source : r->target;
        const int64_t lo[2] = {e->is_target ? r->target_lo : r->source_lo,
                               e->is_target ? r->source_lo : r->target_lo};
        const int64_t hi[2] = {e->is_target ? r->target_hi : r->source_hi,
                               e->is_target ? r->source_hi : r->target_hi};
        const char *arrow = e->is_target ? "<-" : "->";
        if (r->is_box) {
            buf_printf(out, "  from element %lld %s %s from element %lld, %s\n",
                       (long long)lo[0], arrow, other, (long long)lo[1], r->box);
        } else {
            buf_printf(out, "  %s %s %s %s\n",
                       range_text(a, lo[0], hi[0], e->by_element), arrow, other,
                       range_text(a, lo[1], hi[1], e->by_element));
        }
    }
    if (e->n_rows > e->rows.n) {
        buf_printf(out, "  and %zu more\n", e->n_rows - e->rows.n);
    }
}

static void add_rule(buf *out, const explanation *e)
{
    buf_printf(out, "\nrule %s of %s (%s)\n", e->rule, e->m->name,
               show_place(out->arena, e->rule_at));
    for (const char *line = e->rule_text; line != NULL && *line != '\0';) {
        const size_t n = strcspn(line, "\n");
        buf_printf(out, "  | %.*s\n", (int)n, line);
        line += n + (line[n] != '\0');
    }
    buf_add(out, "\nin numbers\n");
    for (size_t i = 0; i < e->tensors.n; i++) {
        const explain_tensor *t = &e->tensors.at[i];
        buf_printf(out, "  %-10s %s\n             %s = %s\n", t->layout, t->name,
                   t->dims, t->numbers);
    }
    for (size_t i = 0; i < e->axes.n; i++) {
        buf_printf(out, "%s  %s\n", i == 0 ? "\naxes\n" : "", e->axes.at[i]);
    }
}

void explanation_text(buf *out, const explanation *e)
{
    buf_printf(out, "%s\n  %s in the %s\n", e->name, e->head,
               e->is_target ? "target" : "source");
    if (e->fate != NULL) {
        buf_printf(out, "  %s\n", e->fate);
    }
    if (e->rule != NULL) {
        add_rule(out, e);
    }
    if (e->rows.n > 0) {
        buf_printf(out, "\n%s\n", e->by_element ? "elements" : "rows");
        add_rows(out, e);
    }
}

static value *range_value(arena *a, int64_t lo, int64_t hi)
{
    value *list = value_list(a);
    vec_push(a, &list->items, value_int(a, lo));
    vec_push(a, &list->items, value_int(a, hi));
    return list;
}

static value *rows_value(arena *a, const explanation *e)
{
    value *list = value_list(a);
    for (size_t i = 0; i < e->rows.n; i++) {
        const explain_rows *r = &e->rows.at[i];
        value *v = value_record(a);
        put_text(a, v, "target", r->target);
        put_text(a, v, "source", r->source);
        if (r->is_box) {
            value_set(a, v, "target_element", value_int(a, r->target_lo));
            value_set(a, v, "source_element", value_int(a, r->source_lo));
            put_text(a, v, "box", r->box);
        } else {
            value_set(a, v, "target_rows", range_value(a, r->target_lo, r->target_hi));
            value_set(a, v, "source_rows", range_value(a, r->source_lo, r->source_hi));
        }
        vec_push(a, &list->items, v);
    }
    return list;
}

value *explanation_value(arena *a, const explanation *e)
{
    value *v = value_record(a), *tensors = value_list(a);
    put_text(a, v, "name", e->name);
    put_text(a, v, "side", e->is_target ? "target" : "source");
    put_text(a, v, "head", e->head);
    put_text(a, v, "fate", e->fate);
    put_text(a, v, "rule", e->rule);
    put_place(a, v, e->rule_at);
    put_text(a, v, "text", e->rule_text);
    for (size_t i = 0; i < e->tensors.n; i++) {
        const explain_tensor *t = &e->tensors.at[i];
        value *one = value_record(a);
        put_text(a, one, "layout", t->layout);
        put_text(a, one, "name", t->name);
        put_text(a, one, "dims", t->dims);
        put_text(a, one, "numbers", t->numbers);
        vec_push(a, &tensors->items, one);
    }
    value_set(a, v, "equation", tensors);
    put_texts(a, v, "axes", e->axes.at, e->axes.n);
    value_set(a, v, "rows", rows_value(a, e));
    put_count(a, v, "n_rows", e->n_rows);
    return v;
}
