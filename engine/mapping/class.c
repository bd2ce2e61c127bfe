/* The exactness class of a rule, for each direction. */
#include <math.h>

#include "mapping/check.h"

static exactness weaker(exactness x, exactness y)
{
    return x > y ? x : y;
}

static exactness op_class(const map_rule *r)
{
    if (!r->has_op) {
        return EXACT;
    }
    int exponent;
    const double mantissa = frexp(r->mul, &exponent);
    const bool power_of_two = !(fabs(mantissa) < 0.5) && !(fabs(mantissa) > 0.5);
    const bool adds = r->add < 0 || r->add > 0;
    if (!power_of_two || adds) {
        return ROUNDING;
    }
    /* a shift of the exponent: exact unless it runs out of range; times one is nothing
     */
    return exponent == 1 && r->mul > 0 ? EXACT : EXACT_IF;
}

static exactness one_sided_class(const map_one_sided *o, unsigned read)
{
    if (o->kind == PART_PAD) {
        return o->side == read ? EXACT_IF : MADE;
    }
    if (o->keep) {
        return EXACT; /* it goes through the side-car file */
    }
    return o->side == read ? LOSSY : MADE;
}

bool rule_reads(const map_rule *r, unsigned side)
{
    return r->arrow == RULE_BOTH || (r->arrow == RULE_LEFT_TO_RIGHT) == (side == LEFT);
}

const map_scale *rule_scale(const map_rule *rule, unsigned side)
{
    return rule->scale != NULL && rule->scale->side == side ? rule->scale : NULL;
}

exactness rule_class(const map_rule *r, unsigned read)
{
    const bool casts = r->cast[LEFT] != DT_UNKNOWN || r->cast[RIGHT] != DT_UNKNOWN;
    return weaker(r->class_of[read], casts ? EXACT_IF : EXACT);
}

void class_compute(map_rule *r)
{
    for (unsigned read = LEFT; read <= RIGHT; read++) {
        exactness c = weaker(op_class(r), r->arrow == RULE_BOTH ? EXACT : LOSSY);
        for (size_t i = 0; i < r->one_sided.n; i++) {
            c = weaker(c, one_sided_class(&r->one_sided.at[i], read));
        }
        for (size_t i = 0; i < r->tensors[read].n; i++) {
            /* replicas are compared, then one is taken */
            c = weaker(c,
                       r->tensors[read].at[i].same_in != UINT32_MAX ? EXACT_IF : EXACT);
        }
        r->class_of[read] = c;
    }
}
