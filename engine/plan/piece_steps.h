/* plan/piece_steps.h -- for piece.c and compose.c: canonical form when steps move
 * along. */
#ifndef RT_PLAN_PIECE_STEPS_H
#define RT_PLAN_PIECE_STEPS_H

#include "plan/piece.h"

bool piece_has_terms(const piece *p);
/* Bring p to canonical form; `steps` are its p->n_steps steps, writable. */
void piece_canonical_with(piece *p, step *steps);

#endif
