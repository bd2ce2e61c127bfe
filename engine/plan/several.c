/* plan/several.c -- adapters of one sum: what another one changed already.
 *
 * Terms add up in any number and weight.  A replacement and a norm (DoRA) say what a
 * tensor is, not what is added to it: two of them, or one of them with a weight, have
 * no one meaning. */
#include "plan/update.h"

/* The adapter that a factor comes from. */
static const inventory *own_inventory(const merger *g, const attempt *x)
{
    for (size_t i = 0; i < x->n_tensors; i++) {
        if (x->factor[i] != NULL && x->factor[i]->pieces.n > 0) {
            return g->plan->sources.at[x->factor[i]->pieces.at[0].src].inv;
        }
    }
    return NULL;
}

static bool is_of_other(const merger *g, const inventory *own, uint32_t src)
{
    return src != NO_SOURCE && g->plan->sources.at[src].of_adapter &&
           g->plan->sources.at[src].inv != own;
}

static bool has_step_of_other(const merger *g, const inventory *own, const piece *p,
                              bool norms_only)
{
    for (unsigned i = 0; i < p->n_steps; i++) {
        const step *s = &p->steps[i];
        const bool is_norm = s->kind == STEP_NORM;
        const uint32_t src = is_norm ? g->plan->norms.at[s->t.b]->magnitude : s->t.b;
        if (step_is_update(s) && (is_norm || !norms_only) && is_of_other(g, own, src)) {
            return true;
        }
    }
    return false;
}

/* Is the tensor changed already by another adapter, or by its norms? */
static bool is_changed(const merger *g, const attempt *x, const plan_tensor *t,
                       bool norms_only)
{
    const inventory *own = own_inventory(g, x);
    for (size_t i = 0; i < t->pieces.n; i++) {
        const piece *p = &t->pieces.at[i];
        if (has_step_of_other(g, own, p, norms_only) ||
            (!norms_only && is_of_other(g, own, p->src))) {
            return true;
        }
    }
    return false;
}

static void refuse_other(merger *g, const attempt *x, const plan_tensor *t,
                         const char *does)
{
    diag *dg = diag_report(g->cx->diags, SEV_ERROR, "adapters-meet", x->u->at,
                           "%s %s %s, which another adapter has changed",
                           x->factor_name[0], does, t->name);
    diag_note(dg,
              "terms of a sum add up; tensors stored whole, rows of them and DoRA's "
              "norms do not");
    diag_help(dg,
              "an adapter that stores tensors whole can stand first; otherwise merge "
              "only one of them");
    g->worst = RT_MISMATCH;
}

bool stands_alone(merger *g, const attempt *x, const plan_tensor *t)
{
    const char *does = x->u->norm != NULL ? "gives norms to" : "replaces";
    if (g->how.weight < 1 || g->how.weight > 1) {
        diag *dg = diag_report(g->cx->diags, SEV_ERROR, "weight", x->u->at,
                               "%s %s %s and cannot be added with the weight %g",
                               x->factor_name[0], does, t->name, g->how.weight);
        diag_help(dg, "only an adapter of weight 1 may replace tensors or their norms");
        g->worst = RT_MISMATCH;
        return false;
    }
    if (is_changed(g, x, t, false)) {
        refuse_other(g, x, t, does);
        return false;
    }
    return true;
}

bool may_add(merger *g, const attempt *x, const plan_tensor *t)
{
    if (x->u->norm != NULL) {
        return stands_alone(g, x, t);
    }
    if (is_changed(g, x, t, true)) {
        refuse_other(g, x, t, "adds to");
        return false;
    }
    return true;
}
