/* What a conversion or a merge did. */
#include <string.h>

#include "audit/report.h"
#include "audit/show.h"
#include "base/file.h"

/* ---- the run ----------------------------------------------------------------------
 */

static void add_counts(buf *out, const report *r)
{
    size_t n_dropped = 0, n_kept = 0;
    for (size_t i = 0; i < r->drops.n; i++) {
        *(r->drops.at[i].keep ? &n_kept : &n_dropped) += r->drops.at[i].names.n;
    }
    if (n_dropped > 0) {
        buf_printf(out, ", %zu dropped", n_dropped);
    }
    if (n_kept > 0) {
        buf_printf(out, ", %zu kept aside", n_kept);
    }
    if (r->made.n > 0) {
        buf_printf(out, ", %zu made", r->made.n);
    }
}

static void add_ties(buf *out, const job *j)
{
    for (size_t s = 0; s < j->steps.n; s++) {
        const account *acc = j->steps.at[s].acc;
        for (size_t i = 0; acc != NULL && i < acc->ties.n; i++) {
            const account_tie *t = &acc->ties.at[i];
            if (t->made_from_other) {
                buf_printf(out, "  %s was made from %s, to which it is tied\n", t->name,
                           t->to_name);
            } else if (j->decided && t->leave_out) {
                buf_printf(out, "  %s equals %s and is tied to it\n", t->name,
                           t->to_name);
            }
        }
    }
}

/* Several adapters may change one tensor. */
static size_t count_targets(arena *a, const job *j)
{
    strmap *seen = strmap_new(a);
    size_t n = 0;
    for (size_t i = 0; i < j->merged.n; i++) {
        n += strmap_add(seen, j->merged.at[i].target, i);
    }
    return n;
}

void summary_text(buf *out, const job *j, const run_result *done)
{
    arena *a = out->arena;
    const report r = report_of(a, j);
    for (size_t i = 0; i < j->notes.n; i++) {
        buf_printf(out, "note: %s\n", j->notes.at[i]);
    }
    if (j->because != NULL) {
        buf_printf(out, "%s\n", j->because);
    }
    buf_printf(out, "%s: %s -> %s (%s)\n", job_path_text(a, j), j->src->weights,
               done->dir, plan_class_text(&r.totals));
    buf_printf(out, "  %s, %s", show_count(a, j->plan.tensors.n, "tensor"),
               show_bytes(a, r.totals.n_bytes_out));
    add_counts(out, &r);
    for (size_t i = 0; i < done->files.n && i < 3; i++) {
        buf_printf(out, "%s%s", i == 0 ? " in " : ", ", done->files.at[i]);
    }
    buf_add(out, done->files.n > 3 ? ", ...\n" : "\n");
    add_ties(out, j);
    for (size_t s = 0; s < j->steps.n; s++) {
        const config_result *c = j->steps.at[s].config;
        for (size_t i = 0; c != NULL && i < c->lossy.n; i++) {
            buf_printf(out, "  lossy in the config: %s\n", c->lossy.at[i]);
        }
    }
    if (j->merged.n > 0) {
        buf_printf(out, "  %s of the base changed by the adapter%s\n",
                   show_count(a, count_targets(a, j), "tensor"),
                   j->adapters.n > 1 ? "s" : "");
    }
}

value *summary_value(arena *a, const job *j, const run_result *done)
{
    const report r = report_of(a, j);
    value *v = report_value(a, &r);
    put_text(a, v, "dir", done->dir);
    put_texts(a, v, "files", done->files.at, done->files.n);
    put_count(a, v, "n_tensors_out", j->plan.tensors.n);
    put_count(a, v, "n_bytes_out", r.totals.n_bytes_out);
    put_text(a, v, "class", exactness_name(r.totals.class_of));
    put_bool(a, v, "side_car", r.totals.side_car);
    if (j->merged.n > 0) {
        value_set(a, v, "merged", merge_value(a, j, done->stats));
    }
    return v;
}
