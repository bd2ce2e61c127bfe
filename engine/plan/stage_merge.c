/* plan/stage_merge.c -- which updates of a merge file meet which base tensors; see
 * merge.h. */
#include "grammar/parse.h"
#include "mapping/names.h"
#include "plan/update.h"

/* The order in which a tensor is changed. */
typedef enum phase { PHASE_REPLACE, PHASE_ROWS, PHASE_SUM, N_PHASES } phase;

static phase phase_of(const map_update *u)
{
    return !u->replace ? PHASE_SUM : u->rows != NULL ? PHASE_ROWS : PHASE_REPLACE;
}

typedef VEC(attempt) attempt_list;

typedef struct matching { /* of one phase */
    merger *g;
    attempt_list fits, misfits, halves;
} matching;

static binding binding_of(const attempt *x)
{
    return (binding){x->u->captures.at, x->numbers, x->words, x->u->captures.n};
}

/* ---- looking up ---------------------------------------------------------------- */

/* One tensor of the update in the adapter; true: it is there. */
static bool look_up(merger *g, attempt *x, const map_tensor *as)
{
    const char *name =
        name_fill(g->cx->arena, g->m, &as->name, g->v->choice, x->numbers, x->words);
    const size_t i = x->n_tensors++;
    uint64_t at;
    const bool found = strmap_get(g->adapter->by_name, name, &at);
    x->factor_name[i] = name;
    x->factor_as[i] = as;
    x->factor[i] = found ? &g->adapter->tensors.at[at] : NULL;
    x->factor_at[i] = found ? (size_t)at : SIZE_MAX;
    return found;
}

static size_t look_up_all(merger *g, attempt *x)
{
    size_t there = 0;
    x->n_tensors = 0;
    for (size_t f = 0; f < x->u->factors.n && x->n_tensors < MAX_FACTORS - 1; f++) {
        if (x->u->factors.at[f].tensor != NULL) {
            there += look_up(g, x, x->u->factors.at[f].tensor);
        }
    }
    x->n_factors = x->n_tensors;
    if (x->u->norm != NULL) {
        there += look_up(g, x, x->u->norm);
    }
    return there;
}

static bool guards_hold(merger *g, const attempt *x)
{
    const binding b = binding_of(x);
    return values_all_hold(g->cx, g->v, x->u->guards.at, x->u->guards.n, &b) == 1;
}

/* ---- how a map is stored ------------------------------------------------------- */

/* Dims of an `each` target with what is right of the arrow first. */
static const map_dims *turned(merger *g, const map_dims *d)
{
    map_dims *t = NEW(g->cx->arena, map_dims);
    *t = *d;
    t->all.at = NEW_N(g->cx->arena, const map_dim *, d->all.n);
    size_t n = 0;
    for (uint32_t i = 0; i < d->n_batch; i++) {
        t->all.at[n++] = d->all.at[i];
    }
    for (size_t i = d->n_batch + d->n_left; i < d->all.n; i++) {
        t->all.at[n++] = d->all.at[i];
    }
    for (uint32_t i = 0; i < d->n_left; i++) {
        t->all.at[n++] = d->all.at[d->n_batch + i];
    }
    return t;
}

/* Without a family the shapes tell how the base stores a map, and for a square one the
 * line does. */
static fit settle_stored(merger *g, attempt *x, arrow_kind stored)
{
    const map_dims *d = x->u->target.dims;
    fit f = settle_parts(g, x);
    if (f == MISFIT && d->arrow != ARROW_NONE && stored == ARROW_NONE) {
        x->target_dims = turned(g, d);
        f = settle_parts(g, x);
        x->target_dims = f == FITS ? x->target_dims : d;
    }
    return f;
}

