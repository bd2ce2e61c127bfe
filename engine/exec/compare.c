/* exec/compare.c -- what has to be read before a plan is closed: are two tensors equal,
 * is a part of one constant.  One thread, one pass, over at the first difference. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "exec/cast.h"
#include "exec/exec.h"
#include "exec/finite.h"
#include "exec/gather.h"

#define CHUNK_BYTES ((size_t)256 * 1024)

static rt_status cannot_read(context *cx, const plan_source *s, int errnum)
{
    const bool is_short = errnum == ENODATA;
    diag *dg = diag_report(
        cx->diags, SEV_ERROR, is_short ? "file-short" : "cannot-read", NOWHERE,
        "cannot read '%s' from '%s': %s", s->t->name, s->inv->files.at[s->t->file].path,
        is_short ? "the file ends before its data" : strerror(errnum));
    if (is_short) {
        diag_help(dg, "the file is shorter than its header says: fetch it again");
    }
    return RT_FILE;
}

/* A tensor as one box in row-major order; of bytes where elements are no whole ones. */
static piece whole_of(const tensor_info *t)
{
    piece p = {.n = 0};
    if (t->is_contiguous || dtype_bits(t->dt) % 8 != 0) {
        const unsigned bits = dtype_bits(t->dt);
        p.n = 1;
        p.size[0] = (int64_t)(bits % 8 == 0 ? t->n_elems : t->n_bytes);
        p.dst_stride[0] = p.src_stride[0] = 1;
        return p;
    }
    p.n = t->rank;
    for (unsigned i = 0; i < t->rank; i++) {
        p.size[i] = (int64_t)t->shape[i];
        p.src_stride[i] = t->stride[i];
    }
    strided_dense(p.n, p.size, p.dst_stride);
    piece_canonical(&p);
    return p;
}

static rt_status no_memory(context *cx)
{
    diag_report(cx->diags, SEV_ERROR, "no-memory", NOWHERE,
                "cannot reserve buffers to compare tensors");
    return RT_FILE;
}

typedef struct reader {
    const plan_source *source_of;
    gather_from from;
    piece whole;
    piece clips[PIECE_MAX_CLIPS];
    unsigned char *chunk;
} reader;

static void reader_init(reader *r, const plan_source *s, unsigned char *room)
{
    const unsigned bits = dtype_bits(s->t->dt);
    *r = (reader){.source_of = s, .whole = whole_of(s->t), .chunk = room};
    r->from = (gather_from){.fd = s->inv->files.at[s->t->file].fd,
                            .elem_bytes = bits % 8 == 0 ? bits / 8 : 1,
                            .stage = room + CHUNK_BYTES,
                            .stage_bytes = CHUNK_BYTES};
}

static int read_piece(reader *r, const piece *p, unsigned char *to)
{
    strided s = {.n = p->n};
    memcpy(s.size, p->size, sizeof s.size);
    memcpy(s.dst, p->dst_stride, sizeof s.dst);
    memcpy(s.src, p->src_stride, sizeof s.src);
    return gather(
        &r->from, &s,
        r->source_of->t->offset + (uint64_t)p->src_offset * r->from.elem_bytes, to);
}

static int read_range(reader *r, int64_t lo, int64_t hi)
{
    const unsigned n = piece_clip(&r->whole, lo, hi, r->clips, NULL);
    for (unsigned k = 0; k < n; k++) {
        const piece *p = &r->clips[k];
        const uint64_t at = (uint64_t)(p->dst_offset - lo) * r->from.elem_bytes;
        const int errnum = read_piece(r, p, r->chunk + at);
        if (errnum != 0) {
            return errnum;
        }
    }
    return 0;
}

static rt_status compare(context *cx, reader *x, reader *y, bool *equal)
{
    const int64_t n = piece_elems(&x->whole);
    const int64_t most = (int64_t)(CHUNK_BYTES / x->from.elem_bytes);
    *equal = true;
    for (int64_t lo = 0; lo < n && *equal; lo += most) {
        const int64_t hi = n - lo < most ? n : lo + most;
        reader *both[2] = {x, y};
        for (unsigned i = 0; i < 2; i++) {
            const int errnum = read_range(both[i], lo, hi);
            if (errnum != 0) {
                return cannot_read(cx, both[i]->source_of, errnum);
            }
        }
        *equal =
            memcmp(x->chunk, y->chunk, (size_t)(hi - lo) * x->from.elem_bytes) == 0;
    }
    return RT_OK;
}

