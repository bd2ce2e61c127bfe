/* Name templates: block prefixes glued on, alternatives taken in parallel, captures
 * numbered. */
#include <string.h>

#include "mapping/check.h"

static void add_prefix(check *ck, const block_scope *b, unsigned side,
                       full_template *out)
{
    if (b == NULL) {
        return;
    }
    add_prefix(ck, b->up, side, out);
    for (size_t i = 0; i < b->prefix[side]->segs.n; i++) {
        vec_push(ck->a, &out->segs, &b->prefix[side]->segs.at[i]);
    }
}

/* A shift, a range or a width is of a number (an
 * expression, of a capture), and what stands there is text. */
static void check_plain(check *ck, const segment *s, const char *what)
{
    if (s->shift != 0 || s->lo != NULL || s->hi != NULL || s->width > 0 ||
        s->kind == SEG_REGEX) {
        diag *dg =
            complain(ck, "capture-kind", s->at, "`{%s}` is %s here", s->name, what);
        diag_help(dg, "write `{%s}`", s->name);
    }
}

void template_check_asked(check *ck, const template *t)
{
    for (size_t i = 0; i < t->segs.n; i++) {
        check_plain(ck, &t->segs.at[i], "any text that fits");
    }
}

/* The alternatives of a segment, its own or those of the `let` that it names. */
static bool hole_of(const check *ck, const segment *s, hole *out)
{
    uint64_t id;
    if (s->kind == SEG_ALT) {
        *out = (hole){s->alts.at, s->alts.n};
        return true;
    }
    if (s->kind == SEG_NAME && strmap_get(ck->lets, s->name, &id)) {
        const let_item *li = ck->let_items.at[id];
        *out = (hole){li->alts.at, li->alts.n};
        return true;
    }
    return false;
}

void template_full(check *ck, const block_scope *b, unsigned side, const template *t,
                   full_template *out)
{
    *out = (full_template){.at = t->at, .n_picks = 1};
    add_prefix(ck, b, side, out);
    for (size_t i = 0; i < t->segs.n; i++) {
        vec_push(ck->a, &out->segs, &t->segs.at[i]);
    }
    for (size_t i = 0; i < out->segs.n; i++) {
        hole h;
        if (out->segs.at[i]->kind == SEG_NAME &&
            strmap_has(ck->lets, out->segs.at[i]->name)) {
            check_plain(ck, out->segs.at[i], "the text of a `let`");
        }
        if (hole_of(ck, out->segs.at[i], &h)) {
            vec_push(ck->a, &out->holes, h);
            if (out->n_picks <= 4096) { /* more is refused by whoever counts them */
                out->n_picks *= h.n;
            }
        }
    }
}

/* The alternative of hole i under combination k; the last hole runs fastest. */
static const alternative *picked(const full_template *t, size_t k, size_t i)
{
    for (size_t h = t->holes.n; h-- > i + 1;) {
        k /= t->holes.at[h].n;
    }
    return &t->holes.at[i].alts[k % t->holes.at[i].n];
}

void template_pick(check *ck, const full_template *t, size_t k, pick *out)
{
    *out = (pick){0};
    buf text = {.arena = ck->a};
    for (size_t i = 0; i < t->holes.n; i++) {
        const alternative *alt = picked(t, k, i);
        buf_add(&text, alt->text);
        out->optional = out->optional || alt->optional;
        if (alt->when != NULL && out->when != NULL) {
            expr *both = NEW(ck->a, expr);
            *both = (expr){.kind = EXPR_BINARY, .at = alt->when->at, .op = OP_AND};
            vec_push(ck->a, &both->kid, out->when);
            vec_push(ck->a, &both->kid, alt->when);
            out->when = both;
        } else if (alt->when != NULL) {
            out->when = alt->when;
        }
    }
    if (t->holes.n > 0) {
        out->text = buf_str(&text);
        out->text += out->text[0] == '.' ? 1 : 0;
        const char *dot = strrchr(out->text, '.');
        out->is_bias = strcmp(dot != NULL ? dot + 1 : out->text, "bias") == 0;
    }
}

