/* plan/merge_names.c -- the adapter's names as the rules know them. */
#include <string.h>

#include "mapping/names.h"
#include "plan/update.h"

enum { MAX_RENAMES = 32, MAX_BINDINGS = 256, SAMPLE = 64 };

/* ---- spellings ----------------------------------------------------------------- */

/* The name under the first spelling that matches otherwise than by its first form. */
static const char *respelled(merger *g, const char *name, const map_spelling **by)
{
    for (size_t i = 0; i < g->m->spellings.n; i++) {
        const map_spelling *s = &g->m->spellings.at[i];
        int64_t *numbers = NEW_N(g->cx->arena, int64_t, s->captures.n + 1);
        const char **words = NEW_N(g->cx->arena, const char *, s->captures.n + 1);
        for (size_t k = 1; k < s->names.n; k++) {
            if (!name_match(g->cx->arena, g->m, &s->names.at[k], g->v->choice,
                            s->captures.at, name, numbers, words)) {
                continue;
            }
            const char *to = name_fill(g->cx->arena, g->m, &s->names.at[0],
                                       g->v->choice, numbers, words);
            if (strcmp(to, name) != 0) {
                *by = s;
                return to;
            }
        }
    }
    return NULL;
}

/* Two tensors of one name: the writer stored a copy.  One is taken, and must be equal.
 */
static void add_twin(merger *g, const plan_tensor *kept, const plan_tensor *other,
                     where at)
{
    const condition c = {.kind = CONDITION_SAME,
                         .name = kept->name,
                         .other = other->name,
                         .pieces = kept->pieces,
                         .others = other->pieces,
                         .at = at};
    vec_push(g->cx->arena, &g->acc->conditions, c);
}

stage *read_spellings(merger *g, const stage *adapter)
{
    stage *out = NEW(g->cx->arena, stage);
    size_t *n_read = NEW_N(g->cx->arena, size_t, g->m->spellings.n + 1);
    unsigned *renames = NEW_N(g->cx->arena, unsigned, adapter->tensors.n + 1);
    out->by_name = strmap_new(g->cx->arena);
    for (size_t i = 0; i < adapter->tensors.n; i++) {
        plan_tensor t = adapter->tensors.at[i];
        const map_spelling *by = NULL;
        for (const char *to; renames[i] < MAX_RENAMES; renames[i]++) {
            to = respelled(g, t.name, &by);
            if (to == NULL) {
                break;
            }
            t.name = to;
            n_read[by - g->m->spellings.at]++;
        }
        vec_push(g->cx->arena, &out->tensors, t);
        uint64_t first;
        if (!strmap_get(out->by_name, t.name, &first)) {
            strmap_set(out->by_name, t.name, i);
            continue;
        }
        /* The name that needed fewer changes is the canonical one. */
        const size_t kept = renames[i] < renames[first] ? i : first;
        const size_t other = kept == i ? first : i;
        strmap_set(out->by_name, t.name, kept);
        g->used[other] = true;
        add_twin(g, &adapter->tensors.at[kept], &adapter->tensors.at[other],
                 by != NULL ? by->at : NOWHERE);
    }
    for (size_t i = 0; i < g->m->spellings.n; i++) {
        const map_spelling *s = &g->m->spellings.at[i];
        if (n_read[i] > 0) {
            vec_push(g->cx->arena, &g->acc->notes,
                     arena_printf(g->cx->arena,
                                  "%zu names of the adapter are read as %s", n_read[i],
                                  name_show(g->cx->arena, g->m, &s->names.at[0])));
        }
    }
    return out;
}

/* ---- choices ------------------------------------------------------------------- */

/* Is there a base tensor for a factor of this name by this update? */
static bool finds_base(merger *g, const map_update *u, const map_tensor *as,
                       const char *name)
{
    int64_t *numbers = NEW_N(g->cx->arena, int64_t, u->captures.n + 1);
    const char **words = NEW_N(g->cx->arena, const char *, u->captures.n + 1);
    if (!name_match(g->cx->arena, g->m, &as->name, g->v->choice, u->captures.at, name,
                    numbers, words)) {
        return false;
    }
    const map_name *named = u->each != NULL ? u->each : &u->target.name;
    for (size_t i = 0; i < named->segs.n; i++) {
        const uint32_t c = named->segs.at[i].capture;
        if (c != UINT32_MAX && words[c] == NULL) {
            return false; /* the factor's name does not tell this capture */
        }
    }
    return stage_find(g->base, name_fill(g->cx->arena, g->m, named, g->v->choice,
                                         numbers, words)) != NULL;
}

static bool finds_any_base(merger *g, const char *name)
{
    for (size_t k = 0; k < g->m->updates.n; k++) {
        const map_update *u = &g->m->updates.at[k];
        for (size_t f = 0; f < u->factors.n; f++) {
            const map_tensor *as = u->factors.at[f].tensor;
            if (as != NULL && finds_base(g, u, as, name)) {
                return true;
            }
        }
    }
    return false;
}

typedef VEC(size_t) index_list;

/* The adapter's tensors that nothing took yet. */
static index_list open_tensors(const merger *g)
{
    index_list open = {0};
    for (size_t i = 0; i < g->adapter->tensors.n; i++) {
        if (!g->used[i]) {
            vec_push(g->cx->arena, &open, i);
        }
    }
    return open;
}

/* How many of them find their base?  Of many a sample is asked. */
static size_t names_found(merger *g, const index_list *open)
{
    const size_t stride = open->n > SAMPLE ? open->n / SAMPLE : 1;
    size_t hits = 0;
    for (size_t i = 0; i < open->n; i += stride) {
        hits += finds_any_base(g, g->adapter->tensors.at[open->at[i]].name) ? 1 : 0;
    }
    return hits;
}

/* Combination k of all choices; false when there are fewer. */
static bool set_choices(merger *g, size_t k)
{
    for (size_t c = 0; c < g->m->choices.n; c++) {
        const size_t n = g->m->choices.at[c].of_roots ? 1 : g->m->choices.at[c].texts.n;
        if (n > 1) {
            g->v->choice[c] = (uint32_t)(k % n);
            k /= n;
        }
    }
    return k == 0;
}

static bool was_bound(const merger *g, size_t k)
{
    for (size_t i = 0; i < g->bindings.n; i++) {
        if (g->bindings.at[i] == k) {
            return true;
        }
    }
    return false;
}

bool bind_merge_choices(merger *g)
{
    const index_list open = open_tensors(g);
    size_t best = 0, best_hits = 0;
    for (size_t k = 0; k < MAX_BINDINGS && set_choices(g, k); k++) {
        const size_t hits = was_bound(g, k) ? 0 : names_found(g, &open);
        if (hits > best_hits) {
            best = k;
            best_hits = hits;
        }
    }
    if (best_hits > 0 || g->bindings.n == 0) {
        vec_push(g->cx->arena, &g->bindings, best);
    }
    set_choices(g, best_hits > 0 ? best : g->bindings.at[0]);
    return best_hits > 0;
}
