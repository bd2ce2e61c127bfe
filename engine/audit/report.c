/* Collecting the account of a job. */
#include "audit/report.h"

#include <string.h>

#include "audit/show.h"

static void count_rules(arena *a, report *r)
{
    strmap *index = strmap_new(a);
    const plan *p = &r->j->plan;
    for (size_t i = 0; i < p->tensors.n; i++) {
        const plan_tensor *t = &p->tensors.at[i];
        const char *name = t->rule != NULL ? t->rule : "as it is";
        uint64_t k;
        if (!strmap_get(index, name, &k)) {
            k = r->rules.n;
            (void)strmap_add(index, name, k);
            vec_push(
                a, &r->rules,
                ((report_rule){.name = name, .at = t->rule_at, .class_of = EXACT}));
        }
        report_rule *line = &r->rules.at[k];
        line->n_tensors++;
        line->n_bytes += plan_tensor_bytes(t);
        line->class_of = t->class_of > line->class_of ? t->class_of : line->class_of;
    }
}

static void add_drop(arena *a, report *r, const account_drop *d)
{
    for (size_t i = 0; i < r->drops.n; i++) {
        if (r->drops.at[i].keep == d->keep &&
            strcmp(r->drops.at[i].because, d->because) == 0) {
            vec_push(a, &r->drops.at[i].names, d->name);
            return;
        }
    }
    report_drop line = {.because = d->because, .keep = d->keep, .at = d->at};
    vec_push(a, &line.names, d->name);
    vec_push(a, &r->drops, line);
}

static void add_step(arena *a, report *r, const job_step *st)
{
    const account *acc = st->acc;
    r->n_lossy += st->config != NULL ? st->config->lossy.n : 0;
    if (acc == NULL) {
        return;
    }
    r->n_ties += acc->ties.n;
    for (size_t i = 0; i < acc->drops.n; i++) {
        add_drop(a, r, &acc->drops.at[i]);
    }
    for (size_t i = 0; i < acc->made.n; i++) {
        vec_push(a, &r->made, acc->made.at[i]);
    }
    for (size_t i = 0; i < acc->unmapped.n; i++) {
        vec_push(a, &r->unmapped, acc->unmapped.at[i]);
    }
    for (size_t i = 0; i < acc->missing.n; i++) {
        vec_push(a, &r->missing, acc->missing.at[i].name);
    }
}

report report_of(arena *a, const job *j)
{
    report r = {.j = j, .totals = plan_totals_of(a, j)};
    for (size_t i = 0; i < j->src->inv->tensors.n; i++) {
        r.n_bytes_read += j->src->inv->tensors.at[i].n_bytes;
    }
    count_rules(a, &r);
    for (size_t s = 0; s < j->steps.n; s++) {
        add_step(a, &r, &j->steps.at[s]);
    }
    return r;
}