/* Does `each` run over this tensor?  *stored: how its family stores it. */
static bool runs_over(merger *g, const map_update *u, size_t at, arrow_kind *stored)
{
    const plan_tensor *t = &g->out->tensors.at[at];
    *stored = ARROW_NONE;
    if (u->each == NULL || u->each_dims->any) {
        return true;
    }
    if (t->rank != u->each_dims->all.n) {
        return false;
    }
    if (g->family == NULL) {
        return true;
    }
    return !stored_arrow(g, at, stored) || u->each_dims->arrow == ARROW_NONE ||
           *stored != ARROW_NONE;
}

static bool is_excepted(merger *g, const map_update *u, const char *name)
{
    for (size_t i = 0; i < u->except.n; i++) {
        int64_t numbers[MAX_CAPTURES];
        const char *words[MAX_CAPTURES];
        if (name_match(g->cx->arena, g->m, u->except.at[i], g->v->choice, NULL, name,
                       numbers, words)) {
            return true;
        }
    }
    return false;
}

static void mark_used(merger *g, const attempt *x)
{
    for (size_t i = 0; i < x->n_tensors; i++) {
        if (x->factor_at[i] != SIZE_MAX) {
            g->used[x->factor_at[i]] = true;
        }
    }
}

/* ---- matching ------------------------------------------------------------------ */

bool update_reaches(merger *g, const map_update *u, size_t at, attempt *x,
                    arrow_kind *stored)
{
    const map_name *named = u->each != NULL ? u->each : &u->target.name;
    const char *base_name = g->out->tensors.at[at].name;
    *x = (attempt){.u = u,
                   .target_at = at,
                   .target_dims = u->target.dims,
                   .numbers = NEW_N(g->cx->arena, int64_t, u->captures.n + 1),
                   .words = NEW_N(g->cx->arena, const char *, u->captures.n + 1)};
    if (!name_match(g->cx->arena, g->m, named, g->v->choice, u->captures.at, base_name,
                    x->numbers, x->words) ||
        is_excepted(g, u, base_name) || !runs_over(g, u, at, stored)) {
        return false;
    }
    const arrow_kind own = u->target.dims->arrow;
    if (own != ARROW_NONE && *stored != ARROW_NONE && *stored != own) {
        x->target_dims = turned(g, u->target.dims);
    }
    return true;
}

bool update_is_held(merger *g, const map_update *u, size_t at)
{
    attempt x;
    arrow_kind stored;
    if (!update_reaches(g, u, at, &x, &stored)) {
        return false;
    }
    const binding b = binding_of(&x);
    if (u->rows != NULL) {
        (void)values_eval(g->cx, g->v, u->rows, &b, NULL);
    }
    return look_up_all(g, &x) > 0;
}

/* Integers, or floats too narrow to be weights by themselves: their scales stand apart.
 */
static bool is_quantised(const plan_tensor *t)
{
    return !dtype_is_float(t->dt) || dtype_bits(t->dt) < 16;
}

/* Said once: all linear maps of such a base are alike. */
static void refuse_quantised(merger *g, const attempt *x, const plan_tensor *t)
{
    if (!diags_has(g->cx->diags, "base-quantised")) {
        diag *dg = diag_report(g->cx->diags, SEV_ERROR, "base-quantised", x->u->at,
                               "%s is stored as %s: the base is quantised", t->name,
                               dtype_st_name(t->dt));
        diag_note(dg, "quantising the sum again would cost more than the update adds");
        diag_help(dg,
                  "merge into the base that was quantised, and quantise the result");
    }
    mark_used(g, x);
    g->worst = RT_MISMATCH;
}

