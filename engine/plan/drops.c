/* plan/drops.c -- tensors that `drop` lines leave out or set aside. */
#include <string.h>

#include "config/convert.h"
#include "mapping/names.h"
#include "plan/claim.h"

typedef struct search {
    context *cx;
    const stage *in;
    const values *v;
    bool *taken;
    account *acc;
} search;

static bool in_ranges(const search *s, const map_capture *caps, size_t n,
                      const map_name *name, const int64_t *numbers)
{
    for (uint32_t k = 0; k < n; k++) {
        int64_t lo, hi;
        if (!caps[k].is_number || !capture_in_name(name, k)) {
            continue;
        }
        const bool open = caps[k].lo != NULL && caps[k].hi == NULL;
        if (open) { /* {l in n..}: no upper end */
            const value *x = values_eval(s->cx, s->v, caps[k].lo, NULL, NULL);
            if (x == NULL || x->kind != V_INT || numbers[k] < x->i) {
                return false;
            }
        } else if (capture_range_of(s->cx, s->v, &caps[k], &lo, &hi) &&
                   (numbers[k] < lo || numbers[k] >= hi)) {
            return false;
        }
    }
    return true;
}

/* `drop S name = rule`: the tensor that the dropped one must equal; NULL when it is not
 * there, which is said elsewhere. */
static const plan_tensor *copy_of(const search *s, const map_drop *drop)
{
    const map_rule *rule =
        drop->same != NULL ? mapping_rule(s->v->m, drop->same) : NULL;
    if (rule == NULL) {
        return NULL;
    }
    const map_name *name = &rule->tensors[s->v->side].at[0].name;
    return stage_find(s->in,
                      name_fill(s->cx->arena, s->v->m, name, s->v->choice, NULL, NULL));
}

static void account_drop_of(const search *s, const map_drop *drop, const plan_tensor *t)
{
    account_drop line = {t->name, drop->because, drop->keep, drop->at,
                         drop->keep ? EXACT : LOSSY};
    const plan_tensor *other = copy_of(s, drop);
    if (drop->keep) {
        vec_push(s->cx->arena, &s->acc->kept, *t);
    }
    if (other != NULL) {
        const bool same_shape =
            t->rank == other->rank &&
            memcmp(t->shape, other->shape, t->rank * sizeof *t->shape) == 0;
        line.class_of = EXACT_IF;
        vec_push(s->cx->arena, &s->acc->conditions,
                 ((condition){.kind = CONDITION_COPY,
                              .name = t->name,
                              .other = other->name,
                              .pieces = t->pieces,
                              .others = same_shape ? other->pieces : (piece_list){0},
                              .at = drop->at}));
    }
    vec_push(s->cx->arena, &s->acc->drops, line);
}

rt_status claim_drops(context *cx, const stage *in, const values *v, bool *taken,
                      account *acc)
{
    const search own = {cx, in, v, taken, acc}, *s = &own;

    for (size_t d = 0; d < s->v->m->drops.n; d++) {
        const map_drop *drop = &s->v->m->drops.at[d];
        if (drop->side != s->v->side) {
            continue;
        }
        const size_t n_caps = drop->captures.n;
        int64_t *numbers = NEW_N(s->cx->arena, int64_t, n_caps + 1);
        const char **words = NEW_N(s->cx->arena, const char *, n_caps + 1);
        for (size_t i = 0; i < s->in->tensors.n; i++) {
            const char *name = s->in->tensors.at[i].name;
            if (s->taken[i] ||
                !name_match(s->cx->arena, s->v->m, &drop->name, s->v->choice,
                            drop->captures.at, name, numbers, words) ||
                !in_ranges(s, drop->captures.at, n_caps, &drop->name, numbers)) {
                continue;
            }
            const binding b = {.captures = drop->captures.at,
                               .numbers = numbers,
                               .words = words,
                               .n = n_caps};
            const int holds =
                values_all_hold(s->cx, s->v, drop->guards.at, drop->guards.n, &b);
            if (holds < 0) {
                return RT_MISMATCH;
            }
            if (holds == 1) {
                s->taken[i] = true;
                account_drop_of(s, drop, &s->in->tensors.at[i]);
            }
        }
    }
    return RT_OK;
}
