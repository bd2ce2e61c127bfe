/* plan/piece.h -- strided boxes: the one form in which the plan moves data.
 *
 * A piece fills a box of a target tensor.  The box has n dims; element (i0, i1, ...) of
 * it is target element  dst_offset + sum i_k * dst_stride[k]  and comes from source
 * element src_offset + sum i_k * src_stride[k]  (all in elements; the source offset
 * counts from the source tensor's first element).  Steps then change the value, in
 * order: an affine operation, a scale (an element of a tensor that the value is
 * multiplied by), or a low-rank term
 *
 *     value += scale * sum over k < rank of  B[b(i) + k * b_k] * A[a(i) + k * a_k]
 *
 * Arithmetic, binding for every kernel: operands are converted to f32 exactly; the sum
 * is one chain of fused multiply-adds over k = 0, 1, ... starting from +0, the chain is
 * multiplied by scale (rounded to f32), then added to the value; the value is rounded
 * once, to nearest even, to the target's dtype at the end.  (f64 targets: value and the
 * last addition in f64; and where there is a scale, so that its product is exact.)  A
 * piece without steps and without cast moves bytes.
 *
 * Canonical form: no dim of size 1, dims sorted by dst_stride descending, adjacent dims
 * fused where all strides allow.  Layouts that the rules can say are mixed radices, so
 * composing two maps is interval arithmetic on digits; radices that do not nest are
 * cut.
 */
#ifndef RT_PLAN_PIECE_H
#define RT_PLAN_PIECE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

#define PIECE_MAX_DIMS  14
#define PIECE_MAX_STEPS 8
#define NO_SOURCE       UINT32_MAX

typedef struct term {
    float scale;
    uint32_t rank;
    uint32_t b, a; /* plan sources; a may be NO_SOURCE: ones.  STEP_NORM: b is the
                      number of a plan norm, whose gains multiply the value */
    int64_t b_offset, b_k, a_offset, a_k;
    int64_t b_stride[PIECE_MAX_DIMS], a_stride[PIECE_MAX_DIMS];
} term;

typedef enum step_kind { STEP_AFFINE, STEP_SCALE, STEP_TERM, STEP_NORM } step_kind;
typedef struct step {
    step_kind kind;
    double mul,
        add; /* STEP_AFFINE: value * mul + add, in f32 (mul, then add; two roundings) */
    term t;  /* STEP_TERM, STEP_NORM; STEP_SCALE: value * B[b(i)] */
} step;

static inline bool step_has_operand(const step *s)
{
    return s->kind != STEP_AFFINE;
}

/* Does it change a base?  Other steps say what the base's values are. */
static inline bool step_is_update(const step *s)
{
    return s->kind == STEP_TERM || s->kind == STEP_NORM;
}

typedef struct piece {
    unsigned n; /* dims */
    int64_t size[PIECE_MAX_DIMS], dst_stride[PIECE_MAX_DIMS],
        src_stride[PIECE_MAX_DIMS];
    int64_t dst_offset, src_offset;
    uint32_t src; /* plan source, or NO_SOURCE: the value is `fill` */
    double fill;
    unsigned n_steps;
    const step *steps;
} piece;
typedef VEC(piece) piece_list;

int64_t piece_elems(const piece *p);
/* Bring to canonical form. */
void piece_canonical(piece *p);
/* The pieces of target = f(mid) where `outer` maps mid -> target and mid is made of
 * `inner` pieces (each fills a box of mid).  Appends to *out; false when more than
 * max_pieces or more steps than the limits above would be needed. */
bool piece_compose(arena *a, const piece *outer, const piece *inner, size_t n_inner,
                   piece_list *out, size_t max_pieces);
/* The part of p whose target elements lie in lo..hi; at most PIECE_MAX_CLIPS canonical
 * pieces, written to out; returns their number.  Shares p's steps array when no step
 * needs other strides, else takes step arrays from `steps_room` (capacity:
 * PIECE_MAX_CLIPS * p->n_steps).  No allocation: for worker threads. */
#define PIECE_MAX_CLIPS (2 * PIECE_MAX_DIMS + 1)
unsigned piece_clip(const piece *p, int64_t lo, int64_t hi, piece *out,
                    step *steps_room);

#endif
