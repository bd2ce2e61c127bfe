/* plan/compose.c -- composing strided boxes.
 *
 * Composition meets two boxes in the index space of the middle tensor: the inner box by
 * its dst strides, the outer one by its src strides.  Both are written in the digits of
 * one chain of strides c0 > c1 > ... > 1 where each divides the one before; a box is
 * then an interval of each digit, and the meeting of two boxes the meeting of their
 * intervals.
 */
#include <string.h>

#include "plan/piece_steps.h"

enum { MAX_TERMS = 6 }; /* of one piece, norms and scales included */

/* A box of the middle space while it is being cut: digits by mid stride, each carrying
 * the strides of what it drags along (`far`: the other side; terms of the inner piece).
 */
typedef struct digit {
    int64_t lo, n;                      /* interval lo .. lo + n of this digit */
    int64_t mid;                        /* stride in the middle tensor */
    int64_t far;                        /* stride on the other side */
    int64_t b[MAX_TERMS], a[MAX_TERMS]; /* strides of the terms' operands */
} digit;

typedef struct box {
    unsigned n;
    digit d[PIECE_MAX_DIMS];
    int64_t mid, far; /* offsets of the element with all digits at lo */
    int64_t b[MAX_TERMS], a[MAX_TERMS];
} box;

typedef VEC(box) box_list;

/* ---- boxes --------------------------------------------------------------------- */

/* A piece as a box: by its target strides (the inner one) or its source strides (the
 * outer one); what its terms read moves along. */
static box box_of(const piece *p, bool by_target)
{
    box b = {.n = p->n,
             .mid = by_target ? p->dst_offset : p->src_offset,
             .far = by_target ? p->src_offset : p->dst_offset};
    for (unsigned i = 0; i < p->n; i++) {
        b.d[i] = (digit){.n = p->size[i],
                         .mid = by_target ? p->dst_stride[i] : p->src_stride[i],
                         .far = by_target ? p->src_stride[i] : p->dst_stride[i]};
    }
    for (unsigned s = 0, k = 0; s < p->n_steps; s++) {
        if (!step_has_operand(&p->steps[s])) {
            continue;
        }
        const term *t = &p->steps[s].t;
        b.b[k] = t->b_offset;
        b.a[k] = t->a_offset;
        for (unsigned i = 0; i < p->n; i++) {
            b.d[i].b[k] = t->b_stride[i];
            b.d[i].a[k] = t->a_stride[i];
        }
        k++;
    }
    return b;
}

static void box_shift(box *b, const digit *d, int64_t by)
{
    b->mid += by * d->mid;
    b->far += by * d->far;
    for (unsigned k = 0; k < MAX_TERMS; k++) {
        b->b[k] += by * d->b[k];
        b->a[k] += by * d->a[k];
    }
}

/* Remove digit i, leaving the box at its first value. */
static void box_drop(box *b, unsigned i)
{
    memmove(&b->d[i], &b->d[i + 1], (b->n - i - 1) * sizeof b->d[0]);
    b->n--;
}

/* Every value of digit i becomes a box of its own: the way out when radices do not
 * nest. */
static bool box_unroll(arena *a, const box *b, unsigned i, box_list *out, size_t max)
{
    for (int64_t v = 0; v < b->d[i].n; v++) {
        if (out->n >= max) {
            return false;
        }
        box one = *b;
        box_shift(&one, &b->d[i], v);
        box_drop(&one, i);
        vec_push(a, out, one);
    }
    return true;
}

/* ---- the chain of strides ------------------------------------------------------ */

typedef struct chain {
    unsigned n;
    int64_t c[2 * PIECE_MAX_DIMS + 1]; /* descending, the last is 1 */
} chain;

static void chain_add(chain *ch, int64_t stride)
{
    unsigned at = 0;
    while (at < ch->n && ch->c[at] > stride) {
        at++;
    }
    if (at < ch->n && ch->c[at] == stride) {
        return;
    }
    memmove(&ch->c[at + 1], &ch->c[at], (ch->n - at) * sizeof ch->c[0]);
    ch->c[at] = stride;
    ch->n++;
}

static chain chain_of(const box *x, const box *y)
{
    chain ch = {.n = 1, .c = {1}};
    for (unsigned i = 0; i < x->n; i++) {
        chain_add(&ch, x->d[i].mid);
    }
    for (unsigned i = 0; i < y->n; i++) {
        chain_add(&ch, y->d[i].mid);
    }
    return ch;
}

/* The first stride that the next one does not divide, or 0. */
static int64_t chain_break(const chain *ch)
{
    for (unsigned i = 0; i + 1 < ch->n; i++) {
        if (ch->c[i] % ch->c[i + 1] != 0) {
            return ch->c[i];
        }
    }
    return 0;
}