static void match_one(matching *mt, const map_update *u, size_t at)
{
    merger *g = mt->g;
    attempt x;
    arrow_kind stored;
    if (!update_reaches(g, u, at, &x, &stored)) {
        return;
    }
    const size_t there = look_up_all(g, &x);
    if (there == 0 || !guards_hold(g, &x)) {
        return;
    }
    const char *target = name_fill(g->cx->arena, g->m, &u->target.name, g->v->choice,
                                   x.numbers, x.words);
    uint64_t target_at;
    if (!strmap_get(g->out->by_name, target, &target_at)) {
        diag *dg = diag_report(g->cx->diags, SEV_ERROR, "no-target", u->at,
                               "%s changes %s, which the base does not have",
                               x.factor_name[0], target);
        diag_help(dg, "the adapter was trained on a base that has it");
        g->worst = RT_MISMATCH;
        return;
    }
    x.target_at = (size_t)target_at;
    if (!u->replace && is_quantised(&g->out->tensors.at[x.target_at])) {
        refuse_quantised(g, &x, &g->out->tensors.at[x.target_at]);
        return;
    }
    if (there < x.n_tensors) {
        vec_push(g->cx->arena, &mt->halves, x);
        return;
    }
    const binding b = binding_of(&x);
    fit f = scale_of(g, &b, &x) ? FITS : FIT_FAILED;
    if (f == FITS && !u->target.dims->any) {
        f = settle_stored(g, &x, stored);
    }
    if (f == FITS) {
        vec_push(g->cx->arena, &mt->fits, x);
    } else if (f == MISFIT) {
        vec_push(g->cx->arena, &mt->misfits, x);
    } else {
        mark_used(g, &x);
        g->worst = RT_MISMATCH;
    }
}

static bool uses(const attempt *x, const attempt *y)
{
    for (size_t i = 0; i < x->n_tensors; i++) {
        for (size_t k = 0; k < y->n_tensors; k++) {
            if (x->factor_at[i] == y->factor_at[k] && x->factor_at[i] != SIZE_MAX) {
                return true;
            }
        }
    }
    return false;
}

static void report_two_ways(merger *g, const attempt *x, const attempt *y)
{
    diag *dg =
        diag_report(g->cx->diags, SEV_ERROR, "adapter-twice", x->u->at,
                    "%s fits two ways: %s by '%s' and %s by '%s'", x->factor_name[0],
                    g->out->tensors.at[x->target_at].name, x->u->name,
                    g->out->tensors.at[y->target_at].name, y->u->name);
    diag_label(dg, y->u->at, "the other way");
    buf text = {.arena = g->cx->arena};
    for (size_t i = 0; i < x->u->guards.n; i++) {
        buf_add(&text, i > 0 ? " and " : "");
        expr_print(&text, x->u->guards.at[i]);
    }
    diag_help(dg, "the shapes cannot tell; say with --set which it is%s%s",
              text.n > 0 ? ": the first holds when " : "",
              text.n > 0 ? buf_str(&text) : "");
    g->worst = RT_MISMATCH;
}

static bool is_used(const merger *g, const attempt *x)
{
    for (size_t i = 0; i < x->n_tensors; i++) {
        if (x->factor_at[i] != SIZE_MAX && g->used[x->factor_at[i]]) {
            return true;
        }
    }
    return false;
}

static void report_half(merger *g, const attempt *x)
{
    const char *absent = NULL, *present = NULL;
    for (size_t i = 0; i < x->n_tensors; i++) {
        *(x->factor[i] != NULL ? &present : &absent) = x->factor_name[i];
    }
    diag *dg = diag_report(g->cx->diags, SEV_ERROR, "adapter-half", x->u->at,
                           "the adapter has %s but not %s", present, absent);
    diag_help(dg,
              "all factors of a term are needed; the adapter file is incomplete, or "
              "its config says something else than it holds");
    g->worst = RT_MISMATCH;
}

static void apply_fits(matching *mt)
{
    merger *g = mt->g;
    for (size_t i = 0; i < mt->fits.n; i++) {
        attempt *x = &mt->fits.at[i];
        bool again = false;
        for (size_t k = 0; k < i && !again; k++) {
            again = uses(x, &mt->fits.at[k]);
            if (again) {
                report_two_ways(g, &mt->fits.at[k], x);
            }
        }
        if (again || is_used(g, x)) {
            continue;
        }
        mark_used(g, x);
        plan_tensor *t = &g->out->tensors.at[x->target_at];
        if (!x->u->replace) {
            add_terms(g, x, t);
        } else if (x->u->rows != NULL) {
            replace_rows(g, x, t);
        } else {
            replace_tensor(g, x, t);
        }
    }
}

