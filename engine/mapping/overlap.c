/* No name is claimed twice: rules, drops and makes of one side, updates and drops of an
 * adapter, pair by pair.  Guards and ranges may keep two claims apart. */
#include <string.h>

#include "mapping/check.h"
#include "mapping/names.h"

typedef struct claim {
    where at;
    const char *what; /* "rule `qkv`", "a drop" */
    const map_name *name;
    const map_capture *captures;
    size_t n_captures;
    expr_list guards;
    unsigned when_read;       /* bit s: the claim stands when side s is read */
    const map_update *update; /* or NULL */
} claim;
typedef VEC(claim) claim_list;

typedef struct order { /* lo <= hi, as written */
    const char *lo, *hi;
} order;

typedef struct overlap {
    check *ck;
    claim_list claims; /* of one side */
    VEC(order) ordered;
} overlap;

static void add_tensor(check *ck, claim_list *list, const map_rule *r,
                       const map_name *name)
{
    claim c = {.at = name->at, .name = name, .when_read = 3u};
    c.what = arena_printf(ck->a, "rule `%s`", r->name);
    c.captures = r->captures.at;
    c.n_captures = r->captures.n;
    VEC_SET(c.guards, r->guards);
    if (r->arrow != RULE_BOTH) {
        c.when_read = r->arrow == RULE_LEFT_TO_RIGHT ? 1u << LEFT : 1u << RIGHT;
    }
    vec_push(ck->a, list, c);
}

static void add_claims(check *ck, unsigned side, claim_list *list)
{
    const mapping *m = ck->m;
    for (size_t i = 0; i < m->rules.n; i++) {
        for (size_t k = 0; k < m->rules.at[i].tensors[side].n; k++) {
            add_tensor(ck, list, &m->rules.at[i],
                       &m->rules.at[i].tensors[side].at[k].name);
        }
        if (rule_scale(&m->rules.at[i], side) != NULL) {
            add_tensor(ck, list, &m->rules.at[i], &m->rules.at[i].scale->name);
        }
    }
    for (size_t i = 0; i < m->drops.n; i++) {
        const map_drop *d = &m->drops.at[i];
        claim c = {d->name.at,    "a drop", &d->name,   d->captures.at,
                   d->captures.n, {0},      1u << side, NULL};
        VEC_SET(c.guards, d->guards);
        if (d->side == side) {
            vec_push(ck->a, list, c);
        }
    }
    for (size_t i = 0; i < m->makes.n; i++) {
        const map_make *mk = &m->makes.at[i];
        claim c = {mk->name.at,    "a constant", &mk->name, mk->captures.at,
                   mk->captures.n, {0},          3u,        NULL};
        VEC_SET(c.guards, mk->guards);
        if (mk->side == side) {
            vec_push(ck->a, list, c);
        }
    }
}

static void add_factors(check *ck, claim_list *list)
{
    for (size_t i = 0; i < ck->m->updates.n; i++) {
        const map_update *u = &ck->m->updates.at[i];
        for (size_t k = 0; k < u->factors.n; k++) {
            const map_tensor *t = u->factors.at[k].tensor;
            if (t == NULL) {
                continue;
            }
            claim c = {t->name.at,    NULL, &t->name,    u->captures.at,
                       u->captures.n, {0},  1u << RIGHT, u};
            c.what = arena_printf(ck->a, "update `%s`", u->name);
            VEC_SET(c.guards, u->guards);
            vec_push(ck->a, list, c);
        }
    }
}

/* ---- ranges
 * -------------------------------------------------------------------------- */

static bool same_seg(const name_seg *x, const name_seg *y)
{
    return x->kind == y->kind && x->choice == y->choice &&
           x->is_number == y->is_number && x->width == y->width &&
           (x->kind != NAME_TEXT || strcmp(x->text, y->text) == 0);
}

/* The bound of a capture: as written, else its axis (upper), else open. */
static bool bound_of(const check *ck, const claim *c, const name_seg *s, bool upper,
                     const char **text, double *number)
{
    const map_capture *mc = &c->captures[s->capture];
    const expr *e = upper ? mc->hi : mc->lo;
    double shift = (double)s->shift;
    *text = "";
    if (e == NULL && !upper) {
        *number = shift;
        return true;
    }
    if (e == NULL && (mc->axis == NO_AXIS || mc->lo != NULL)) {
        return false;
    }
    if (e != NULL && expr_constant(e, number)) {
        *number += shift;
        return true;
    }
    *number = shift;
    *text = e != NULL ? expr_shown(ck->a, e) : ck->m->axes.at[mc->axis].name;
    return true;
}

