/* plan/piece.c -- canonical form of pieces, and clipping them to a range of the target.
 */
#include "plan/piece.h"

#include <string.h>

#include "plan/piece_steps.h"

int64_t piece_elems(const piece *p)
{
    int64_t n = 1;
    for (unsigned i = 0; i < p->n; i++) {
        n *= p->size[i];
    }
    return n;
}

/* ---- canonical form ------------------------------------------------------------ */

static void swap_dims(piece *p, step *steps, unsigned i, unsigned j)
{
#define SWAP(x, y)                                                                     \
    do {                                                                               \
        const int64_t swap_ = (x);                                                     \
        (x) = (y);                                                                     \
        (y) = swap_;                                                                   \
    } while (0)
    SWAP(p->size[i], p->size[j]);
    SWAP(p->dst_stride[i], p->dst_stride[j]);
    SWAP(p->src_stride[i], p->src_stride[j]);
    for (unsigned s = 0; s < p->n_steps; s++) {
        SWAP(steps[s].t.b_stride[i], steps[s].t.b_stride[j]);
        SWAP(steps[s].t.a_stride[i], steps[s].t.a_stride[j]);
    }
#undef SWAP
}

static void copy_dim(piece *p, step *steps, unsigned to, unsigned from)
{
    p->size[to] = p->size[from];
    p->dst_stride[to] = p->dst_stride[from];
    p->src_stride[to] = p->src_stride[from];
    for (unsigned s = 0; s < p->n_steps; s++) {
        steps[s].t.b_stride[to] = steps[s].t.b_stride[from];
        steps[s].t.a_stride[to] = steps[s].t.a_stride[from];
    }
}

/* Can dim `o` (outer) and `i` (the next inner) become one? */
static bool can_fuse(const piece *p, const step *steps, unsigned o, unsigned i)
{
    const int64_t n = p->size[i];
    if (p->dst_stride[o] != n * p->dst_stride[i] ||
        p->src_stride[o] != n * p->src_stride[i]) {
        return false;
    }
    for (unsigned s = 0; s < p->n_steps; s++) {
        const term *t = &steps[s].t;
        if (step_has_operand(&steps[s]) && (t->b_stride[o] != n * t->b_stride[i] ||
                                            t->a_stride[o] != n * t->a_stride[i])) {
            return false;
        }
    }
    return true;
}

void piece_canonical_with(piece *p, step *steps)
{
    unsigned n = 0;
    for (unsigned i = 0; i < p->n; i++) {
        if (p->size[i] != 1) {
            copy_dim(p, steps, n++, i);
        }
    }
    p->n = n;
    for (unsigned i = 1; i < n; i++) {
        for (unsigned j = i; j > 0 && p->dst_stride[j - 1] < p->dst_stride[j]; j--) {
            swap_dims(p, steps, j - 1, j);
        }
    }
    unsigned last = 0; /* dims 0..last are final so far */
    for (unsigned i = 1; i < n; i++) {
        if (can_fuse(p, steps, last, i)) {
            const int64_t outer = p->size[last];
            copy_dim(p, steps, last, i);
            p->size[last] *= outer;
        } else {
            copy_dim(p, steps, ++last, i);
        }
    }
    p->n = n == 0 ? 0 : last + 1;
}

bool piece_has_terms(const piece *p)
{
    for (unsigned s = 0; s < p->n_steps; s++) {
        if (step_has_operand(&p->steps[s])) {
            return true;
        }
    }
    return false;
}

void piece_canonical(piece *p)
{
    /* Steps are shared and const; only a piece without terms may be reordered in place.
     */
    const unsigned n_steps = p->n_steps;
    if (!piece_has_terms(p)) {
        p->n_steps = 0;
        piece_canonical_with(p, NULL);
        p->n_steps = n_steps;
    }
}

/* ---- clipping ------------------------------------------------------------------ */

typedef struct clipper {
    int64_t lo, hi;
    piece *out;
    step *room;
    unsigned n;
} clipper;

/* Emit dims `from`.. with dim `from` restricted to first..first+count, the dims before
 * it fixed (their share is in the offsets of `at`).  `steps` are at's steps with moved
 * offsets; NULL: they have none, and at's own are shared. */
