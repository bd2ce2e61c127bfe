/* plan/settle.c -- the sizes and parts of one update, from the shapes of its tensors.
 */
#include <string.h>

#include "grammar/parse.h"
#include "plan/update.h"
#include "tensor/shape.h"

/* ---- sizes of one instance ----------------------------------------------------- */

/* A dim's size as k + coefficient * (the one unknown axis); false when it is no such
 * form. */
typedef struct linear {
    int64_t k, coefficient;
    uint32_t axis; /* NO_AXIS: no unknown */
} linear;

static bool dim_linear(const map_dim *d, const int64_t *size, const bool *part_on,
                       linear *out);

static bool body_linear(const map_dim *const *kids, size_t n, const int64_t *size,
                        const bool *part_on, linear *out)
{
    *out = (linear){1, 0, NO_AXIS};
    for (size_t i = 0; i < n; i++) {
        linear x;
        if (!dim_linear(kids[i], size, part_on, &x)) {
            return false;
        }
        if (x.axis != NO_AXIS && out->axis != NO_AXIS) {
            return false;
        }
        if (x.axis != NO_AXIS) {
            *out = (linear){out->k * x.k, out->k * x.coefficient, x.axis};
        } else {
            out->k *= x.k;
            out->coefficient *= x.k;
        }
    }
    return true;
}

static bool dim_linear(const map_dim *d, const int64_t *size, const bool *part_on,
                       linear *out)
{
    switch (d->kind) {
    case DIM_INT: *out = (linear){1, 0, NO_AXIS}; return true;
    case DIM_AXIS:
        *out = size[d->axis] != SIZE_UNKNOWN ? (linear){size[d->axis], 0, NO_AXIS}
                                             : (linear){0, 1, d->axis};
        return true;
    case DIM_PRODUCT: return body_linear(d->kids.at, d->kids.n, size, part_on, out);
    case DIM_SUM: break;
    }
    *out = (linear){0, 0, NO_AXIS};
    for (size_t i = 0; i < d->parts.n; i++) {
        linear x;
        if (part_on != NULL && !part_on[d->parts.at[i].id]) {
            continue;
        }
        if (!dim_linear(d->parts.at[i].body, size, part_on, &x) ||
            (x.axis != NO_AXIS && out->axis != NO_AXIS && x.axis != out->axis)) {
            return false;
        }
        out->k += x.k;
        out->coefficient += x.coefficient;
        out->axis = x.axis != NO_AXIS ? x.axis : out->axis;
    }
    return true;
}

/* One tensor's shape tells at most one axis for each dim.  1: learned, 0: nothing new,
 * -1: contradiction. */
static int solve_tensor(const map_dims *d, const plan_tensor *t, const bool *part_on,
                        int64_t *size)
{
    int learned = 0;
    if (d->all.n != t->rank) {
        return -1;
    }
    for (size_t i = 0; i < d->all.n; i++) {
        linear x;
        if (!dim_linear(d->all.at[i], size, part_on, &x)) {
            continue;
        }
        const int64_t rest = (int64_t)t->shape[i] - x.k;
        if (x.axis == NO_AXIS) {
            if (rest != 0) {
                return -1;
            }
        } else if (x.coefficient == 0 || rest % x.coefficient != 0 || rest < 0) {
            return -1;
        } else {
            size[x.axis] = rest / x.coefficient;
            learned = 1;
        }
    }
    return learned;
}

/* ---- an instance --------------------------------------------------------------- */

static bool sizes_fit(attempt *x, const plan_tensor *target)
{
    for (int again = 1; again != 0;) {
        again = solve_tensor(x->target_dims, target, x->part_on, x->size);
        for (size_t f = 0; again >= 0 && f < x->n_tensors; f++) {
            const int one =
                solve_tensor(x->factor_as[f]->dims, x->factor[f], x->part_on, x->size);
            again = one < 0 ? one : again | one;
        }
        if (again < 0) {
            return false;
        }
    }
    return true;
}

