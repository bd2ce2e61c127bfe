/* job/spectrum.c -- the singular values of an update, from its factors alone.
 *
 * An update is a stack of products B_i A_i, its rows apart.  With A all A_i one upon
 * another and M the Gram matrices of the B_i along the diagonal, the squares of its
 * singular values are the eigenvalues of  M^1/2 A A' M^1/2,  as large as the ranks
 * together: the update itself is never made.
 */
#include <math.h>
#include <string.h>

#include "exec/cast.h"
#include "job/build.h"

enum { MAX_RANK = 128 }; /* of all parts together; beyond it would take too long */

typedef struct matrix { /* n_rows vectors of n_cols numbers */
    size_t n_rows, n_cols;
    double *at;
} matrix;

/* Elements of a factor that a term reads: for each k of its rank one row; its columns
 * are the places of the box at which the factor moves. */
static void add_rows(arena *a, matrix *m, const double *numbers, const piece *box,
                     const term *t, bool is_b)
{
    const int64_t *stride = is_b ? t->b_stride : t->a_stride;
    const int64_t k_stride = is_b ? t->b_k : t->a_k;
    size_t n = 1;
    for (unsigned i = 0; i < box->n; i++) {
        n *= stride[i] != 0 ? (size_t)box->size[i] : 1;
    }
    double *all = NEW_N(a, double, (m->n_rows + t->rank) * n);
    if (m->n_rows > 0) { /* else m->at is NULL, which memcpy may not be given */
        memcpy(all, m->at, m->n_rows * n * sizeof *all);
    }
    for (size_t k = 0; k < t->rank; k++) {
        for (size_t j = 0; j < n; j++) {
            int64_t place = (is_b ? t->b_offset : t->a_offset) + (int64_t)k * k_stride;
            int64_t rest = (int64_t)j;
            for (unsigned i = box->n; i-- > 0;) {
                if (stride[i] != 0) {
                    place += rest % box->size[i] * stride[i];
                    rest /= box->size[i];
                }
            }
            all[(m->n_rows + k) * n + j] = numbers[place];
        }
    }
    *m = (matrix){m->n_rows + t->rank, n, all};
}

/* All products of two rows of m, into the corner at `at` of a square of n. */
static void add_gram(const matrix *m, double *square, size_t n, size_t at)
{
    for (size_t i = 0; i < m->n_rows; i++) {
        for (size_t j = 0; j < m->n_rows; j++) {
            double sum = 0;
            for (size_t c = 0; c < m->n_cols; c++) {
                sum += m->at[i * m->n_cols + c] * m->at[j * m->n_cols + c];
            }
            square[(at + i) * n + at + j] = sum;
        }
    }
}

static void turn(double *x, double *y, double c, double s)
{
    const double p = *x, q = *y;
    *x = c * p - s * q;
    *y = s * p + c * q;
}

/* Jacobi: turn the symmetric `s` until it is diagonal; q (or NULL) gets the turns. */
static void diagonalise(double *s, double *q, size_t n)
{
    for (unsigned sweep = 0; sweep < 30; sweep++) {
        double off = 0, on = 0;
        for (size_t i = 0; i < n * n; i++) {
            *(i % (n + 1) == 0 ? &on : &off) += s[i] * s[i];
        }
        if (!(off > 1e-26 * on)) {
            return;
        }
        for (size_t i = 0; i < n; i++) {
            for (size_t j = i + 1; j < n; j++) {
                const double half = s[i * n + j];
                const double angle = 0.5 * atan2(2 * half, s[j * n + j] - s[i * n + i]);
                const double c = cos(angle), d = sin(angle);
                for (size_t k = 0; k < n; k++) {
                    turn(&s[i * n + k], &s[j * n + k], c, d);
                }
                for (size_t k = 0; k < n; k++) {
                    turn(&s[k * n + i], &s[k * n + j], c, d);
                    if (q != NULL) {
                        turn(&q[k * n + i], &q[k * n + j], c, d);
                    }
                }
            }
        }
    }
}

