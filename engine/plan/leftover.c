/* plan/leftover.c -- tensors that no rule instance makes: rest, side-car, constants. */
#include "mapping/names.h"
#include "plan/apply.h"

/* ---- rest, constants, kept tensors --------------------------------------------- */

void apply_rest(applier *ap)
{
    for (size_t i = 0; ap->m->rest && i < ap->in->tensors.n; i++) {
        if (!ap->claims.taken[i]) {
            plan_tensor t = ap->in->tensors.at[i];
            t.rule = "rest";
            t.rule_at = ap->m->rest_at;
            t.alias_of = -1;
            ap->acc->n_claimed++;
            vec_push(ap->cx->arena, &ap->made, ((made_tensor){t, i}));
        }
    }
}

/* `drop ... keep` on the way back: what the side-car holds under the dropped names. */
void apply_kept(applier *ap)
{
    for (size_t d = 0; ap->kept != NULL && d < ap->m->drops.n; d++) {
        const map_drop *drop = &ap->m->drops.at[d];
        if (drop->side != ap->to || !drop->keep) {
            continue;
        }
        int64_t *numbers = NEW_N(ap->cx->arena, int64_t, drop->captures.n + 1);
        const char **words = NEW_N(ap->cx->arena, const char *, drop->captures.n + 1);
        for (size_t i = 0; i < ap->kept->tensors.n; i++) {
            plan_tensor t = ap->kept->tensors.at[i];
            if (name_match(ap->cx->arena, ap->m, &drop->name, ap->v->choice,
                           drop->captures.at, t.name, numbers, words)) {
                t.rule = "kept";
                t.rule_at = drop->at;
                vec_push(ap->cx->arena, &ap->made, ((made_tensor){t, SIZE_MAX - 1}));
            }
        }
    }
}

void apply_constants(applier *ap)
{
    for (size_t i = 0; i < ap->m->makes.n; i++) {
        const map_make *mk = &ap->m->makes.at[i];
        odometer all = {.dial =
                            NEW_N(ap->cx->arena, capture_range, mk->captures.n + 1)};
        for (uint32_t c = 0; c < mk->captures.n; c++) {
            if (mk->captures.at[c].axis != NO_AXIS) {
                all.dial[all.n++] =
                    (capture_range){c, 0, ap->v->size[mk->captures.at[c].axis]};
            }
        }
        placed at = {0};
        if (ap->in->names_only || mk->side != ap->to ||
            !dims_cuts(ap->cx->arena, mk->dims, NULL, ap->v->size, NULL, at.shape,
                       &at.rank, &at.cuts)) {
            continue;
        }
        int64_t *numbers = NEW_N(ap->cx->arena, int64_t, mk->captures.n + 1);
        for (size_t k = 0, n = odometer_count(&all); k < n; k++) {
            odometer_set(&all, k, numbers);
            const binding b = {
                .captures = mk->captures.at, .numbers = numbers, .n = mk->captures.n};
            bool holds = true;
            for (size_t g = 0; g < mk->guards.n; g++) {
                holds = holds && values_holds(ap->cx, ap->v, mk->guards.at[g], &b) == 1;
            }
            if (!holds) {
                continue;
            }
            plan_tensor t = {.name = name_fill(ap->cx->arena, ap->m, &mk->name,
                                               ap->v->choice, numbers, NULL),
                             .dt = ap->in->tensors.n > 0 ? ap->in->tensors.at[0].dt
                                                         : DT_F32,
                             .rank = at.rank,
                             .n_elems = 1,
                             .alias_of = -1,
                             .class_of = MADE,
                             .rule = "const",
                             .rule_at = mk->at};
            for (unsigned d = 0; d < at.rank && d < RT_MAX_RANK; d++) {
                t.shape[d] = (uint64_t)at.shape[d];
                t.n_elems *= t.shape[d];
            }
            piece p = {.n = 1,
                       .size = {(int64_t)t.n_elems},
                       .dst_stride = {1},
                       .src = NO_SOURCE,
                       .fill = mk->value};
            vec_push(ap->cx->arena, &t.pieces, p);
            vec_push(ap->cx->arena, &ap->acc->made, t.name);
            vec_push(ap->cx->arena, &ap->made, ((made_tensor){t, SIZE_MAX}));
        }
    }
}

/* Constants of the side that is read: claimed, and to be that constant. */
void claim_constants(applier *ap)
{
    for (size_t i = 0; i < ap->m->makes.n; i++) {
        const map_make *mk = &ap->m->makes.at[i];
        if (mk->side != ap->from) {
            continue;
        }
        size_t left = 0;
        int64_t *numbers = NEW_N(ap->cx->arena, int64_t, mk->captures.n + 1);
        const char **words = NEW_N(ap->cx->arena, const char *, mk->captures.n + 1);
        for (size_t u = 0; u < ap->acc->unmapped.n; u++) {
            const char *name = ap->acc->unmapped.at[u];
            const plan_tensor *t = stage_find(ap->in, name);
            if (t == NULL || !name_match(ap->cx->arena, ap->m, &mk->name, ap->v->choice,
                                         mk->captures.at, name, numbers, words)) {
                ap->acc->unmapped.at[left++] = name;
                continue;
            }
            vec_push(
                ap->cx->arena, &ap->acc->drops,
                ((account_drop){name, mk->because != NULL ? mk->because : "a constant",
                                false, mk->at}));
            if (t->pieces.n > 0) {
                vec_push(ap->cx->arena, &ap->acc->conditions,
                         ((condition){.kind = CONDITION_FILL,
                                      .name = name,
                                      .fill = mk->value,
                                      .pieces = t->pieces,
                                      .at = mk->at}));
            }
        }
        ap->acc->unmapped.n = left;
    }
}
