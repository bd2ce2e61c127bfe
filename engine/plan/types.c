/* plan/types.c -- element types of what a mapping makes: as read, unless a `cast` says
 * what its layout stores.  The other way such a tensor gets the type that the others
 * have, so that what was widened comes back as it was; and so does a tensor whose
 * scales were multiplied in. */
#include "plan/apply.h"

/* Has it a type of its own on this side, so that it says nothing of the others'? */
static bool has_own_type(const instance *x, unsigned side)
{
    return x->rule->cast[side] != DT_UNKNOWN || rule_scale(x->rule, side) != NULL;
}

dtype usual_type(const applier *ap)
{
    uint64_t n_elems[DT_COUNT] = {0};
    bool *own = NEW_N(ap->cx->arena, bool, ap->in->tensors.n + 1);
    for (size_t i = 0; i < ap->claims.at.n; i++) {
        const instance *x = &ap->claims.at.at[i];
        const size_t n = instance_n_read(x) * x->n_combinations;
        for (size_t k = 0; has_own_type(x, ap->from) && k < n; k++) {
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

void settle_type(applier *ap, const instance *x, plan_tensor *t)
{
    const map_rule *rule = x->rule;
    const dtype own = rule->cast[ap->to];
    const bool scaled = x->scale != NULL;
    dtype to = own;
    if (own == DT_UNKNOWN && (scaled || rule->cast[ap->from] != DT_UNKNOWN)) {
        to = ap->usual != DT_UNKNOWN || !scaled ? ap->usual : DT_BF16;
    }
    if (to == DT_UNKNOWN || t->dt == DT_UNKNOWN) {
        return;
    }
    if (!dtype_is_float(t->dt) && !(scaled && dtype_is_f8(t->dt))) {
        diag *dg = diag_report(ap->cx->diags, SEV_ERROR, "cast-type", rule->at,
                               "%s would become %s, and what it is made of is %s",
                               t->name, dtype_st_name(to), dtype_st_name(t->dt));
        diag_help(dg, "`cast` is for f16, bf16, f32 and f64, `times` for e4m3 and e5m2 "
                      "too; other types stay as they are");
        ap->worst = RT_MISMATCH;
        return;
    }
    t->dt = to;
    t->own_type = own != DT_UNKNOWN;
}
