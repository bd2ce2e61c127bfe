/* The sizes of the probe's models: a prime for every free axis, the smallest for the
 * axes that stand in most dims. */
#include <stdlib.h>

#include "audit/probe_model.h"
#include "grammar/parse.h"

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

static void count_rule(const map_rule *r, weighed *w)
{
    for (unsigned side = 0; side < 2; side++) {
        for (size_t t = 0; t < r->tensors[side].n; t++) {
            const map_dims *d = r->tensors[side].at[t].dims;
            for (size_t i = 0; d != NULL && i < d->all.n; i++) {
                count_dim(d->all.at[i], w);
            }
        }
    }
    for (size_t c = 0; c < r->captures.n; c++) {
        if (r->captures.at[c].axis != NO_AXIS) {
            w[r->captures.at[c].axis].n++;
        }
    }
}

static int by_weight(const void *x, const void *y)
{
    const weighed *a = x, *b = y;
    return a->n > b->n ? -1 : a->n < b->n ? 1 : a->axis < b->axis ? -1 : 1;
}

static bool is_composite(const map_axis *ax)
{
    return ax->primes.n > 1;
}

/* An axis that other values determine on the side that is read. */
static bool is_forced(const map_axis *ax, unsigned side)
{
    return ax->size != NULL && ax->read[side] == NULL;
}

static int64_t next_prime(int64_t n)
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
static bool follow(context *cx, values *v, unsigned side)
{
    bool good = true;
    for (unsigned round = 0; round < 3;
         round++) { /* some follow from others that follow */
        good = true;
        for (uint32_t i = 0; i < v->m->axes.n; i++) {
            const map_axis *ax = &v->m->axes.at[i];
            if (is_composite(ax)) {
                v->size[i] = 1;
                for (size_t k = 0; k < ax->primes.n; k++) {
                    v->size[i] *= v->size[ax->primes.at[k]];
                }
            } else if (is_forced(ax, side)) {
                const value *x = values_eval(cx, v, ax->size, NULL, NULL);
                const bool fits = x != NULL && x->kind == V_INT && x->i >= 0;
                v->size[i] = fits ? x->i : 1;
                good = good && fits;
            }
        }
    }
    return good;
}

bool probe_sizes(context *cx, values *v, unsigned side, uint32_t one)
{
    const mapping *m = v->m;
    weighed *w = NEW_N(cx->arena, weighed, m->axes.n + 1);
    size_t n_free = 0;
    for (uint32_t i = 0; i < m->axes.n; i++) {
        w[i].axis = i;
    }
    for (size_t r = 0; r < m->rules.n; r++) {
        count_rule(&m->rules.at[r], w);
    }
    for (uint32_t i = 0; i < m->axes.n; i++) {
        if (!is_composite(&m->axes.at[i]) && !is_forced(&m->axes.at[i], side)) {
            w[n_free++] = w[i];
        }
    }
    qsort(w, n_free, sizeof *w, by_weight);
    int64_t *primes = NEW_N(cx->arena, int64_t, n_free + 1);
    for (size_t i = 0; i < n_free; i++) {
        primes[i] = next_prime(i == 0 ? 1 : primes[i - 1]);
    }
    for (size_t turn = 0; turn < n_free || turn == 0; turn++) {
        for (size_t i = 0; i < n_free; i++) {
            v->size[w[i].axis] = primes[(i + turn) % n_free];
            v->size_from[w[i].axis] = "the probe";
        }
        if (one != NO_AXIS) {
            v->size[one] = 1;
        }
        if (follow(cx, v, side)) {
            return true;
        }
    }
    return false;
}

void probe_tell_sizes(arena *a, const values *v, unsigned side, probe_result *out)
{
    for (uint32_t i = 0; i < v->m->axes.n; i++) {
        const map_axis *ax = &v->m->axes.at[i];
        if (is_forced(ax, side) && !is_composite(ax)) {
            buf b = {.arena = a};
            buf_printf(&b, "%s = %lld, forced by ", ax->name, (long long)v->size[i]);
            expr_print(&b, ax->size);
            vec_push(a, &out->forced, buf_str(&b));
        } else if (!is_composite(ax)) {
            vec_push(a, &out->sizes,
                     arena_printf(a, "%s = %lld", ax->name, (long long)v->size[i]));
        }
    }
}
