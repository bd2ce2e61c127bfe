/* diag/diag_json.c -- diagnostics for programs: one JSON object a line.
 *
 *     {"severity": "error", "slug": "target-overlap", "message": "...",
 *      "path": "rules/llama.rules", "line": 12, "column": 10, "end_line": 12,
 *      "end_column": 31, "labels": [{"message": "...", "path": ...}],
 *      "notes": ["..."], "help": ["..."]}
 *
 * The place is left out when there is none.  Lines and columns count from 1, columns in
 * characters; the end is behind the last character.
 */
#include "base/json.h"
#include "diag/diag_record.h"

static void set_number(arena *a, value *to, const char *key, unsigned n)
{
    value_set(a, to, key, value_int(a, (int64_t)n));
}

static void set_place(arena *a, value *to, where at)
{
    if (at.src == NULL) {
        return;
    }
    unsigned line, column;
    value_set(a, to, "path", value_string(a, at.src->path));
    source_line_column(at.src, at.lo, &line, &column);
    set_number(a, to, "line", line);
    set_number(a, to, "column", column);
    source_line_column(at.src, at.hi > at.lo ? at.hi : at.lo, &line, &column);
    set_number(a, to, "end_line", line);
    set_number(a, to, "end_column", column);
}

static value *texts_value(arena *a, const char *const *texts, size_t n)
{
    value *list = value_list(a);
    for (size_t i = 0; i < n; i++) {
        vec_push(a, &list->items, value_string(a, texts[i]));
    }
    return list;
}

static value *diag_value(arena *a, const diag *dg)
{
    value *v = value_record(a);
    value_set(a, v, "severity", value_string(a, severity_name(dg->sev)));
    value_set(a, v, "slug", value_string(a, dg->slug));
    value_set(a, v, "message", value_string(a, dg->message));
    set_place(a, v, dg->at);
    value *labels = value_list(a);
    for (size_t i = 0; i < dg->labels.n; i++) {
        value *label = value_record(a);
        value_set(a, label, "message", value_string(a, dg->labels.at[i].text));
        set_place(a, label, dg->labels.at[i].at);
        vec_push(a, &labels->items, label);
    }
    value_set(a, v, "labels", labels);
    value_set(a, v, "notes", texts_value(a, dg->notes.at, dg->notes.n));
    value_set(a, v, "help", texts_value(a, dg->helps.at, dg->helps.n));
    return v;
}

void diags_print_json(const diags *d, FILE *to)
{
    arena *a = arena_new();
    const diag *const *sorted = diags_sorted(a, d);
    buf out = {.arena = a};
    for (size_t i = 0; i < d->all.n; i++) {
        json_print_compact(&out, diag_value(a, sorted[i]));
        buf_add(&out, "\n");
    }
    (void)fwrite(buf_str(&out), 1, out.n, to);
    arena_free(a);
}
