/* base/near.c -- names for people: nearest name by edit distance; see near.h. */
#include "base/near.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { MAX_NEAR_BYTES = 128 };

static size_t least(size_t x, size_t y)
{
    return x < y ? x : y;
}

/* Insertions, deletions, replacements and swaps of neighbours that lead from x to y;
 * both at most MAX_NEAR_BYTES long.  Three rows of the usual table are enough. */
static size_t edit_distance(const char *x, size_t nx, const char *y, size_t ny)
{
    size_t rows[3][MAX_NEAR_BYTES + 1];
    for (size_t j = 0; j <= ny; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= nx; i++) {
        size_t *now = rows[i % 3];
        const size_t *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= ny; j++) {
            const size_t cost = x[i - 1] == y[j - 1] ? 0 : 1;
            now[j] = least(least(last[j] + 1, now[j - 1] + 1), last[j - 1] + cost);
            const bool swapped =
                i > 1 && j > 1 && x[i - 1] == y[j - 2] && x[i - 2] == y[j - 1];
            if (swapped) {
                now[j] = least(now[j], before[j - 2] + 1);
            }
        }
    }
    return rows[nx % 3][ny];
}

size_t near_distance(const char *x, const char *y)
{
    const size_t nx = strlen(x), ny = strlen(y);
    return nx > MAX_NEAR_BYTES || ny > MAX_NEAR_BYTES ? SIZE_MAX
                                                      : edit_distance(x, nx, y, ny);
}

const char *near_name(const char *name, const char *const *candidates, size_t n)
{
    const size_t n_name = strlen(name);
    if (n_name > MAX_NEAR_BYTES) {
        return NULL;
    }
    const char *best = NULL;
    /* A short word may still have one wrong letter. */
    size_t best_distance = (n_name < 3 ? 1 : n_name / 3) + 1;
    for (size_t i = 0; i < n; i++) {
        const size_t n_other = strlen(candidates[i]);
        const size_t gap = n_other > n_name ? n_other - n_name : n_name - n_other;
        if (n_other > MAX_NEAR_BYTES || gap >= best_distance) {
            continue;
        }
        const size_t distance = edit_distance(name, n_name, candidates[i], n_other);
        /* A name that shares nothing (every byte replaced) is no suggestion. */
        if (distance < best_distance && distance < n_name) {
            best_distance = distance;
            best = candidates[i];
        }
    }
    return best;
}
