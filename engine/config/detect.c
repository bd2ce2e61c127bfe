/* Does a config look like this side of the mapping?  All detect lines must hold. */
#include "config/convert.h"
#include "config/fields.h"
#include "config/learned.h"

int config_detect(context *cx, const mapping *m, unsigned side, const value *config,
                  bool (*has_tensor)(void *who, const template *t), void *who)
{
    if (m->detect[side].n == 0) {
        return -1;
    }
    /* Nothing is known of sizes and values yet, and complaints would be out of place.
     */
    arena *a = cx->arena;
    values v = {.m = m, .side = side, .has_tensor = has_tensor, .who = who};
    values_learned none = {0};
    v.config[side] = config;
    v.size = NEW_N(a, int64_t, m->axes.n + 1);
    v.choice = NEW_N(a, uint32_t, m->choices.n + 1);
    v.fact = NEW_N(a, const value *, m->values.n + 1);
    v.learned = &none;
    none.fact_absent = NEW_N(a, bool, m->values.n + 1);
    for (size_t i = 0; i < m->axes.n; i++) {
        v.size[i] = SIZE_UNKNOWN;
    }
    field_choose_roots(m, side, config, v.choice);
    for (size_t i = 0; i < m->detect[side].n; i++) {
        evaluation ev = evaluation_of(cx, &v);
        ev.bare = true;
        ev.bare_side = side;
        if (eval_truth(&ev, m->detect[side].at[i]->is) != 1) {
            return 0;
        }
    }
    return 1;
}
