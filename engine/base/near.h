/* base/near.h -- names for people: did-you-mean, and folding of long lists. */
#ifndef RT_BASE_NEAR_H
#define RT_BASE_NEAR_H

#include <stddef.h>

#include "base/arena.h"

/* The candidate nearest to name (edit distance at most a third of its length), or NULL.
 */
const char *near_name(const char *name, const char *const *candidates, size_t n);

/* The letters to insert, delete, replace or swap that lead from x to y; SIZE_MAX where
 * one of them is longer than 128 bytes. */
size_t near_distance(const char *x, const char *y);

typedef struct folded {
    const char *text; /* "model.layers.{0..31}.mlp.up_proj.weight" */
    size_t n;         /* how many names it stands for */
} folded;
/* Fold names that differ in whole numbers between dots into ranges, several at once
 * ("a.{0..2}.b.{0..7}"), gaps shown ("{0..3,5}").  Order of first appearance. */
size_t fold_names(arena *a, const char *const *names, size_t n, folded **out);

#endif
