/* Can two templates claim one name?  Both are run side by side over a common text, as
 * two automata; the shortest such text is the witness.
 *
 * A template is a string of steps: a character, or a loop over a class (digits,
 * anything but a dot, anything).  A position is a step and how far a loop has come. */
#include <string.h>

#include "mapping/check.h"
#include "mapping/names.h"

typedef enum step_kind {
    STEP_CHAR,
    STEP_NUMBER,
    STEP_DIGITS,
    STEP_WORD,
    STEP_ANY
} step_kind;
typedef struct step {
    step_kind kind;
    char c;
} step;
typedef VEC(step) step_list;

/* Where a template is: step i; in: 0 not entered, 1 within a loop, 2 a loop that must
 * end (a number that began with 0). */
typedef struct spot {
    uint32_t i, in;
} spot;

typedef struct node {
    spot x, y;
    uint32_t from; /* index of the node before; itself at the start */
    char c;
} node;

typedef struct search {
    arena *a;
    step_list x, y;
    VEC(node) nodes;
    bool *seen;
} search;

static void add_text(arena *a, step_list *out, const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        const step s = {STEP_CHAR, *p};
        vec_push(a, out, s);
    }
}

static void steps_of(arena *a, const mapping *m, const map_name *n,
                     choice_binding choices, step_list *out)
{
    for (size_t i = 0; i < n->segs.n; i++) {
        const name_seg *s = &n->segs.at[i];
        step st = {STEP_WORD, 0};
        switch (s->kind) {
        case NAME_TEXT: add_text(a, out, s->text); continue;
        case NAME_CHOICE:
            add_text(a, out, m->choices.at[s->choice].texts.at[choices[s->choice]]);
            continue;
        case NAME_PATH: st.kind = STEP_ANY; break;
        case NAME_CAPTURE:
            st.kind = !s->is_number  ? STEP_WORD
                      : s->width > 0 ? STEP_DIGITS
                                     : STEP_NUMBER;
            break;
        case NAME_REGEX: break;
        }
        vec_push(a, out, st);
    }
}

static bool takes(step s, char c)
{
    switch (s.kind) {
    case STEP_CHAR: return c == s.c;
    case STEP_NUMBER:
    case STEP_DIGITS: return c >= '0' && c <= '9';
    case STEP_WORD: return c != '.';
    case STEP_ANY: return true;
    }
    return false;
}

/* Places that a template can be at after it has taken c at `at`; at most two. */
static unsigned advance(const step_list *t, spot at, char c, spot to[2])
{
    unsigned n = 0;
    if (at.i < t->n && at.in != 2 && takes(t->at[at.i], c)) {
        const step s = t->at[at.i];
        if (s.kind == STEP_CHAR) {
            to[n++] = (spot){at.i + 1, 0};
        } else {
            const bool must_end = s.kind == STEP_NUMBER && at.in == 0 && c == '0';
            to[n++] = (spot){at.i, must_end ? 2 : 1};
        }
    }
    if (at.in > 0 && at.i + 1 < t->n &&
        takes(t->at[at.i + 1], c)) { /* the loop is left */
        const step s = t->at[at.i + 1];
        to[n++] = s.kind == STEP_CHAR
                      ? (spot){at.i + 2, 0}
                      : (spot){at.i + 1, s.kind == STEP_NUMBER && c == '0' ? 2 : 1};
    }
    return n;
}

static bool at_end(const step_list *t, spot at)
{
    return at.i == t->n || (at.i + 1 == t->n && at.in > 0);
}

static size_t key(const search *s, spot x, spot y)
{
    return ((size_t)x.i * 3 + x.in) * ((s->y.n + 1) * 3) + ((size_t)y.i * 3 + y.in);
}

static void visit(search *s, spot x, spot y, uint32_t from, char c)
{
    if (!s->seen[key(s, x, y)]) {
        s->seen[key(s, x, y)] = true;
        const node nd = {x, y, from, c};
        vec_push(s->a, &s->nodes, nd);
    }
}

/* Characters worth trying at a place: those that a step demands, and one of each class.
 */
