/* audit/fit_state.c -- what the sums of a fit say.
 *
 * Least squares of e over d around the declared scale, not of c over d: with a right
 * scale e is rounding alone, and nothing cancels. */
#include <math.h>
#include <stdlib.h>

#include "audit/verify_fit.h"

/* Rounding several times, as trainers do in half precision, leaves up to twice the
 * error of one rounding; three times are no rounding any more. */
#define MOST_RESIDUAL 3
#define SCALE_ROOM    0.01

static double times_of(const fit_sums *s)
{
    return s->dd > 0 ? 1 + s->ed / s->dd : 1;
}

/* |c - k d|, squared. */
static double left_at(const fit_sums *s, double k)
{
    return fmax(s->ee - 2 * (k - 1) * s->ed + (k - 1) * (k - 1) * s->dd, 0);
}

static double residual_of(const fit_sums *s, double k)
{
    return s->uu > 0 ? sqrt(left_at(s, k) / s->uu) : 0;
}

/* How far the fitted scale may be from the true one: four times the deviation that
 * rounding gives it. */
static double room_of(const fit_sums *s, double k)
{
    const double n = (double)s->n;
    return SCALE_ROOM * fabs(k) + (s->dd > 0 ? 4 * sqrt(s->uu / n / s->dd) : 0);
}

/* Is c = k d but for rounding?  Rounding to nearest may keep a part of k only. */
static bool is_at(const fit_sums *s, double k, double kept)
{
    const double times = times_of(s), room = room_of(s, k);
    return residual_of(s, k) <= MOST_RESIDUAL && times >= fmin(k, k * kept) - room &&
           times <= fmax(k, k * kept) + room;
}

/* `k`: the scale that is expected. */
static fit_state state_of(const fit_sums *s, double k, bool is_open)
{
    const double kept = !is_open && s->dd > 0 ? 1 + s->od / s->dd : 1;
    const bool is_merged = is_at(s, k, kept), is_missing = is_at(s, 0, 1);
    if (s->n_broken > 0) {
        return FIT_OTHER_CHANGE;
    }
    if (!(s->dd > 0)) {
        return residual_of(s, 0) <= MOST_RESIDUAL ? FIT_HIDDEN : FIT_OTHER_CHANGE;
    }
    return is_merged && is_missing                        ? FIT_HIDDEN
           : is_merged                                    ? FIT_MERGED
           : is_missing                                   ? FIT_MISSING
           : is_at(s, 2 * k, 1)                           ? FIT_TWICE
           : residual_of(s, times_of(s)) <= MOST_RESIDUAL ? FIT_OTHER_SCALE
                                                          : FIT_OTHER_CHANGE;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The scale of most updates that are there, where no config says one: their median. */
static double usual_times(const verify_result *r)
{
    VEC(double) all = {0};
    arena *a = arena_new();
    for (size_t i = 0; i < r->fits.n; i++) {
        const verify_fit *f = &r->fits.at[i];
        if (f->is_open && f->sums.dd > 0 && !is_at(&f->sums, 0, 1)) {
            vec_push(a, &all, times_of(&f->sums));
        }
    }
    double middle = 1;
    if (all.n > 0) {
        qsort(all.at, all.n, sizeof *all.at, by_size);
        middle = all.at[all.n / 2];
    }
    arena_free(a);
    return middle;
}

void fit_judge(verify_result *r)
{
    fit_sums all = {0};
    const double usual = usual_times(r);
    for (size_t i = 0; i < r->fits.n; i++) {
        verify_fit *f = &r->fits.at[i];
        f->times = times_of(&f->sums);
        f->residual = residual_of(&f->sums, f->times);
        f->state = state_of(&f->sums, f->is_open ? usual : 1, f->is_open);
        all.dd += f->sums.dd;
        all.ee += f->sums.ee;
        all.ed += f->sums.ed;
        all.uu += f->sums.uu;
    }
    r->times = times_of(&all);
    r->residual = residual_of(&all, r->times);
}

bool verify_holds(const verify_result *r)
{
    for (size_t i = 0; i < r->fits.n; i++) {
        if (r->fits.at[i].state > FIT_HIDDEN) {
            return false;
        }
    }
    return r->lines.n == 0;
}
