/* exec/gather.c -- halve the box until each part is one read; see gather.h. */
#include "exec/gather.h"

#include "base/file.h"

enum {
    READ_COST = 16 * 1024, /* bytes that could be copied in the time of a system call */
    DIRECT_RUN = 32 * 1024, /* from here on a copy costs more than a read of its own */
};

static uint64_t bytes_of(int64_t n_elems, unsigned elem_bytes)
{
    return (uint64_t)n_elems * elem_bytes;
}

static bool is_one_run(const strided *s)
{
    return s->n == 0 || (s->n == 1 && s->dst[0] == 1 && s->src[0] == 1);
}

/* Is one read over everything cheaper than a read for each run? */
static bool is_dense(const strided *s, unsigned elem_bytes)
{
    const int64_t n = strided_elems(s);
    const int64_t run = strided_run(s);
    const uint64_t n_bytes = bytes_of(n, elem_bytes);
    const uint64_t apart = n_bytes + (uint64_t)(n / run) * READ_COST;
    return bytes_of(run, elem_bytes) < DIRECT_RUN &&
           bytes_of(strided_src_span(s), elem_bytes) <= apart;
}

/* The dim with the largest steps in the source: halves of it overlap least. */
static unsigned widest(const strided *s)
{
    unsigned best = 0;
    for (unsigned i = 1; i < s->n; i++) {
        if (s->src[i] > s->src[best]) {
            best = i;
        }
    }
    return best;
}

int gather(const gather_from *g, const strided *given, uint64_t offset, void *dst)
{
    strided s = *given;
    strided_squeeze(&s);
    const uint64_t width = g->elem_bytes;
    if (is_one_run(&s)) {
        const int64_t n = s.n == 0 ? 1 : s.size[0];
        return pread_all(g->fd, dst, bytes_of(n, g->elem_bytes), offset);
    }
    const uint64_t span_bytes = bytes_of(strided_src_span(&s), g->elem_bytes);
    if (span_bytes <= g->stage_bytes && is_dense(&s, g->elem_bytes)) {
        const int errnum = pread_all(g->fd, g->stage, span_bytes, offset);
        if (errnum == 0) {
            strided_copy(&s, g->elem_bytes, dst, g->stage);
        }
        return errnum;
    }
    const unsigned d = widest(&s);
    strided half = s;
    half.size[d] = s.size[d] / 2;
    const int errnum = gather(g, &half, offset, dst);
    if (errnum != 0) {
        return errnum;
    }
    const uint64_t first = (uint64_t)half.size[d];
    half.size[d] = s.size[d] - half.size[d];
    return gather(g, &half, offset + first * (uint64_t)s.src[d] * width,
                  (unsigned char *)dst + first * (uint64_t)s.dst[d] * width);
}

uint64_t gather_cost(const strided *given, unsigned elem_bytes)
{
    strided s = *given;
    strided_squeeze(&s);
    const uint64_t n_bytes = bytes_of(strided_elems(&s), elem_bytes);
    if (is_one_run(&s)) {
        return n_bytes + READ_COST;
    }
    if (is_dense(&s, elem_bytes)) {
        return bytes_of(strided_src_span(&s), elem_bytes) + READ_COST;
    }
    return n_bytes + (uint64_t)(strided_elems(&s) / strided_run(&s)) * READ_COST;
}