/* The eigenvalues of M^1/2 G M^1/2, on the diagonal of the result. */
static double *joined(arena *a, double *m, const double *g, size_t n)
{
    double *q = NEW_N(a, double, n *n), *gq = NEW_N(a, double, n *n);
    double *s = NEW_N(a, double, n *n);
    for (size_t i = 0; i < n; i++) {
        q[i * n + i] = 1;
    }
    diagonalise(m, q, n);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            for (size_t k = 0; k < n; k++) {
                gq[i * n + j] += g[i * n + k] * q[k * n + j];
            }
        }
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            double sum = 0;
            for (size_t k = 0; k < n; k++) {
                sum += q[k * n + i] * gq[k * n + j];
            }
            s[i * n + j] =
                sum * sqrt(fmax(m[i * n + i], 0)) * sqrt(fmax(m[j * n + j], 0));
        }
    }
    diagonalise(s, NULL, n);
    return s;
}

static spectrum spectrum_of(const double *s, size_t n, double scale)
{
    spectrum out = {.is_known = true};
    double sum = 0, squares = 0, entropy = 0, largest = 0;
    for (size_t i = 0; i < n; i++) {
        const double square = fmax(s[i * n + i], 0);
        sum += sqrt(square);
        squares += square;
        largest = fmax(largest, square);
    }
    for (size_t i = 0; i < n && sum > 0; i++) {
        const double share = sqrt(fmax(s[i * n + i], 0)) / sum;
        entropy -= share > 0 ? share * log(share) : 0;
    }
    out.largest = fabs(scale) * sqrt(largest);
    out.effective_rank = sum > 0 ? exp(entropy) : 0;
    out.stable_rank = largest > 0 ? squares / largest : 0;
    return out;
}

/* Are all parts products whose rows lie apart, of the same columns? */
static bool is_stack(const job_merge_line *l)
{
    size_t n = 0;
    for (size_t i = 0; i < l->blocks.n; i++) {
        const piece *p = &l->blocks.at[i];
        if (p->n_steps > 1 || p->steps[0].t.a == NO_SOURCE) {
            return false;
        }
        n += p->steps[0].t.rank;
        for (unsigned d = 0; d < p->n; d++) {
            if (p->steps[0].t.a_stride[d] != 0 && p->steps[0].t.b_stride[d] != 0) {
                return false;
            }
        }
        for (size_t k = 0; k < i; k++) {
            if (l->blocks.at[k].steps[0].t.b_offset == p->steps[0].t.b_offset) {
                return false;
            }
        }
    }
    return n > 0 && n <= MAX_RANK;
}

static rt_status line_spectrum(context *cx, arena *a, const job *j,
                               const job_merge_line *l, spectrum *out)
{
    const double *numbers[2];
    matrix all = {0};
    size_t n = 0, at = 0;
    *out = (spectrum){0};
    if (!is_stack(l)) {
        return RT_OK;
    }
    for (size_t i = 0; i < l->blocks.n; i++) {
        n += l->blocks.at[i].steps[0].t.rank;
    }
    const uint32_t src[2] = {l->blocks.at[0].steps[0].t.b,
                             l->blocks.at[0].steps[0].t.a};
    for (unsigned i = 0; i < 2; i++) {
        const plan_source *s = &j->plan.sources.at[src[i]];
        double *into = NEW_N(a, double, s->t->n_elems);
        TRY(exec_read_numbers(cx, s, into));
        numbers[i] = into;
    }
    double *m = NEW_N(a, double, n *n), *g = NEW_N(a, double, n *n);
    for (size_t i = 0; i < l->blocks.n; i++) {
        const piece *p = &l->blocks.at[i];
        matrix b = {0};
        const size_t n_cols = all.n_cols;
        add_rows(a, &b, numbers[0], p, &p->steps[0].t, true);
        add_rows(a, &all, numbers[1], p, &p->steps[0].t, false);
        if (i > 0 && all.n_cols != n_cols) {
            return RT_OK;
        }
        add_gram(&b, m, n, at);
        at += b.n_rows;
    }
    add_gram(&all, g, n, 0);
    *out = spectrum_of(joined(a, m, g, n), n, l->scale);
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
