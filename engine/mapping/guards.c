/* Do two lists of guards exclude each other?
 *
 * The guards are cut into atoms: comparisons of one subject with constants, bare facts,
 * and what can't be looked into.  Every assignment of truth to the atoms under which
 * all guards hold is tried; it counts only if each subject has a value that fits. Where
 * that can't be decided (too many atoms) the answer is no. */
#include <string.h>

#include "mapping/check.h"

#define MAX_ATOMS 12

typedef struct fact { /* an atom of the guards */
    const expr *e;
    const expr *subject; /* NULL: opaque */
    expr_op op;          /* of a comparison, subject on the left; OP_OR: bare truth */
    VEC(const expr *) constants;
} fact;

typedef struct sample { /* a value that a subject might have */
    expr_kind kind;     /* EXPR_NULL, EXPR_BOOL, EXPR_FLOAT (any number), EXPR_STRING */
    double f;
    const char *s;
} sample;

typedef struct exclusion {
    arena *a;
    const mapping *m;
    const map_capture *captures;
    size_t n_captures;
    fact facts[MAX_ATOMS];
    size_t n;
    bool too_many;
} exclusion;

/* ---- atoms ------------------------------------------------------------------------
 */

static bool is_constant(const expr *e)
{
    double x;
    return e->kind == EXPR_NULL || e->kind == EXPR_BOOL || e->kind == EXPR_STRING ||
           expr_constant(e, &x);
}

static expr_op mirrored(expr_op op)
{
    switch ((int)op) {
    case OP_LT: return OP_GT;
    case OP_LE: return OP_GE;
    case OP_GT: return OP_LT;
    case OP_GE: return OP_LE;
    default: return op;
    }
}

static bool is_comparison(expr_op op)
{
    return op == OP_EQ || op == OP_NE || op == OP_LT || op == OP_LE || op == OP_GT ||
           op == OP_GE;
}

static fact fact_of(exclusion *x, const expr *e)
{
    fact f = {.e = e, .op = OP_OR};
    if (e->kind == EXPR_PATH) {
        f.subject = e;
    } else if (e->kind == EXPR_BINARY && is_comparison(e->op)) {
        const expr *l = e->kid.at[0], *r = e->kid.at[1];
        if (is_constant(r) != is_constant(l)) {
            f.subject = is_constant(r) ? l : r;
            f.op = is_constant(r) ? e->op : mirrored(e->op);
            vec_push(x->a, &f.constants, is_constant(r) ? r : l);
        }
    } else if (e->kind == EXPR_IN) {
        bool all = true;
        for (size_t i = 1; i < e->kid.n; i++) {
            all = all && is_constant(e->kid.at[i]);
        }
        if (all) {
            f.subject = e->kid.at[0];
            f.op = OP_EQ;
            for (size_t i = 1; i < e->kid.n; i++) {
                vec_push(x->a, &f.constants, e->kid.at[i]);
            }
        }
    }
    return f;
}

static bool is_logic(const expr *e)
{
    return e->kind == EXPR_NOT ||
           (e->kind == EXPR_BINARY && (e->op == OP_AND || e->op == OP_OR));
}

static void gather(exclusion *x, const expr *e)
{
    if (e->kind == EXPR_BOOL) {
        return;
    }
    if (is_logic(e)) {
        for (size_t i = 0; i < e->kid.n; i++) {
            gather(x, e->kid.at[i]);
        }
        return;
    }
    for (size_t i = 0; i < x->n; i++) {
        if (expr_same(x->facts[i].e, e)) {
            return;
        }
    }
    if (x->n == MAX_ATOMS) {
        x->too_many = true;
        return;
    }
    x->facts[x->n++] = fact_of(x, e);
}

static bool holds(const exclusion *x, const expr *e, unsigned truth)
{
    if (e->kind == EXPR_BOOL) {
        return e->i != 0;
    }
    if (e->kind == EXPR_NOT) {
        return !holds(x, e->kid.at[0], truth);
    }
    if (e->kind == EXPR_BINARY && e->op == OP_AND) {
        return holds(x, e->kid.at[0], truth) && holds(x, e->kid.at[1], truth);
    }
    if (e->kind == EXPR_BINARY && e->op == OP_OR) {
        return holds(x, e->kid.at[0], truth) || holds(x, e->kid.at[1], truth);
    }
    for (size_t i = 0; i < x->n; i++) {
        if (expr_same(x->facts[i].e, e)) {
            return (truth >> i & 1u) != 0;
        }
    }
    return true;
}

/* ---- values of a subject ------------------------------------------------------------
 */

static sample sample_of(const expr *e)
{
    sample s = {.kind = e->kind};
    if (e->kind == EXPR_BOOL) {
        s.f = (double)e->i;
    } else if (e->kind == EXPR_STRING) {
        s.s = e->s;
    } else if (expr_constant(e, &s.f)) {
        s.kind = EXPR_FLOAT;
    }
    return s;
}

