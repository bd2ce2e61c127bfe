/* The account of a job for programs. */
#include "audit/report.h"
#include "audit/show.h"
#include "config/fields.h"

static value *axes_value(arena *a, const job_step *st)
{
    value *list = value_list(a);
    for (size_t i = 0; i < st->m->axes.n; i++) {
        value *v = value_record(a);
        put_text(a, v, "name", st->m->axes.at[i].name);
        if (st->v->size[i] == SIZE_UNKNOWN) {
            put_text(a, v, "size", NULL);
        } else {
            value_set(a, v, "size", value_int(a, st->v->size[i]));
        }
        put_text(a, v, "from", st->v->size_from[i]);
        vec_push(a, &list->items, v);
    }
    return list;
}

static value *fields_value(arena *a, const config_result *c)
{
    static const char *const sources[] = {"set", "equation", "row", "carried",
                                          "default"};
    value *list = value_list(a);
    for (size_t i = 0; c != NULL && i < c->fields.n; i++) {
        const field_report *f = &c->fields.at[i];
        value *v = value_record(a);
        put_text(a, v, "field", f->field);
        put_text(a, v, "from", sources[f->from]);
        put_text(a, v, "class", exactness_name(f->class_of));
        put_text(a, v, "text", f->text);
        value_set(a, v, "value", value_copy(a, record_at(c->record, f->field)));
        vec_push(a, &list->items, v);
    }
    return list;
}

static value *step_value(arena *a, const job_step *st)
{
    value *v = value_record(a);
    put_text(a, v, "rules", st->m->name);
    put_text(a, v, "from", st->m->layout[st->from]);
    put_text(a, v, "to", st->m->layout[1 - st->from]);
    value_set(a, v, "axes", axes_value(a, st));
    value_set(a, v, "config", fields_value(a, st->config));
    if (st->config != NULL) {
        put_texts(a, v, "lossy", st->config->lossy.at, st->config->lossy.n);
    }
    return v;
}

static value *rules_value(arena *a, const report *r)
{
    value *list = value_list(a);
    for (size_t i = 0; i < r->rules.n; i++) {
        const report_rule *l = &r->rules.at[i];
        value *v = value_record(a);
        put_text(a, v, "rule", l->name);
        put_count(a, v, "n_tensors", l->n_tensors);
        put_count(a, v, "n_bytes", l->n_bytes);
        put_text(a, v, "class", exactness_name(l->class_of));
        put_place(a, v, l->at);
        vec_push(a, &list->items, v);
    }
    return list;
}

static value *drops_value(arena *a, const report *r)
{
    value *list = value_list(a);
    for (size_t i = 0; i < r->drops.n; i++) {
        const report_drop *d = &r->drops.at[i];
        value *v = value_record(a);
        put_text(a, v, "because", d->because);
        put_bool(a, v, "kept", d->keep);
        put_texts(a, v, "names", d->names.at, d->names.n);
        put_place(a, v, d->at);
        vec_push(a, &list->items, v);
    }
    return list;
}

static value *conditions_value(arena *a, const job *j)
{
    value *list = value_list(a);
    const plan_condition_list all = plan_conditions(a, j);
    for (size_t i = 0; i < all.n; i++) {
        value *v = value_record(a);
        put_text(a, v, "if", all.at[i].when);
        put_text(a, v, "then", all.at[i].then);
        put_text(a, v, "else", all.at[i].otherwise);
        vec_push(a, &list->items, v);
    }
    return list;
}

value *report_value(arena *a, const report *r)
{
    const job *j = r->j;
    value *v = value_record(a), *steps = value_list(a), *classes = value_record(a);
    put_bool(a, v, "ok", j->status == RT_OK);
    put_text(a, v, "source", j->src->weights);
    put_text(a, v, "from", j->from);
    put_text(a, v, "to", j->to);
    put_text(a, v, "because", j->because);
    put_text(a, v, "named_model", j->row_name);
    put_count(a, v, "n_tensors", j->src->inv->tensors.n);
    put_count(a, v, "n_bytes", r->n_bytes_read);
    put_texts(a, v, "notes", j->notes.at, j->notes.n);
    for (size_t s = 0; s < j->steps.n; s++) {
        vec_push(a, &steps->items, step_value(a, &j->steps.at[s]));
    }
    value_set(a, v, "steps", steps);
    value_set(a, v, "rules", rules_value(a, r));
    value_set(a, v, "dropped", drops_value(a, r));
    put_texts(a, v, "made", r->made.at, r->made.n);
    put_texts(a, v, "unmapped", r->unmapped.at, r->unmapped.n);
    put_texts(a, v, "missing", r->missing.at, r->missing.n);
    value_set(a, v, "conditions", conditions_value(a, j));
    for (unsigned c = EXACT; c <= LOSSY; c++) {
        put_count(a, classes, exactness_name((exactness)c), r->totals.n_of_class[c]);
    }
    value_set(a, v, "exactness", classes);
    return v;
}
