/* The plan for programs. */
#include "audit/plan_lines.h"
#include "audit/show.h"

static value *line_value(arena *a, const plan *p, const plan_tensor *t)
{
    const plan_line l = plan_line_of(a, p, t);
    value *v = value_record(a);
    put_text(a, v, "op", l.op);
    put_text(a, v, "name", t->name);
    put_text(a, v, "dtype", t->dt < DT_COUNT ? dtype_st_name(t->dt) : NULL);
    put_shape(a, v, "shape", t->shape, t->rank);
    value *sources = value_list(a);
    for (size_t i = 0; i < l.sources.n; i++) {
        vec_push(a, &sources->items,
                 value_string(a, p->sources.at[l.sources.at[i]].t->name));
    }
    value_set(a, v, "sources", sources);
    if (t->alias_of >= 0) {
        put_text(a, v, "tied_to", p->tensors.at[t->alias_of].name);
    }
    put_text(a, v, "class", exactness_name(t->class_of));
    put_text(a, v, "rule", t->rule);
    put_place(a, v, t->rule_at);
    return v;
}

static value *drops_value(arena *a, const job *j)
{
    value *list = value_list(a);
    for (size_t s = 0; s < j->steps.n; s++) {
        const account *acc = j->steps.at[s].acc;
        for (size_t i = 0; acc != NULL && i < acc->drops.n; i++) {
            const account_drop *d = &acc->drops.at[i];
            value *v = value_record(a);
            put_text(a, v, "name", d->name);
            put_text(a, v, "because", d->because);
            put_bool(a, v, "kept", d->keep);
            put_place(a, v, d->at);
            vec_push(a, &list->items, v);
        }
    }
    return list;
}

static value *conditions_value(arena *a, const job *j)
{
    value *list = value_list(a);
    const plan_condition_list conditions = plan_conditions(a, j);
    for (size_t i = 0; i < conditions.n; i++) {
        const plan_condition *c = &conditions.at[i];
        value *v = value_record(a);
        put_text(a, v, "if", c->when);
        put_text(a, v, "then", c->then);
        put_text(a, v, "else", c->otherwise);
        put_place(a, v, c->at);
        vec_push(a, &list->items, v);
    }
    return list;
}

value *plan_value(arena *a, const job *j, uint64_t memory_bytes)
{
    const plan_totals s = plan_totals_of(a, j);
    value *v = value_record(a), *lines = value_list(a);
    put_count(a, v, "version", 1);
    put_text(a, v, "from", j->from);
    put_text(a, v, "to", j->to);
    put_text(a, v, "rules", job_path_text(a, j));
    put_count(a, v, "n_tensors", s.n_tensors);
    put_count(a, v, "n_sources", s.n_sources);
    put_count(a, v, "n_files_in", s.n_files);
    put_count(a, v, "n_bytes_in", s.n_bytes_in);
    put_count(a, v, "n_bytes_out", s.n_bytes_out);
    put_count(a, v, "memory_bytes", memory_bytes);
    put_text(a, v, "class", exactness_name(s.class_of));
    put_bool(a, v, "side_car", s.side_car);
    for (size_t i = 0; i < j->plan.tensors.n; i++) {
        vec_push(a, &lines->items, line_value(a, &j->plan, &j->plan.tensors.at[i]));
    }
    value_set(a, v, "tensors", lines);
    value_set(a, v, "dropped", drops_value(a, j));
    value_set(a, v, "conditions", conditions_value(a, j));
    return v;
}
