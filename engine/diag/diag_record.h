/* diag/diag_record.h -- what a diagnostic holds; for the renderers in this folder only.
 */
#ifndef RT_DIAG_DIAG_RECORD_H
#define RT_DIAG_DIAG_RECORD_H

#include "diag/diag.h"

typedef struct diag_place {
    where at;
    const char *text;
} diag_place;

struct diag {
    arena *arena;
    severity sev;
    const char *slug;
    where at;
    const char *message;
    VEC(diag_place) labels;
    VEC(const char *) notes, helps;
};

struct diags {
    arena *arena;
    VEC(diag *) all; /* in the order of reporting */
};

const char *severity_name(severity sev);

/* All, sorted: first those with a place, by path and byte, then the others; equal ones
 * as they were reported. */
const diag *const *diags_sorted(arena *a, const diags *d);

#endif
