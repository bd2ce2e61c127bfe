/* job/spectrum.c -- the singular values of an update, from its factors alone.
 *
 * An update is a stack of products B_i A_i, its rows apart.  With A all A_i one upon
 * another and M = L L' the Gram matrices of the B_i along the diagonal, the squares of
 * its singular values are the eigenvalues of  L' A A' L,  as large as the ranks
 * together: the update itself is never made.  A batch of maps, as of experts, has the
 * singular values of all of them.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "exec/cast.h"
#include "job/build.h"

enum {
    MAX_RANK = 512, /* of all parts together; beyond it would take too long */
    MAX_NUMBERS = 16 * 1000000, /* of a factor, which is read as a whole */
};

typedef struct matrix { /* n_rows vectors of n_cols numbers */
    size_t n_rows, n_cols;
    double *at;
} matrix;

/* A dim in which both factors move counts the maps of a batch. */
static bool is_batch(const term *t, unsigned i)
{
    return t->a_stride[i] != 0 && t->b_stride[i] != 0;
}

static size_t n_maps(const piece *box)
{
    size_t n = 1;
    for (unsigned i = 0; i < box->n; i++) {
        n *= is_batch(&box->steps[0].t, i) ? (size_t)box->size[i] : 1;
    }
    return n;
}

/* The place of element j of those that the chosen dims run over. */
static int64_t place_of(const piece *box, const term *t, const int64_t *stride,
                        size_t j, bool of_batch)
{
    int64_t place = 0, rest = (int64_t)j;
    for (unsigned i = box->n; i-- > 0;) {
        if (stride[i] != 0 && is_batch(t, i) == of_batch) {
            place += rest % box->size[i] * stride[i];
            rest /= box->size[i];
        }
    }
    return place;
}

/* Elements of a factor that a term reads for map number `map`: for each k of its rank
 * one row; its columns are the places of the box at which the factor moves. */
static void add_rows(arena *a, matrix *m, const double *numbers, const piece *box,
                     const term *t, size_t map, bool is_b)
{
    const int64_t *stride = is_b ? t->b_stride : t->a_stride;
    const int64_t k_stride = is_b ? t->b_k : t->a_k;
    const int64_t first =
        (is_b ? t->b_offset : t->a_offset) + place_of(box, t, stride, map, true);
    size_t n = 1;
    for (unsigned i = 0; i < box->n; i++) {
        n *= stride[i] != 0 && !is_batch(t, i) ? (size_t)box->size[i] : 1;
    }
    double *all = NEW_N(a, double, (m->n_rows + t->rank) * n);
    if (m->n_rows > 0) { /* else m->at is NULL, which memcpy may not be given */
        memcpy(all, m->at, m->n_rows * n * sizeof *all);
    }
    for (size_t j = 0; j < n; j++) {
        const int64_t column = first + place_of(box, t, stride, j, false);
        for (size_t k = 0; k < t->rank; k++) {
            all[(m->n_rows + k) * n + j] = numbers[column + (int64_t)k * k_stride];
        }
    }
    *m = (matrix){m->n_rows + t->rank, n, all};
}

/* All products of two rows of m, into the corner at `at` of a square of n.  Four sums
 * at a time, which do not wait for each other. */
static void add_gram(const matrix *m, double *square, size_t n, size_t at)
{
    for (size_t i = 0; i < m->n_rows; i++) {
        const double *x = m->at + i * m->n_cols;
        for (size_t j = 0; j <= i; j += 4) {
            const size_t count = i + 1 - j < 4 ? i + 1 - j : 4;
            const double *y[4];
            double sum[4] = {0};
            for (size_t k = 0; k < 4; k++) {
                y[k] = m->at + (j + (k < count ? k : 0)) * m->n_cols;
            }
            for (size_t c = 0; c < m->n_cols; c++) {
                for (size_t k = 0; k < 4; k++) {
                    sum[k] += x[c] * y[k][c];
                }
            }
            for (size_t k = 0; k < count; k++) {
                square[(at + i) * n + at + j + k] = sum[k];
                square[(at + j + k) * n + at + i] = sum[k];
            }
        }
    }
}

/* ---- eigenvalues ---------------------------------------------------------------- */

/* Cholesky: the lower triangle of m becomes L.  Where nothing is left but rounding, the
 * column is zero. */
