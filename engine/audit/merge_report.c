/* The numbers of a merge: a table for people, a list for programs, warnings. */
#include <math.h>
#include <string.h>

#include "audit/report.h"
#include "audit/show.h"

/* ---- the table of a merge -----------------------------------------------------------
 */

typedef struct merge_numbers {
    double relative; /* |delta| / |W| */
    double gain;     /* part of the update that survives the rounding */
    double changed;  /* part of the elements */
} merge_numbers;

static merge_numbers numbers_of(const plan_tensor *t, const exec_stats *s)
{
    merge_numbers n = {0, 0, 0};
    n.relative = s->base_sq > 0 ? sqrt(s->delta_sq / s->base_sq) : 0;
    n.gain = s->delta_sq > 0 ? s->kept_dot / s->delta_sq : 0;
    n.changed = t->n_elems > 0 ? (double)s->n_changed / (double)t->n_elems : 0;
    return n;
}

static const char *rank_text(arena *a, const job *j, size_t i)
{
    return j->spectra != NULL && j->spectra[i].is_known
               ? arena_printf(a, "%.2f", j->spectra[i].effective_rank)
               : "-";
}

void merge_text(buf *out, const job *j, const exec_stats *stats)
{
    int w = 6;
    for (size_t i = 0; i < j->merged.n; i++) {
        const int n = (int)strlen(j->merged.at[i].target);
        w = n > w ? n : w;
    }
    buf_printf(
        out,
        "%-*s  rank  scale     |delta|/|W|  gain    changed  effective rank  largest\n",
        w, "target");
    for (size_t i = 0; i < j->merged.n; i++) {
        const job_merge_line *l = &j->merged.at[i];
        buf_printf(out, "%-*s  %4u  %-8.4g", w, l->target, l->rank, l->scale);
        if (stats != NULL && l->tensor < j->plan.tensors.n) {
            const merge_numbers n =
                numbers_of(&j->plan.tensors.at[l->tensor], &stats[l->tensor]);
            buf_printf(out, "  %-11.4g  %-6.4f  %5.1f %%  %-14s  %.4g", n.relative,
                       n.gain, 100 * n.changed, rank_text(out->arena, j, i),
                       stats[l->tensor].max_change);
        }
        buf_add(out, "\n");
    }
    const char *most = NULL; /* the first; what is replaced has no scale */
    for (size_t i = 0; i < j->merged.n; i++) {
        const char *from = j->merged.at[i].scale_from;
        if (from != NULL && (most == NULL || strcmp(from, most) != 0)) {
            buf_printf(out, "scale of %s%s: %s\n", j->merged.at[i].target,
                       most == NULL ? " and others" : "", from);
        }
        most = most != NULL ? most : from;
    }
}

value *merge_value(arena *a, const job *j, const exec_stats *stats)
{
    value *list = value_list(a);
    for (size_t i = 0; i < j->merged.n; i++) {
        const job_merge_line *l = &j->merged.at[i];
        value *v = value_record(a);
        put_text(a, v, "target", l->target);
        put_text(a, v, "rule", l->rule);
        put_text(a, v, "adapter", j->adapters.at[l->adapter]->dir);
        put_texts(a, v, "factors", l->factors, l->n_factors);
        put_count(a, v, "rank", l->rank);
        put_float(a, v, "scale", l->scale);
        put_text(a, v, "scale_from", l->scale_from);
        if (j->spectra != NULL && j->spectra[i].is_known) {
            const spectrum *of = &j->spectra[i];
            put_float(a, v, "largest_singular", of->largest);
            put_float(a, v, "effective_rank", of->effective_rank);
            put_float(a, v, "stable_rank", of->stable_rank);
        }
        if (stats != NULL && l->tensor < j->plan.tensors.n) {
            const exec_stats *s = &stats[l->tensor];
            const merge_numbers n = numbers_of(&j->plan.tensors.at[l->tensor], s);
            put_float(a, v, "relative", n.relative);
            put_float(a, v, "gain", n.gain);
            put_float(a, v, "max_change", s->max_change);
            put_float(a, v, "changed", n.changed);
            put_count(a, v, "n_changed", s->n_changed);
            put_count(a, v, "n_nonfinite", s->n_nonfinite);
        }
        vec_push(a, &list->items, v);
    }
    return list;
}

/* ---- what the numbers show ------------------------------------------------------- */

enum { MAX_NAMES = 8 };
#define LEAST_GAIN 0.9

static void warn_of_lost(context *cx, const job *j, const exec_stats *stats)
{
    VEC(const char *) lines = {0};
    double worst = LEAST_GAIN;
    dtype dt = DT_UNKNOWN;
    size_t n = 0;
    for (size_t i = 0; i < j->merged.n; i++) {
        const size_t at = j->merged.at[i].tensor;
        if (at >= j->plan.tensors.n || !(stats[at].delta_sq > 0)) {
            continue;
        }
        const plan_tensor *t = &j->plan.tensors.at[at];
        const merge_numbers of = numbers_of(t, &stats[at]);
        if (of.gain < LEAST_GAIN) {
            worst = of.gain < worst ? of.gain : worst;
            dt = t->dt;
            n++;
            vec_push(
                cx->arena, &lines,
                arena_printf(cx->arena, "%s keeps %.0f %%", t->name, 100 * of.gain));
        }
    }
    if (n == 0) {
        return;
    }
    diag *dg = diag_report(cx->diags, SEV_WARNING, "update-lost", NOWHERE,
                           "rounding to %s loses part of the update of %zu of %zu "
                           "tensors: down to %.0f %% is kept",
                           dtype_st_name(dt), n, j->merged.n, 100 * worst);
    for (size_t i = 0; i < lines.n && i < MAX_NAMES; i++) {
        diag_note(dg, "%s", lines.at[i]);
    }
    diag_help(dg, "--dtype float32 keeps it all; --round stochastic keeps it on "
                  "average");
}

static void warn_of_nonfinite(context *cx, const job *j, const exec_stats *stats)
{
    VEC(const char *) names = {0};
    uint64_t n = 0;
    for (size_t i = 0; i < j->merged.n; i++) {
        const size_t at = j->merged.at[i].tensor;
        if (at < j->plan.tensors.n && stats[at].n_nonfinite > 0) {
            n += stats[at].n_nonfinite;
            vec_push(cx->arena, &names, j->plan.tensors.at[at].name);
        }
    }
    if (n == 0) {
        return;
    }
    diag *dg = diag_report(cx->diags, SEV_WARNING, "not-finite", NOWHERE,
                           "%llu merged elements are NaN or infinite, in %zu tensor%s",
                           (unsigned long long)n, names.n, names.n == 1 ? "" : "s");
    for (size_t i = 0; i < names.n && i < MAX_NAMES; i++) {
        diag_note(dg, "%s", names.at[i]);
    }
    diag_help(dg,
              "the adapter's numbers are finite: the base has them, or a sum is too "
              "large for the type that is written");
}

void merge_warn(context *cx, const job *j, const exec_stats *stats)
{
    if (stats != NULL) {
        warn_of_lost(cx, j, stats);
        warn_of_nonfinite(cx, j, stats);
    }
}
