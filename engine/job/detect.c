/* plan/detect.c -- see detect.h. */
#include "job/detect.h"

#include <string.h>

#include "base/file.h"
#include "job/nearest.h"

const found_config *config_of(const config_list *l, const char *layout)
{
    for (size_t i = 0; i < l->n; i++) {
        if (strcmp(l->at[i].layout, layout) == 0) {
            return &l->at[i];
        }
    }
    return NULL;
}

/* ---- has ----------------------------------------------------------------------- */

static bool has_from(const template *t, size_t seg, const char *text)
{
    if (seg == t->segs.n) {
        return *text == '\0';
    }
    const segment *s = &t->segs.at[seg];
    if (s->kind == SEG_TEXT) {
        const size_t n = strlen(s->text);
        return strncmp(text, s->text, n) == 0 && has_from(t, seg + 1, text + n);
    }
    if (s->kind == SEG_ALT) {
        for (size_t i = 0; i < s->alts.n; i++) {
            const size_t n = strlen(s->alts.at[i].text);
            if (strncmp(text, s->alts.at[i].text, n) == 0 &&
                has_from(t, seg + 1, text + n)) {
                return true;
            }
        }
        return false;
    }
    for (size_t n = 1; text[n - 1] != '\0'; n++) {
        if (s->kind != SEG_PATH && text[n - 1] == '.') {
            return false;
        }
        if (has_from(t, seg + 1, text + n)) {
            return true;
        }
    }
    return false;
}

bool stage_has(void *who, const template *t)
{
    const stage *s = who;
    for (size_t i = 0; i < s->tensors.n; i++) {
        if (has_from(t, 0, s->tensors.at[i].name)) {
            return true;
        }
    }
    return false;
}

/* ---- layout -------------------------------------------------------------------- */

/* A side whose `detect` is about names (`has ...`) holds without any config. */
static const char *layout_by_has(context *cx, const evidence *ev, const stage *s)
{
    for (size_t i = 0; i < ev->n_all; i++) {
        for (unsigned side = 0; side < 2; side++) {
            stage *who = NULL;
            memcpy(&who, &s, sizeof who); /* has_tensor takes a plain pointer */
            if (config_detect(cx, ev->all[i], side, NULL, stage_has, who) == 1) {
                return ev->all[i]->layout[side];
            }
        }
    }
    return NULL;
}

static bool asks_for_names(const expr *e)
{
    bool asks = e->kind == EXPR_HAS;
    for (size_t i = 0; i < e->kid.n; i++) {
        asks = asks || asks_for_names(e->kid.at[i]);
    }
    return asks;
}

/* A side that told which names it has, none of which was there (see layout_by_has). */
static bool is_denied(const mapping *m, unsigned side)
{
    for (size_t i = 0; i < m->detect[side].n; i++) {
        if (asks_for_names(m->detect[side].at[i]->is)) {
            return true;
        }
    }
    return false;
}

/* The layout in which a family knows most of the names, and how many; those of --rules
 * come first. */
static const char *layout_by_names(const evidence *ev, const stage *s,
                                   size_t n_families, size_t *n_known)
{
    const char *layout = NULL;
    *n_known = 0;
    for (size_t i = 0; i < n_families; i++) {
        for (unsigned side = 0; side < 2; side++) {
            const size_t n =
                is_denied(ev->all[i], side) ? 0 : names_known(ev->all[i], side, s);
            if (n > *n_known) {
                *n_known = n;
                layout = ev->all[i]->layout[side];
            }
        }
    }
    return layout;
}

rt_status detect_layout(context *cx, const evidence *ev, const stage *s,
                        const char **layout, const char **because)
{
    size_t n_given = 0, n_known = 0;
    const char *given = layout_by_names(ev, s, ev->n_given, &n_given), *known = NULL;
    if (n_given > 0) {
        known = layout_by_names(ev, s, ev->n_all, &n_known);
    }
    *layout = n_given > 0 && n_given == n_known ? given : layout_by_has(cx, ev, s);
    if (*layout == NULL) {
        *layout = known != NULL ? known : layout_by_names(ev, s, ev->n_all, &n_known);
    }
    if (*layout == NULL) {
        diag *dg =
            diag_report(cx->diags, SEV_ERROR, "no-layout", NOWHERE,
                        "no family knows any of the %zu tensor names", s->tensors.n);
        note_nearest(cx, ev, s, dg);
        diag_help(dg, "name the rules with --rules and the layout with --from");
        return RT_MISMATCH;
    }
    *because = "its names";
    return RT_OK;
}

/* ---- ways between layouts ------------------------------------------------------ */

