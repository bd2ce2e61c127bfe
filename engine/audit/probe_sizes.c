/* The sizes of the probe's models: a prime for every free axis, the smallest for the
 * axes that stand in most dims.
 *
 * `axis d = c / h` is a relation between three axes: the quotient gets the prime and
 * the dividend follows, c = h d, since a prime c would be divided by nothing. */
#include <stdlib.h>
#include <string.h>

#include "audit/probe_model.h"
#include "config/eval.h"
#include "grammar/parse.h"

enum { BLOCK_WEIGHT = 1000 }; /* sizes of blocks are smaller than what they divide */

typedef struct weighed {
    uint32_t axis;
    size_t n; /* dims and names that it stands in */
} weighed;

static void count_dim(const map_dim *d, weighed *w)
{
    if (d->kind == DIM_AXIS) {
        w[d->axis].n++;
    }
    for (size_t i = 0; i < d->kids.n; i++) {
        count_dim(d->kids.at[i], w);
    }
    for (size_t i = 0; i < d->parts.n; i++) {
        count_dim(d->parts.at[i].body, w);
    }
}

/* The axis that an expression is, or NO_AXIS. */
static uint32_t axis_of(const mapping *m, const expr *e)
{
    return e != NULL && e->kind == EXPR_PATH ? mapping_axis(m, e->s) : NO_AXIS;
}

static void count_axis(uint32_t axis, weighed *w)
{
    if (axis != NO_AXIS) {
        w[axis].n++;
    }
}

static void count_rule(const mapping *m, const map_rule *r, weighed *w)
{
    for (unsigned side = 0; side < 2; side++) {
        for (size_t t = 0; t < r->tensors[side].n; t++) {
            const map_dims *d = r->tensors[side].at[t].dims;
            for (size_t i = 0; d != NULL && i < d->all.n; i++) {
                count_dim(d->all.at[i], w);
            }
        }
    }
    for (size_t i = 0; r->scale != NULL && i < r->scale->dims.n; i++) {
        if (r->scale->dims.at[i].by_axis != NO_AXIS) {
            w[r->scale->dims.at[i].by_axis].n += BLOCK_WEIGHT;
        }
    }
    for (size_t c = 0; c < r->captures.n; c++) {
        count_axis(r->captures.at[c].axis, w);
        count_axis(axis_of(m, r->captures.at[c].lo), w);
        count_axis(axis_of(m, r->captures.at[c].hi), w);
    }
}

static int by_weight(const void *x, const void *y)
{
    const weighed *a = x, *b = y;
    return a->n > b->n ? -1 : a->n < b->n ? 1 : a->axis < b->axis ? -1 : 1;
}

/* A range `{l in k..n}` is empty unless k gets the smaller prime. */
static void order_bounds(const mapping *m, const map_rule *r, weighed *w, size_t n)
{
    for (size_t c = 0; c < r->captures.n; c++) {
        const uint32_t lo = axis_of(m, r->captures.at[c].lo);
        const uint32_t hi = axis_of(m, r->captures.at[c].hi);
        size_t lo_at = n, hi_at = n;
        for (size_t i = 0; i < n; i++) {
            lo_at = w[i].axis == lo ? i : lo_at;
            hi_at = w[i].axis == hi ? i : hi_at;
        }
        if (hi_at < lo_at && lo_at < n) {
            const weighed was = w[hi_at];
            w[hi_at] = w[lo_at];
            w[lo_at] = was;
        }
    }
}

static bool is_composite(const map_axis *ax)
{
    return ax->primes.n > 1;
}

static void meet_path(void *who, const expr *path)
{
    size_t *n_fields = who;
    *n_fields += strchr(path->s, '.') != NULL;
}

/* What determines the axis on the side that is read, other axes that is; NULL: the
 * config does, so that its size may be chosen. */
static const expr *forced_by(const map_axis *ax, unsigned side)
{
    const expr *e = ax->read[side] == NULL ? ax->size : ax->read[side];
    size_t n_fields = 0;
    if (e != NULL) {
        expr_paths(e, meet_path, &n_fields);
    }
    return n_fields > 0 ? NULL : e;
}