rt_status exec_equal(context *cx, const plan_source *x, const plan_source *y,
                     bool *equal)
{
    *equal = false;
    if (x->t->dt != y->t->dt || x->t->n_elems != y->t->n_elems) {
        return RT_OK;
    }
    unsigned char *room = malloc(4 * CHUNK_BYTES);
    if (room == NULL) {
        return no_memory(cx);
    }
    reader a, b;
    reader_init(&a, x, room);
    reader_init(&b, y, room + 2 * CHUNK_BYTES);
    const rt_status status = compare(cx, &a, &b, equal);
    free(room);
    return status;
}

/* Hand all elements of a source, in their order, to `take` by chunks of n at lo. */
static rt_status read_chunks(context *cx, const plan_source *x,
                             void (*take)(void *to, const void *elems, int64_t lo,
                                          size_t n, dtype dt),
                             void *to)
{
    reader r;
    unsigned char *room = malloc(2 * CHUNK_BYTES);
    if (room == NULL) {
        return no_memory(cx);
    }
    reader_init(&r, x, room);
    const int64_t n = piece_elems(&r.whole);
    const int64_t most = (int64_t)(CHUNK_BYTES / r.from.elem_bytes);
    int errnum = 0;
    for (int64_t lo = 0; lo < n && errnum == 0; lo += most) {
        const int64_t hi = n - lo < most ? n : lo + most;
        errnum = read_range(&r, lo, hi);
        if (errnum == 0) {
            take(to, r.chunk, lo, (size_t)(hi - lo), x->t->dt);
        }
    }
    free(room);
    return errnum == 0 ? RT_OK : cannot_read(cx, x, errnum);
}

static void count_chunk(void *to, const void *elems, int64_t lo, size_t n, dtype dt)
{
    exec_survey *found = to;
    (void)lo;
    found->n_nonfinite += n_not_finite(elems, dt, n);
    found->n_nonzero += n_not_zero(elems, dt, n);
}

rt_status exec_survey_source(context *cx, const plan_source *x, exec_survey *out)
{
    *out = (exec_survey){0};
    return read_chunks(cx, x, count_chunk, out);
}

static void widen_chunk(void *to, const void *elems, int64_t lo, size_t n, dtype dt)
{
    cast_to_f64((double *)to + lo, elems, dt, n);
}

rt_status exec_read_numbers(context *cx, const plan_source *x, double *out)
{
    return read_chunks(cx, x, widen_chunk, out);
}

/* ---- pieces --------------------------------------------------------------------- */

/* The dim to halve, where elements lie farthest apart. */
static unsigned widest_dim(const piece *p)
{
    unsigned widest = 0;
    for (unsigned i = 1; i < p->n; i++) {
        const bool is_wider = p->src_stride[i] > p->src_stride[widest];
        if (p->size[i] > 1 && (is_wider || p->size[widest] == 1)) {
            widest = i;
        }
    }
    return widest;
}

/* Make `half` the first half of p, and p the rest. */
static void halve(piece *p, unsigned along, piece *half)
{
    *half = *p;
    half->size[along] /= 2;
    p->src_offset += half->size[along] * p->src_stride[along];
    p->size[along] -= half->size[along];
}

static int read_dense(reader *r, const piece *p)
{
    piece dense = *p;
    strided_dense(dense.n, dense.size, dense.dst_stride);
    return read_piece(r, &dense, r->chunk);
}

/* n elements of two types; widening is exact. */
static bool same_numbers(const reader *x, const reader *y, size_t n)
{
    enum { BLOCK = 256 };
    const dtype of_x = x->source_of->t->dt, of_y = y->source_of->t->dt;
    bool same = true;
    for (size_t lo = 0; lo < n && same; lo += BLOCK) {
        const size_t n_now = n - lo < BLOCK ? n - lo : BLOCK;
        double a[BLOCK], b[BLOCK];
        cast_to_f64(a, x->chunk + lo * x->from.elem_bytes, of_x, n_now);
        cast_to_f64(b, y->chunk + lo * y->from.elem_bytes, of_y, n_now);
        same = memcmp(a, b, n_now * sizeof *a) == 0;
    }
    return same;
}

static bool chunks_equal(const reader *x, const reader *y, size_t n)
{
    return x->source_of->t->dt == y->source_of->t->dt
               ? memcmp(x->chunk, y->chunk, n * x->from.elem_bytes) == 0
               : same_numbers(x, y, n);
}

/* The same box of two sources; *bad is the reader that failed. */
static int boxes_equal(reader *x, piece p, reader *y, piece q, bool *equal,
                       reader **bad)
{
    const size_t n = (size_t)piece_elems(&p);
    const unsigned widest = x->from.elem_bytes > y->from.elem_bytes
                                ? x->from.elem_bytes
                                : y->from.elem_bytes;
    if (n * widest > CHUNK_BYTES) {
        piece first_p, first_q;
        const unsigned along = widest_dim(&p);
        halve(&p, along, &first_p);
        halve(&q, along, &first_q);
        const int errnum = boxes_equal(x, first_p, y, first_q, equal, bad);
        return errnum != 0 || !*equal ? errnum : boxes_equal(x, p, y, q, equal, bad);
    }
    *bad = x;
    int errnum = read_dense(x, &p);
    if (errnum == 0) {
        *bad = y;
        errnum = read_dense(y, &q);
    }
    *equal = errnum == 0 && chunks_equal(x, y, n);
    return errnum;
}

