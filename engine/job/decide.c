/* job/decide.c -- what hangs on data is read and decided before the layout of outputs.
 */
#include <string.h>

#include "config/learned.h"
#include "job/build.h"
#include "plan/unmerge.h"

/* The one source behind a tensor that is copied whole, or NULL. */
static const plan_source *whole_source(const plan *p, const plan_tensor *t)
{
    if (t->pieces.n != 1 || t->pieces.at[0].n_steps != 0 ||
        t->pieces.at[0].src == NO_SOURCE) {
        return NULL;
    }
    const plan_source *s = &p->sources.at[t->pieces.at[0].src];
    return s->t->n_elems == t->n_elems && t->pieces.at[0].n <= 1 ? s : NULL;
}

static bool is_listed(const char *const *names, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* Write the flag into the config that goes out, unless it already reads so: what its
 * framework takes absence for needs no word. */
static void put_flag(context *cx, job *j, const job_step *st, const expr *by, bool to)
{
    const unsigned side = 1 - st->from;
    const char *dot = by != NULL && by->s != NULL ? strchr(by->s, '.') : NULL;
    if (dot == NULL || j->config == NULL || strcmp(j->to, st->m->layout[side]) != 0) {
        return;
    }
    values *view = values_view(cx, st->v);
    view->config[side] = j->config;
    const value *now = values_eval(cx, view, by, NULL, NULL);
    if (now == NULL || now->kind != V_BOOL || value_truth(now) != to) {
        value_set(cx->arena, j->config, dot + 1, value_bool(cx->arena, to));
    }
}

/* Did the config that goes out say `tied` before anything was compared?  Absence counts
 * as tied here: the published form of an equal head is to leave it out. */
static bool said_untied(const job *j, const expr *by)
{
    const char *dot = by != NULL && by->s != NULL ? strchr(by->s, '.') : NULL;
    const value *flag = dot != NULL ? value_get(j->config, dot + 1) : NULL;
    return flag != NULL && !value_truth(flag);
}

static rt_status decide_tie(context *cx, job *j, job_step *st, account_tie *tie)
{
    const plan_tensor *head = stage_find(j->last, tie->name);
    const plan_tensor *to = stage_find(j->last, tie->to_name);
    if (head == NULL || to == NULL || j->last->names_only) {
        return RT_OK;
    }
    const plan_source *x = whole_source(&j->plan, head),
                      *y = whole_source(&j->plan, to);
    bool equal = false;
    if (x != NULL && y != NULL && head->n_elems == to->n_elems) {
        TRY(exec_equal(cx, x, y, &equal));
    }
    const bool untied = said_untied(j, tie->tie->by);
    const bool keep_stored = is_listed(j->was_stored.at, j->was_stored.n, tie->name);
    if (equal && !untied && !keep_stored) {
        tie->leave_out = true;
        put_flag(cx, j, st, tie->tie->by, true);
        vec_push(cx->arena, &j->notes,
                 arena_printf(cx->arena, "%s equals %s: left out, the config says tied",
                              tie->name, tie->to_name));
    } else if (equal) {
        vec_push(cx->arena, &j->notes,
                 arena_printf(cx->arena, "%s equals %s and is stored: %s", tie->name,
                              tie->to_name,
                              keep_stored ? "the original stored it"
                                          : "the config says untied"));
    } else {
        if (!untied && j->config != NULL) {
            vec_push(cx->arena, &j->notes,
                     arena_printf(cx->arena,
                                  "%s differs from %s: kept, the config says untied",
                                  tie->name, tie->to_name));
        }
        put_flag(cx, j, st, tie->tie->by, false);
    }
    return RT_OK;
}

/* Scales that are not finite would spoil whole blocks. */
static rt_status check_finite(context *cx, job *j, const condition *c)
{
    VEC(const char *) bad = {0};
    for (size_t i = 0; i < c->pieces.n; i++) {
        const plan_source *s = &j->plan.sources.at[c->pieces.at[i].src];
        exec_survey found;
        TRY(exec_survey_source(cx, s, &found));
        if (found.n_nonfinite > 0) {
            vec_push(cx->arena, &bad, s->t->name);
        }
    }
    if (bad.n == 0) {
        return RT_OK;
    }
    diag *dg = diag_report(cx->diags, SEV_ERROR, "not-finite", c->at,
                           "scales of %zu tensor%s are not finite: %s%s", bad.n,
                           bad.n == 1 ? "" : "s", bad.at[0], bad.n > 1 ? ", ..." : "");
    diag_help(dg, "the file is damaged, or was made by a quantisation that failed");
    return RT_MISMATCH;
}

static rt_status check_condition(context *cx, job *j, const condition *c)
{
    bool holds = true;
    if (c->kind == CONDITION_FINITE) {
        return check_finite(cx, j, c);
    }
    if (c->kind == CONDITION_FILL) {
        TRY(exec_all_equal_to(cx, &j->plan, c->pieces.at, c->pieces.n, c->fill,
                              &holds));
        if (!holds) {
            diag *dg = diag_report(cx->diags, SEV_ERROR, "not-constant", c->at,
                                   "%s%s%s is not %g everywhere", c->name,
                                   c->label != NULL ? ", part " : "",
                                   c->label != NULL ? c->label : "", c->fill);
            diag_help(
                dg, "the rule may leave it out only when it is constant; here it would "
                    "lose data");
        }
    } else {
        TRY(exec_pieces_equal(cx, &j->plan, &c->pieces, &c->others, &holds));
        if (!holds && c->kind == CONDITION_COPY) {
            diag *dg = diag_report(cx->diags, SEV_ERROR, "drop-differs", c->at,
                                   "%s differs from %s, and layout '%s' has no place "
                                   "for it",
                                   c->name, c->other, j->to);
            diag_help(dg, "it may be left out only when both are the same; convert to "
                          "a layout that stores both");
        } else if (!holds) {
            diag *dg = diag_report(cx->diags, SEV_ERROR, "replicas-differ", c->at,
                                   "%s and %s should be the same and differ", c->name,
                                   c->other);
            diag_help(dg, "one of the files was changed or belongs to another model");
        }
    }
    return holds ? RT_OK : RT_MISMATCH;
}

/* Leave a tensor out of what is written, by its name. */
static void leave_out(context *cx, job *j, const char *name)
{
    size_t n = 0;
    for (size_t i = 0; i < j->plan.tensors.n; i++) {
        if (strcmp(j->plan.tensors.at[i].name, name) != 0) {
            j->plan.tensors.at[n++] = j->plan.tensors.at[i];
        }
    }
    j->plan.tensors.n = n;
    job_number(cx, j);
}

/* What the base has as well changes nothing where an adapter stores it. */
static rt_status check_idle(context *cx, job *j)
{
    VEC(const char *) lost = {0};
    for (size_t i = 0; i < j->conditions.n; i++) {
        const condition *c = &j->conditions.at[i];
        bool same;
        if (c->kind != CONDITION_IDLE) {
            continue;
        }
        TRY(exec_pieces_equal(cx, &j->plan, &c->pieces, &c->others, &same));
        if (!same && !is_listed(lost.at, lost.n, c->name)) {
            vec_push(cx->arena, &lost, c->name);
        } else if (same) {
            vec_push(cx->arena, &j->notes,
                     arena_printf(cx->arena, "%s equals %s of the base: left out",
                                  c->name, c->other));
        }
    }
    return lost.n == 0 ? RT_OK : unmerge_refuse(cx, lost.at, lost.n, j->to);
}

rt_status job_decide(context *cx, job *j)
{
    if (j->decided) {
        return RT_OK;
    }
    for (size_t i = 0; i < j->steps.n; i++) {
        job_step *st = &j->steps.at[i];
        for (size_t k = 0; st->acc != NULL && k < st->acc->conditions.n; k++) {
            TRY(check_condition(cx, j, &st->acc->conditions.at[k]));
        }
        for (size_t k = 0; st->acc != NULL && k < st->acc->ties.n; k++) {
            account_tie *tie = &st->acc->ties.at[k];
            if (!tie->made_from_other && i + 1 == j->steps.n &&
                tie->tie->side != st->from) {
                TRY(decide_tie(cx, j, st, tie));
                if (tie->leave_out) {
                    leave_out(cx, j, tie->name);
                }
            }
        }
    }
    for (size_t i = 0; i < j->conditions.n; i++) {
        if (j->conditions.at[i].kind != CONDITION_IDLE) {
            TRY(check_condition(cx, j, &j->conditions.at[i]));
        }
    }
    TRY(check_idle(cx, j));
    if (j->adapters.n > 0) {
        TRY(job_survey_adapter(cx, j));
    }
    j->decided = true;
    return RT_OK;
}
