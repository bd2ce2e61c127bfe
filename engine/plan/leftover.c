/* plan/leftover.c -- tensors that no rule instance makes: rest and side-car; and the
 * sizes of parts that only a side-car knows. */
#include <string.h>

#include "mapping/names.h"
#include "plan/apply.h"

/* ---- whole tensors ------------------------------------------------------------- */

void apply_rest(applier *ap)
{
    for (size_t i = 0; ap->m->rest && i < ap->in->tensors.n; i++) {
        if (!ap->claims.taken[i]) {
            plan_tensor t = ap->in->tensors.at[i];
            t.rule = "rest";
            t.rule_at = ap->m->rest_at;
            t.alias_of = -1;
            ap->acc->n_claimed++;
            vec_push(ap->cx->arena, &ap->made, t);
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
                vec_push(ap->cx->arena, &ap->made, t);
            }
        }
    }
}

/* ---- parts --------------------------------------------------------------------- */

/* The cut of part `o` among those of its tensor.  Sizes that are unknown count as one:
 * the order of the axes is all that is asked. */
static const cut *cut_of_part(applier *ap, const map_tensor *t, const map_one_sided *o)
{
    int64_t *size = NEW_N(ap->cx->arena, int64_t, ap->m->axes.n + 1);
    int64_t shape[RT_MAX_RANK * 2];
    unsigned rank;
    cut_list cuts;
    for (size_t i = 0; i < ap->m->axes.n; i++) {
        size[i] = ap->v->size[i] != SIZE_UNKNOWN ? ap->v->size[i] : 1;
    }
    if (t->dims->all.n > RT_MAX_RANK ||
        !tensor_cuts(ap->cx->arena, t, size, NULL, shape, &rank, &cuts)) {
        return NULL;
    }
    for (size_t i = 0; i < cuts.n; i++) {
        for (unsigned l = 0; l < cuts.at[i].n_labels; l++) {
            if (strcmp(cuts.at[i].label[l], o->label) == 0) {
                return &cuts.at[i];
            }
        }
    }
    return NULL;
}

static void learn_part(applier *ap, const instance *x, const map_tensor *t,
                       const map_one_sided *o)
{
    const cut *c = cut_of_part(ap, t, o);
    const char *name = arena_printf(
        ap->cx->arena, "%s#%s",
        name_fill(ap->cx->arena, ap->m, &t->name, ap->v->choice, x->numbers, x->words),
        o->label);
    const plan_tensor *kept = stage_find(ap->kept, name);
    for (unsigned i = 0; c != NULL && i < c->n_axes; i++) {
        int64_t *size = &ap->v->size[c->axis[i]];
        if (*size != SIZE_UNKNOWN) {
            continue;
        }
        *size = kept != NULL && kept->rank == c->n_axes ? (int64_t)kept->shape[i] : 0;
        ap->v->size_from[c->axis[i]] =
            kept != NULL ? "the side-car" : "nothing was set aside";
    }
}

void learn_kept_sizes(applier *ap)
{
    for (size_t i = 0; i < ap->claims.at.n; i++) {
        const instance *x = &ap->claims.at.at[i];
        for (size_t k = 0; k < x->rule->one_sided.n; k++) {
            const map_one_sided *o = &x->rule->one_sided.at[k];
            for (size_t t = 0; o->side == ap->to && o->kind != PART_PAD &&
                               t < x->rule->tensors[ap->to].n;
                 t++) {
                learn_part(ap, x, &x->rule->tensors[ap->to].at[t], o);
            }
        }
    }
}
