/* plan/learn.c -- sizes that names and header shapes tell. */
#include "mapping/names.h"
#include "plan/claim.h"

/* The highest number of a capture in the names that a rule reads, and one more; 0: none
 * has it. */
static int64_t range_in_names(context *cx, const stage *in, const values *v,
                              const map_rule *rule, uint32_t k, const char **witness)
{
    int64_t n = 0;
    int64_t *numbers = NEW_N(cx->arena, int64_t, rule->captures.n + 1);
    const char **words = NEW_N(cx->arena, const char *, rule->captures.n + 1);
    for (size_t t = 0; t < rule->tensors[v->side].n; t++) {
        const map_name *name = &rule->tensors[v->side].at[t].name;
        for (size_t i = 0; i < in->tensors.n && capture_in_name(name, k); i++) {
            const char *read = in->tensors.at[i].name;
            if (name_match(cx->arena, v->m, name, v->choice, rule->captures.at, read,
                           numbers, words) &&
                numbers[k] >= n) {
                n = numbers[k] + 1;
                *witness = read;
            }
        }
    }
    return n;
}

void learn_ranges(context *cx, const stage *in, values *v)
{
    for (size_t r = 0; r < v->m->rules.n; r++) {
        const map_rule *rule = &v->m->rules.at[r];
        for (uint32_t k = 0; k < rule->captures.n; k++) {
            const map_capture *cap = &rule->captures.at[k];
            const char *witness = NULL;
            if (cap->axis == NO_AXIS || !cap->is_number || cap->lo != NULL ||
                cap->hi != NULL || v->size[cap->axis] != SIZE_UNKNOWN) {
                continue;
            }
            const int64_t n = range_in_names(cx, in, v, rule, k, &witness);
            if (n > 0) {
                values_learn_range(
                    cx, v, cap->axis, n,
                    arena_printf(cx->arena, "the highest name is %s", witness));
                v->size[cap->axis] = n;
                v->size_from[cap->axis] =
                    arena_printf(cx->arena, "from names, up to %s", witness);
            }
        }
    }
}

rt_status learn_shapes(context *cx, const stage *in, values *v, const claims *found)
{
    for (size_t i = 0; i < found->at.n; i++) {
        const instance *x = &found->at.at[i];
        bool *part_on;
        TRY(instance_parts(cx, v, x, &part_on));
        for (size_t t = 0; t < x->n_from; t++) {
            for (size_t k = 0; k < x->n_combinations; k++) {
                const plan_tensor *pt =
                    &in->tensors.at[x->found[t * x->n_combinations + k]];
                if (pt->dt != DT_UNKNOWN && !rule_has_own_axes(v->m, x->rule)) {
                    values_learn(cx, v, &x->from[t], pt->name, pt->shape, pt->rank,
                                 part_on);
                }
            }
        }
    }
    return RT_OK;
}

static void collect_parts(const map_dim *d, const expr **when)
{
    for (size_t i = 0; i < d->kids.n; i++) {
        collect_parts(d->kids.at[i], when);
    }
    for (size_t i = 0; i < d->parts.n; i++) {
        when[d->parts.at[i].id] = d->parts.at[i].when;
        collect_parts(d->parts.at[i].body, when);
    }
}

rt_status instance_parts(context *cx, const values *v, const instance *x,
                         bool **part_on)
{
    *part_on = NULL;
    if (x->rule->n_parts == 0) {
        return RT_OK;
    }
    const expr **when = NEW_N(cx->arena, const expr *, x->rule->n_parts);
    bool any = false;
    for (unsigned side = 0; side < 2; side++) {
        for (size_t t = 0; t < x->rule->tensors[side].n; t++) {
            const map_dims *d = x->rule->tensors[side].at[t].dims;
            for (size_t i = 0; i < d->all.n; i++) {
                collect_parts(d->all.at[i], when);
            }
        }
    }
    for (uint32_t i = 0; i < x->rule->n_parts; i++) {
        any = any || when[i] != NULL;
    }
    if (!any) {
        return RT_OK;
    }
    const binding b = {.captures = x->rule->captures.at,
                       .numbers = x->numbers,
                       .words = x->words,
                       .n = x->rule->captures.n};
    *part_on = NEW_N(cx->arena, bool, x->rule->n_parts);
    for (uint32_t i = 0; i < x->rule->n_parts; i++) {
        const int holds = when[i] != NULL ? values_holds(cx, v, when[i], &b) : 1;
        if (holds < 0) {
            return RT_MISMATCH;
        }
        (*part_on)[i] = holds == 1;
    }
    return RT_OK;
}
