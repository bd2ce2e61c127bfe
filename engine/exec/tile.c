/* exec/tile.c -- one tile of one tensor: clip its pieces and fill each part. */
#include "exec/cast.h"
#include "exec/run.h"

static strided strided_of(const piece *p)
{
    strided s = {.n = p->n};
    memcpy(s.size, p->size, sizeof s.size);
    memcpy(s.dst, p->dst_stride, sizeof s.dst);
    memcpy(s.src, p->src_stride, sizeof s.src);
    return s;
}

/* `to`: the place of target element lo. */
static int fill_piece(worker *w, const tensor_job *job, const piece *p,
                      unsigned char *to, int64_t lo)
{
    unsigned char *at = to + (uint64_t)(p->dst_offset - lo) * job->elem_bytes;
    const strided s = strided_of(p);
    if (p->n_steps > 0) {
        return piece_compute(w, job, p, to, lo);
    }
    if (p->src == NO_SOURCE) {
        unsigned char elem[CAST_MAX_BYTES];
        (void)cast_encode(job->dt, p->fill, elem); /* run_prepare has checked it */
        strided_fill(&s, job->elem_bytes, at, elem);
        return 0;
    }
    const plan_source *source_at = &w->run->plan->sources.at[p->src];
    if (source_at->t->dt != job->t->dt) {
        return piece_compute(w, job, p, to, lo);
    }
    gather_from from = source_of(w, p->src);
    from.elem_bytes = job->elem_bytes;
    w->bad_src = p->src;
    return gather(&from, &s,
                  source_at->t->offset + (uint64_t)p->src_offset * job->elem_bytes, at);
}

/* Does the piece reach into lo..hi?  Saves the clipping of most of many pieces. */
static bool reaches(const piece *p, int64_t lo, int64_t hi)
{
    int64_t last = p->dst_offset;
    for (unsigned i = 0; i < p->n; i++) {
        last += (p->size[i] - 1) * p->dst_stride[i];
    }
    return p->dst_offset < hi && last >= lo;
}

int tile_fill(worker *w, const tensor_job *job, int64_t lo, int64_t hi)
{
    for (size_t i = 0; i < job->n_pieces; i++) {
        const piece *p = &job->pieces[i];
        if (!reaches(p, lo, hi)) {
            continue;
        }
        const unsigned n = piece_clip(p, lo, hi, w->clips, w->steps);
        for (unsigned k = 0; k < n; k++) {
            const int errnum = fill_piece(w, job, &w->clips[k], w->out, lo);
            if (errnum != 0) {
                return errnum;
            }
        }
    }
    return 0;
}
