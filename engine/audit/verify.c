#include "audit/verify.h"

#include <string.h>

#include "audit/show.h"
#include "audit/verify_fit.h"
#include "audit/views.h"
#include "exec/cast.h"

/* ---- what there is on both sides ------------------------------------------------- */

typedef struct verifier {
    context *cx;
    const job *a;
    verify_result *out;
    views views;            /* the pairs' tensors, of A and of B */
    VEC(uint64_t) differ;   /* by pair: element that differs; UINT64_MAX: none */
    VEC(const char *) what; /* by pair: what is said when they differ */
    fitter *fits;           /* of a merge: tensors that an adapter adds to; or NULL */
} verifier;

static void say(verifier *v, const char *name, const char *what)
{
    vec_push(v->cx->arena, &v->out->lines, ((verify_line){name, what, NULL}));
}

static bool same_shape(const plan_tensor *t, const plan_tensor *u)
{
    return t->rank == u->rank &&
           memcmp(t->shape, u->shape, t->rank * sizeof t->shape[0]) == 0;
}

/* Is the name one that a rule lets the layout leave out? */
static const account_tie *tie_of(const job *a, const char *name)
{
    for (size_t s = 0; s < a->steps.n; s++) {
        const account *acc = a->steps.at[s].acc;
        for (size_t i = 0; acc != NULL && i < acc->ties.n; i++) {
            if (strcmp(acc->ties.at[i].name, name) == 0) {
                return &acc->ties.at[i];
            }
        }
    }
    return NULL;
}

/* Can t be computed in another dtype? */
static bool can_cast(const verifier *v, const plan_tensor *t, dtype to)
{
    bool can = cast_can_write(to) && cast_can_read(t->dt);
    for (size_t i = 0; i < t->pieces.n && can; i++) {
        const uint32_t src = t->pieces.at[i].src;
        can = src == NO_SOURCE || cast_can_read(v->a->plan.sources.at[src].t->dt);
    }
    return can;
}

static void count_cast(verifier *v, dtype from, dtype to)
{
    verify_cast *c = v->out->casts.at;
    for (size_t i = 0; i < v->out->casts.n; i++, c++) {
        if (c->from == from && c->to == to) {
            c->n++;
            return;
        }
    }
    vec_push(v->cx->arena, &v->out->casts, ((verify_cast){from, to, 1}));
}

/* Does the adapter store what becomes of the tensor? */
static bool is_stored_by_adapter(const verifier *v, const plan_tensor *t)
{
    for (size_t i = 0; i < t->pieces.n; i++) {
        const uint32_t src = t->pieces.at[i].src;
        if (src != NO_SOURCE && v->a->plan.sources.at[src].of_adapter) {
            return true;
        }
    }
    return false;
}

static const char *what_differs(const verifier *v, const plan_tensor *t)
{
    return v->fits == NULL              ? "differs"
           : is_stored_by_adapter(v, t) ? "is not what the adapter stores"
                                        : "is changed, and no update reaches it";
}

/* Values of another dtype are compared as they would be written in B's. */
static void add_pair(verifier *v, const plan_tensor *t, const plan_tensor *u)
{
    arena *a = v->cx->arena;
    if (t->dt != u->dt && !can_cast(v, t, u->dt)) {
        say(v, t->name,
            arena_printf(a, "is %s here and %s there", show_dtype(a, t->dt),
                         show_dtype(a, u->dt)));
    } else if (!same_shape(t, u)) {
        say(v, t->name,
            arena_printf(a, "has the shape %s here and %s there",
                         show_shape(a, t->shape, t->rank),
                         show_shape(a, u->shape, u->rank)));
    } else if (t->n_elems == 0) {
        v->out->n_equal++;
    } else if (v->fits != NULL && fit_wants(t)) {
        fit_add(v->fits, t, u);
    } else {
        plan_tensor own = *t;
        own.alias_of = -1;
        own.dt = u->dt;
        if (t->dt != u->dt) {
            count_cast(v, t->dt, u->dt);
        }
        vec_push(a, &v->views.plans[0].tensors, own);
        vec_push(a, &v->views.plans[1].tensors, *u);
        vec_push(a, &v->differ, UINT64_MAX);
        vec_push(a, &v->what, what_differs(v, t));
    }
}

static const plan_tensor *planned(const job *a, const char *name)
{
    for (size_t i = 0; i < a->plan.tensors.n; i++) {
        if (strcmp(a->plan.tensors.at[i].name, name) == 0) {
            return &a->plan.tensors.at[i];
        }
    }
    return NULL;
}