/* The sizes that the config tells for this module. */
static bool set_locals(merger *g, const attempt *x)
{
    const binding b = {x->u->captures.at, x->numbers, x->words, x->u->captures.n};
    memcpy(x->size, g->v->size, g->m->axes.n * sizeof *x->size);
    for (size_t i = 0; i < x->u->locals.n; i++) {
        const char *why = NULL;
        const value *n = values_eval(g->cx, g->v, x->u->locals.at[i].size, &b, &why);
        if (n == NULL || n->kind != V_INT) {
            diag *dg = diag_report(
                g->cx->diags, SEV_ERROR, "no-rank", x->u->locals.at[i].at,
                "the config does not tell the size '%s' of %s%s%s",
                g->m->axes.at[x->u->locals.at[i].axis].name, x->factor_name[0],
                why != NULL ? ": " : "", why != NULL ? why : "");
            diag_help(dg, "give the field with --set");
            return false;
        }
        x->size[x->u->locals.at[i].axis] = n->i;
    }
    return true;
}

static void note_locals(merger *g, const attempt *x, diag *dg)
{
    const binding b = {x->u->captures.at, x->numbers, x->words, x->u->captures.n};
    for (size_t i = 0; i < x->u->locals.n; i++) {
        buf text = {.arena = g->cx->arena};
        expr_print(&text, x->u->locals.at[i].size);
        diag_note(
            dg, "%s = %s = %s", g->m->axes.at[x->u->locals.at[i].axis].name,
            buf_str(&text),
            value_show(g->cx->arena,
                       values_eval(g->cx, g->v, x->u->locals.at[i].size, &b, NULL)));
    }
}

void report_misfit(merger *g, const attempt *x)
{
    const plan_tensor *target = &g->out->tensors.at[x->target_at];
    diag *dg = diag_report(g->cx->diags, SEV_ERROR, "adapter-shape", x->u->at,
                           "the adapter's shapes do not fit %s by rule '%s'",
                           target->name, x->u->name);
    diag_note(dg, "%s is %s", target->name,
              show_shape(g->cx->arena, target->shape, target->rank));
    for (size_t f = 0; f < x->n_tensors; f++) {
        diag_note(dg, "%s is %s", x->factor_name[f],
                  show_shape(g->cx->arena, x->factor[f]->shape, x->factor[f]->rank));
    }
    note_locals(g, x, dg);
    for (uint32_t a = 0; a < g->m->axes.n; a++) {
        if (g->v->size[a] != SIZE_UNKNOWN && g->v->size_from[a] != NULL) {
            diag_note(dg, "%s = %lld (%s)", g->m->axes.at[a].name,
                      (long long)g->v->size[a], g->v->size_from[a]);
        }
    }
    diag_help(
        dg, "is it the adapter of another base model, or has it another rank or other "
            "parts than its config says?");
}

/* ---- which parts are there ----------------------------------------------------- */

/* The conditions on the parts of an update; parts with the same condition share it. */
typedef struct conditions {
    unsigned n;
    const char *text[MAX_CASES];
    const expr *when[MAX_CASES];
    int holds[MAX_CASES]; /* 1, 0, or -1: the config does not tell */
    int *of_part;         /* by part id: index above, or -1: always there */
} conditions;

static void add_conditions(merger *g, const attempt *x, const map_dim *d, conditions *c)
{
    for (size_t i = 0; i < d->kids.n; i++) {
        add_conditions(g, x, d->kids.at[i], c);
    }
    for (size_t i = 0; i < d->parts.n; i++) {
        const map_part *part = &d->parts.at[i];
        add_conditions(g, x, part->body, c);
        c->of_part[part->id] = -1;
        if (part->when == NULL) {
            continue;
        }
        buf text = {.arena = g->cx->arena};
        expr_print(&text, part->when);
        unsigned at = 0;
        while (at < c->n && strcmp(c->text[at], buf_str(&text)) != 0) {
            at++;
        }
        if (at == c->n && c->n < MAX_CASES) {
            const binding b = {x->u->captures.at, x->numbers, x->words,
                               x->u->captures.n};
            const value *is = values_eval(g->cx, g->v, part->when, &b, NULL);
            c->text[c->n] = buf_str(&text);
            c->when[c->n] = part->when;
            c->holds[c->n++] = is != NULL ? value_truth(is) : -1;
        }
        c->of_part[part->id] = (int)at;
    }
}