/* `{l in k..n}` anywhere in the file says k <= n; so does a chain of such ranges. */
static bool is_at_most(const overlap *ov, const char *x, const char *y)
{
    VEC(const char *) reached = {0};
    vec_push(ov->ck->a, &reached, x);
    for (size_t i = 0; i < reached.n; i++) {
        if (strcmp(reached.at[i], y) == 0) {
            return true;
        }
        for (size_t k = 0; k < ov->ordered.n; k++) {
            bool fresh = strcmp(ov->ordered.at[k].lo, reached.at[i]) == 0;
            for (size_t j = 0; fresh && j < reached.n; j++) {
                fresh = strcmp(ov->ordered.at[k].hi, reached.at[j]) != 0;
            }
            if (fresh) {
                vec_push(ov->ck->a, &reached, ov->ordered.at[k].hi);
            }
        }
    }
    return false;
}

/* Does x end where (or before) y begins? */
static bool ends_before(const overlap *ov, const claim *x, const name_seg *xs,
                        const claim *y, const name_seg *ys)
{
    const char *hi_text, *lo_text;
    double hi, lo;
    return bound_of(ov->ck, x, xs, true, &hi_text, &hi) &&
           bound_of(ov->ck, y, ys, false, &lo_text, &lo) && hi <= lo &&
           is_at_most(ov, hi_text, lo_text);
}

/* The names are written alike up to a capture whose ranges don't meet. */
static bool ranges_exclude(const overlap *ov, const claim *x, const claim *y)
{
    for (size_t i = 0; i < x->name->segs.n && i < y->name->segs.n; i++) {
        const name_seg *p = &x->name->segs.at[i], *q = &y->name->segs.at[i];
        if (!same_seg(p, q)) {
            return false;
        }
        if (p->is_number &&
            (ends_before(ov, x, p, y, q) || ends_before(ov, y, q, x, p))) {
            return true;
        }
        /* behind a path, or a word that no dot ends, the names may be out of step */
        const name_seg *next =
            i + 1 < x->name->segs.n ? &x->name->segs.at[i + 1] : NULL;
        const bool dot =
            next != NULL && next->kind == NAME_TEXT && next->text[0] == '.';
        if (p->kind == NAME_PATH ||
            ((p->kind == NAME_REGEX || p->kind == NAME_CAPTURE) && !dot)) {
            return false;
        }
    }
    return false;
}

/* ---- updates within `each`
 * -------------------------------------------------------------- */

/* A name that the template surely matches, with captures that no text can imitate. */
static const char *typical(check *ck, const map_name *n, size_t n_captures)
{
    int64_t *numbers = NEW_N(ck->a, int64_t, n_captures + 1);
    const char **words = NEW_N(ck->a, const char *, n_captures + 1);
    for (size_t i = 0; i < n_captures; i++) {
        numbers[i] = 7041 + (int64_t)i;
        words[i] = "~";
    }
    return name_fill(ck->a, ck->m, n, NULL, numbers, words);
}

/* `each ... except T` leaves out the module that the other update changes. */
static bool is_excepted(check *ck, const map_update *in_each, const map_update *other)
{
    if (in_each->each == NULL) {
        return false;
    }
    const char *text = typical(ck, &other->target.name, other->captures.n);
    for (size_t i = 0; i < in_each->except.n; i++) {
        int64_t numbers[MAX_CAPTURES];
        const char *words[MAX_CAPTURES];
        if (name_match(ck->a, ck->m, in_each->except.at[i], NULL, NULL, text, numbers,
                       words)) {
            return true;
        }
    }
    return false;
}

/* Paths of `each` run over the modules of the base, which aren't known here: they stand
 * for themselves.  What the names of a checkpoint then do is counted by the plan. */
static const map_name *opaque_paths(check *ck, const map_name *n)
{
    map_name *out = NEW(ck->a, map_name);
    out->at = n->at;
    for (size_t i = 0; i < n->segs.n; i++) {
        name_seg s = n->segs.at[i];
        if (s.kind == NAME_PATH) {
            s = (name_seg){.kind = NAME_TEXT, .at = s.at, .text = "{MODULE}"};
        }
        vec_push(ck->a, &out->segs, s);
    }
    return out;
}

