/* plan/claim.c -- see claim.h. */
#include "plan/claim.h"

#include <string.h>

#include "config/convert.h"
#include "grammar/parse.h"
#include "mapping/names.h"

typedef struct claimer {
    context *cx;
    const mapping *m;
    unsigned from;
    const stage *in;
    values *v;
    claims *out;
    account *acc;
} claimer;

/* ---- guards -------------------------------------------------------------------- */

static int guards_hold(claimer *c, const expr *const *guards, size_t n,
                       const map_capture *caps, size_t n_caps, const int64_t *numbers,
                       const char *const *words)
{
    const binding b = {
        .captures = caps, .numbers = numbers, .words = words, .n = n_caps};
    return values_all_hold(c->cx, c->v, guards, n, &b);
}

/* ---- instances ----------------------------------------------------------------- */

size_t instance_n_read(const instance *x)
{
    return x->n_from + (x->scale != NULL ? 1 : 0);
}

const map_name *instance_name(const instance *x, size_t t)
{
    return t < x->n_from ? &x->from[t].name : &x->scale->name;
}

/* Look up the tensors of one instance; returns how many of them are there. */
static size_t look_up(claimer *c, instance *x, const odometer *own)
{
    size_t there = 0;
    x->n_combinations = odometer_count(own);
    const size_t n_read = instance_n_read(x);
    x->found = NEW_N(c->cx->arena, size_t, n_read * x->n_combinations + 1);
    for (size_t t = 0; t < n_read; t++) {
        for (size_t k = 0; k < x->n_combinations; k++) {
            odometer_set(own, k, x->numbers);
            const char *name = name_fill(c->cx->arena, c->m, instance_name(x, t),
                                         c->v->choice, x->numbers, x->words);
            uint64_t at;
            const bool found = strmap_get(c->in->by_name, name, &at);
            x->found[t * x->n_combinations + k] = found ? (size_t)at : NOT_THERE;
            there += found;
        }
    }
    return there;
}

static const map_tie *tie_of(const claimer *c, const map_rule *rule)
{
    for (size_t i = 0; i < c->m->ties.n; i++) {
        const map_tie *t = &c->m->ties.at[i];
        if (t->side == c->from && strcmp(t->rule, rule->name) == 0) {
            return t;
        }
    }
    return NULL;
}

/* The head is not stored: make it from the tensor it is tied to, if the config says so.
 */
static bool claim_tied(claimer *c, instance *x, const map_tie *tie, const char **hint)
{
    const map_rule *to = mapping_rule(c->m, tie->to);
    const bool main_alternative = x->rule == mapping_rule(c->m, tie->rule);
    if (to == NULL || !main_alternative) {
        return false;
    }
    if (tie->by != NULL) {
        const value *flag = values_eval(c->cx, c->v, tie->by, NULL, NULL);
        if (flag == NULL || !value_truth(flag)) {
            buf text = {.arena = c->cx->arena};
            expr_print(&text, tie->by);
            *hint = arena_printf(c->cx->arena,
                                 "it could be left out only if %s were true; it is %s",
                                 buf_str(&text), value_show(c->cx->arena, flag));
            return false;
        }
    }
    x->from = to->tensors[c->from].at;
    x->n_from = to->tensors[c->from].n;
    x->scale = rule_scale(to, c->from);
    x->tied = true;
    const odometer none = {0};
    if (look_up(c, x, &none) != instance_n_read(x)) {
        return false;
    }
    const map_tensor *own = &x->rule->tensors[c->from].at[0];
    vec_push(c->cx->arena, &c->acc->ties,
             ((account_tie){.tie = tie,
                            .name = name_fill(c->cx->arena, c->m, &own->name,
                                              c->v->choice, x->numbers, x->words),
                            .to_name = c->in->tensors.at[x->found[0]].name,
                            .made_from_other = true}));
    return true;
}

static void take(claimer *c, const instance *x)
{
    for (size_t i = 0; i < instance_n_read(x) * x->n_combinations; i++) {
        if (x->found[i] != NOT_THERE && !x->tied) {
            c->acc->n_claimed += !c->out->taken[x->found[i]];
            c->out->taken[x->found[i]] = true;
        }
    }
    vec_push(c->cx->arena, &c->out->at, *x);
}

