/* Does a config look like this side of the mapping?  All detect lines must hold. */
#include "config/convert.h"
#include "config/fields.h"
#include "config/learned.h"

/* Values of which nothing is known: of sizes and facts, and complaints would be out of
 * place. */
static values *values_unknown(arena *a, const mapping *m, unsigned side,
                              const value *config)
{
    values *v = NEW(a, values);
    *v = (values){.m = m, .side = side, .learned = NEW(a, values_learned)};
    v->config[side] = config;
    v->size = NEW_N(a, int64_t, m->axes.n + 1);
    v->choice = NEW_N(a, uint32_t, m->choices.n + 1);
    v->fact = NEW_N(a, const value *, m->values.n + 1);
    v->learned->fact_absent = NEW_N(a, bool, m->values.n + 1);
    for (size_t i = 0; i < m->axes.n; i++) {
        v->size[i] = SIZE_UNKNOWN;
    }
    field_choose_roots(m, side, config, v->choice);
    return v;
}

static bool holds(context *cx, const values *v, const expr *e)
{
    evaluation ev = evaluation_of(cx, v);
    ev.bare = true;
    ev.bare_side = v->side;
    return eval_truth(&ev, e) == 1;
}

int config_detect(context *cx, const mapping *m, unsigned side, const value *config,
                  bool (*has_tensor)(void *who, const template *t), void *who)
{
    if (m->detect[side].n == 0) {
        return -1;
    }
    values *v = values_unknown(cx->arena, m, side, config);
    v->has_tensor = has_tensor;
    v->who = who;
    for (size_t i = 0; i < m->detect[side].n; i++) {
        if (!holds(cx, v, m->detect[side].at[i]->is)) {
            return 0;
        }
    }
    return 1;
}

bool config_fits(context *cx, const mapping *m, unsigned side, const value *config,
                 const expr *e)
{
    return holds(cx, values_unknown(cx->arena, m, side, config), e);
}
