/* job/survey.c -- the adapter's numbers, looked through before anything is written: it
 * is small, and what is wrong with it would be in every tensor that it changes. */
#include "base/near.h"
#include "exec/cast.h"
#include "job/build.h"

typedef struct adapter_numbers {
    VEC(const char *) bad; /* tensors that hold NaN or Inf */
    uint64_t n_bad;        /* such elements */
    strmap *is_zero;       /* tensors that are zero all over, by zero_key */
} adapter_numbers;

/* Several adapters have tensors of one name. */
static const char *zero_key(context *cx, size_t adapter, const char *name)
{
    return arena_printf(cx->arena, "%zu %s", adapter, name);
}

static size_t adapter_of(const job *j, const inventory *inv)
{
    size_t i = 0;
    while (i + 1 < j->adapters.n && j->adapters.at[i]->inv != inv) {
        i++;
    }
    return i;
}

static rt_status survey(context *cx, const job *j, adapter_numbers *a)
{
    a->is_zero = strmap_new(cx->arena);
    for (size_t i = 0; i < j->plan.sources.n; i++) {
        const plan_source *s = &j->plan.sources.at[i];
        exec_survey found;
        if (!s->of_adapter || !cast_can_read(s->t->dt)) {
            continue;
        }
        TRY(exec_survey_source(cx, s, &found));
        if (found.n_nonfinite > 0) {
            vec_push(cx->arena, &a->bad, s->t->name);
            a->n_bad += found.n_nonfinite;
        }
        if (found.n_nonzero == 0) {
            const char *key = zero_key(cx, adapter_of(j, s->inv), s->t->name);
            strmap_add(a->is_zero, key, i);
        }
    }
    return RT_OK;
}

static rt_status refuse_bad(context *cx, const adapter_numbers *a)
{
    diag *dg =
        diag_report(cx->diags, SEV_ERROR, "adapter-not-finite", NOWHERE,
                    "%llu numbers of the adapter are NaN or infinite, in %zu "
                    "tensor%s",
                    (unsigned long long)a->n_bad, a->bad.n, a->bad.n == 1 ? "" : "s");
    note_folded(cx, dg, a->bad.at, a->bad.n, 20);
    diag_help(dg,
              "the training diverged, or the file is damaged: take an earlier step");
    return RT_MISMATCH;
}

static bool is_idle(context *cx, const adapter_numbers *a, const job_merge_line *line)
{
    bool idle = line->n_factors > 1 && !(line->scale < 0 || line->scale > 0);
    uint64_t at;
    for (size_t f = 0; line->n_factors > 1 && f < 2; f++) {
        idle = idle || strmap_get(a->is_zero,
                                  zero_key(cx, line->adapter, line->factors[f]), &at);
    }
    return idle;
}

static void warn_idle(context *cx, const job *j, const adapter_numbers *a, size_t k)
{
    size_t n_terms = 0, n_idle = 0;
    for (size_t i = 0; i < j->merged.n; i++) {
        const job_merge_line *line = &j->merged.at[i];
        n_terms += line->adapter == k;
        n_idle += line->adapter == k && is_idle(cx, a, line);
    }
    if (n_terms > 0 && n_idle == n_terms) {
        diag *dg =
            diag_report(cx->diags, SEV_WARNING, "adapter-idle", NOWHERE,
                        "the adapter%s%s changes nothing: a factor or the scale of "
                        "every update is zero",
                        j->adapters.n > 1 ? " in " : "",
                        j->adapters.n > 1 ? j->adapters.at[k]->dir : "");
        diag_help(dg, "it was not trained, or this is the file of its first step");
    }
}

rt_status job_survey_adapter(context *cx, job *j)
{
    adapter_numbers a = {0};
    TRY(survey(cx, j, &a));
    if (a.bad.n > 0) {
        return refuse_bad(cx, &a);
    }
    for (size_t k = 0; k < j->adapters.n; k++) {
        warn_idle(cx, j, &a, k);
    }
    return RT_OK;
}