static void add_missing(claimer *c, const instance *x, const odometer *own,
                        const char *hint)
{
    for (size_t t = 0; t < instance_n_read(x); t++) {
        for (size_t k = 0; k < x->n_combinations; k++) {
            if (x->found[t * x->n_combinations + k] != NOT_THERE) {
                continue;
            }
            odometer_set(own, k, x->numbers);
            const char *name = name_fill(c->cx->arena, c->m, instance_name(x, t),
                                         c->v->choice, x->numbers, x->words);
            vec_push(c->cx->arena, &c->acc->missing,
                     ((account_missing){name, x->rule, hint}));
        }
    }
}

/* Tensors of an incomplete instance are known all the same: not unmapped. */
static void take_found(claimer *c, const instance *x)
{
    for (size_t i = 0; i < instance_n_read(x) * x->n_combinations; i++) {
        if (x->found[i] != NOT_THERE) {
            c->out->taken[x->found[i]] = true;
        }
    }
}

typedef struct rule_tally {
    VEC(instance) absent; /* instances of which nothing is there */
    size_t complete;
} rule_tally;

static void claim_instance(claimer *c, instance x, const odometer *own,
                           rule_tally *tally)
{
    const size_t there = look_up(c, &x, own);
    const size_t want = instance_n_read(&x) * x.n_combinations;
    if (there == want) {
        tally->complete++;
        take(c, &x);
        return;
    }
    if (there == 0) {
        const char *hint = NULL;
        const map_tie *tie = tie_of(c, x.rule);
        instance tied = x;
        if (tie != NULL && claim_tied(c, &tied, tie, &hint)) {
            tally->complete++;
            take(c, &tied);
            return;
        }
        if (x.rule->optional) {
            vec_push(c->cx->arena, &tally->absent, x);
            return;
        }
        add_missing(c, &x, own, hint);
        return;
    }
    take_found(c, &x);
    add_missing(c, &x, own, "a rule's tensors are there together or not at all");
}

/* `?` is for all values of the captures or for none. */
static void settle_optional(claimer *c, const odometer *own, const rule_tally *tally)
{
    if (tally->complete == 0) {
        return;
    }
    for (size_t i = 0; i < tally->absent.n; i++) {
        add_missing(c, &tally->absent.at[i], own,
                    "it may be absent, but then for all values of its captures");
    }
}

static instance instance_new(claimer *c, const map_rule *rule)
{
    const size_t n = rule->captures.n + 1;
    return (instance){.rule = rule,
                      .from = rule->tensors[c->from].at,
                      .n_from = rule->tensors[c->from].n,
                      .scale = rule_scale(rule, c->from),
                      .numbers = NEW_N(c->cx->arena, int64_t, n),
                      .words = NEW_N(c->cx->arena, const char *, n)};
}

/* What tells instances of a rule apart: the captures that no dial of `own` runs over.
 */
static const char *instance_key(claimer *c, const instance *x, const odometer *own)
{
    buf key = {.arena = c->cx->arena};
    for (uint32_t k = 0; k < x->rule->captures.n; k++) {
        bool is_own = false;
        for (size_t o = 0; o < own->n; o++) {
            is_own = is_own || own->dial[o].capture == k;
        }
        if (!is_own) {
            buf_printf(&key, "%lld|%s|", (long long)x->numbers[k],
                       x->words[k] != NULL ? x->words[k] : "");
        }
    }
    return buf_str(&key);
}

/* Instances of a rule with captures that no size bounds: those that the names show.  Of
 * a tensor with scales the scales show them: it is the one thing that only such a
 * tensor has. */
