/* exec/strided.c -- see strided.h.
 *
 * The two innermost loops do the work: runs that are contiguous on both sides, planes
 * that are contiguous along one dim here and along another there (a transpose, in
 * blocks so that each cache line is touched by one block only), or single elements. The
 * dims around them are counted by an odometer.
 */
#include "exec/strided.h"

#include <string.h>

void strided_squeeze(strided *s)
{
    unsigned n = 0;
    for (unsigned i = 0; i < s->n; i++) {
        const int64_t size = s->size[i];
        if (size == 1) {
            continue;
        }
        const bool joins = n > 0 && s->dst[n - 1] == size * s->dst[i] &&
                           s->src[n - 1] == size * s->src[i];
        const unsigned at = joins ? n - 1 : n++;
        s->size[at] = joins ? s->size[at] * size : size;
        s->dst[at] = s->dst[i];
        s->src[at] = s->src[i];
    }
    s->n = n;
}

int64_t strided_elems(const strided *s)
{
    int64_t n = 1;
    for (unsigned i = 0; i < s->n; i++) {
        n *= s->size[i];
    }
    return n;
}

int64_t strided_src_span(const strided *s)
{
    int64_t n = 1;
    for (unsigned i = 0; i < s->n; i++) {
        n += (s->size[i] - 1) * s->src[i];
    }
    return n;
}

int64_t strided_run(const strided *s)
{
    for (unsigned i = 0; i < s->n; i++) {
        if (s->dst[i] == 1 && s->src[i] == 1) {
            return s->size[i];
        }
    }
    return 1;
}

void strided_dense(unsigned n, const int64_t *size, int64_t *stride)
{
    int64_t next = 1;
    for (unsigned i = n; i-- > 0;) {
        stride[i] = next;
        next *= size[i];
    }
}

/* ---- planes: `rows` by `cols` elements, strides in bytes ------------------------- */

typedef struct plane {
    size_t rows, cols;
    ptrdiff_t dst_row, src_row, dst_col, src_col;
    unsigned char *dst;
    const unsigned char *src;
} plane;

static void copy_runs(const plane *p, unsigned elem_bytes)
{
    const size_t n_bytes = p->cols * elem_bytes;
    for (size_t i = 0; i < p->rows; i++) {
        memcpy(p->dst + (ptrdiff_t)i * p->dst_row, p->src + (ptrdiff_t)i * p->src_row,
               n_bytes);
    }
}

/* One function for each size, so that the copy of an element is a load and a store. */
#define DEFINE_COPY(bytes)                                                             \
    static void copy_elems_##bytes(const plane *p, size_t rows, size_t cols,           \
                                   unsigned char *dst, const unsigned char *src)       \
    {                                                                                  \
        for (size_t i = 0; i < rows; i++) {                                            \
            unsigned char *to = dst + (ptrdiff_t)i * p->dst_row;                       \
            const unsigned char *from = src + (ptrdiff_t)i * p->src_row;               \
            for (size_t j = 0; j < cols; j++) {                                        \
                memcpy(to, from, bytes);                                               \
                to += p->dst_col;                                                      \
                from += p->src_col;                                                    \
            }                                                                          \
        }                                                                              \
    }
DEFINE_COPY(1)
DEFINE_COPY(2)
DEFINE_COPY(4)
DEFINE_COPY(8)

static void copy_elems(const plane *p, unsigned elem_bytes, size_t rows, size_t cols,
                       unsigned char *dst, const unsigned char *src)
{
    switch (elem_bytes) {
    case 1: copy_elems_1(p, rows, cols, dst, src); break;
    case 2: copy_elems_2(p, rows, cols, dst, src); break;
    case 4: copy_elems_4(p, rows, cols, dst, src); break;
    default: copy_elems_8(p, rows, cols, dst, src); break;
    }
}