static void run_phase(merger *g, phase now, attempt_list *misfits, attempt_list *halves)
{
    matching mt = {.g = g};
    for (size_t i = 0; i < g->m->updates.n; i++) {
        const map_update *u = &g->m->updates.at[i];
        for (size_t t = 0; phase_of(u) == now && t < g->out->tensors.n; t++) {
            match_one(&mt, u, t);
        }
    }
    apply_fits(&mt);
    for (size_t i = 0; i < mt.misfits.n; i++) {
        vec_push(g->cx->arena, misfits, mt.misfits.at[i]);
    }
    for (size_t i = 0; i < mt.halves.n; i++) {
        vec_push(g->cx->arena, halves, mt.halves.at[i]);
    }
}

/* Factors that were there and came to nothing: each is said once. */
static void report_rest(merger *g, const attempt_list *misfits,
                        const attempt_list *halves)
{
    for (size_t i = 0; i < misfits->n; i++) {
        if (!is_used(g, &misfits->at[i])) {
            report_misfit(g, &misfits->at[i]);
            mark_used(g, &misfits->at[i]);
            g->worst = RT_MISMATCH;
        }
    }
    for (size_t i = 0; i < halves->n; i++) {
        if (!is_used(g, &halves->at[i])) {
            report_half(g, &halves->at[i]);
            mark_used(g, &halves->at[i]);
        }
    }
}

/* Parts of one model may begin otherwise, each in its own way: what finds no base under
 * one binding of the choices is tried under the next. */
static void run_all(merger *g)
{
    do {
        attempt_list misfits = {0}, halves = {0};
        for (unsigned now = 0; now < N_PHASES; now++) {
            run_phase(g, (phase)now, &misfits, &halves);
        }
        report_rest(g, &misfits, &halves);
    } while (bind_merge_choices(g));
}

/* ---- the whole ----------------------------------------------------------------- */

static stage *copy_stage(context *cx, const stage *from)
{
    stage *s = NEW(cx->arena, stage);
    s->by_name = strmap_new(cx->arena);
    s->names_only = from->names_only;
    for (size_t i = 0; i < from->tensors.n; i++) {
        strmap_add(s->by_name, from->tensors.at[i].name, i);
        vec_push(cx->arena, &s->tensors, from->tensors.at[i]);
    }
    return s;
}

rt_status stage_merge(context *cx, plan *p, const stage *base, const stage *adapter,
                      values *v, values *family, const merge_how *how, stage **out,
                      merge_account *acc)
{
    merger g = {.cx = cx,
                .m = v->m,
                .plan = p,
                .family = family,
                .base = base,
                .raw = adapter,
                .v = v,
                .how = *how,
                .acc = acc};
    g.used = NEW_N(cx->arena, bool, adapter->tensors.n + 1);
    g.adapter = read_spellings(&g, adapter);
    g.out = copy_stage(cx, base);
    (void)bind_merge_choices(&g);
    open_ties(&g);
    g.map = NEW_N(cx->arena, unsigned char, g.out->tensors.n + 1);
    run_all(&g);
    account_adapter(&g);
    if (acc->unused.n == 0 && acc->lines.n == 0 && g.worst == RT_OK) {
        diag_report(cx->diags, SEV_ERROR, "adapter-empty", NOWHERE,
                    "the adapter has no tensor that rule file '%s' knows", v->m->name);
        g.worst = RT_MISMATCH;
    }
    if (g.worst == RT_OK) {
        warn_of_gaps(&g);
    }
    close_ties(&g);
    settle_resized(&g);
    *out = g.out;
    return g.worst;
}
