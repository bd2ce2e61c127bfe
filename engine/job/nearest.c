/* job/nearest.c -- see nearest.h. */
#include "job/nearest.h"

#include <string.h>

#include "base/near.h"
#include "mapping/names.h"

enum {
    SAMPLE = 96,   /* names looked at: enough to tell layouts apart */
    BATCH = 256,   /* names between which scratch memory is given back */
    MAX_LINES = 12 /* folded names in a message */
};

/* Does the name match under any of the choices?  The same alternative is tried for all
 * of them. */
static bool matches(arena *a, const mapping *m, const map_name *as,
                    const map_capture *captures, size_t n_captures, const char *name)
{
    int64_t *numbers = NEW_N(a, int64_t, n_captures + 1);
    const char **words = NEW_N(a, const char *, n_captures + 1);
    uint32_t *choice = NEW_N(a, uint32_t, m->choices.n + 1);
    for (uint32_t k = 0; k < 8; k++) {
        bool valid = k == 0;
        for (size_t c = 0; c < m->choices.n; c++) {
            const uint32_t n = (uint32_t)m->choices.at[c].texts.n;
            valid = valid || k < n;
            choice[c] = k < n ? k : 0;
        }
        if (!valid) {
            break;
        }
        if (name_match(a, m, as, choice, captures, name, numbers, words)) {
            return true;
        }
    }
    return false;
}

static bool side_knows(arena *a, const mapping *m, unsigned side, const char *name)
{
    for (size_t r = 0; r < m->rules.n; r++) {
        const map_rule *rule = &m->rules.at[r];
        const map_scale *scale = rule_scale(rule, side);
        const bool silent = scale != NULL || !rule_reads(rule, side);
        if (scale != NULL &&
            matches(a, m, &scale->name, rule->captures.at, rule->captures.n, name)) {
            return true; /* it alone tells: what it scales may have any name */
        }
        for (size_t t = 0; !silent && t < rule->tensors[side].n; t++) {
            if (matches(a, m, &rule->tensors[side].at[t].name, rule->captures.at,
                        rule->captures.n, name)) {
                return true;
            }
        }
    }
    return false;
}

/* What hangs on the config, a guard or the range of a capture, can be told of no name.
 */
static bool is_open(const map_drop *drop)
{
    bool open = drop->guards.n > 0;
    for (size_t i = 0; i < drop->captures.n; i++) {
        open = open || drop->captures.at[i].lo != NULL;
    }
    return open;
}

static bool side_drops(arena *a, const mapping *m, unsigned side, const char *name)
{
    for (size_t d = 0; d < m->drops.n; d++) {
        const map_drop *drop = &m->drops.at[d];
        if (drop->side == side && !is_open(drop) &&
            matches(a, m, &drop->name, drop->captures.at, drop->captures.n, name)) {
            return true;
        }
    }
    return m->rest;
}

static size_t count_names(const mapping *m, unsigned side, const stage *s, bool claimed)
{
    arena *scratch = arena_new();
    size_t hits = 0;
    const size_t stride = s->tensors.n > SAMPLE ? s->tensors.n / SAMPLE : 1;
    for (size_t i = 0; i < s->tensors.n; i += stride) {
        const char *name = s->tensors.at[i].name;
        hits += side_knows(scratch, m, side, name) ||
                (claimed && side_drops(scratch, m, side, name));
    }
    arena_free(scratch);
    return hits;
}

size_t names_known(const mapping *m, unsigned side, const stage *s)
{
    return count_names(m, side, s, false);
}

size_t names_claimed(const mapping *m, unsigned side, const stage *s)
{
    return count_names(m, side, s, true);
}

/* ---- the nearest family -------------------------------------------------------- */

/* One side of a family, with what has to stand before the checkpoint's names: models
 * saved without their head lack the first part of every name. */
typedef struct guess {
    const mapping *m;
    unsigned side;
    const char *lead;
    size_t n_known; /* of the sample */
} guess;

/* "model." of "model.layers.{l}.x", or "" where the names share no first part. */
static const char *lead_of(arena *a, const mapping *m, unsigned side)
{
    for (size_t r = 0; r < m->rules.n; r++) {
        for (size_t t = 0; t < m->rules.at[r].tensors[side].n; t++) {
            const char *name =
                name_show(a, m, &m->rules.at[r].tensors[side].at[t].name);
            const char *dot = strchr(name, '.');
            const char *brace = strchr(name, '{');
            if (dot != NULL && brace != NULL && dot < brace) {
                return arena_strndup(a, name, (size_t)(dot + 1 - name));
            }
        }
    }
    return "";
}

/* The names that a guess does not know; every `stride`th name is looked at. */
static size_t unknown_names(arena *a, const guess *g, const stage *s, size_t stride,
                            const char **out)
{
    size_t n = 0;
    arena *scratch = arena_new();
    for (size_t i = 0, k = 0; i < s->tensors.n; i += stride, k++) {
        if (k % BATCH == BATCH - 1) {
            arena_free(scratch);
            scratch = arena_new();
        }
        const char *name = s->tensors.at[i].name;
        const char *full = arena_printf(scratch, "%s%s", g->lead, name);
        if (!side_knows(scratch, g->m, g->side, full)) {
            out[n++] = arena_strdup(a, name);
        }
    }
    arena_free(scratch);
    return n;
}

static guess nearest(arena *a, const evidence *ev, const stage *s, const char **names)
{
    guess best = {.lead = ""};
    const size_t stride = s->tensors.n > SAMPLE ? s->tensors.n / SAMPLE : 1;
    const size_t n_seen = (s->tensors.n + stride - 1) / stride;
    for (unsigned led = 0; led < 2; led++) {
        for (size_t i = 0; i < ev->n_all; i++) {
            for (unsigned side = 0; side < 2; side++) {
                if (ev->all[i]->detect[side].n == 0) {
                    continue; /* a part of other families, not one of its own */
                }
                guess g = {ev->all[i], side, "", 0};
                g.lead = led == 1 ? lead_of(a, g.m, side) : "";
                g.n_known = n_seen - unknown_names(a, &g, s, stride, names);
                best = g.n_known > best.n_known ? g : best;
            }
        }
    }
    return best;
}

void note_nearest(context *cx, const evidence *ev, const stage *s, diag *dg)
{
    arena *a = cx->arena;
    const char **names = NEW_N(a, const char *, s->tensors.n + 1);
    const guess g = nearest(a, ev, s, names);
    size_t n = s->tensors.n;
    if (g.m == NULL) {
        for (size_t i = 0; i < n; i++) {
            names[i] = s->tensors.at[i].name;
        }
        diag_note(dg, "unmapped are all %zu:", n);
    } else {
        n = unknown_names(a, &g, s, 1, names);
        diag_note(dg, "nearest: family %s knows %zu of %zu names in layout '%s'%s%s%s",
                  g.m->name, s->tensors.n - n, s->tensors.n, g.m->layout[g.side],
                  g.lead[0] != '\0' ? " if '" : "", g.lead,
                  g.lead[0] != '\0' ? "' stood before them" : "");
        if (n > 0) {
            diag_note(dg, "unmapped are %zu:", n);
        }
    }
    folded *f = NULL;
    const size_t n_folded = fold_names(a, names, n, &f);
    for (size_t i = 0; i < n_folded && i < MAX_LINES; i++) {
        diag_note(dg, "  %s", f[i].text);
    }
    if (n_folded > MAX_LINES) {
        diag_note(dg, "  and %zu more", n_folded - MAX_LINES);
    }
}