/* The axis X of a size X / A / B, if its size may be chosen; else NO_AXIS. */
static uint32_t dividend_of(const mapping *m, const map_axis *ax, unsigned side)
{
    const expr *e = forced_by(ax, side);
    if (e == NULL || e->kind != EXPR_BINARY || e->op != OP_DIV) {
        return NO_AXIS;
    }
    while (e->kind == EXPR_BINARY && e->op == OP_DIV) {
        e = e->kid.at[0];
    }
    const uint32_t x = e->kind == EXPR_PATH ? mapping_axis(m, e->s) : NO_AXIS;
    return x == NO_AXIS || is_composite(&m->axes.at[x]) ||
                   forced_by(&m->axes.at[x], side) != NULL
               ? NO_AXIS
               : x;
}

/* By axis: is it a dividend, so that its size follows? */
static bool *dividends(arena *a, const mapping *m, unsigned side)
{
    bool *is = NEW_N(a, bool, m->axes.n + 1);
    for (size_t i = 0; i < m->axes.n; i++) {
        const uint32_t x = dividend_of(m, &m->axes.at[i], side);
        if (x != NO_AXIS) {
            is[x] = true;
        }
    }
    return is;
}

static int64_t gcd(int64_t a, int64_t b)
{
    return b == 0 ? a : gcd(b, a % b);
}

/* The smallest sizes of all dividends that leave every quotient whole and a multiple of
 * the prime that was chosen for it. */
static void multiply_out(context *cx, values *v, unsigned side, const bool *is_dividend)
{
    const mapping *m = v->m;
    for (size_t i = 0; i < m->axes.n; i++) {
        v->size[i] = is_dividend[i] ? 1 : v->size[i];
    }
    for (size_t i = 0; i < m->axes.n; i++) {
        const uint32_t x = dividend_of(m, &m->axes.at[i], side);
        if (x == NO_AXIS) {
            continue;
        }
        const expr *e = forced_by(&m->axes.at[i], side);
        int64_t n = v->size[i];
        for (; e != NULL && e->kind == EXPR_BINARY; e = e->kid.at[0]) {
            const value *by = values_eval(cx, v, e->kid.at[1], NULL, NULL);
            n *= by != NULL && by->kind == V_INT && by->i > 0 ? by->i : 1;
        }
        v->size[x] *= n / gcd(v->size[x], n);
    }
}

static void multiply_products(values *v)
{
    for (uint32_t i = 0; i < v->m->axes.n; i++) {
        const map_axis *ax = &v->m->axes.at[i];
        for (size_t k = 0; is_composite(ax) && k < ax->primes.n; k++) {
            v->size[i] = (k == 0 ? 1 : v->size[i]) * v->size[ax->primes.at[k]];
        }
    }
}

int64_t probe_prime(int64_t n)
{
    for (n++;; n++) {
        int64_t f = 2;
        while (f * f <= n && n % f != 0) {
            f++;
        }
        if (f * f > n) {
            return n;
        }
    }
}

/* Products, and sizes that follow; false when one of them is no size. */
static bool follow(context *cx, values *v, unsigned side, const bool *told)
{
    bool good = true;
    for (unsigned round = 0; round < 3;
         round++) { /* some follow from others that follow */
        good = true;
        multiply_products(v);
        for (uint32_t i = 0; i < v->m->axes.n; i++) {
            const map_axis *ax = &v->m->axes.at[i];
            const bool is_chosen = is_composite(ax) || (told != NULL && told[i]);
            const expr *by = is_chosen ? NULL : forced_by(ax, side);
            if (by != NULL) {
                const value *x = values_eval(cx, v, by, NULL, NULL);
                const bool fits = x != NULL && x->kind == V_INT && x->i >= 0;
                v->size[i] = fits ? x->i : 1;
                good = good && fits;
            }
        }
    }
    return good;
}

/* The next prime that is no told size. */
static int64_t own_prime(const values *v, const bool *told, int64_t n)
{
    bool is_taken = true;
    while (is_taken) {
        n = probe_prime(n);
        is_taken = false;
        for (size_t i = 0; told != NULL && i < v->m->axes.n; i++) {
            is_taken = is_taken || (told[i] && v->size[i] == n);
        }
    }
    return n;
}

