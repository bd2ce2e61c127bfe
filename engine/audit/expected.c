#include "audit/expected.h"

#include <string.h>

#include "audit/regex_word.h"
#include "audit/slow.h"
#include "mapping/names.h"

bool name_uses(const map_name *n, uint32_t capture)
{
    for (size_t i = 0; i < n->segs.n; i++) {
        const name_seg *s = &n->segs.at[i];
        const bool is_capture =
            s->kind == NAME_CAPTURE || s->kind == NAME_PATH || s->kind == NAME_REGEX;
        if (is_capture && s->capture == capture) {
            return true;
        }
    }
    return false;
}

/* Word and expressions of a capture in one name: the first gives the word. */
static bool fits_name(arena *a, const map_name *n, uint32_t capture, const char **word)
{
    bool fits = true;
    for (size_t i = 0; fits && i < n->segs.n; i++) {
        const name_seg *s = &n->segs.at[i];
        if (s->kind == NAME_REGEX && s->capture == capture) {
            *word = *word != NULL ? *word : regex_word(a, s->text, s->re);
            fits = *word != NULL && regex_match(a, s->re, *word, NULL, 0);
        }
    }
    return fits;
}

const char *capture_word(arena *a, const map_rule *r, uint32_t capture)
{
    const char *word = NULL;
    bool fits = true;
    for (unsigned side = 0; side < 2; side++) {
        for (size_t t = 0; fits && t < r->tensors[side].n; t++) {
            fits = fits_name(a, &r->tensors[side].at[t].name, capture, &word);
        }
    }
    return !fits ? NULL : word != NULL ? word : "x";
}

typedef struct lister {
    context *cx;
    const values *v;
    expected_list *out;
    rt_status status;
} lister;

/* What one name is made from; of a rule's tensor, or of a `const` line. */
typedef struct subject {
    const map_rule *rule;
    const map_tensor *t;
    const map_name *name;
    const map_dims *dims;
    const map_scale *scale; /* instead of dims, or NULL */
    const map_capture *captures;
    size_t n_captures;
    const expr *const *guards;
    size_t n_guards;
    double fill;
} subject;

typedef struct range {
    uint32_t capture;
    int64_t lo, hi;
} range;

static bool bound(lister *l, const expr *e, int64_t *to)
{
    const value *x = e == NULL ? NULL : values_eval(l->cx, l->v, e, NULL, NULL);
    if (e != NULL && (x == NULL || x->kind != V_INT)) {
        return false;
    }
    *to = x != NULL ? x->i : *to;
    return true;
}

/* 1: a range, or of one without end its first number; 0: no numbers, a word; -1: cannot
 * be told (reported). */
static int range_of(lister *l, const subject *s, uint32_t capture, range *r)
{
    const map_capture *c = &s->captures[capture];
    *r = (range){capture, 0, SIZE_UNKNOWN};
    if (c->axis != NO_AXIS) {
        r->hi = l->v->size[c->axis];
    }
    if (c->axis == NO_AXIS && c->lo == NULL && c->hi == NULL) {
        return 0;
    }
    const bool is_open = c->axis == NO_AXIS && c->hi == NULL;
    const int64_t size = r->hi;
    if (bound(l, c->lo, &r->lo) && is_open) {
        r->hi = r->lo + 1;
        return 1;
    }
    if (bound(l, c->hi, &r->hi) && bound(l, c->lo, &r->lo) && r->hi != SIZE_UNKNOWN) {
        r->hi =
            size != SIZE_UNKNOWN && size < r->hi ? size : r->hi; /* a range narrows */
        return 1;
    }
    diag *dg = diag_report(l->cx->diags, SEV_ERROR, "unknown-size", s->name->at,
                           "the range of {%s} cannot be told", c->name);
    diag_help(dg, "give the field that its axis is read from");
    l->status = RT_MISMATCH;
    return -1;
}

static bool guards_hold(lister *l, const subject *s, const binding *b)
{
    const int holds = values_all_hold(l->cx, l->v, s->guards, s->n_guards, b);
    if (holds < 0) {
        l->status = RT_MISMATCH;
    }
    return holds == 1;
}

static void parts_of(lister *l, const map_dim *d, const binding *b, bool *part_on)
{
    for (size_t i = 0; i < d->kids.n; i++) {
        parts_of(l, d->kids.at[i], b, part_on);
    }
    for (size_t i = 0; i < d->parts.n; i++) {
        const map_part *p = &d->parts.at[i];
        const int holds = p->when == NULL ? 1 : values_holds(l->cx, l->v, p->when, b);
        if (holds < 0) {
            l->status = RT_MISMATCH;
        }
        part_on[p->id] = holds == 1;
        parts_of(l, p->body, b, part_on);
    }
}