/* 16-byte vectors of 8 and 4 elements, for transposing 8 by 8 and 4 by 4. */
typedef uint16_t vec_u16 __attribute__((vector_size(16)));
typedef uint32_t vec_u32 __attribute__((vector_size(16)));

/* The plane's rows are contiguous in the target, its columns in the source. */
static void transpose_2(const plane *p, unsigned char *dst, const unsigned char *src)
{
    vec_u16 x[8], y[8];
    for (unsigned j = 0; j < 8; j++) {
        memcpy(&x[j], src + j * p->src_col, sizeof x[j]);
    }
#define LOW16(a, b)  __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define HIGH16(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
    /* Three rounds of a perfect shuffle of rows i and i + 4 make columns of rows. */
    for (unsigned i = 0; i < 4; i++) {
        y[2 * i] = LOW16(x[i], x[i + 4]);
        y[2 * i + 1] = HIGH16(x[i], x[i + 4]);
    }
    for (unsigned i = 0; i < 4; i++) {
        x[2 * i] = LOW16(y[i], y[i + 4]);
        x[2 * i + 1] = HIGH16(y[i], y[i + 4]);
    }
    for (unsigned i = 0; i < 4; i++) {
        y[2 * i] = LOW16(x[i], x[i + 4]);
        y[2 * i + 1] = HIGH16(x[i], x[i + 4]);
    }
#undef LOW16
#undef HIGH16
    for (unsigned i = 0; i < 8; i++) {
        memcpy(dst + i * p->dst_row, &y[i], sizeof y[i]);
    }
}

static void transpose_4(const plane *p, unsigned char *dst, const unsigned char *src)
{
    vec_u32 x[4], y[4];
    for (unsigned j = 0; j < 4; j++) {
        memcpy(&x[j], src + j * p->src_col, sizeof x[j]);
    }
#define LOW32(a, b)  __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define HIGH32(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
    for (unsigned i = 0; i < 2; i++) {
        y[2 * i] = LOW32(x[i], x[i + 2]);
        y[2 * i + 1] = HIGH32(x[i], x[i + 2]);
    }
    for (unsigned i = 0; i < 2; i++) {
        x[2 * i] = LOW32(y[i], y[i + 2]);
        x[2 * i + 1] = HIGH32(y[i], y[i + 2]);
    }
#undef LOW32
#undef HIGH32
    for (unsigned i = 0; i < 4; i++) {
        memcpy(dst + i * p->dst_row, &x[i], sizeof x[i]);
    }
}

/* One block of a transpose: square vectors as far as they go, then single elements. */
static void transpose_block(const plane *p, unsigned elem_bytes, size_t rows,
                            size_t cols, unsigned char *dst, const unsigned char *src)
{
    const size_t side = elem_bytes == 2 ? 8 : elem_bytes == 4 ? 4 : 0;
    const size_t full_rows = side == 0 ? 0 : rows - rows % side;
    const size_t full_cols = side == 0 ? 0 : cols - cols % side;
    for (size_t i = 0; i < full_rows; i += side) {
        for (size_t j = 0; j < full_cols; j += side) {
            unsigned char *to = dst + (ptrdiff_t)i * p->dst_row + j * elem_bytes;
            const unsigned char *from =
                src + i * elem_bytes + (ptrdiff_t)j * p->src_col;
            if (elem_bytes == 2) {
                transpose_2(p, to, from);
            } else {
                transpose_4(p, to, from);
            }
        }
    }
    copy_elems(p, elem_bytes, full_rows, cols - full_cols, dst + full_cols * elem_bytes,
               src + (ptrdiff_t)full_cols * p->src_col);
    copy_elems(p, elem_bytes, rows - full_rows, cols,
               dst + (ptrdiff_t)full_rows * p->dst_row, src + full_rows * elem_bytes);
}

