/* plan/own_sizes.c -- axes of rules with {m...}: sizes by the shapes of each match. */
#include "config/learned.h"
#include "plan/apply.h"

/* A copy of all that solving may change. */
static values *view_without(context *cx, const values *v, const map_rule *rule)
{
    const mapping *m = v->m;
    values *own = values_view(cx, v);
    own->size = NEW_N(cx->arena, int64_t, m->axes.n + 1);
    own->size_from = NEW_N(cx->arena, const char *, m->axes.n + 1);
    own->fact = NEW_N(cx->arena, const value *, m->values.n + 1);
    own->learned->fact_absent = NEW_N(cx->arena, bool, m->values.n + 1);
    for (uint32_t i = 0; i < m->axes.n; i++) {
        const bool is_own = axis_is_own(m, rule, i);
        own->size[i] = is_own ? SIZE_UNKNOWN : v->size[i];
        own->size_from[i] = is_own ? NULL : v->size_from[i];
    }
    for (size_t i = 0; i < m->values.n; i++) {
        own->fact[i] = v->fact[i];
        own->learned->fact_absent[i] = v->learned->fact_absent[i];
    }
    return own;
}

bool own_sizes(applier *ap, const instance *x)
{
    context cx = {ap->scratch, ap->cx->diags};
    bool *part_on;
    if (ap->in->names_only || !rule_has_own_axes(ap->m, x->rule)) {
        return true;
    }
    if (instance_parts(&cx, ap->v, x, &part_on) != RT_OK) {
        ap->worst = RT_MISMATCH;
        return false;
    }
    values *own = view_without(&cx, ap->v, x->rule);
    for (size_t i = 0; i < x->n_from * x->n_combinations; i++) {
        const plan_tensor *t = &ap->in->tensors.at[x->found[i]];
        values_learn(&cx, own, &x->from[i / x->n_combinations], t->name, t->shape,
                     t->rank, part_on);
    }
    if (values_solve(&cx, own) != RT_OK) {
        ap->worst = RT_MISMATCH;
        return false;
    }
    ap->v = own;
    return true;
}