static void add_one(lister *l, const subject *s, const int64_t *numbers,
                    const int64_t *lo, const char *const *words)
{
    arena *a = l->cx->arena;
    const binding b = {s->captures, numbers, words, s->n_captures};
    if (!guards_hold(l, s, &b)) {
        return;
    }
    bool *part_on = NEW_N(a, bool, s->rule == NULL ? 1 : s->rule->n_parts + 1);
    for (size_t i = 0; s->dims != NULL && i < s->dims->all.n; i++) {
        parts_of(l, s->dims->all.at[i], &b, part_on);
    }
    int64_t *own = NEW_N(a, int64_t, s->n_captures + 1);
    int64_t *own_lo = NEW_N(a, int64_t, s->n_captures + 1);
    memcpy(own, numbers, s->n_captures * sizeof *own);
    memcpy(own_lo, lo, s->n_captures * sizeof *own_lo);
    expected e = {.rule = s->rule,
                  .t = s->t,
                  .optional = s->rule != NULL && s->rule->optional,
                  .numbers = own,
                  .lo = own_lo,
                  .words = words,
                  .part_on = part_on,
                  .fill = s->fill};
    e.name = name_fill(a, l->v->m, s->name, l->v->choice, own, words);
    const bool told = s->scale != NULL
                          ? slow_blocks(s->scale, l->v->size, e.shape, &e.rank)
                          : slow_shape(s->dims, l->v->size, part_on, e.shape, &e.rank);
    if (!told && s->rule != NULL && rule_has_own_axes(l->v->m, s->rule)) {
        return; /* each tensor has its own, none of which is here */
    }
    if (!told) {
        diag *dg = diag_report(l->cx->diags, SEV_ERROR, "unknown-size", s->name->at,
                               "the shape of %s cannot be told", e.name);
        diag_help(dg, "give the fields that its axes are read from");
        l->status = RT_MISMATCH;
        return;
    }
    vec_push(a, l->out, e);
}

/* Every combination of the captures that occur in the name. */
static void add_all(lister *l, const subject *s)
{
    arena *a = l->cx->arena;
    range *ranges = NEW_N(a, range, s->n_captures + 1);
    int64_t *numbers = NEW_N(a, int64_t, s->n_captures + 1);
    int64_t *lo = NEW_N(a, int64_t, s->n_captures + 1);
    const char **words = NEW_N(a, const char *, s->n_captures + 1);
    size_t n = 0;
    for (uint32_t c = 0; c < s->n_captures; c++) {
        words[c] = s->rule == NULL ? NULL : capture_word(a, s->rule, c);
        words[c] = words[c] == NULL ? "x" : words[c];
        if (!name_uses(s->name, c)) {
            continue;
        }
        const int kind = range_of(l, s, c, &ranges[n]);
        if (kind < 0 || (kind == 1 && ranges[n].lo >= ranges[n].hi)) {
            return;
        }
        numbers[c] = lo[c] = kind == 1 ? ranges[n].lo : 0;
        n += kind == 1;
    }
    for (;;) {
        add_one(l, s, numbers, lo, words);
        size_t i = n;
        while (i > 0 && ++numbers[ranges[i - 1].capture] == ranges[i - 1].hi) {
            numbers[ranges[i - 1].capture] = ranges[i - 1].lo;
            i--;
        }
        if (i == 0) {
            return;
        }
    }
}

rt_status expect_side(context *cx, const values *v, unsigned side, expected_list *out)
{
    lister l = {cx, v, out, RT_OK};
    for (size_t r = 0; r < v->m->rules.n; r++) {
        const map_rule *rule = &v->m->rules.at[r];
        for (size_t t = 0; t < rule->tensors[side].n; t++) {
            const map_tensor *tensor = &rule->tensors[side].at[t];
            const subject s = {.rule = rule,
                               .t = tensor,
                               .name = &tensor->name,
                               .dims = tensor->dims,
                               .captures = rule->captures.at,
                               .n_captures = rule->captures.n,
                               .guards = rule->guards.at,
                               .n_guards = rule->guards.n};
            add_all(&l, &s);
        }
        if (rule_scale(rule, side) != NULL) {
            const subject s = {.rule = rule,
                               .name = &rule->scale->name,
                               .scale = rule->scale,
                               .captures = rule->captures.at,
                               .n_captures = rule->captures.n,
                               .guards = rule->guards.at,
                               .n_guards = rule->guards.n};
            add_all(&l, &s);
        }
    }
    for (size_t i = 0; i < v->m->makes.n; i++) {
        const map_make *mk = &v->m->makes.at[i];
        const subject s = {.name = &mk->name,
                           .dims = mk->dims,
                           .captures = mk->captures.at,
                           .n_captures = mk->captures.n,
                           .guards = mk->guards.at,
                           .n_guards = mk->guards.n,
                           .fill = mk->value};
        if (mk->side == side) {
            add_all(&l, &s);
        }
    }
    return l.status;
}

const expected *expected_find(const expected_list *list, const char *name)
{
    for (size_t i = 0; i < list->n; i++) {
        if (strcmp(list->at[i].name, name) == 0) {
            return &list->at[i];
        }
    }
    return NULL;
}