static bool equal(sample x, sample y)
{
    if (x.kind != y.kind) {
        return false;
    }
    if (x.kind == EXPR_STRING) {
        return strcmp(x.s, y.s) == 0;
    }
    return x.kind == EXPR_NULL || !(x.f < y.f || x.f > y.f);
}

static bool is_true(sample s)
{
    return s.kind == EXPR_STRING ? s.s[0] != '\0'
                                 : s.kind != EXPR_NULL && (s.f < 0 || s.f > 0);
}

static bool fact_on(const fact *f, sample s)
{
    if (f->op == OP_OR) {
        return is_true(s);
    }
    const sample c = sample_of(f->constants.at[0]);
    const bool ordered = s.kind == EXPR_FLOAT && c.kind == EXPR_FLOAT;
    switch ((int)f->op) {
    case OP_NE: return !equal(s, c);
    case OP_LT: return ordered && s.f < c.f;
    case OP_LE: return ordered && s.f <= c.f;
    case OP_GT: return ordered && s.f > c.f;
    case OP_GE: return ordered && s.f >= c.f;
    default: break;
    }
    for (size_t i = 0; i < f->constants.n; i++) {
        if (equal(s, sample_of(f->constants.at[i]))) {
            return true;
        }
    }
    return false;
}

/* Captures and axes are whole numbers from 0. */
static bool is_count(const exclusion *x, const expr *subject)
{
    if (subject->kind != EXPR_PATH) {
        return false;
    }
    for (size_t i = 0; i < x->n_captures; i++) {
        if (strcmp(x->captures[i].name, subject->s) == 0) {
            return x->captures[i].is_number;
        }
    }
    return mapping_axis(x->m, subject->s) != NO_AXIS;
}

static bool fits(const exclusion *x, const expr *subject, unsigned truth, sample s)
{
    if (is_count(x, subject) && (s.kind != EXPR_FLOAT || s.f < 0)) {
        return false;
    }
    for (size_t i = 0; i < x->n; i++) {
        const fact *f = &x->facts[i];
        if (f->subject != NULL && expr_same(f->subject, subject) &&
            fact_on(f, s) != ((truth >> i & 1u) != 0)) {
            return false;
        }
    }
    return true;
}

/* Is there a value of this subject under which its atoms are as assigned?  Constants,
 * numbers beside and between them, and one fresh value of each kind are enough. */
static bool possible(const exclusion *x, const expr *subject, unsigned truth)
{
    const sample plain[] = {{EXPR_NULL, 0, NULL},    {EXPR_BOOL, 0, NULL},
                            {EXPR_BOOL, 1, NULL},    {EXPR_FLOAT, 0, NULL},
                            {EXPR_FLOAT, 1, NULL},   {EXPR_STRING, 0, ""},
                            {EXPR_STRING, 0, "\x01"}};
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        if (fits(x, subject, truth, plain[i])) {
            return true;
        }
    }
    static const double beside[] = {0, -1, 1, -0.5, 0.5};
    for (size_t i = 0; i < x->n; i++) {
        const fact *f = &x->facts[i];
        if (f->subject == NULL || !expr_same(f->subject, subject)) {
            continue;
        }
        for (size_t k = 0; k < f->constants.n; k++) {
            sample s = sample_of(f->constants.at[k]);
            const double at = s.f;
            const size_t n = s.kind != EXPR_FLOAT ? 1 : is_count(x, subject) ? 3 : 5;
            for (size_t j = 0; j < n; j++) {
                s.f = at + beside[j];
                if (fits(x, subject, truth, s)) {
                    return true;
                }
            }
        }
    }
    return false;
}

bool guards_exclude(arena *a, const mapping *m, const map_capture *captures, size_t n,
                    const expr_list *left, const expr_list *right)
{
    exclusion *x = NEW(a, exclusion);
    *x = (exclusion){.a = a, .m = m, .captures = captures, .n_captures = n};
    const expr_list *const both[2] = {left, right};
    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < both[k]->n; i++) {
            gather(x, both[k]->at[i]);
        }
    }
    if (x->too_many) {
        return false;
    }
    for (unsigned truth = 0; truth < 1u << x->n; truth++) {
        bool all = true;
        for (size_t k = 0; k < 2; k++) {
            for (size_t i = 0; all && i < both[k]->n; i++) {
                all = holds(x, both[k]->at[i], truth);
            }
        }
        for (size_t i = 0; all && i < x->n; i++) {
            all =
                x->facts[i].subject == NULL || possible(x, x->facts[i].subject, truth);
        }
        if (all) {
            return false;
        }
    }
    return true;
}
