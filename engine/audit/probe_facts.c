#include "audit/probe_facts.h"

#include <string.h>

#include "audit/rule_tests.h"
#include "config/eval.h"

enum {
    MAX_CASES = 256, /* configs tried from one base; beyond, one field at a time */
    MAX_FIELDS = 12,
    MAX_CHOICES = 16,
};

typedef struct field_cases {
    const char *key;
    unsigned side;
    size_t n;
    const value *is[MAX_CHOICES]; /* NULL: left out */
} field_cases;

typedef struct explorer {
    context *cx;
    const mapping *m;
    bool *used; /* by value: a guard hangs on it */
    VEC(const expr *) guards;
    field_cases fields[MAX_FIELDS];
    size_t n_fields;
    strmap *seen;
    facts_list *out;
} explorer;

/* ---- what guards hang on ----------------------------------------------------------
 */

static void use_expr(explorer *x, const expr *e);

static void use_path(void *who, const expr *path)
{
    explorer *x = who;
    uint64_t id;
    if (!strmap_get(x->m->value_by_name, path->s, &id) || x->used[id]) {
        return;
    }
    x->used[id] = true;
    const map_value *v = &x->m->values.at[id];
    use_expr(x, v->is);
    use_expr(x, v->read[LEFT]);
    use_expr(x, v->read[RIGHT]);
}

static void use_expr(explorer *x, const expr *e)
{
    if (e != NULL) {
        expr_paths(e, use_path, x);
    }
}

static void use_guard(explorer *x, const expr *e)
{
    if (e != NULL) {
        vec_push(x->cx->arena, &x->guards, e);
        use_expr(x, e);
    }
}

static void use_dim(explorer *x, const map_dim *d)
{
    for (size_t i = 0; i < d->kids.n; i++) {
        use_dim(x, d->kids.at[i]);
    }
    for (size_t i = 0; i < d->parts.n; i++) {
        use_guard(x, d->parts.at[i].when);
        use_dim(x, d->parts.at[i].body);
    }
}

static void use_dims(explorer *x, const map_tensor *t)
{
    for (size_t i = 0; t != NULL && t->dims != NULL && i < t->dims->all.n; i++) {
        use_dim(x, t->dims->all.at[i]);
    }
}

static void use_guards(explorer *x)
{
    const mapping *m = x->m;
    for (size_t r = 0; r < m->rules.n; r++) {
        const map_rule *rule = &m->rules.at[r];
        for (size_t i = 0; i < rule->guards.n; i++) {
            use_guard(x, rule->guards.at[i]);
        }
        for (unsigned side = 0; side < 2; side++) {
            for (size_t t = 0; t < rule->tensors[side].n; t++) {
                use_dims(x, &rule->tensors[side].at[t]);
            }
        }
    }
    for (size_t k = 0; k < m->makes.n; k++) {
        for (size_t i = 0; i < m->makes.at[k].guards.n; i++) {
            use_guard(x, m->makes.at[k].guards.at[i]);
        }
    }
    for (size_t u = 0; u < m->updates.n; u++) {
        const map_update *up = &m->updates.at[u];
        for (size_t i = 0; i < up->guards.n; i++) {
            use_guard(x, up->guards.at[i]);
        }
        use_dims(x, &up->target);
        for (size_t f = 0; f < up->factors.n; f++) {
            use_dims(x, up->factors.at[f].tensor);
        }
    }
}

/* ---- the fields behind them, and what they may be ---------------------------------
 */

static void add_case(field_cases *f, const value *is)
{
    for (size_t i = 0; i < f->n; i++) {
        if (is != NULL && f->is[i] != NULL && value_equal(is, f->is[i])) {
            return;
        }
    }
    if (f->n < MAX_CHOICES) {
        f->is[f->n++] = is;
    }
}

static void add_literals(arena *a, field_cases *f, const expr *e)
{
    if (e->kind == EXPR_INT) {
        add_case(f, value_int(a, e->i));
    } else if (e->kind == EXPR_STRING) {
        add_case(f, value_string(a, e->s));
    }
    for (size_t i = 0; i < e->kid.n; i++) {
        add_literals(a, f, e->kid.at[i]);
    }
}

typedef struct reading {
    explorer *x;
    const expr *whole;
    unsigned side;
    bool known; /* of fields that were met already */
} reading;

static void add_field(void *who, const expr *path)
{
    const reading *r = who;
    explorer *x = r->x;
    arena *a = x->cx->arena;
    const char *dot = strchr(path->s, '.');
    unsigned side = r->side;
    if (dot == NULL || strchr(dot + 1, '.') != NULL) {
        return;
    }
    if (x->m->is_merge) { /* guards may name the fields of either config */
        side = strncmp(path->s, "adapter.", strlen("adapter.")) == 0 ? RIGHT : LEFT;
    }
    size_t at = 0;
    while (at < x->n_fields &&
           (x->fields[at].side != side || strcmp(x->fields[at].key, dot + 1) != 0)) {
        at++;
    }
    if (at == MAX_FIELDS || (at == x->n_fields && r->known)) {
        return;
    }
    field_cases *f = &x->fields[at];
    if (at == x->n_fields) {
        x->n_fields++;
        *f = (field_cases){.key = dot + 1, .side = side};
        add_case(f, NULL);
        add_case(f, value_bool(a, false));
        add_case(f, value_bool(a, true));
    }
    add_literals(a, f, r->whole);
}