/* B has a tensor that A's plan leaves out as tied: it must be the other one. */
static bool only_in_b(verifier *v, const plan_tensor *u)
{
    const account_tie *tie = tie_of(v->a, u->name);
    const plan_tensor *t = tie == NULL ? NULL : planned(v->a, tie->to_name);
    if (t != NULL && tie->leave_out) {
        add_pair(v, t, u);
        return true;
    }
    return false;
}

static void match(verifier *v, const stage *b)
{
    arena *a = v->cx->arena;
    strmap *seen = strmap_new(a);
    for (size_t i = 0; i < v->a->plan.tensors.n; i++) {
        const plan_tensor *t = &v->a->plan.tensors.at[i];
        const plan_tensor *u = stage_find(b, t->name);
        const account_tie *tie = u == NULL ? tie_of(v->a, t->name) : NULL;
        (void)strmap_add(seen, t->name, 1);
        if (u == NULL && tie != NULL) {
            u = stage_find(b, tie->to_name); /* B ties what A stores */
        }
        if (u == NULL) {
            say(v, t->name, "is only in the first");
        } else {
            add_pair(v, t, u);
        }
    }
    for (size_t i = 0; i < b->tensors.n; i++) {
        const plan_tensor *u = &b->tensors.at[i];
        if (!strmap_has(seen, u->name) && !only_in_b(v, u)) {
            say(v, u->name, "is only in the second");
        }
    }
}

/* ---- streaming ------------------------------------------------------------------- */

static bool compare(void *who, const view_part *part)
{
    verifier *v = who;
    const dtype dt = v->views.plans[1].tensors.at[part->tensor].dt;
    const unsigned elem_bytes = dtype_bits(dt) % 8 == 0 ? dtype_bits(dt) / 8 : 1;
    size_t at = 0;
    if (memcmp(part->elems[0], part->elems[1], part->n * elem_bytes) == 0) {
        return true;
    }
    while (part->elems[0][at] == part->elems[1][at]) {
        at++;
    }
    v->differ.at[part->tensor] = part->first + at / elem_bytes;
    return false;
}

const char *verify_place(arena *a, const plan_tensor *t, uint64_t at)
{
    uint64_t index[RT_MAX_RANK];
    for (unsigned i = t->rank; i-- > 0;) {
        index[i] = at % t->shape[i];
        at /= t->shape[i];
    }
    return show_shape(a, index, t->rank);
}

static void collect(verifier *v)
{
    for (size_t i = 0; i < v->differ.n; i++) {
        const plan_tensor *t = &v->views.plans[1].tensors.at[i];
        if (v->differ.at[i] == UINT64_MAX) {
            v->out->n_equal++;
        } else {
            const verify_line line = {v->views.plans[1].tensors.at[i].name,
                                      v->what.at[i],
                                      verify_place(v->cx->arena, t, v->differ.at[i])};
            vec_push(v->cx->arena, &v->out->lines, line);
        }
    }
}

static void warn_of_casts(verifier *v)
{
    arena *a = v->cx->arena;
    for (size_t i = 0; i < v->out->casts.n; i++) {
        const verify_cast *c = &v->out->casts.at[i];
        const bool rounds = !dtype_holds(c->to, c->from);
        diag_report(
            v->cx->diags, SEV_WARNING, "dtypes-differ", NOWHERE,
            "%s: %s in the first, %s in the second; compared after %s the first",
            show_count(a, c->n, "tensor"), show_dtype(a, c->from), show_dtype(a, c->to),
            rounds ? "rounding" : "widening");
    }
}

rt_status verify_run(context *cx, const job *a, const checkpoint *b,
                     const exec_options *opt, verify_result *out)
{
    *out = (verify_result){.is_merge = a->adapters.n > 0};
    verifier v = {.cx = cx, .a = a, .out = out, .views = {.n = 2, .look = compare}};
    v.views.who = &v;
    v.views.plans[0].sources.at = a->plan.sources.at;
    v.views.plans[0].sources.n = a->plan.sources.n;
    const stage *there = stage_of_inventory(cx, &v.views.plans[1], b->inv);
    v.fits = out->is_merge ? fitter_new(cx, a, &v.views.plans[1]) : NULL;
    match(&v, there);
    warn_of_casts(&v);
    TRY(views_run(cx, &v.views, opt, &out->n_bytes));
    collect(&v);
    return v.fits != NULL ? fit_run(v.fits, opt, out) : RT_OK;
}