static unsigned candidates(const step_list *t, spot at, char out[2])
{
    unsigned n = 0;
    for (uint32_t k = at.i; k < t->n && k <= at.i + (at.in > 0 ? 1u : 0u); k++) {
        if (t->at[k].kind == STEP_CHAR) {
            out[n++] = t->at[k].c;
        }
    }
    return n;
}

static const char *witness(const search *s, arena *a, uint32_t last)
{
    size_t n = 0;
    for (uint32_t k = last; s->nodes.at[k].from != k; k = s->nodes.at[k].from) {
        n++;
    }
    char *text = arena_alloc(a, n + 1);
    for (uint32_t k = last; s->nodes.at[k].from != k; k = s->nodes.at[k].from) {
        text[--n] = s->nodes.at[k].c;
    }
    return text;
}

static const char *run(search *s, arena *out)
{
    s->seen = NEW_N(s->a, bool, (s->x.n + 1) * (s->y.n + 1) * 9);
    visit(s, (spot){0, 0}, (spot){0, 0}, 0, 0);
    for (uint32_t k = 0; k < s->nodes.n; k++) {
        const node nd = s->nodes.at[k];
        if (at_end(&s->x, nd.x) && at_end(&s->y, nd.y)) {
            return witness(s, out, k);
        }
        char tries[7] = {'0', '1', 'x'};
        unsigned n = 3;
        n += candidates(&s->x, nd.x, tries + n);
        n += candidates(&s->y, nd.y, tries + n);
        for (unsigned i = 0; i < n; i++) {
            spot px[2], py[2];
            const unsigned nx = advance(&s->x, nd.x, tries[i], px);
            const unsigned ny = advance(&s->y, nd.y, tries[i], py);
            for (unsigned p = 0; p < nx * ny; p++) {
                visit(s, px[p / ny], py[p % ny], k, tries[i]);
            }
        }
    }
    return NULL;
}

/* ---- choices ----------------------------------------------------------------------
 */

/* The next binding of the choices that a template names; false after the last. */
static bool next_binding(const mapping *m, const bool *used, uint32_t *choices)
{
    for (size_t i = 0; i < m->choices.n; i++) {
        if (used[i]) {
            if (++choices[i] < m->choices.at[i].texts.n) {
                return true;
            }
            choices[i] = 0;
        }
    }
    return false;
}

static void mark_choices(const map_name *n, bool *used)
{
    for (size_t i = 0; i < n->segs.n; i++) {
        if (n->segs.at[i].kind == NAME_CHOICE) {
            used[n->segs.at[i].choice] = true;
        }
    }
}

/* Most pairs differ in their first or last characters: no search is needed for them. */
static bool literals_differ(const step_list *x, const step_list *y)
{
    for (size_t i = 0; i < x->n && i < y->n; i++) {
        if (x->at[i].kind != STEP_CHAR || y->at[i].kind != STEP_CHAR) {
            break;
        }
        if (x->at[i].c != y->at[i].c) {
            return true;
        }
    }
    for (size_t i = 1; i <= x->n && i <= y->n; i++) {
        const step p = x->at[x->n - i], q = y->at[y->n - i];
        if (p.kind != STEP_CHAR || q.kind != STEP_CHAR) {
            break;
        }
        if (p.c != q.c) {
            return true;
        }
    }
    return false;
}

const char *name_overlap(arena *a, const mapping *m, const map_name *x,
                         const map_capture *x_captures, const map_name *y,
                         const map_capture *y_captures)
{
    (void)x_captures;
    (void)y_captures; /* each segment knows what its capture may hold */
    arena *scratch = arena_new();
    bool *used = NEW_N(scratch, bool, m->choices.n + 1);
    uint32_t *choices = NEW_N(scratch, uint32_t, m->choices.n + 1);
    mark_choices(x, used);
    mark_choices(y, used);
    const char *found = NULL;
    do {
        search s = {.a = scratch};
        steps_of(scratch, m, x, choices, &s.x);
        steps_of(scratch, m, y, choices, &s.y);
        if (!literals_differ(&s.x, &s.y)) {
            found = run(&s, a);
        }
    } while (found == NULL && next_binding(m, used, choices));
    arena_free(scratch);
    return found;
}