/* Write the box in the digits of the chain: exactly ch->n digits, digit j an interval
 * lo..lo+n within its radix.  A digit that crosses a radix boundary is cut in up to
 * three. */
static bool box_on_chain(arena *a, const box *b, const chain *ch, box_list *out,
                         size_t max)
{
    box on = {.n = ch->n, .mid = b->mid, .far = b->far};
    memcpy(on.b, b->b, sizeof on.b);
    memcpy(on.a, b->a, sizeof on.a);
    int64_t rest = b->mid;
    for (unsigned j = 0; j < ch->n; j++) {
        on.d[j] = (digit){.lo = rest / ch->c[j], .n = 1, .mid = ch->c[j]};
        rest %= ch->c[j];
        for (unsigned i = 0; i < b->n; i++) {
            if (b->d[i].mid == ch->c[j]) {
                const int64_t lo = on.d[j].lo;
                on.d[j] = b->d[i];
                on.d[j].lo = lo;
            }
        }
    }
    box_list todo = {0};
    vec_push(a, &todo, on);
    while (todo.n > 0) {
        box x = todo.at[--todo.n];
        for (unsigned k = ch->n;
             --k > 0;) { /* whole radices of `lo` belong one digit up */
            const int64_t r = ch->c[k - 1] / ch->c[k];
            x.d[k - 1].lo += x.d[k].lo / r;
            x.d[k].lo %= r;
        }
        unsigned j = ch->n;
        while (--j > 0) { /* the finest digit that crosses its boundary */
            if (x.d[j].lo + x.d[j].n > ch->c[j - 1] / ch->c[j]) {
                break;
            }
        }
        if (j == 0) {
            if (out->n >= max) {
                return false;
            }
            vec_push(a, out, x);
            continue;
        }
        const int64_t radix = ch->c[j - 1] / ch->c[j];
        digit *low = &x.d[j], *up = &x.d[j - 1];
        if (low->lo == 0 && low->n % radix == 0 &&
            up->n == 1) { /* whole digits: carry up */
            const int64_t up_lo = up->lo, up_mid = up->mid;
            *up = *low;
            up->lo = up_lo;
            up->mid = up_mid;
            up->n = low->n / radix;
            up->far *= radix;
            for (unsigned k = 0; k < MAX_TERMS; k++) {
                up->b[k] *= radix;
                up->a[k] *= radix;
            }
            low->n = radix;
            vec_push(a, &todo, x);
            continue;
        }
        /* Cut at the first boundary; the rest starts at 0 of the next upper value. */
        int64_t head = radix - low->lo;
        if (low->lo == 0 && up->n == 1) {
            head = low->n / radix * radix; /* only a ragged tail is left to cut off */
        }
        box tail = x;
        tail.d[j].n -= head;
        tail.d[j].lo = 0;
        tail.d[j - 1].lo += (low->lo + head) / radix;
        box_shift(&tail, low, head);
        low->n = head;
        vec_push(a, &todo, x);
        vec_push(a, &todo, tail);
    }
    return true;
}

/* ---- composition --------------------------------------------------------------- */

/* The steps of `p` as they stand in the meeting of its box (`digits`, first element at
 * `at`) with another one: n[j] values of digit j, those with one value left out. */
static void copy_steps(step *to, const piece *p, const box *at, const box *digits,
                       const int64_t *n)
{
    for (unsigned s = 0, k = 0; s < p->n_steps; s++) {
        to[s] = p->steps[s];
        if (!step_has_operand(&to[s])) {
            continue;
        }
        term *t = &to[s].t;
        t->b_offset = at->b[k];
        t->a_offset = at->a[k];
        for (unsigned j = 0, i = 0; j < digits->n; j++) {
            if (n[j] > 1) {
                t->b_stride[i] = digits->d[j].b[k];
                t->a_stride[i++] = digits->d[j].a[k];
            }
        }
        k++;
    }
}