static conditions conditions_of(merger *g, const attempt *x)
{
    conditions c = {.of_part = NEW_N(g->cx->arena, int, x->u->n_parts + 1)};
    for (size_t i = 0; i < x->u->target.dims->all.n; i++) {
        add_conditions(g, x, x->u->target.dims->all.at[i], &c);
    }
    for (size_t f = 0; f < x->n_tensors; f++) {
        for (size_t i = 0; i < x->factor_as[f]->dims->all.n; i++) {
            add_conditions(g, x, x->factor_as[f]->dims->all.at[i], &c);
        }
    }
    return c;
}

/* Try one answer to all conditions: bit k of `set` for condition k. */
static bool set_fits(attempt *x, const plan_tensor *target, const int64_t *size,
                     size_t n_axes, const conditions *c, unsigned set)
{
    for (uint32_t i = 0; i < x->u->n_parts; i++) {
        x->part_on[i] = c->of_part[i] < 0 || (set >> c->of_part[i] & 1u) != 0;
    }
    memcpy(x->size, size, n_axes * sizeof *x->size);
    return sizes_fit(x, target);
}

static void report_parts(merger *g, const attempt *x, const conditions *c,
                         unsigned n_fits)
{
    diag *dg = diag_report(g->cx->diags, SEV_ERROR, "adapter-parts", x->u->at,
                           "%u choices of parts fit the shapes of %s", n_fits,
                           x->factor_name[0]);
    for (unsigned k = 0; k < c->n; k++) {
        if (c->holds[k] < 0) {
            diag_note(dg, "the adapter's config does not tell '%s', which is %s",
                      c->text[k], scalar_origin(g, c->when[k]));
        }
    }
    diag_help(
        dg,
        "say them with --set, for example --set lora_query=true --set lora_key=false");
}

bool settle_target(merger *g, attempt *x)
{
    const size_t n_axes = g->m->axes.n;
    x->size = NEW_N(g->cx->arena, int64_t, n_axes + 1);
    memcpy(x->size, g->v->size, n_axes * sizeof *x->size);
    x->n_tensors = 0;
    return sizes_fit(x, &g->out->tensors.at[x->target_at]);
}

fit settle_parts(merger *g, attempt *x)
{
    const conditions c = conditions_of(g, x);
    const plan_tensor *target = &g->out->tensors.at[x->target_at];
    const size_t n_axes = g->m->axes.n;
    unsigned n_fits = 0, best = 0;
    x->part_on = NEW_N(g->cx->arena, bool, x->u->n_parts + 1);
    x->size = NEW_N(g->cx->arena, int64_t, n_axes + 1);
    if (!set_locals(g, x)) {
        return FIT_FAILED;
    }
    int64_t *size = NEW_N(g->cx->arena, int64_t, n_axes + 1);
    memcpy(size, x->size, n_axes * sizeof *size);
    for (unsigned set = 0; set < 1u << c.n; set++) {
        bool possible = true;
        for (unsigned k = 0; k < c.n; k++) {
            possible =
                possible && (c.holds[k] < 0 || c.holds[k] == (int)(set >> k & 1u));
        }
        if (possible && set_fits(x, target, size, n_axes, &c, set)) {
            n_fits++;
            best = set;
        }
    }
    if (n_fits > 1) {
        report_parts(g, x, &c, n_fits);
        return FIT_FAILED;
    }
    return n_fits == 1 && set_fits(x, target, size, n_axes, &c, best) ? FITS : MISFIT;
}
