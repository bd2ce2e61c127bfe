/* Composition and clipping of pieces against element-by-element evaluation. */
#include "plan/piece.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"

static uint32_t seed = 12345;
static unsigned pick(unsigned n)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

/* Cut a tensor of `total` elements into boxes: a mixed radix whose one digit is cut
 * into two labelled intervals; each box's dims are shuffled into a contiguous far
 * region. */
static size_t random_map(int64_t total, bool far_is_src, piece *out)
{
    int64_t radix[6];
    unsigned n = 0;
    for (int64_t rest = total, f = 2; rest > 1;) {
        if (rest % f == 0) {
            radix[n++] = f;
            rest /= f;
        } else {
            f++;
        }
        if (n == 6) {
            radix[5] *= rest;
            break;
        }
    }
    for (unsigned i = n - 1; i > 0; i--) {
        const unsigned j = pick(i + 1);
        const int64_t t = radix[i];
        radix[i] = radix[j];
        radix[j] = t;
    }
    const unsigned cut = pick(n);
    const int64_t at = 1 + pick((unsigned)radix[cut]); /* 1..radix: perhaps no cut */
    int64_t far = 0;
    size_t n_out = 0;
    for (int64_t lo = 0; lo < radix[cut];) {
        const int64_t hi = lo == 0 ? at : radix[cut];
        piece p = {.n = n, .src = 0};
        int64_t near_stride[6], stride = 1;
        for (unsigned i = n; i-- > 0;) {
            near_stride[i] = stride;
            stride *= radix[i];
            p.size[i] = i == cut ? hi - lo : radix[i];
        }
        unsigned order[6];
        for (unsigned i = 0; i < n; i++) {
            order[i] = i;
        }
        for (unsigned i = n - 1; i > 0; i--) {
            const unsigned j = pick(i + 1), t = order[i];
            order[i] = order[j];
            order[j] = t;
        }
        int64_t far_stride[6];
        stride = 1;
        for (unsigned i = n; i-- > 0;) {
            far_stride[order[i]] = stride;
            stride *= p.size[order[i]];
        }
        for (unsigned i = 0; i < n; i++) {
            (far_is_src ? p.dst_stride : p.src_stride)[i] = near_stride[i];
            (far_is_src ? p.src_stride : p.dst_stride)[i] = far_stride[i];
        }
        *(far_is_src ? &p.dst_offset : &p.src_offset) = lo * near_stride[cut];
        *(far_is_src ? &p.src_offset : &p.dst_offset) = far;
        far += stride;
        out[n_out++] = p;
        lo = hi;
    }
    return n_out;
}

/* map[target element] = source element, counting how often each target is written */
static void apply(const piece *p, int64_t *map, int *count)
{
    const int64_t n = piece_elems(p);
    for (int64_t e = 0; e < n; e++) {
        int64_t rest = e, src = p->src_offset, dst = p->dst_offset;
        for (unsigned i = p->n; i-- > 0;) {
            src += rest % p->size[i] * p->src_stride[i];
            dst += rest % p->size[i] * p->dst_stride[i];
            rest /= p->size[i];
        }
        map[dst] = src;
        count[dst]++;
    }
}

static void test_compose(arena *a)
{
    static const int64_t totals[] = {12, 30, 24, 36, 210, 180, 64, 48};
    for (unsigned round = 0; round < 800; round++) {
        const int64_t total = totals[round % 8];
        piece in[2], ou[2];
        const size_t n_in = random_map(total, true, in),
                     n_ou = random_map(total, false, ou);
        int64_t first[210], second[210], got[210];
        int c1[210] = {0}, c2[210] = {0}, c3[210] = {0};
        for (size_t i = 0; i < n_in; i++) {
            piece_canonical(&in[i]);
            apply(&in[i], first, c1);
        }
        piece_list all = {0};
        for (size_t i = 0; i < n_ou; i++) {
            apply(&ou[i], second, c2);
            CHECK(piece_compose(a, &ou[i], in, n_in, &all, 100000));
        }
        for (size_t i = 0; i < all.n; i++) {
            apply(&all.at[i], got, c3);
        }
        for (int64_t e = 0; e < total; e++) {
            CHECK(c1[e] == 1 && c2[e] == 1 && c3[e] == 1);
            CHECK(got[e] == first[second[e]]);
        }
        /* Clipping: the parts in any interval write just that interval, with the same
         * map. */
        const int64_t lo = pick((unsigned)total),
                      hi = lo + 1 + pick((unsigned)(total - lo));
        int64_t clipped[210];
        int c4[210] = {0};
        for (size_t i = 0; i < all.n; i++) {
            piece part[PIECE_MAX_CLIPS];
            const unsigned n = piece_clip(&all.at[i], lo, hi, part, NULL);
            CHECK(n <= PIECE_MAX_CLIPS);
            for (unsigned k = 0; k < n; k++) {
                apply(&part[k], clipped, c4);
            }
        }
        for (int64_t e = 0; e < total; e++) {
            CHECK(c4[e] == (e >= lo && e < hi));
            CHECK(c4[e] == 0 || clipped[e] == got[e]);
        }
    }
}

/* A term's operands move with the box: rows by B, columns by A, through a row shuffle.
 */
static void test_terms(arena *a)
{
    enum { H = 3, D = 2, C = 5 }; /* target [(h d), c] <- mid [(d h), c] */
    step s = {.kind = STEP_TERM,
              .t = {.rank = 1, .b = 1, .a = 2, .b_stride = {1, 0}, .a_stride = {0, 1}}};
    const piece in = {.n = 2,
                      .size = {H * D, C},
                      .dst_stride = {C, 1},
                      .src_stride = {C, 1},
                      .n_steps = 1,
                      .steps = &s};
    const piece ou = {.n = 3,
                      .size = {H, D, C},
                      .dst_stride = {D * C, C, 1},
                      .src_stride = {C, H * C, 1}};
    piece_list all = {0};
    CHECK(piece_compose(a, &ou, &in, 1, &all, 100));
    CHECK(all.n == 1);
    for (int64_t lo = 0; lo < H * D * C; lo++) {
        for (int64_t hi = lo + 1; hi <= H * D * C; hi++) {
            piece part[PIECE_MAX_CLIPS];
            step room[PIECE_MAX_CLIPS];
            const unsigned n = piece_clip(&all.at[0], lo, hi, part, room);
            int64_t seen = 0;
            for (unsigned k = 0; k < n; k++) {
                const piece *p = &part[k];
                const term *t = &p->steps[0].t;
                for (int64_t e = 0; e < piece_elems(p); e++, seen++) {
                    int64_t rest = e, src = p->src_offset, dst = p->dst_offset;
                    int64_t b = t->b_offset, at = t->a_offset;
                    for (unsigned i = p->n; i-- > 0;) {
                        const int64_t v = rest % p->size[i];
                        rest /= p->size[i];
                        src += v * p->src_stride[i];
                        dst += v * p->dst_stride[i];
                        b += v * t->b_stride[i];
                        at += v * t->a_stride[i];
                    }
                    const int64_t row = dst / C, h = row / D, d = row % D;
                    CHECK(dst >= lo && dst < hi);
                    CHECK(src == (d * H + h) * C + dst % C);
                    CHECK(b == d * H + h && at == dst % C);
                }
            }
            CHECK(seen == hi - lo);
        }
    }
}

int main(void)
{
    arena *a = arena_new();
    test_compose(a);
    test_terms(a);
    arena_free(a);
    return CHECK_RESULT();
}