/* Put the meeting of two boxes on one chain into *out as a piece; false when empty. */
static bool meet(arena *a, const box *in, const box *ou, const piece *inner,
                 const piece *outer, piece *out)
{
    const unsigned n_digits = in->n; /* as many in both: they stand on one chain */
    int64_t lo[PIECE_MAX_DIMS], n[PIECE_MAX_DIMS];
    for (unsigned j = 0; j < n_digits; j++) {
        const int64_t x0 = in->d[j].lo, x1 = x0 + in->d[j].n;
        const int64_t y0 = ou->d[j].lo, y1 = y0 + ou->d[j].n;
        lo[j] = x0 > y0 ? x0 : y0;
        n[j] = (x1 < y1 ? x1 : y1) - lo[j];
        if (n[j] <= 0) {
            return false;
        }
    }
    box from = *in, to = *ou;
    for (unsigned j = 0; j < n_digits; j++) {
        box_shift(&from, &in->d[j], lo[j] - in->d[j].lo);
        box_shift(&to, &ou->d[j], lo[j] - ou->d[j].lo);
    }
    *out = (piece){.dst_offset = to.far,
                   .src_offset = from.far,
                   .src = inner->src,
                   .fill = inner->fill,
                   .n_steps = inner->n_steps + outer->n_steps};
    for (unsigned j = 0; j < n_digits; j++) {
        if (n[j] > 1) {
            const unsigned i = out->n++;
            out->size[i] = n[j];
            out->src_stride[i] = in->d[j].far;
            out->dst_stride[i] = ou->d[j].far;
        }
    }
    step *steps = out->n_steps > 0 ? NEW_N(a, step, out->n_steps) : NULL;
    copy_steps(steps, inner, &from, in, n);
    copy_steps(steps + inner->n_steps, outer, &to, ou, n);
    piece_canonical_with(out, steps);
    out->steps = steps;
    return true;
}

typedef struct compose {
    arena *a, *scratch; /* of the result; of boxes */
    const piece *inner, *outer;
    piece_list *out;
    size_t max;
} compose;

static bool compose_boxes(const compose *c, const box *in, const box *ou);

/* Unroll the digit of stride `stride` that one of the boxes has, and meet each part. */
static bool compose_unrolled(const compose *c, const box *in, const box *ou,
                             int64_t stride)
{
    const box *whose = ou;
    for (unsigned i = 0; i < in->n; i++) {
        whose = in->d[i].mid == stride ? in : whose;
    }
    unsigned at = 0;
    while (whose->d[at].mid != stride) {
        at++;
    }
    box_list parts = {0};
    bool ok = box_unroll(c->scratch, whose, at, &parts, c->max);
    for (size_t k = 0; ok && k < parts.n; k++) {
        ok = whose == in ? compose_boxes(c, &parts.at[k], ou)
                         : compose_boxes(c, in, &parts.at[k]);
    }
    return ok;
}

static bool compose_boxes(const compose *c, const box *in, const box *ou)
{
    const chain ch = chain_of(in, ou);
    const int64_t broken = chain_break(&ch);
    if (broken != 0 || ch.n > PIECE_MAX_DIMS) {
        return compose_unrolled(c, in, ou, broken != 0 ? broken : ch.c[0]);
    }
    box_list ins = {0}, ous = {0};
    if (!box_on_chain(c->scratch, in, &ch, &ins, c->max) ||
        !box_on_chain(c->scratch, ou, &ch, &ous, c->max)) {
        return false;
    }
    for (size_t i = 0; i < ins.n; i++) {
        for (size_t o = 0; o < ous.n; o++) {
            piece p;
            if (!meet(c->a, &ins.at[i], &ous.at[o], c->inner, c->outer, &p)) {
                continue;
            }
            if (c->out->n >= c->max) {
                return false;
            }
            vec_push(c->a, c->out, p);
        }
    }
    return true;
}

/* A whole contiguous tensor, as it stands in a file: the usual inner piece. */
static bool is_identity(const piece *p)
{
    return p->n <= 1 && p->n_steps == 0 && p->dst_offset == 0 && p->src_offset == 0 &&
           (p->n == 0 || (p->dst_stride[0] == 1 && p->src_stride[0] == 1));
}

static unsigned count_terms(const piece *p)
{
    unsigned n = 0;
    for (unsigned s = 0; s < p->n_steps; s++) {
        n += step_has_operand(&p->steps[s]);
    }
    return n;
}

bool piece_compose(arena *a, const piece *outer, const piece *inner, size_t n_inner,
                   piece_list *out, size_t max_pieces)
{
    if (n_inner == 1 && is_identity(inner) && inner->src != NO_SOURCE) {
        piece p = *outer;
        p.src = inner->src;
        vec_push(a, out, p);
        return out->n <= max_pieces;
    }
    const box ou = box_of(outer, false);
    bool ok = true;
    arena *scratch = arena_new();
    for (size_t i = 0; ok && i < n_inner; i++) {
        const piece *in_piece = &inner[i];
        if (count_terms(in_piece) + count_terms(outer) > MAX_TERMS ||
            in_piece->n_steps + outer->n_steps > PIECE_MAX_STEPS) {
            ok = false;
            break;
        }
        const box in = box_of(in_piece, true);
        ok = compose_boxes(&(compose){a, scratch, in_piece, outer, out, max_pieces},
                           &in, &ou);
    }
    arena_free(scratch);
    return ok;
}
