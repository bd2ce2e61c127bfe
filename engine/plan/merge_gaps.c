/* plan/merge_gaps.c -- tensors that an adapter leaves out where it has all others like
 * them: the file was cut, or a pattern missed a name. */
#include <stdlib.h>
#include <string.h>

#include "base/near.h"
#include "plan/update.h"

/* The name with {} for its numbers; *first: the first of them, or -1. */
static const char *series_of(arena *a, const char *name, long *first)
{
    buf b = {.arena = a};
    *first = -1;
    for (const char *c = name; *c != '\0';) {
        const size_t n =
            c == name || c[-1] == '.' ? strspn(c, "0123456789") : (size_t)0;
        if (n == 0 || (c[n] != '.' && c[n] != '\0')) {
            buf_add_n(&b, c++, 1);
            continue;
        }
        *first = *first < 0 ? strtol(c, NULL, 10) : *first;
        buf_add(&b, "{}");
        c += n;
    }
    return buf_str(&b);
}

typedef struct series {
    const char *name;
    size_t n; /* tensors of the base */
    size_t n_updated;
    VEC(const char *) missing; /* in layers where the adapter has something */
} series;
typedef VEC(series) series_list;

static series *find_series(merger *g, series_list *all, strmap *known, const char *name,
                           long *first)
{
    const char *key = series_of(g->cx->arena, name, first);
    uint64_t at;
    if (!strmap_get(known, key, &at)) {
        at = all->n;
        strmap_add(known, key, at);
        vec_push(g->cx->arena, all, ((series){.name = key}));
    }
    return &all->at[at];
}

static void warn(merger *g, const series *s)
{
    folded *f;
    const size_t n = fold_names(g->cx->arena, s->missing.at, s->missing.n, &f);
    diag *dg = diag_report(g->cx->diags, SEV_WARNING, "adapter-gap", NOWHERE,
                           "the adapter updates %zu of the %zu tensors %s; of layers "
                           "that it updates it lacks",
                           s->n_updated, s->n, s->name);
    for (size_t i = 0; i < n && i < 8; i++) {
        diag_note(dg, "%s", f[i].text);
    }
    diag_help(dg, "is the file whole, and did the training mean to leave them out?");
}

void warn_of_gaps(merger *g)
{
    arena *a = g->cx->arena;
    series_list all = {0};
    strmap *known = strmap_new(a), *updated = strmap_new(a), *layers = strmap_new(a);
    long first;
    for (size_t i = 0; i < g->acc->lines.n; i++) {
        const char *name = g->acc->lines.at[i].target;
        if (g->acc->lines.at[i].rank > 0 && strmap_add(updated, name, 1)) {
            find_series(g, &all, known, name, &first)->n_updated++;
            (void)strmap_add(layers, arena_printf(a, "%ld", first), 1);
        }
    }
    for (size_t i = 0; i < g->out->tensors.n; i++) {
        const char *name = g->out->tensors.at[i].name;
        series *s = find_series(g, &all, known, name, &first);
        s->n++;
        if (first >= 0 && !strmap_has(updated, name) &&
            strmap_has(layers, arena_printf(a, "%ld", first))) {
            vec_push(a, &s->missing, name);
        }
    }
    for (size_t i = 0; i < all.n; i++) {
        const series *s = &all.at[i];
        if (2 * s->n_updated > s->n && s->missing.n > 0) {
            warn(g, s);
        }
    }
}