static void factorise(double *m, size_t n)
{
    for (size_t j = 0; j < n; j++) {
        const double whole = m[j * n + j];
        for (size_t i = j; i < n; i++) {
            double left = m[i * n + j];
            for (size_t k = 0; k < j; k++) {
                left -= m[i * n + k] * m[j * n + k];
            }
            if (i == j) {
                m[j * n + j] = left > DBL_EPSILON * whole ? sqrt(left) : 0;
            } else {
                m[i * n + j] = m[j * n + j] > 0 ? left / m[j * n + j] : 0;
            }
        }
    }
}

/* L' G L. */
static double *joined(arena *a, const double *l, const double *g, size_t n)
{
    double *gl = NEW_N(a, double, n *n), *s = NEW_N(a, double, n *n);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < n; k++) {
            for (size_t j = 0; j <= k; j++) {
                gl[i * n + j] += g[i * n + k] * l[k * n + j];
            }
        }
    }
    for (size_t k = 0; k < n; k++) {
        for (size_t i = 0; i <= k; i++) {
            for (size_t j = 0; j < n; j++) {
                s[i * n + j] += l[k * n + i] * gl[k * n + j];
            }
        }
    }
    return s;
}

/* Householder: reflections of rows and columns leave of the symmetric s a diagonal d
 * and beside it e[1..n-1]; the eigenvalues stay. */
static void tridiagonalise(double *s, size_t n, double *d, double *e)
{
    double *u = d; /* of the reflection; rows below are done, so d has room */
    for (size_t i = n - 1; i > 0; i--) {
        double *row = s + i * n;
        double size = 0, dot = 0;
        for (size_t k = 0; k < i; k++) {
            size += row[k] * row[k];
        }
        e[i] = row[i - 1] > 0 ? -sqrt(size) : sqrt(size);
        const double half = size - row[i - 1] * e[i]; /* |u|^2 / 2 */
        if (i == 1 || !(half > 0)) {
            e[i] = i == 1 ? row[0] : 0;
            continue;
        }
        memcpy(u, row, i * sizeof *u);
        u[i - 1] -= e[i];
        for (size_t j = 0; j < i; j++) { /* p = S u / half, kept in row */
            double sum = 0;
            for (size_t k = 0; k < i; k++) {
                sum += s[j * n + k] * u[k];
            }
            row[j] = sum / half;
            dot += row[j] * u[j];
        }
        for (size_t j = 0; j < i; j++) {
            row[j] -= dot / (2 * half) * u[j];
        }
        for (size_t j = 0; j < i; j++) {
            for (size_t k = 0; k < i; k++) {
                s[j * n + k] -= row[j] * u[k] + u[j] * row[k];
            }
        }
    }
    for (size_t i = 0; i < n; i++) {
        d[i] = s[i * n + i];
    }
}

/* How many eigenvalues are below x: so many signs change in Sturm's sequence. */
static size_t n_below(const double *d, const double *e, size_t n, double x,
                      double least)
{
    size_t below = 0;
    double q = 1;
    for (size_t i = 0; i < n; i++) {
        q = d[i] - x - (i > 0 ? e[i] * e[i] / q : 0);
        q = fabs(q) < least ? -least : q;
        below += q < 0;
    }
    return below;
}

/* The n eigenvalues of the symmetric s, none of which is negative, by bisection. */
static void eigenvalues(arena *a, double *s, size_t n, double *out)
{
    double *d = NEW_N(a, double, n), *e = NEW_N(a, double, n), most = 0;
    tridiagonalise(s, n, d, e);
    for (size_t i = 0; i < n; i++) { /* Gershgorin */
        const double beside = fabs(e[i]) * (i > 0) + (i + 1 < n ? fabs(e[i + 1]) : 0);
        most = fmax(most, d[i] + beside);
    }
    for (size_t k = 0; k < n; k++) {
        double lo = 0, hi = most;
        for (unsigned half = 0; half < 64 && hi - lo > DBL_EPSILON * hi; half++) {
            const double middle = lo + (hi - lo) / 2;
            *(n_below(d, e, n, middle, DBL_MIN + DBL_EPSILON * DBL_EPSILON * most) > k
                  ? &hi
                  : &lo) = middle;
        }
        out[k] = lo + (hi - lo) / 2;
    }
}

