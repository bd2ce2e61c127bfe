/* The account of a job for people: short tables, names folded into ranges. */
#include <string.h>

#include "audit/inspect.h"
#include "audit/report.h"
#include "audit/show.h"
#include "base/file.h"

enum { MAX_NAMES = 20 };

static void add_head(buf *out, const report *r)
{
    arena *a = out->arena;
    const job *j = r->j;
    const inventory *inv = j->src->inv;
    buf_printf(out, "source      %s (%s, %s, %s)\n", j->src->weights,
               inv->files.n == 0 ? "names" : format_name(inv->files.at[0].format),
               show_count(a, inv->tensors.n, "tensor"), show_bytes(a, r->n_bytes_read));
    buf_printf(out, "layout      %s\n", j->from);
    buf_printf(out, "rules       %s\n", job_path_text(a, j));
    if (j->because != NULL) {
        buf_printf(out, "because     %s\n", j->because);
    }
    if (j->row_name != NULL) {
        buf_printf(out, "named       %s\n", j->row_name);
    }
    const char *path =
        j->steps.n == 0 ? NULL : j->steps.at[0].v->config_path[j->steps.at[0].v->side];
    buf_printf(out, "config      %s\n",
               path != NULL ? path : "none: sizes come from shapes");
}

static void add_axes(buf *out, const job_step *st)
{
    const mapping *m = st->m;
    buf_printf(out, "\naxes of %s\n", m->name);
    for (size_t i = 0; i < m->axes.n; i++) {
        const char *from = st->v->size_from[i];
        if (st->v->size[i] == SIZE_UNKNOWN) {
            buf_printf(out, "  %-8s ?         %s\n", m->axes.at[i].name,
                       axis_varies(m, (uint32_t)i) ? "of each tensor its own"
                                                   : "not known");
        } else {
            buf_printf(out, "  %-8s %-9lld %s\n", m->axes.at[i].name,
                       (long long)st->v->size[i], from != NULL ? from : "");
        }
    }
}

static void add_rules(buf *out, const report *r)
{
    arena *a = out->arena;
    int w = 4;
    for (size_t i = 0; i < r->rules.n; i++) {
        const int n = (int)strlen(r->rules.at[i].name);
        w = n > w ? n : w;
    }
    buf_printf(out, "\n%-*s  tensors     bytes  class     where\n", w + 2, "rules");
    for (size_t i = 0; i < r->rules.n; i++) {
        const report_rule *l = &r->rules.at[i];
        buf_printf(out, "  %-*s  %7zu  %8s  %-8s  %s\n", w, l->name, l->n_tensors,
                   show_bytes(a, l->n_bytes), exactness_name(l->class_of),
                   show_place(a, l->at));
    }
}

static void add_drops(buf *out, const report *r)
{
    for (size_t i = 0; i < r->drops.n; i++) {
        const report_drop *d = &r->drops.at[i];
        buf_printf(out, "\n%s %zu: %s (%s)\n", d->keep ? "kept aside" : "dropped",
                   d->names.n, d->because, show_place(out->arena, d->at));
        show_names(out, "  ", d->names.at, d->names.n, MAX_NAMES);
    }
}

static void add_names(buf *out, const char *what, const char *const *names, size_t n)
{
    if (n > 0) {
        buf_printf(out, "\n%s %zu\n", what, n);
        show_names(out, "  ", names, n, MAX_NAMES);
    }
}

static void add_conditions(buf *out, const report *r)
{
    const plan_condition_list list = plan_conditions(out->arena, r->j);
    for (size_t i = 0; i < list.n; i++) {
        buf_printf(out, "%sif %s: %s; else %s (%s)\n",
                   i == 0 ? "\nconditions\n  " : "  ", list.at[i].when, list.at[i].then,
                   list.at[i].otherwise, show_place(out->arena, list.at[i].at));
    }
}

static const char *field_source_name(field_source s)
{
    static const char *const names[] = {"--set", "equation", "named model", "carried",
                                        "default"};
    return names[s];
}

static void add_config(buf *out, const job_step *st)
{
    const config_result *c = st->config;
    if (c == NULL) {
        return;
    }
    buf_printf(out, "\nconfig of %s\n", st->m->layout[1 - st->from]);
    for (size_t i = 0; i < c->fields.n; i++) {
        const field_report *f = &c->fields.at[i];
        if (f->from == FROM_CARRIED) {
            continue; /* as it was: nothing to account for */
        }
        buf_printf(out, "  %-28s %-12s %-9s %s\n", f->field, field_source_name(f->from),
                   exactness_name(f->class_of), f->text != NULL ? f->text : "");
    }
    for (size_t i = 0; i < c->lossy.n; i++) {
        buf_printf(out, "  lossy: %s\n", c->lossy.at[i]);
    }
}

static void add_exactness(buf *out, const report *r)
{
    buf_add(out, "\nexactness   ");
    bool first = true;
    for (unsigned c = EXACT; c <= LOSSY; c++) {
        if (r->totals.n_of_class[c] > 0) {
            buf_printf(out, "%s%s %s", first ? "" : ", ",
                       show_count(out->arena, r->totals.n_of_class[c], "tensor"),
                       exactness_name((exactness)c));
            first = false;
        }
    }
    buf_add(out, first ? "no tensors" : "");
    if (r->drops.n > 0) {
        buf_printf(out, "; with what is left out: %s", plan_class_text(&r->totals));
    }
    buf_add(out, "\n");
}

void report_text(buf *out, const report *r)
{
    const job *j = r->j;
    add_head(out, r);
    for (size_t i = 0; i < j->notes.n; i++) {
        buf_printf(out, "note        %s\n", j->notes.at[i]);
    }
    for (size_t s = 0; s < j->steps.n; s++) {
        add_axes(out, &j->steps.at[s]);
    }
    add_rules(out, r);
    add_drops(out, r);
    add_names(out, "made", r->made.at, r->made.n);
    add_names(out, "unmapped", r->unmapped.at, r->unmapped.n);
    add_names(out, "missing", r->missing.at, r->missing.n);
    add_conditions(out, r);
    for (size_t s = 0; s < j->steps.n; s++) {
        add_config(out, &j->steps.at[s]);
    }
    add_exactness(out, r);
    if (j->status == RT_OK) {
        buf_add(out,
                "answer      every name is accounted for and nothing contradicts\n");
    } else {
        buf_printf(out, "answer      no: %zu unmapped, %zu missing%s\n", r->unmapped.n,
                   r->missing.n,
                   r->unmapped.n + r->missing.n == 0 ? "; see the messages" : "");
    }
}