static bool same_box(const piece *p, const piece *q)
{
    return p->n == q->n && p->dst_offset == q->dst_offset && p->n_steps == 0 &&
           q->n_steps == 0 && memcmp(p->size, q->size, p->n * sizeof *p->size) == 0 &&
           memcmp(p->dst_stride, q->dst_stride, p->n * sizeof *p->dst_stride) == 0;
}

static rt_status compare_pieces(context *cx, const plan *of, const piece *p,
                                const piece *q, unsigned char *room, bool *equal)
{
    *equal = same_box(p, q) && (p->src == NO_SOURCE) == (q->src == NO_SOURCE);
    if (!*equal || p->src == NO_SOURCE) {
        *equal = *equal && !(p->fill < q->fill || p->fill > q->fill);
        return RT_OK;
    }
    reader x, y, *bad = NULL;
    const plan_source *s = &of->sources.at[p->src], *t = &of->sources.at[q->src];
    *equal = dtype_bits(s->t->dt) % 8 == 0 &&
             (s->t->dt == t->t->dt ||
              (dtype_is_float(s->t->dt) && dtype_is_float(t->t->dt)));
    if (!*equal || piece_elems(p) == 0) {
        return RT_OK;
    }
    reader_init(&x, s, room);
    reader_init(&y, t, room + 2 * CHUNK_BYTES);
    const int errnum = boxes_equal(&x, *p, &y, *q, equal, &bad);
    return errnum == 0 ? RT_OK : cannot_read(cx, bad->source_of, errnum);
}

rt_status exec_pieces_equal(context *cx, const plan *p, const piece_list *x,
                            const piece_list *y, bool *equal)
{
    *equal = x->n == y->n;
    unsigned char *room = malloc(4 * CHUNK_BYTES);
    if (room == NULL) {
        return no_memory(cx);
    }
    rt_status status = RT_OK;
    for (size_t i = 0; i < x->n && *equal && status == RT_OK; i++) {
        status = compare_pieces(cx, p, &x->at[i], &y->at[i], room, equal);
    }
    free(room);
    return status;
}

/* ---- constants ------------------------------------------------------------------ */

static bool is_all(const unsigned char *chunk, size_t n, unsigned elem_bytes,
                   const unsigned char *elem)
{
    const size_t n_bytes = n * elem_bytes;
    return memcmp(chunk, elem, elem_bytes) == 0 &&
           memcmp(chunk, chunk + elem_bytes, n_bytes - elem_bytes) == 0;
}

/* Halve the box until its elements fit into the chunk, where their order is free. */
static int all_equal(reader *r, const piece *p, const unsigned char *elem, bool *equal)
{
    const int64_t n = piece_elems(p);
    if (n * (int64_t)r->from.elem_bytes <= (int64_t)CHUNK_BYTES) {
        const int errnum = read_dense(r, p);
        *equal = errnum == 0 && is_all(r->chunk, (size_t)n, r->from.elem_bytes, elem);
        return errnum;
    }
    piece rest = *p, half;
    halve(&rest, widest_dim(p), &half);
    const int errnum = all_equal(r, &half, elem, equal);
    return errnum != 0 || !*equal ? errnum : all_equal(r, &rest, elem, equal);
}

rt_status exec_all_equal_to(context *cx, const plan *p, const piece *pieces, size_t n,
                            double fill, bool *equal)
{
    *equal = true;
    unsigned char *room = malloc(2 * CHUNK_BYTES);
    if (room == NULL) {
        return no_memory(cx);
    }
    rt_status status = RT_OK;
    for (size_t i = 0; i < n && *equal && status == RT_OK; i++) {
        unsigned char elem[CAST_MAX_BYTES];
        if (pieces[i].src == NO_SOURCE) {
            *equal = pieces[i].fill == fill;
            continue;
        }
        const plan_source *s = &p->sources.at[pieces[i].src];
        *equal = pieces[i].n_steps == 0 && dtype_bits(s->t->dt) % 8 == 0 &&
                 cast_encode(s->t->dt, fill, elem);
        if (*equal && piece_elems(&pieces[i]) > 0) {
            reader r;
            reader_init(&r, s, room);
            const int errnum = all_equal(&r, &pieces[i], elem, equal);
            status = errnum == 0 ? RT_OK : cannot_read(cx, s, errnum);
        }
    }
    free(room);
    return status;
}