static spectrum spectrum_of(const double *squares, size_t n, double scale)
{
    spectrum out = {.is_known = true};
    double sum = 0, all = 0, entropy = 0, largest = 0;
    for (size_t i = 0; i < n; i++) {
        sum += sqrt(squares[i]);
        all += squares[i];
        largest = fmax(largest, squares[i]);
    }
    for (size_t i = 0; i < n && sum > 0; i++) {
        const double share = sqrt(squares[i]) / sum;
        entropy -= share > 0 ? share * log(share) : 0;
    }
    out.largest = fabs(scale) * sqrt(largest);
    out.effective_rank = sum > 0 ? exp(entropy) : 0;
    out.stable_rank = largest > 0 ? all / largest : 0;
    return out;
}

/* ---- the whole ------------------------------------------------------------------ */

/* Are all parts products whose rows lie apart, of the same columns; or is it one part,
 * perhaps of a batch? */
static bool is_stack(const job *j, const job_merge_line *l)
{
    size_t n = 0;
    for (size_t i = 0; i < l->blocks.n; i++) {
        const piece *p = &l->blocks.at[i];
        const term *t = &p->steps[0].t;
        if (p->n_steps > 1 || t->a == NO_SOURCE || (l->blocks.n > 1 && n_maps(p) > 1) ||
            j->plan.sources.at[t->a].t->n_elems > MAX_NUMBERS ||
            j->plan.sources.at[t->b].t->n_elems > MAX_NUMBERS) {
            return false;
        }
        n += t->rank;
        for (size_t k = 0; k < i; k++) {
            if (l->blocks.at[k].steps[0].t.b_offset == t->b_offset) {
                return false;
            }
        }
    }
    return n > 0 && n <= MAX_RANK;
}

/* The squares of one map's singular values; false: its parts have not the same columns.
 */
static bool map_squares(arena *a, const job_merge_line *l, size_t map, size_t n,
                        double *const numbers[2], double *out)
{
    double *m = NEW_N(a, double, n *n), *g = NEW_N(a, double, n *n);
    matrix all = {0};
    size_t at = 0;
    for (size_t i = 0; i < l->blocks.n; i++) {
        const piece *p = &l->blocks.at[i];
        matrix b = {0};
        const size_t n_cols = all.n_cols;
        add_rows(a, &b, numbers[0], p, &p->steps[0].t, map, true);
        add_rows(a, &all, numbers[1], p, &p->steps[0].t, map, false);
        if (i > 0 && all.n_cols != n_cols) {
            return false;
        }
        add_gram(&b, m, n, at);
        at += b.n_rows;
    }
    add_gram(&all, g, n, 0);
    factorise(m, n);
    eigenvalues(a, joined(a, m, g, n), n, out);
    return true;
}

static rt_status line_spectrum(context *cx, arena *a, const job *j,
                               const job_merge_line *l, spectrum *out)
{
    double *numbers[2];
    size_t n = 0;
    *out = (spectrum){0};
    if (!is_stack(j, l)) {
        return RT_OK;
    }
    for (size_t i = 0; i < l->blocks.n; i++) {
        n += l->blocks.at[i].steps[0].t.rank;
    }
    const term *t = &l->blocks.at[0].steps[0].t;
    for (unsigned i = 0; i < 2; i++) {
        const plan_source *s = &j->plan.sources.at[i == 0 ? t->b : t->a];
        numbers[i] = NEW_N(a, double, s->t->n_elems);
        TRY(exec_read_numbers(cx, s, numbers[i]));
    }
    const size_t n_of = n_maps(&l->blocks.at[0]);
    double *squares = NEW_N(a, double, n_of *n);
    for (size_t map = 0; map < n_of; map++) {
        arena *scratch = arena_new();
        const bool good = map_squares(scratch, l, map, n, numbers, squares + map * n);
        arena_free(scratch);
        if (!good) {
            return RT_OK;
        }
    }
    *out = spectrum_of(squares, n_of * n, l->scale);
    return RT_OK;
}

rt_status job_spectra(context *cx, job *j)
{
    j->spectra = NEW_N(cx->arena, spectrum, j->merged.n + 1);
    for (size_t i = 0; i < j->merged.n; i++) {
        arena *scratch = arena_new();
        const rt_status status =
            line_spectrum(cx, scratch, j, &j->merged.at[i], &j->spectra[i]);
        arena_free(scratch);
        TRY(status);
    }
    return RT_OK;
}