static const char *other_layout(const mapping *m, const char *layout)
{
    unsigned side;
    return mapping_side(m, layout, &side) ? m->layout[1 - side] : NULL;
}

static bool leads_to(const mapping *m, const char *from, const char *to)
{
    const char *other = other_layout(m, from);
    return other != NULL && strcmp(other, to) == 0;
}

/* The most names that a family accounts for in this layout.  For the one `said`,
 * families towards a variant that is known by its names do not count: their `rest`
 * takes whatever there is. */
static size_t most_claimed(const evidence *ev, const char *layout, bool is_said,
                           const stage *s)
{
    size_t most = 0;
    for (size_t i = 0; i < ev->n_all; i++) {
        unsigned side;
        if (!mapping_side(ev->all[i], layout, &side) ||
            (is_said && is_denied(ev->all[i], 1 - side))) {
            continue;
        }
        const size_t n = names_claimed(ev->all[i], side, s);
        most = n > most ? n : most;
    }
    return most;
}

bool same_config_file(const layout_table *l, const char *x, const char *y)
{
    return strcmp(layout_of(l, x)->files->configs.at[0].name,
                  layout_of(l, y)->files->configs.at[0].name) == 0;
}

const char *layout_meant(context *cx, const evidence *ev, const stage *s,
                         const char *said)
{
    const char *told = layout_by_has(cx, ev, s);
    if (told == NULL || strcmp(told, said) == 0 ||
        !same_config_file(ev->layouts, told, said) ||
        next_layout(cx->arena, ev, told, said) == NULL ||
        most_claimed(ev, said, true, s) >= most_claimed(ev, told, false, s)) {
        return said;
    }
    return told;
}

const char *next_layout(arena *a, const evidence *ev, const char *from, const char *to)
{
    /* Breadth first from the end, so that the layout before `from` is the answer. */
    VEC(const char *) queue = {0};
    strmap *next = strmap_new(a);
    vec_push(a, &queue, to);
    strmap_add(next, to, 0);
    for (size_t q = 0; q < queue.n; q++) {
        for (size_t i = 0; i < ev->n_all; i++) {
            const char *before = other_layout(ev->all[i], queue.at[q]);
            if (before == NULL || !strmap_add(next, before, q)) {
                continue;
            }
            if (strcmp(before, from) == 0) {
                return queue.at[q];
            }
            vec_push(a, &queue, before);
        }
    }
    return NULL;
}

const char *usual_target(const evidence *ev, const char *from)
{
    const char *best = NULL;
    size_t best_n = 0;
    for (size_t i = 0; i < ev->n_all; i++) {
        const char *to = other_layout(ev->all[i], from);
        size_t n = 0;
        for (size_t k = 0; to != NULL && k < ev->n_all; k++) {
            const char *other = other_layout(ev->all[k], from);
            n += other != NULL && strcmp(other, to) == 0;
        }
        if (n > best_n) {
            best_n = n;
            best = to;
        }
    }
    return best;
}

/* ---- family -------------------------------------------------------------------- */

typedef VEC(const mapping *) mapping_list;

static bool is_given(const evidence *ev, const mapping *m)
{
    size_t i = 0;
    while (i < ev->n_given && ev->all[i] != m) {
        i++;
    }
    return i < ev->n_given;
}

static mapping_list between(arena *a, const evidence *ev, const char *from,
                            const char *to)
{
    mapping_list l = {0};
    for (size_t i = 0; i < ev->n_all; i++) {
        if (leads_to(ev->all[i], from, to)) {
            vec_push(a, &l, ev->all[i]);
        }
    }
    return l;
}

/* Without a stage: by the config alone. */
static const mapping *only_detected(context *cx, const mapping_list *l,
                                    const char *layout, const value *config,
                                    const stage *s, size_t *n_hits)
{
    const mapping *hit = NULL;
    stage *who = NULL;
    memcpy(&who, &s, sizeof who);
    *n_hits = 0;
    for (size_t i = 0; i < l->n && config != NULL; i++) {
        unsigned side;
        if (mapping_side(l->at[i], layout, &side) &&
            config_detect(cx, l->at[i], side, config, s != NULL ? stage_has : NULL,
                          who) == 1) {
            hit = l->at[i];
            ++*n_hits;
        }
    }
    return *n_hits == 1 ? hit : NULL;
}

static const mapping *by_row(const evidence *ev, const mapping_list *l,
                             const char *from, const char *to)
{
    const char *layouts[2] = {to, from};
    for (unsigned k = 0; k < 2 && ev->model_name != NULL; k++) {
        const model_row *row =
            models_find(ev->rows, ev->n_rows, layouts[k], ev->model_name);
        for (size_t i = 0; row != NULL && i < l->n; i++) {
            if (strcmp(l->at[i]->name, row->family) == 0) {
                return l->at[i];
            }
        }
    }
    return NULL;
}

