/* plan/captures.c -- see captures.h. */
#include "plan/captures.h"

#include <inttypes.h>

#include "base/checked.h"

/* Instances of one rule: far more than any real model has (some 30,000 experts), and
 * still counted out in a moment. */
#define MAX_INSTANCES ((size_t)128 * 1024)

bool capture_in_name(const map_name *n, uint32_t capture)
{
    for (size_t i = 0; i < n->segs.n; i++) {
        const name_kind k = n->segs.at[i].kind;
        if (k != NAME_TEXT && k != NAME_CHOICE && n->segs.at[i].capture == capture) {
            return true;
        }
    }
    return false;
}

bool capture_on_side(const map_rule *r, unsigned side, uint32_t capture)
{
    for (size_t t = 0; t < r->tensors[side].n; t++) {
        if (capture_in_name(&r->tensors[side].at[t].name, capture)) {
            return true;
        }
    }
    return false;
}

bool capture_range_of(context *cx, const values *v, const map_capture *c, int64_t *lo,
                      int64_t *hi)
{
    const int64_t size = c->axis != NO_AXIS ? v->size[c->axis] : SIZE_UNKNOWN;
    *lo = 0;
    *hi = size;
    if (c->lo != NULL) {
        const value *x = values_eval(cx, v, c->lo, NULL, NULL);
        if (x == NULL || x->kind != V_INT) {
            return false;
        }
        *lo = x->i;
    }
    if (c->hi != NULL) {
        const value *x = values_eval(cx, v, c->hi, NULL, NULL);
        if (x == NULL || x->kind != V_INT) {
            return false;
        }
        *hi = size != SIZE_UNKNOWN && size < x->i ? size : x->i; /* a range narrows */
    }
    return *hi != SIZE_UNKNOWN;
}

odometer captures_only_on(context *cx, const values *v, const map_rule *rule,
                          unsigned side)
{
    odometer o = {.dial = NEW_N(cx->arena, capture_range, rule->captures.n + 1)};
    for (uint32_t c = 0; c < rule->captures.n; c++) {
        if (!capture_on_side(rule, side, c) || capture_on_side(rule, 1 - side, c)) {
            continue;
        }
        capture_range d = {.capture = c};
        if (capture_range_of(cx, v, &rule->captures.at[c], &d.lo, &d.hi)) {
            o.dial[o.n++] = d;
        }
    }
    return o;
}

size_t odometer_count(const odometer *o)
{
    uint64_t n = 1;
    for (size_t i = 0; i < o->n; i++) {
        const capture_range *d = &o->dial[i];
        if (d->hi <= d->lo) {
            return 0;
        }
        if (!mul_u64(n, (uint64_t)d->hi - (uint64_t)d->lo, &n)) {
            n = UINT64_MAX; /* a later dial may still have no numbers at all */
        }
    }
    return n < SIZE_MAX ? (size_t)n : SIZE_MAX;
}

void odometer_set(const odometer *o, size_t k, int64_t *numbers)
{
    for (size_t i = o->n; i-- > 0;) {
        const size_t n = (size_t)(o->dial[i].hi - o->dial[i].lo);
        numbers[o->dial[i].capture] = o->dial[i].lo + (int64_t)(k % n);
        k /= n;
    }
}

static rt_status check_one(context *cx, const mapping *m, const values *v,
                           const map_capture *caps, size_t n, where at,
                           size_t n_tensors)
{
    odometer all = {.dial = NEW_N(cx->arena, capture_range, n + 1)};
    for (uint32_t k = 0; k < n; k++) {
        capture_range d = {.capture = k};
        if (caps[k].is_number && capture_range_of(cx, v, &caps[k], &d.lo, &d.hi)) {
            all.dial[all.n++] = d;
        }
    }
    const size_t n_most = MAX_INSTANCES + 16 * n_tensors;
    if (odometer_count(&all) <= n_most) {
        return RT_OK;
    }
    diag *dg = diag_report(cx->diags, SEV_ERROR, "too-many-names", at,
                           "the rule asks for more than %zu names, and the checkpoint "
                           "has %zu tensors",
                           n_most, n_tensors);
    for (size_t i = 0; i < all.n; i++) {
        const map_capture *c = &caps[all.dial[i].capture];
        const char *from = c->axis != NO_AXIS ? v->size_from[c->axis] : NULL;
        diag_note(dg, "{%s} runs from %" PRId64 " to %" PRId64 "%s%s%s",
                  c->axis != NO_AXIS ? m->axes.at[c->axis].name : c->name,
                  all.dial[i].lo, all.dial[i].hi - 1, from != NULL ? " (" : "",
                  from != NULL ? from : "", from != NULL ? ")" : "");
    }
    diag_help(dg, "correct the config");
    return RT_MISMATCH;
}

rt_status captures_check(context *cx, const mapping *m, const values *v,
                         size_t n_tensors)
{
    for (size_t i = 0; i < m->rules.n; i++) {
        const map_rule *r = &m->rules.at[i];
        TRY(check_one(cx, m, v, r->captures.at, r->captures.n, r->at, n_tensors));
    }
    for (size_t i = 0; i < m->makes.n; i++) {
        const map_make *mk = &m->makes.at[i];
        TRY(check_one(cx, m, v, mk->captures.at, mk->captures.n, mk->at, n_tensors));
    }
    return RT_OK;
}
