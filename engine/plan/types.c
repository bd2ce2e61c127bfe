/* plan/types.c -- element types of what a mapping makes: as read, unless a `cast` says
 * what its layout stores.  The other way such a tensor gets the type that the others
 * have, so that what was widened comes back as it was. */
#include "plan/apply.h"

static bool is_cast(const instance *x, unsigned side)
{
    return x->rule->cast[side] != DT_UNKNOWN;
}

dtype usual_type(const applier *ap)
{
    uint64_t n_elems[DT_COUNT] = {0};
    bool *own = NEW_N(ap->cx->arena, bool, ap->in->tensors.n + 1);
    for (size_t i = 0; i < ap->claims.at.n; i++) {
        const instance *x = &ap->claims.at.at[i];
        for (size_t k = 0; is_cast(x, ap->from) && k < x->n_from * x->n_combinations;
             k++) {
            own[x->found[k]] = true;
        }
    }
    for (size_t i = 0; i < ap->in->tensors.n; i++) {
        const plan_tensor *t = &ap->in->tensors.at[i];
        if (dtype_is_float(t->dt) && !own[i] && !t->own_type) {
            n_elems[t->dt] += t->n_elems;
        }
    }
    dtype most = DT_UNKNOWN;
    for (unsigned dt = 0; dt < DT_COUNT; dt++) {
        if (n_elems[dt] > (most == DT_UNKNOWN ? 0 : n_elems[most])) {
            most = (dtype)dt;
        }
    }
    return most;
}

dtype wider_type(dtype x, dtype y)
{
    if (x == DT_UNKNOWN || x == y) {
        return y;
    }
    if (!dtype_is_float(x) || !dtype_is_float(y) || dtype_bits(x) != dtype_bits(y)) {
        return dtype_bits(x) >= dtype_bits(y) ? x : y;
    }
    return DT_F32; /* f16 and bf16 */
}

void settle_type(applier *ap, const map_rule *rule, plan_tensor *t)
{
    const dtype own = rule->cast[ap->to];
    const dtype usual = rule->cast[ap->from] != DT_UNKNOWN ? ap->usual : DT_UNKNOWN;
    const dtype to = own != DT_UNKNOWN ? own : usual;
    if (to == DT_UNKNOWN || t->dt == DT_UNKNOWN) {
        return;
    }
    if (!dtype_is_float(t->dt)) {
        diag *dg = diag_report(ap->cx->diags, SEV_ERROR, "cast-type", rule->at,
                               "%s would be cast to %s, and what it is made of is %s",
                               t->name, dtype_st_name(to), dtype_st_name(t->dt));
        diag_help(dg, "`cast` is for f16, bf16, f32 and f64; other types stay as they "
                      "are");
        ap->worst = RT_MISMATCH;
        return;
    }
    t->dt = to;
    t->own_type = own != DT_UNKNOWN;
}