static const mapping *by_names(const mapping_list *l, const char *from, const stage *s)
{
    const mapping *best = NULL;
    size_t most = 0, n_most = 0;
    for (size_t i = 0; i < l->n; i++) {
        unsigned side;
        if (!mapping_side(l->at[i], from, &side)) {
            continue;
        }
        const size_t n = names_known(l->at[i], side, s);
        if (n > most) {
            most = n;
            n_most = 0;
        }
        if (n == most && n > 0) {
            n_most++;
            best = l->at[i];
        }
    }
    return n_most == 1 ? best : NULL;
}

static rt_status no_family(context *cx, const evidence *ev, const stage *s,
                           const mapping_list *l, const char *from, const value *config,
                           size_t n_hits)
{
    const value *type = value_get(config, "model_type");
    diag *dg = diag_report(cx->diags, SEV_ERROR, "no-family", NOWHERE,
                           "%s family fits this checkpoint in layout '%s'%s%s",
                           n_hits > 1 ? "more than one" : "no", from,
                           type != NULL ? ": model_type is " : "",
                           type != NULL ? value_show(cx->arena, type) : "");
    buf names = {.arena = cx->arena};
    for (size_t i = 0; i < l->n; i++) {
        buf_printf(&names, "%s%s", i > 0 ? ", " : "", l->at[i]->name);
    }
    diag_note(dg, "candidates: %s", buf_str(&names));
    if (n_hits == 0) {
        note_nearest(cx, ev, s, dg);
    }
    diag_help(dg, "choose one with --rules, or write a rule file (rules/README.md)");
    return RT_MISMATCH;
}

rt_status detect_family(context *cx, const evidence *ev, const stage *s,
                        const char *from, const char *to, const value *config,
                        const mapping **m, const char **because)
{
    const mapping_list l = between(cx->arena, ev, from, to);
    size_t n_hits = 0;
    *m = l.n == 1 ? l.at[0] : NULL;
    *because = *m != NULL && is_given(ev, *m)
                   ? "--rules"
                   : "being the only one between these layouts";
    if (l.n > 1) {
        /* Families are written published side first: its config names the model's type.
         */
        const char *published = l.at[0]->layout[LEFT];
        const found_config *pub = config_of(ev->configs, published);
        const bool is_source = strcmp(published, from) == 0;
        const value *record = is_source && config != NULL ? config
                              : pub != NULL               ? pub->record
                                                          : NULL;
        *m = only_detected(cx, &l, published, record, s, &n_hits);
        *because = pub != NULL ? arena_printf(cx->arena, "its %s", path_base(pub->path))
                               : "its config";
        if (*m == NULL && n_hits == 0) {
            *m = by_row(ev, &l, from, to);
            *because = arena_printf(cx->arena, "the name '%s'", ev->model_name);
        }
        if (*m == NULL && n_hits == 0 && !is_source) {
            *m = only_detected(cx, &l, from, config, s, &n_hits);
            *because = arena_printf(cx->arena, "its %s config", from);
        }
        if (*m == NULL && n_hits == 0 && record == NULL && config == NULL) {
            *m = by_names(&l, from, s);
            *because = "its tensor names alone";
        }
    }
    return *m != NULL ? RT_OK : no_family(cx, ev, s, &l, from, config, n_hits);
}

const mapping *detect_any_family(context *cx, const evidence *ev, const stage *s,
                                 const char *layout, const value *config,
                                 const mapping *const *taken, size_t n_taken,
                                 const char **because)
{
    mapping_list l = {0};
    size_t n_hits;
    for (size_t i = 0; i < ev->n_all; i++) {
        const mapping *m = ev->all[i];
        bool is_taken = other_layout(m, layout) == NULL;
        for (size_t k = 0; k < n_taken && !is_taken; k++) {
            is_taken = taken[k] == m;
        }
        if (!is_taken && is_given(ev, m)) {
            *because = "--rules";
            return m;
        }
        if (!is_taken) {
            vec_push(cx->arena, &l, m);
        }
    }
    *because = "its config";
    return only_detected(cx, &l, layout, config, s, &n_hits);
}

const char *likely_target(context *cx, const evidence *ev, const stage *s,
                          const char *from, const value *config)
{
    const char *because;
    const mapping *m = detect_any_family(cx, ev, s, from, config, NULL, 0, &because);
    return m != NULL ? other_layout(m, from) : usual_target(ev, from);
}