static rt_status claim_by_names(claimer *c, const map_rule *rule, const odometer *own,
                                rule_tally *tally)
{
    strmap *seen = strmap_new(c->cx->arena);
    for (size_t i = 0; i < c->in->tensors.n; i++) {
        const bool scaled = rule_scale(rule, c->from) != NULL;
        const size_t n = rule->tensors[c->from].n;
        for (size_t t = scaled ? n : 0; t < (scaled ? n + 1 : n); t++) {
            instance x = instance_new(c, rule);
            if (c->out->taken[i] ||
                !name_match(c->cx->arena, c->m, instance_name(&x, t), c->v->choice,
                            rule->captures.at, c->in->tensors.at[i].name, x.numbers,
                            x.words)) {
                continue;
            }
            if (!strmap_add(seen, instance_key(c, &x, own), 1)) {
                continue;
            }
            const int holds =
                guards_hold(c, rule->guards.at, rule->guards.n, rule->captures.at,
                            rule->captures.n, x.numbers, x.words);
            if (holds < 0) {
                return RT_MISMATCH;
            }
            if (holds == 1) {
                claim_instance(c, x, own, tally);
            }
        }
    }
    return RT_OK;
}

static rt_status claim_rule(claimer *c, const map_rule *rule)
{
    const odometer own = captures_only_on(c->cx, c->v, rule, c->from);
    odometer shared = {.dial =
                           NEW_N(c->cx->arena, capture_range, rule->captures.n + 1)};
    bool bounded = true;
    for (uint32_t k = 0; k < rule->captures.n; k++) {
        if (!capture_on_side(rule, c->from, k) ||
            !capture_on_side(rule, 1 - c->from, k)) {
            continue;
        }
        capture_range d = {.capture = k};
        if (rule->captures.at[k].is_number &&
            capture_range_of(c->cx, c->v, &rule->captures.at[k], &d.lo, &d.hi)) {
            shared.dial[shared.n++] = d;
        } else {
            bounded = false;
        }
    }
    rule_tally tally = {0};
    if (!bounded) {
        TRY(claim_by_names(c, rule, &own, &tally));
        settle_optional(c, &own, &tally);
        return RT_OK;
    }
    const size_t n = odometer_count(&shared);
    for (size_t i = 0; i < n; i++) {
        instance x = instance_new(c, rule);
        odometer_set(&shared, i, x.numbers);
        const int holds =
            guards_hold(c, rule->guards.at, rule->guards.n, rule->captures.at,
                        rule->captures.n, x.numbers, x.words);
        if (holds < 0) {
            return RT_MISMATCH;
        }
        if (holds == 1) {
            claim_instance(c, x, &own, &tally);
        }
    }
    settle_optional(c, &own, &tally);
    return RT_OK;
}

/* A name of a rule that only makes it: `rest` doesn't take that. */
static bool is_one_way(claimer *c, const char *name)
{
    for (size_t r = 0; r < c->m->rules.n; r++) {
        const map_rule *rule = &c->m->rules.at[r];
        if (rule_reads(rule, c->from)) {
            continue;
        }
        int64_t *numbers = NEW_N(c->cx->arena, int64_t, rule->captures.n + 1);
        const char **words = NEW_N(c->cx->arena, const char *, rule->captures.n + 1);
        for (size_t t = 0; t < rule->tensors[c->from].n; t++) {
            if (name_match(c->cx->arena, c->m, &rule->tensors[c->from].at[t].name,
                           c->v->choice, rule->captures.at, name, numbers, words)) {
                return true;
            }
        }
    }
    return false;
}

rt_status claim_all(context *cx, const stage *in, values *v, claims *out, account *acc)
{
    claimer c = {
        .cx = cx, .m = v->m, .from = v->side, .in = in, .v = v, .out = out, .acc = acc};
    out->taken = NEW_N(cx->arena, bool, in->tensors.n + 1);
    learn_ranges(cx, in, v);
    TRY(captures_check(cx, c.m, v, in->tensors.n));
    for (size_t r = 0; r < c.m->rules.n; r++) {
        const map_rule *rule = &c.m->rules.at[r];
        if (rule_reads(rule, c.from)) {
            TRY(claim_rule(&c, rule));
        }
    }
    TRY(claim_drops(cx, in, v, out->taken, acc));
    claim_unscaled(cx, in, v, out->taken, acc);
    claim_constants(cx, in, v, out->taken, acc);
    for (size_t i = 0; i < in->tensors.n; i++) {
        if (!out->taken[i] && (!c.m->rest || is_one_way(&c, in->tensors.at[i].name))) {
            out->taken[i] = true;
            vec_push(cx->arena, &acc->unmapped, in->tensors.at[i].name);
        }
    }
    return learn_shapes(cx, in, v, out);
}