/* ---- captures ------------------------------------------------------------------ */

static uint32_t capture_find(const rule_scope *scope, const char *name)
{
    for (uint32_t i = 0; i < scope->captures.n; i++) {
        if (strcmp(scope->captures.at[i].name, name) == 0) {
            return i;
        }
    }
    return UINT32_MAX;
}

static uint32_t capture_axis(check *ck, const segment *s)
{
    const uint32_t id = mapping_axis(ck->m, s->name);
    if (id == NO_AXIS || ck->m->axes.at[id].primes.n == 0) {
        return id;
    }
    diag *dg =
        complain(ck, "capture-product", s->at,
                 "`{%s}` captures a product of axes; a name holds one axis", s->name);
    diag_label(dg, ck->m->axes.at[id].at, "the product");
    return NO_AXIS;
}

static void capture_range(check *ck, map_capture *c, const segment *s)
{
    if (s->lo == NULL && s->hi == NULL) {
        return;
    }
    c->is_number = true;
    if (c->lo == NULL && c->hi == NULL) {
        const name_scope names = {.guard = true};
        c->lo = s->lo;
        c->hi = s->hi;
        if (c->lo != NULL) {
            expr_check(ck, c->lo, &names);
        }
        if (c->hi != NULL) {
            expr_check(ck, c->hi, &names);
        }
        double lo, hi;
        if (c->lo != NULL && c->hi != NULL && expr_constant(c->lo, &lo) &&
            expr_constant(c->hi, &hi) && lo >= hi) {
            diag *dg = complain(ck, "range-empty", s->at,
                                "the range of `{%s}` is empty", c->name);
            diag_help(dg, "`a..b` begins with a and ends before b");
        }
    } else if (!expr_same(c->lo, s->lo) || !expr_same(c->hi, s->hi)) {
        diag *dg = complain(ck, "range-differs", s->at,
                            "`{%s}` has two ranges within one rule", c->name);
        diag_label(dg, c->lo != NULL ? c->lo->at : c->hi->at, "the other one");
    }
}

static uint32_t capture_of(check *ck, rule_scope *scope, const segment *s)
{
    uint32_t i = capture_find(scope, s->name);
    if (i == UINT32_MAX) {
        map_capture c = {.name = s->name, .axis = NO_AXIS};
        c.is_path = s->kind == SEG_PATH;
        if (s->kind == SEG_NAME) {
            c.axis = capture_axis(ck, s);
            c.is_number = c.axis != NO_AXIS;
        }
        if (scope->captures.n == MAX_CAPTURES) {
            complain(ck, "too-many-captures", s->at, "a rule has at most %d captures",
                     MAX_CAPTURES);
            return 0;
        }
        i = (uint32_t)scope->captures.n;
        vec_push(ck->a, &scope->captures, c);
    }
    map_capture *c = &scope->captures.at[i];
    c->is_number = c->is_number || s->width > 0 || s->shift != 0;
    if (c->is_path != (s->kind == SEG_PATH) && !(c->is_path && scope->in_each)) {
        complain(
            ck, "capture-kind", s->at,
            "`{%s}` stands for a path with dots in one name and for a word in another",
            s->name);
    }
    capture_range(ck, c, s);
    return i;
}

