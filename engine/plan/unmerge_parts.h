/* plan/unmerge_parts.h -- blocks of terms: found in pieces, written as factors. */
#ifndef RT_PLAN_UNMERGE_PARTS_H
#define RT_PLAN_UNMERGE_PARTS_H

#include "plan/unmerge.h"
#include "plan/update.h"

/* Rows of B times columns of A, as one term of the stage has them. */
typedef struct block {
    uint32_t b, a; /* sources */
    int64_t b_k, a_k, first_rank;
    uint32_t rank;
    double scale, fold; /* B is multiplied by fold */
    int64_t *row, *col; /* element of B, of A at rank 0; -1: not reached */
    int64_t n_reached;  /* elements of the target */
} block;

typedef struct slot { /* one atom of the target */
    cut target;
    int64_t n_rows, n_cols;
    VEC(block) blocks;
} slot;

typedef struct found { /* one target tensor, its update and its blocks */
    attempt x;
    const plan_tensor *t;
    const map_tensor *as[2]; /* the factors: B, A */
    VEC(slot) slots;
    uint32_t rank_axis;
    int64_t rank;
    /* of an update with `norm =` */
    cut norm_cut;
    uint32_t magnitude; /* source; NO_SOURCE: not met yet */
    int64_t n_norms;
    int64_t *norm_at; /* by number: element of the magnitudes; -1: not met */
} found;

typedef struct unmerger {
    merger g; /* what matching an update needs */
    const plan *plan;
    value *config;
    unmerged *out;
    VEC(found) all;
    const plan_tensor *normed; /* the first tensor with norms, or NULL */
} unmerger;

/* ---- unmerge.c ----------------------------------------------------------------- */
bool has_terms(const plan_tensor *t);
/* The update that writes the factors of the tensor at this place, if one does. */
bool find_update(unmerger *um, size_t at, attempt *best);

/* ---- unmerge_fill.c ------------------------------------------------------------ */
/* Add what the config speaks for and the adapter does not reach, without blocks; NULL,
 * or why it cannot be. */
const char *fill_unreached(unmerger *um);

/* ---- unmerge_parts.c ----------------------------------------------------------- */
/* Fill slots and blocks of f, whose attempt is set; NULL, or why it cannot be. */
const char *found_blocks(unmerger *um, found *f);
/* Pieces, shape and dtype of a factor (0: B, 1: A); false: too many pieces. */
bool factor_pieces(unmerger *um, const found *f, unsigned which, plan_tensor *t);

/* ---- unmerge_norms.c ------------------------------------------------------------- */
bool has_norm(const plan_tensor *t);
/* Where the adapter gives norms, write the fields by which an update that does so too
 * holds; false: there is none. */
bool write_norm_guards(unmerger *um);
/* Get ready for the norms of f, whose update is set; false: not for one atom. */
bool norms_begin(unmerger *um, found *f, const cut_list *target);
/* The places of the magnitudes that a piece reads; false: not in even rows. */
bool norms_add(unmerger *um, found *f, const slot *s, const piece *p, const term *t);
/* Are they the norms of the same elements as the update's? */
bool norms_match(const unmerger *um, const found *f);

/* Walk the dims of a piece in which an operand moves, from target element `rel` of the
 * slot and `element` of the operand, into `at` by number; false: another element stands
 * there. */
bool walk_operand(const found *f, const cut *target, const cut *of, const piece *p,
                  const int64_t *stride, int64_t rel, int64_t element, int64_t *at);
/* How many numbers there are: the axes of the target that `of` has too. */
int64_t count_in(const found *f, const cut *target, const cut *of);
/* Pieces, shape and dtype of the magnitudes. */
void norm_pieces(unmerger *um, const found *f, plan_tensor *t);

#endif
