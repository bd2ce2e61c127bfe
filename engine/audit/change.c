/* Changes: equal or not, and as text. */
#include <inttypes.h>

#include "audit/small_merge.h"

static bool term_same(const change_term *x, const change_term *y)
{
    bool same = x->n == y->n && x->b_of == y->b_of && x->a_of == y->a_of &&
                !(x->scale < y->scale || x->scale > y->scale);
    for (uint32_t k = 0; same && k < x->n; k++) {
        same = x->b[k] == y->b[k] && x->a[k] == y->a[k];
    }
    return same;
}

bool change_same(const change *x, const change *y)
{
    bool same = x->n_met == y->n_met && x->of == y->of && x->at == y->at &&
                x->n_terms == y->n_terms && x->has_norm == y->has_norm &&
                (!x->has_norm || (x->norm == y->norm && x->counts == y->counts)) &&
                !x->is_tangled && !y->is_tangled;
    for (unsigned i = 0; same && i < x->n_terms; i++) {
        same = term_same(&x->term[i], &y->term[i]);
    }
    return same;
}

static const char *name_of(const small_merge *s, unsigned tensor)
{
    return tensor < SMALL_MAX_TENSORS && s->name[tensor] != NULL ? s->name[tensor]
                                                                 : "no tensor";
}

const char *change_show(arena *a, const small_merge *s, const change *c)
{
    buf b = {.arena = a};
    buf_printf(&b, "%s[%" PRId64 "]", name_of(s, c->of), c->at);
    for (unsigned i = 0; i < c->n_terms; i++) {
        const change_term *t = &c->term[i];
        buf_printf(&b, " + %g * (", (double)t->scale);
        for (uint32_t k = 0; k < t->n; k++) {
            buf_printf(&b, "%s%s[%" PRId64 "]", k == 0 ? "" : " + ",
                       name_of(s, t->b_of), t->b[k]);
            if (t->a_of != 0) {
                buf_printf(&b, " %s[%" PRId64 "]", name_of(s, t->a_of), t->a[k]);
            }
        }
        buf_add(&b, ")");
    }
    if (c->has_norm) {
        buf_printf(&b, ", with the norm %s[%" PRId64 "] and counting for [%" PRId64 "]",
                   name_of(s, s->n_factors + 1), c->norm, c->counts);
    }
    if (c->n_met != 1) {
        buf_printf(&b, ", %u times", c->n_met);
    }
    buf_add(&b, c->is_tangled ? ", in a form that no rule says" : "");
    return buf_str(&b);
}