static const map_tensor *next_factor(const map_update *u, size_t *f)
{
    while (*f < u->factors.n && u->factors.at[*f].tensor == NULL) {
        ++*f;
    }
    return *f < u->factors.n ? u->factors.at[(*f)++].tensor : NULL;
}

/* Two updates of `each` that take the same factors, all of them: which one fits is told
 * by the shapes, and the plan refuses factors that fit both. */
static bool same_factors(check *ck, const map_update *x, const map_update *y)
{
    size_t i = 0, k = 0;
    const map_tensor *a, *b;
    do {
        a = next_factor(x, &i);
        b = next_factor(y, &k);
        if (a != NULL && b != NULL &&
            strcmp(name_show(ck->a, ck->m, &a->name),
                   name_show(ck->a, ck->m, &b->name)) != 0) {
            return false;
        }
    } while (a != NULL && b != NULL);
    return a == NULL && b == NULL && (x->norm == NULL) == (y->norm == NULL);
}

/* Two updates that never meet, as far as can be told here: one leaves the other's
 * target out, or they run over maps with and without batch dims or of other names, or
 * only one of them fits.  The plan counts what takes each factor. */
static bool updates_apart(check *ck, const map_update *x, const map_update *y)
{
    return is_excepted(ck, x, y) || is_excepted(ck, y, x) ||
           (x->each != NULL && y->each != NULL &&
            (x->each_dims->n_batch != y->each_dims->n_batch ||
             strcmp(name_show(ck->a, ck->m, x->each),
                    name_show(ck->a, ck->m, y->each)) != 0 ||
             same_factors(ck, x, y)));
}

/* The name to compare: a path of `each` is open only against an update of named
 * tensors. */
static const map_name *seen_by(check *ck, const claim *x, const claim *other)
{
    const bool in_each = x->update != NULL && x->update->each != NULL;
    const bool named = other->update != NULL && other->update->each == NULL;
    return in_each && !named ? opaque_paths(ck, x->name) : x->name;
}

/* ---- pairs
 * -------------------------------------------------------------------------------- */

static void check_pair(const overlap *ov, const claim *x, const claim *y)
{
    check *ck = ov->ck;
    /* In a merge file a drop takes what the updates leave. */
    const bool is_drop = ck->m->is_merge && (x->update == NULL || y->update == NULL);
    if ((x->when_read & y->when_read) == 0 || is_drop ||
        (x->update != NULL && y->update != NULL &&
         updates_apart(ck, x->update, y->update))) {
        return;
    }
    const char *both = name_overlap(ck->a, ck->m, seen_by(ck, x, y), x->captures,
                                    seen_by(ck, y, x), y->captures);
    if (both == NULL || ranges_exclude(ov, x, y) ||
        guards_exclude(ck->a, ck->m, x->captures, x->n_captures, &x->guards,
                       &y->guards)) {
        return;
    }
    const bool later = x->at.src == y->at.src && x->at.lo > y->at.lo;
    const claim *first = later ? y : x, *second = later ? x : y;
    diag *dg = complain(ck, "names-overlap", second->at, "%s and %s both claim `%s`",
                        first->what, second->what, both);
    diag_label(dg, first->at, "the other claim");
    if (x->guards.n == 0 && y->guards.n == 0) {
        diag_help(
            dg,
            "every name belongs to one rule or drop; narrow one of the two, or give "
            "both a `when` that excludes the other");
    } else {
        diag_help(
            dg, "their conditions don't exclude each other for sure; `when not ...` of "
                "the other's condition does");
    }
}

static void add_order(overlap *ov, const map_capture *captures, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (captures[i].lo != NULL && captures[i].hi != NULL) {
            const order o = {expr_shown(ov->ck->a, captures[i].lo),
                             expr_shown(ov->ck->a, captures[i].hi)};
            vec_push(ov->ck->a, &ov->ordered, o);
        }
    }
}

void overlap_check(check *ck)
{
    for (unsigned side = LEFT; side <= RIGHT; side++) {
        overlap ov = {.ck = ck};
        add_claims(ck, side, &ov.claims);
        if (side == RIGHT) {
            add_factors(ck, &ov.claims);
        }
        for (size_t i = 0; i < ov.claims.n; i++) {
            add_order(&ov, ov.claims.at[i].captures, ov.claims.at[i].n_captures);
        }
        for (size_t i = 0; i < ov.claims.n; i++) {
            for (size_t k = i + 1; k < ov.claims.n; k++) {
                check_pair(&ov, &ov.claims.at[i], &ov.claims.at[k]);
            }
        }
    }
}