/* The fields of a condition, each with the literals of what it is compared in. */
static void add_condition(reading r)
{
    const expr *e = r.whole;
    const bool joins =
        (e->kind == EXPR_BINARY && (e->op == OP_AND || e->op == OP_OR)) ||
        e->kind == EXPR_NOT;
    if (!joins) {
        expr_paths(e, add_field, &r);
        return;
    }
    for (size_t i = 0; i < e->kid.n; i++) {
        r.whole = e->kid.at[i];
        add_condition(r);
    }
}

static void add_fields(explorer *x, unsigned side)
{
    const mapping *m = x->m;
    for (size_t i = 0; i < m->values.n; i++) {
        const expr *read = m->values.at[i].read[side];
        if (x->used[i] && read != NULL) {
            add_condition((reading){.x = x, .whole = read, .side = side});
        }
    }
    for (size_t i = 0; m->is_merge && i < x->guards.n; i++) {
        add_condition((reading){.x = x, .whole = x->guards.at[i], .side = side});
    }
    for (size_t i = 0; i < m->config_items.n; i++) { /* what else they may be */
        const item *it = m->config_items.at[i];
        if (it->kind == ITEM_REQUIRE) {
            add_condition((reading){x, it->u.demand.is, side, true});
        }
    }
}

/* ---- configs ----------------------------------------------------------------------
 */

static void keep_facts(explorer *x, const values *v)
{
    buf key = {.arena = x->cx->arena};
    for (size_t i = 0; i < x->m->values.n; i++) {
        if (x->used[i] && x->m->values.at[i].is == NULL && v->fact[i] == NULL) {
            return; /* undecided: such a config is refused for a real model too */
        }
        if (x->used[i]) {
            buf_printf(&key, "%s;", value_show(x->cx->arena, v->fact[i]));
        }
    }
    for (size_t i = 0; x->m->is_merge && i < x->guards.n; i++) {
        const value *is = values_eval(x->cx, v, x->guards.at[i], NULL, NULL);
        buf_printf(&key, "%d;", is == NULL ? -1 : value_truth(is));
    }
    for (size_t i = 0; i < x->m->choices.n; i++) {
        buf_printf(&key, "%u;", v->choice[i]);
    }
    if (strmap_add(x->seen, buf_str(&key), 1)) {
        vec_push(x->cx->arena, x->out, v);
    }
}

/* The base configs with field k as in case[k] of it. */
static void try_config(explorer *x, unsigned side, const value *const *base,
                       const size_t *cases)
{
    arena *a = x->cx->arena;
    context quiet = {a, diags_new(a)};
    value *config[2] = {NULL, NULL};
    values *v = NULL;
    for (unsigned s = 0; s < 2; s++) {
        config[s] = base[s] != NULL ? value_copy(a, base[s]) : value_record(a);
    }
    for (size_t k = 0; k < x->n_fields; k++) {
        const field_cases *f = &x->fields[k];
        const value *is = f->is[cases[k]];
        if (is != NULL) {
            value_set(a, config[f->side], f->key, value_copy(a, is));
        }
    }
    const rt_status status =
        x->m->is_merge ? values_read_pair(&quiet, x->m, config[LEFT], "the probe",
                                          config[RIGHT], "the probe", &v)
                       : values_read(&quiet, x->m, side, config[side], "the probe", &v);
    if (status == RT_OK && values_demand(&quiet, v) == RT_OK) {
        keep_facts(x, v);
    }
}

static void try_configs(explorer *x, unsigned side, const value *const *base)
{
    size_t cases[MAX_FIELDS] = {0}, n = 1;
    for (size_t k = 0; k < x->n_fields; k++) {
        n *= n <= MAX_CASES ? x->fields[k].n : 1;
    }
    for (size_t k = 0; n > MAX_CASES && k < x->n_fields; k++) {
        for (cases[k] = 0; cases[k] < x->fields[k].n; cases[k]++) {
            try_config(x, side, base, cases);
        }
        cases[k] = 0;
    }
    for (bool more = n <= MAX_CASES; more;) {
        try_config(x, side, base, cases);
        size_t k = x->n_fields;
        while (k > 0 && ++cases[k - 1] == x->fields[k - 1].n) {
            cases[--k] = 0;
        }
        more = k > 0;
    }
}

static void explore(explorer *x, unsigned side)
{
    const value *none[2] = {NULL, NULL};
    x->n_fields = 0;
    if (x->m->is_merge) {
        add_fields(x, LEFT);
        add_fields(x, RIGHT);
    } else {
        add_fields(x, side);
    }
    for (size_t i = 0; i < x->m->tests.n; i++) {
        const values *v = rule_test_values(x->cx, x->m, x->m->tests.at[i].ast);
        if (v != NULL && (x->m->is_merge || v->side == side)) {
            try_configs(x, side, v->config);
        }
    }
    try_configs(x, side, none); /* last: a test's config tells scales and ranks too */
}

facts_list facts_reachable(context *cx, const mapping *m)
{
    facts_list out = {0};
    explorer x = {.cx = cx,
                  .m = m,
                  .used = NEW_N(cx->arena, bool, m->values.n + 1),
                  .seen = strmap_new(cx->arena),
                  .out = &out};
    use_guards(&x);
    for (size_t i = 0; i < m->tests.n; i++) {
        const values *facts = rule_test_values(cx, m, m->tests.at[i].ast);
        if (facts != NULL) {
            keep_facts(&x, facts);
        }
    }
    for (unsigned side = 0; side < (m->is_merge ? 1 : 2); side++) {
        explore(&x, side);
    }
    return out;
}