static void clip_emit(clipper *c, const piece *at, const step *steps, unsigned from,
                      int64_t first, int64_t count)
{
    piece q = *at;
    q.n = 0;
    step *own = NULL;
    if (steps != NULL) {
        own = c->room + (size_t)c->n * at->n_steps;
        memcpy(own, steps, at->n_steps * sizeof *own);
    }
    for (unsigned i = from; i < at->n; i++) {
        const unsigned k = q.n++;
        q.size[k] = i == from ? count : at->size[i];
        q.dst_stride[k] = at->dst_stride[i];
        q.src_stride[k] = at->src_stride[i];
        for (unsigned s = 0; own != NULL && s < at->n_steps; s++) {
            own[s].t.b_stride[k] = steps[s].t.b_stride[i];
            own[s].t.a_stride[k] = steps[s].t.a_stride[i];
        }
    }
    if (from < at->n) {
        q.dst_offset += first * at->dst_stride[from];
        q.src_offset += first * at->src_stride[from];
        for (unsigned s = 0; own != NULL && s < at->n_steps; s++) {
            own[s].t.b_offset += first * steps[s].t.b_stride[from];
            own[s].t.a_offset += first * steps[s].t.a_stride[from];
        }
    }
    if (own != NULL) {
        piece_canonical_with(&q, own);
        q.steps = own;
    } else {
        q.n_steps = 0;
        piece_canonical_with(&q, NULL);
        q.n_steps = at->n_steps;
    }
    c->out[c->n++] = q;
}

/* Cut dims `from`.. of `at` to the interval; `steps` as above. */
static void clip_from(clipper *c, const piece *at, const step *steps, unsigned from)
{
    int64_t extent = 1; /* target elements from first to last of dims from.. */
    for (unsigned i = from; i < at->n; i++) {
        extent += (at->size[i] - 1) * at->dst_stride[i];
    }
    const int64_t start = at->dst_offset;
    if (start >= c->hi || start + extent <= c->lo) {
        return;
    }
    if (from == at->n || (start >= c->lo && start + extent <= c->hi)) {
        clip_emit(c, at, steps, from, 0, from < at->n ? at->size[from] : 1);
        return;
    }
    const int64_t stride = at->dst_stride[from], n = at->size[from];
    const int64_t sub = extent - (n - 1) * stride; /* extent of one value of this dim */
    /* Values whose sub-box touches the interval, and those that lie in it whole. */
    int64_t first =
        c->lo > start + sub - 1 ? (c->lo - start - sub + stride) / stride : 0;
    int64_t last = (c->hi - 1 - start) / stride; /* inclusive */
    last = last < n - 1 ? last : n - 1;
    int64_t whole_first = c->lo <= start ? 0 : (c->lo - start + stride - 1) / stride;
    int64_t whole_last = c->hi - start - sub < 0 ? -1 : (c->hi - start - sub) / stride;
    whole_first = whole_first > first ? whole_first : first;
    whole_last = whole_last < last ? whole_last : last;
    for (int64_t v = first; v <= last; v++) {
        if (v == whole_first && whole_first <= whole_last) {
            clip_emit(c, at, steps, from, whole_first, whole_last - whole_first + 1);
            v = whole_last;
            continue;
        }
        piece one = *at;
        step moved[PIECE_MAX_STEPS];
        one.dst_offset += v * stride;
        one.src_offset += v * at->src_stride[from];
        for (unsigned s = 0; steps != NULL && s < at->n_steps; s++) {
            moved[s] = steps[s];
            moved[s].t.b_offset += v * steps[s].t.b_stride[from];
            moved[s].t.a_offset += v * steps[s].t.a_stride[from];
        }
        clip_from(c, &one, steps != NULL ? moved : NULL, from + 1);
    }
}

unsigned piece_clip(const piece *p, int64_t lo, int64_t hi, piece *out,
                    step *steps_room)
{
    clipper c = {.lo = lo, .hi = hi, .out = out, .room = steps_room};
    clip_from(&c, p, piece_has_terms(p) ? p->steps : NULL, 0);
    return c.n;
}