bool probe_sizes(context *cx, values *v, unsigned side, uint32_t one, const bool *told)
{
    const mapping *m = v->m;
    weighed *w = NEW_N(cx->arena, weighed, m->axes.n + 1);
    size_t n_free = 0;
    for (uint32_t i = 0; i < m->axes.n; i++) {
        w[i].axis = i;
    }
    for (size_t r = 0; r < m->rules.n; r++) {
        count_rule(m, &m->rules.at[r], w);
    }
    const bool *is_dividend = dividends(cx->arena, m, side);
    for (uint32_t i = 0; i < m->axes.n; i++) {
        const map_axis *ax = &m->axes.at[i];
        const bool is_quotient = dividend_of(m, ax, side) != NO_AXIS;
        if (!is_composite(ax) && !is_dividend[i] && !(told != NULL && told[i]) &&
            (is_quotient || forced_by(ax, side) == NULL)) {
            w[n_free++] = w[i];
        }
    }
    qsort(w, n_free, sizeof *w, by_weight);
    for (size_t r = 0; r < m->rules.n; r++) {
        order_bounds(m, &m->rules.at[r], w, n_free);
    }
    int64_t *primes = NEW_N(cx->arena, int64_t, n_free + 1);
    for (size_t i = 0; i < n_free; i++) {
        primes[i] = own_prime(v, told, i == 0 ? 1 : primes[i - 1]);
    }
    for (size_t turn = 0; turn < n_free || turn == 0; turn++) {
        for (size_t i = 0; i < n_free; i++) {
            v->size[w[i].axis] = primes[(i + turn) % n_free];
            v->size_from[w[i].axis] = "the probe";
        }
        if (one != NO_AXIS && !(told != NULL && told[one])) {
            v->size[one] = 1;
        }
        multiply_products(v);
        multiply_out(cx, v, side, is_dividend);
        if (follow(cx, v, side, told)) {
            return true;
        }
    }
    return false;
}

bool probe_values(context *cx, const mapping *m, unsigned side, const values *facts,
                  uint32_t one, values **out)
{
    if (values_read(cx, m, side, NULL, "the probe", out) != RT_OK) {
        return false;
    }
    values *v = *out;
    for (size_t i = 0; facts != NULL && i < m->values.n; i++) {
        v->fact[i] = m->values.at[i].is == NULL ? facts->fact[i] : NULL;
    }
    for (size_t i = 0; facts != NULL && i < m->choices.n; i++) {
        v->choice[i] = facts->choice[i];
    }
    if (!probe_sizes(cx, v, side, one, NULL)) {
        return false;
    }
    for (size_t i = 0; i < m->values.n; i++) {
        const map_value *mv = &m->values.at[i];
        if (mv->is != NULL) {
            v->fact[i] = values_eval(cx, v, mv->is, NULL, NULL);
        } else if (facts == NULL) {
            v->fact[i] = value_bool(cx->arena, false);
        }
    }
    return true;
}

void probe_tell_sizes(arena *a, const values *v, unsigned side, probe_result *out)
{
    const mapping *m = v->m;
    const bool *is_dividend = dividends(a, m, side);
    for (uint32_t i = 0; i < m->axes.n; i++) {
        const map_axis *ax = &m->axes.at[i];
        buf b = {.arena = a};
        buf_printf(&b, "%s = %lld", ax->name, (long long)v->size[i]);
        if (is_composite(ax)) {
            for (size_t k = 0; k < ax->primes.n; k++) {
                buf_printf(&b, " %s %s", k == 0 ? "=" : "*",
                           m->axes.at[ax->primes.at[k]].name);
            }
            vec_push(a, &out->forced, buf_str(&b));
        } else if (is_dividend[i]) {
            buf_add(&b, ", a multiple:");
            for (size_t k = 0; k < m->axes.n; k++) {
                if (dividend_of(m, &m->axes.at[k], side) == i) {
                    buf_printf(&b, " %s = ", m->axes.at[k].name);
                    expr_print(&b, forced_by(&m->axes.at[k], side));
                }
            }
            vec_push(a, &out->forced, buf_str(&b));
        } else if (forced_by(ax, side) != NULL && dividend_of(m, ax, side) == NO_AXIS) {
            buf_add(&b, ", forced by ");
            expr_print(&b, forced_by(ax, side));
            vec_push(a, &out->forced, buf_str(&b));
        } else {
            vec_push(a, &out->sizes, buf_str(&b));
        }
    }
}
