/* The plan as text: columns as wide as their contents. */
#include <string.h>

#include "audit/plan_lines.h"
#include "audit/show.h"

typedef struct widths {
    int name, shape;
} widths;

static const char *shape_text(arena *a, const plan_tensor *t)
{
    return arena_printf(a, "%s %s", show_dtype(a, t->dt),
                        show_shape(a, t->shape, t->rank));
}

static void add_sources(buf *out, const plan *p, const plan_line *l)
{
    if (l->t->alias_of >= 0) {
        buf_printf(out, "= %s", p->tensors.at[l->t->alias_of].name);
        return;
    }
    const piece_list *pieces = &l->t->pieces;
    if (l->sources.n == 0 && pieces->n > 0) {
        buf_printf(out, "= %g", pieces->at[0].fill);
        return;
    }
    for (size_t i = 0; i < l->sources.n; i++) {
        buf_printf(out, "%s%s", i == 0 ? "<- " : ", ",
                   p->sources.at[l->sources.at[i]].t->name);
    }
    if (l->from != DT_UNKNOWN && l->from != l->t->dt) {
        buf_printf(out, " (%s)", show_dtype(out->arena, l->from));
    }
}

static void add_line(buf *out, const plan *p, const plan_tensor *t, widths w)
{
    const plan_line l = plan_line_of(out->arena, p, t);
    buf_printf(out, "  %-7s %-*s  %-*s  ", l.op, w.name, t->name, w.shape,
               shape_text(out->arena, t));
    add_sources(out, p, &l);
    const char *place = show_place(out->arena, t->rule_at);
    if (t->rule != NULL) {
        buf_printf(out, "  (%s%s%s)", t->rule, place[0] == '\0' ? "" : ", ", place);
    }
    buf_add(out, "\n");
}

static void add_drops(buf *out, const job *j)
{
    for (size_t s = 0; s < j->steps.n; s++) {
        const account *acc = j->steps.at[s].acc;
        for (size_t i = 0; acc != NULL && i < acc->drops.n; i++) {
            const account_drop *d = &acc->drops.at[i];
            buf_printf(out, "  %-7s %s  because \"%s\"  (%s)\n",
                       d->keep ? "keep" : "drop", d->name, d->because,
                       show_place(out->arena, d->at));
        }
    }
}

void plan_text(buf *out, const job *j, uint64_t memory_bytes)
{
    arena *a = out->arena;
    const plan_totals s = plan_totals_of(a, j);
    widths w = {0, 0};
    for (size_t i = 0; i < j->plan.tensors.n; i++) {
        const plan_tensor *t = &j->plan.tensors.at[i];
        const int n = (int)strlen(t->name), k = (int)strlen(shape_text(a, t));
        w.name = n > w.name ? n : w.name;
        w.shape = k > w.shape ? k : w.shape;
    }
    buf_printf(out, "plan v1  %s  %s from %s in %s, %s in, %s out, buffers %s, %s\n",
               job_path_text(a, j), show_count(a, s.n_tensors, "tensor"),
               show_count(a, s.n_sources, "tensor"), show_count(a, s.n_files, "file"),
               show_bytes(a, s.n_bytes_in), show_bytes(a, s.n_bytes_out),
               show_bytes(a, memory_bytes), plan_class_text(&s));
    for (size_t i = 0; i < j->plan.tensors.n; i++) {
        add_line(out, &j->plan, &j->plan.tensors.at[i], w);
    }
    add_drops(out, j);
    const plan_condition_list conditions = plan_conditions(a, j);
    for (size_t i = 0; i < conditions.n; i++) {
        const plan_condition *c = &conditions.at[i];
        buf_printf(out,
                   "  if      %s\n            then %s\n            else %s  (%s)\n",
                   c->when, c->then, c->otherwise, show_place(a, c->at));
    }
}
