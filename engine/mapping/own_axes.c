/* Axes of a rule with a path capture: its matches are tensors of any size. */
#include "mapping/mapping.h"

static bool has_path(const map_rule *r)
{
    for (size_t i = 0; i < r->captures.n; i++) {
        if (r->captures.at[i].is_path) {
            return true;
        }
    }
    return false;
}

bool axis_is_own(const mapping *m, const map_rule *r, uint32_t axis)
{
    return has_path(r) && !m->axes.at[axis].declared;
}

/* Is there an own axis in the dim; this one, or (NO_AXIS) any? */
static bool dim_has_own(const mapping *m, const map_rule *r, const map_dim *d,
                        uint32_t axis)
{
    bool has = d->kind == DIM_AXIS && axis_is_own(m, r, d->axis) &&
               (axis == NO_AXIS || axis == d->axis);
    for (size_t i = 0; i < d->kids.n; i++) {
        has = has || dim_has_own(m, r, d->kids.at[i], axis);
    }
    for (size_t i = 0; i < d->parts.n; i++) {
        has = has || dim_has_own(m, r, d->parts.at[i].body, axis);
    }
    return has;
}

static bool rule_has_own(const mapping *m, const map_rule *r, uint32_t axis)
{
    bool has = false;
    for (unsigned side = LEFT; side <= RIGHT; side++) {
        for (size_t t = 0; t < r->tensors[side].n; t++) {
            const map_dims *d = r->tensors[side].at[t].dims;
            for (size_t i = 0; i < d->all.n; i++) {
                has = has || dim_has_own(m, r, d->all.at[i], axis);
            }
        }
    }
    return has;
}

bool rule_has_own_axes(const mapping *m, const map_rule *r)
{
    return rule_has_own(m, r, NO_AXIS);
}

bool axis_varies(const mapping *m, uint32_t axis)
{
    bool varies = false;
    for (size_t i = 0; i < m->rules.n; i++) {
        varies = varies || rule_has_own(m, &m->rules.at[i], axis);
    }
    return varies;
}