static void add_seg(check *ck, rule_scope *scope, const segment *s, map_name *out)
{
    name_seg ns = {.kind = NAME_CAPTURE, .at = s->at, .capture = UINT32_MAX};
    uint64_t choice;
    if (s->kind == SEG_TEXT) {
        ns.kind = NAME_TEXT;
        ns.text = s->text;
        vec_push(ck->a, &out->segs, ns);
        return;
    }
    if (s->kind == SEG_NAME && strmap_get(ck->m->choice_by_name, s->name, &choice)) {
        if (ck->m->choices.at[choice].of_roots) {
            complain(ck, "bad-choice", s->at,
                     "`{%s}` is a choice of config roots, no text", s->name);
            return;
        }
        check_plain(ck, s, "the text of a choice");
        ns.kind = NAME_CHOICE;
        ns.choice = (uint32_t)choice;
        vec_push(ck->a, &out->segs, ns);
        return;
    }
    ns.capture = capture_of(ck, scope, s);
    ns.name = s->name;
    ns.shift = s->shift;
    ns.lo = s->lo;
    ns.hi = s->hi;
    ns.width = s->width;
    if (s->kind == SEG_REGEX) {
        const char *why;
        size_t at_byte;
        ns.kind = NAME_REGEX;
        ns.text = s->text;
        ns.re = regex_new(ck->a, s->text, "", &why, &at_byte);
        if (ns.re == NULL) {
            complain(ck, "bad-regex", s->at,
                     "the regular expression is wrong at byte %zu: %s", at_byte, why);
        }
    } else if (scope->captures.at[ns.capture].is_path) {
        ns.kind = NAME_PATH;
    }
    vec_push(ck->a, &out->segs, ns);
}

void template_name(check *ck, rule_scope *scope, const full_template *t, size_t k,
                   map_name *out)
{
    *out = (map_name){.at = t->at};
    size_t n_holes = 0;
    for (size_t i = 0; i < t->segs.n; i++) {
        hole h;
        if (hole_of(ck, t->segs.at[i], &h)) {
            const name_seg ns = {.kind = NAME_TEXT,
                                 .at = t->segs.at[i]->at,
                                 .text = picked(t, k, n_holes++)->text,
                                 .capture = UINT32_MAX};
            vec_push(ck->a, &out->segs, ns);
        } else {
            add_seg(ck, scope, t->segs.at[i], out);
        }
    }
}

/* `{l - 1}` is a name only from l = 1 on, and something has to say so. */
static void check_shift(check *ck, const map_capture *c, const name_seg *s)
{
    double lo = 0;
    const bool is_known = c->lo == NULL || expr_constant(c->lo, &lo);
    if (s->shift >= 0 || !is_known || lo + (double)s->shift >= 0) {
        return;
    }
    const long long k = -(long long)s->shift;
    diag *dg = complain(ck, "capture-below-zero", s->at,
                        "`{%s - %lld}` is a number below zero for `{%s}` = %g", c->name,
                        k, c->name, lo);
    diag_help(dg, "write `{%s - %lld in %lld..}`, or `{%s + %lld}` in the other names",
              c->name, k, k, c->name, k);
}

void name_settle(check *ck, const rule_scope *scope, map_name *name)
{
    for (size_t i = 0; i < name->segs.n; i++) {
        name_seg *s = &name->segs.at[i];
        if (s->kind == NAME_CAPTURE) {
            s->is_number = scope->captures.at[s->capture].is_number;
            check_shift(ck, &scope->captures.at[s->capture], s);
        }
    }
}

/* ---- guards -------------------------------------------------------------------- */

static void add_guard(check *ck, const name_scope *names, const expr *e, expr_list *out)
{
    if (e != NULL) {
        expr_check(ck, e, names);
        vec_push(ck->a, out, e);
    }
}

static void add_block_guards(check *ck, const name_scope *names, const block_scope *b,
                             expr_list *out)
{
    if (b != NULL) {
        add_block_guards(ck, names, b->up, out);
        add_guard(ck, names, b->when, out);
    }
}

void guards_gather(check *ck, const rule_scope *scope, const block_scope *b,
                   const expr *when, const expr *also, expr_list *out)
{
    const name_scope names = {
        .captures = &scope->captures, .guard = true, .both = ck->m->is_merge};
    add_block_guards(ck, &names, b, out);
    add_guard(ck, &names, when, out);
    add_guard(ck, &names, also, out);
}
