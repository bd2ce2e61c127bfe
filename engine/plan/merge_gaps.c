/* plan/merge_gaps.c -- what an adapter leaves out although it has all others like it,
 * or its config speaks of it: the file was cut, or a pattern missed a name. */
#include <stdlib.h>
#include <string.h>

#include "config/fields.h"
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
    VEC(const char *) bare;    /* in the others */
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

enum { MAX_LACKING = 8 };

static void warn(merger *g, const series *s)
{
    diag *dg = diag_report(g->cx->diags, SEV_WARNING, "adapter-gap", NOWHERE,
                           "the adapter updates %zu of the %zu tensors %s; of layers "
                           "that it updates it lacks",
                           s->n_updated, s->n, s->name);
    note_folded(g->cx, dg, s->missing.at, s->missing.n, MAX_LACKING);
    diag_help(dg, "is the file whole, and did the training mean to leave them out?");
}

static void warn_of_layers(merger *g, const series *s)
{
    diag *dg = diag_report(g->cx->diags, SEV_WARNING, "adapter-gap", NOWHERE,
                           "the adapter has nothing for whole layers, and its config "
                           "does not say which it is for: of the %zu tensors %s it "
                           "updates %zu, but not",
                           s->n, s->name, s->n_updated);
    note_folded(g->cx, dg, s->bare.at, s->bare.n, MAX_LACKING);
    diag_help(dg, "is the file whole?");
}

/* ---- what the config speaks of -------------------------------------------------- */

/* The field that lists the modules, as `default FIELD = modules()` says, or NULL. */
static const value *listed_modules(merger *g, const char **field)
{
    for (size_t i = 0; i < g->m->config_items.n; i++) {
        const item *it = g->m->config_items.at[i];
        unsigned side;
        if (it->kind == ITEM_DEFAULT && it->u.assign.value->kind == EXPR_CALL &&
            strcmp(it->u.assign.value->s, "modules") == 0 &&
            field_of_expr(g->v, g->cx->arena, it->u.assign.path, &side, field)) {
            return record_at(g->v->config[side], *field);
        }
    }
    return NULL;
}

/* Is the module of this tensor the path, or does it end in it? */
static bool is_of_module(const char *tensor, const char *path)
{
    const char *last = strrchr(tensor, '.');
    const size_t n = last == NULL ? 0 : (size_t)(last - tensor), m = strlen(path);
    return n >= m && strncmp(tensor + n - m, path, m) == 0 &&
           (n == m || tensor[n - m - 1] == '.');
}

static void warn_of_modules(merger *g, const char *field, const value *list)
{
    for (size_t i = 0; list != NULL && list->kind == V_LIST && i < list->items.n; i++) {
        const value *one = list->items.at[i];
        bool is_there = one->kind != V_STRING;
        for (size_t k = 0; k < g->acc->lines.n && !is_there; k++) {
            is_there = is_of_module(g->acc->lines.at[k].target, one->s);
        }
        if (!is_there) {
            diag *dg = diag_report(
                g->cx->diags, SEV_WARNING, "adapter-gap", NOWHERE,
                "%s of the adapter's config names '%s', but the adapter updates no "
                "such module",
                field, one->s);
            diag_help(dg, "is the file whole?");
        }
    }
}

/* Does the config name these layers and no others, or modules of layers one by one? */
static bool layers_are_meant(merger *g, const strmap *layers, const value *list)
{
    const value *config = g->v->config[RIGHT];
    bool meant = list != NULL && list->kind == V_STRING;
    for (size_t i = 0; list != NULL && i < list->items.n; i++) {
        const value *one = list->items.at[i];
        meant = meant || (one->kind == V_STRING && strpbrk(one->s, "0123456789"));
    }
    for (size_t i = 0; config != NULL && i < config->members.n && !meant; i++) {
        const value *v = config->members.at[i].val;
        size_t n = v->kind == V_LIST ? v->items.n : 0;
        for (size_t k = 0; k < n; k++) {
            const value *one = v->items.at[k];
            n = one->kind == V_INT && strmap_has(layers, value_show(g->cx->arena, one))
                    ? n
                    : 0;
        }
        meant = (n > 0 && n == strmap_count(layers)) ||
                (v->kind == V_INT && strmap_count(layers) == 1 &&
                 strmap_has(layers, value_show(g->cx->arena, v)));
    }
    return meant;
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
        if (first < 0 || strmap_has(updated, name)) {
            continue;
        }
        if (strmap_has(layers, arena_printf(a, "%ld", first))) {
            vec_push(a, &s->missing, name);
        } else {
            vec_push(a, &s->bare, name);
        }
    }
    const char *field = NULL;
    const value *modules = listed_modules(g, &field);
    const bool layers_meant = layers_are_meant(g, layers, modules);
    for (size_t i = 0; i < all.n; i++) {
        const series *s = &all.at[i];
        if (2 * s->n_updated > s->n && s->missing.n > 0) {
            warn(g, s);
        }
        if (2 * s->n_updated >= s->n && s->bare.n > 0 && !layers_meant) {
            warn_of_layers(g, s);
        }
    }
    warn_of_modules(g, field, modules);
}
