#include "audit/probe_merge.h"

#include "audit/probe_model.h"
#include "audit/show.h"
#include "audit/small_merge.h"

enum { MAX_FAILURES = 20 };

typedef struct prober {
    context *cx; /* of the caller: failures go there */
    probe_result *out;
    const map_update *u;
    bool reached;
} prober;

static diag *failed(prober *p, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static diag *failed(prober *p, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *text = arena_vprintf(p->cx->arena, fmt, ap);
    va_end(ap);
    p->out->n_failed++;
    return diag_report(p->cx->diags, SEV_ERROR, "probe-differs", p->u->at, "%s", text);
}

/* Every element of the target, up to the first that differs. */
static void compare(prober *p, small_merge *s)
{
    const change *want = change_by_rule(s), *made = change_by_plan(s);
    for (uint64_t i = 0; i < s->made->n_elems; i++) {
        if (want[i].n_met == 1 && change_same(&want[i], &made[i])) {
            continue;
        }
        diag *dg = failed(p, "element %llu of %s is not what rule '%s' says",
                          (unsigned long long)i, s->name[0], p->u->name);
        diag_note(dg, "the rule: %s", change_show(p->cx->arena, s, &want[i]));
        diag_note(dg, "the plan: %s", change_show(p->cx->arena, s, &made[i]));
        return;
    }
    p->out->n_elems += s->made->n_elems;
}

static void try_one(prober *p, const small_kind *kind)
{
    small_merge s = {.u = p->u};
    if (p->out->n_failed >= MAX_FAILURES) {
        return;
    }
    s.cx.arena = arena_new();
    s.cx.diags = diags_new(s.cx.arena);
    if (small_merge_set(&s, kind)) {
        if (p->out->n_models++ == 0) {
            probe_tell_sizes(p->cx->arena, s.v, LEFT, p->out);
        }
        p->reached = true;
        if (small_merge_run(&s)) {
            compare(p, &s);
        } else {
            diag *dg =
                failed(p, "rule '%s' cannot be applied to the probe", p->u->name);
            note_complaints(p->cx->arena, dg, s.cx.diags);
        }
    }
    arena_free(s.cx.arena);
}

/* All primes; then each factor of a product set to 1; each in both orders of storing.
 */
static void try_all(prober *p, const values *facts)
{
    const mapping *m = facts->m;
    for (unsigned turned = 0; turned < 2; turned++) {
        try_one(p, &(small_kind){facts, NO_AXIS, turned == 1});
        for (uint32_t x = 0; x < m->axes.n; x++) {
            const map_axis *ax = &m->axes.at[x];
            for (size_t q = 0; ax->primes.n > 1 && q < ax->primes.n; q++) {
                try_one(p, &(small_kind){facts, ax->primes.at[q], turned == 1});
            }
        }
    }
}

void probe_merge(context *cx, const mapping *m, const facts_list *facts,
                 probe_result *out)
{
    strmap *said = strmap_new(cx->arena); /* alternatives share a name */
    for (size_t k = 0; k < m->updates.n; k++) {
        prober p = {.cx = cx, .out = out, .u = &m->updates.at[k]};
        for (size_t i = 0; i < facts->n; i++) {
            try_all(&p, facts->at[i]);
        }
        out->n_probed += p.reached;
        if (!p.reached && strmap_add(said, p.u->name, 1)) {
            vec_push(cx->arena, &out->not_probed, p.u->name);
        }
    }
}