static void transpose(const plane *p, unsigned elem_bytes)
{
    const size_t block = 64 / elem_bytes; /* elements of a cache line */
    for (size_t j = 0; j < p->cols; j += block) {
        const size_t cols = p->cols - j < block ? p->cols - j : block;
        for (size_t i = 0; i < p->rows; i += block) {
            const size_t rows = p->rows - i < block ? p->rows - i : block;
            transpose_block(p, elem_bytes, rows, cols,
                            p->dst + (ptrdiff_t)i * p->dst_row + j * elem_bytes,
                            p->src + i * elem_bytes + (ptrdiff_t)j * p->src_col);
        }
    }
}

/* ---- all dims ------------------------------------------------------------------- */

static void swap_dims(strided *s, unsigned i, unsigned j)
{
    const strided t = *s;
    s->size[i] = t.size[j];
    s->dst[i] = t.dst[j];
    s->src[i] = t.src[j];
    s->size[j] = t.size[i];
    s->dst[j] = t.dst[i];
    s->src[j] = t.src[i];
}

/* Bring the plane's dims to the end: columns (contiguous in the target, if any is)
 * last, before them the rows: contiguous in the source if the columns are not, else the
 * next.
 */
static void order_dims(strided *s)
{
    for (unsigned i = 0; i + 1 < s->n; i++) {
        if (s->dst[i] == 1) {
            swap_dims(s, i, s->n - 1);
        }
    }
    for (unsigned i = 0; i + 2 < s->n; i++) {
        if (s->src[i] == 1 && s->src[s->n - 1] != 1) {
            swap_dims(s, i, s->n - 2);
        }
    }
}

/* Advance the odometer over dims 0..n; false after the last. */
static bool advance(const strided *s, unsigned n, int64_t *at)
{
    for (unsigned i = n; i-- > 0;) {
        if (++at[i] < s->size[i]) {
            return true;
        }
        at[i] = 0;
    }
    return false;
}

static plane plane_of(const strided *s, unsigned elem_bytes)
{
    const int64_t width = (int64_t)elem_bytes;
    plane p = {.rows = 1, .cols = 1};
    if (s->n >= 1) {
        const unsigned c = s->n - 1;
        p.cols = (size_t)s->size[c];
        p.dst_col = (ptrdiff_t)(s->dst[c] * width);
        p.src_col = (ptrdiff_t)(s->src[c] * width);
    }
    if (s->n >= 2) {
        const unsigned r = s->n - 2;
        p.rows = (size_t)s->size[r];
        p.dst_row = (ptrdiff_t)(s->dst[r] * width);
        p.src_row = (ptrdiff_t)(s->src[r] * width);
    }
    return p;
}

void strided_copy(const strided *given, unsigned elem_bytes, void *dst, const void *src)
{
    strided s = *given;
    strided_squeeze(&s);
    order_dims(&s);
    plane p = plane_of(&s, elem_bytes);
    const ptrdiff_t width = (ptrdiff_t)elem_bytes;
    const bool is_run = p.dst_col == width && p.src_col == width;
    const bool is_transpose = p.dst_col == width && p.src_row == width && p.rows > 1;
    const unsigned n_outer = s.n > 2 ? s.n - 2 : 0;
    int64_t at[PIECE_MAX_DIMS] = {0};
    do {
        int64_t to = 0, from = 0;
        for (unsigned i = 0; i < n_outer; i++) {
            to += at[i] * s.dst[i];
            from += at[i] * s.src[i];
        }
        p.dst = (unsigned char *)dst + to * width;
        p.src = (const unsigned char *)src + from * width;
        if (is_run) {
            copy_runs(&p, elem_bytes);
        } else if (is_transpose) {
            transpose(&p, elem_bytes);
        } else {
            copy_elems(&p, elem_bytes, p.rows, p.cols, p.dst, p.src);
        }
    } while (advance(&s, n_outer, at));
}

void strided_fill(const strided *given, unsigned elem_bytes, void *dst,
                  const void *elem)
{
    strided s = *given;
    for (unsigned i = 0; i < s.n; i++) {
        s.src[i] = 0;
    }
    strided_copy(&s, elem_bytes, dst, elem);
}
