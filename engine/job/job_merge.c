/* job/job_merge.c -- a merge: the adapter found, its rules, and added on the way. */
#include <string.h>

#include "base/file.h"
#include "config/fields.h"
#include "job/build.h"
#include "plan/unmerge.h"

/* ---- merge --------------------------------------------------------------------- */

/* --set over the adapter's config over the drop-in's defaults. */
static value *adapter_config(builder *b, const value *found)
{
    value *all = b->opt->adapter_defaults != NULL
                     ? value_copy(b->cx->arena, b->opt->adapter_defaults)
                     : value_record(b->cx->arena);
    const value *layers[2] = {found, b->opt->set};
    for (unsigned k = 0; k < 2; k++) {
        for (size_t i = 0; layers[k] != NULL && i < layers[k]->members.n; i++) {
            value_set(b->cx->arena, all, layers[k]->members.at[i].key,
                      layers[k]->members.at[i].val);
        }
    }
    return all;
}

/* Where the fields of an adapter without a config come from, for messages. */
static const char *adapter_origin(builder *b)
{
    const value *defaults = b->opt->adapter_defaults;
    size_t n_said = 0;
    for (size_t i = 0; defaults != NULL && i < defaults->members.n; i++) {
        n_said += value_get(b->opt->set, defaults->members.at[i].key) != NULL ? 1 : 0;
    }
    if (defaults == NULL || n_said == defaults->members.n) {
        return "--set";
    }
    return arena_printf(b->cx->arena, "%sdefault of %s", n_said > 0 ? "--set, or " : "",
                        b->opt->adapter_defaults_of);
}

/* The family of the base, or NULL: of those towards the usual layout, else of any. */
static const mapping *family_of_base(builder *b, const char **because)
{
    const mapping *family = NULL;
    const char *other = usual_target(&b->ev, b->layout);
    VEC(const mapping *) taken = {0};
    context quiet = *b->cx;
    quiet.diags = diags_new(b->cx->arena);
    if (other != NULL && detect_family(&quiet, &b->ev, b->at, b->layout, other,
                                       b->config, &family, because) == RT_OK) {
        return family;
    }
    for (size_t i = 0; i < b->j->steps.n; i++) {
        vec_push(b->cx->arena, &taken, b->j->steps.at[i].m);
    }
    return detect_any_family(&quiet, &b->ev, b->at, b->layout, b->config, taken.at,
                             taken.n, because);
}

/* What the family of the base knows: which tensors are linear maps, which way round
 * they are stored, and what is tied.  Without one a merge goes by shapes. */
static rt_status family_values(builder *b, values **out)
{
    const char *because;
    const mapping *family = family_of_base(b, &because);
    *out = NULL;
    if (family == NULL) {
        if (b->j->adapters.n > 1) {
            return RT_OK; /* said with the first */
        }
        builder_note(b, "no family knows this base: every tensor of two dims counts as "
                        "a linear map, and shapes tell how it is stored");
        return RT_OK;
    }
    unsigned side = 0;
    mapping_side(family, b->layout, &side);
    TRY(values_read(b->cx, family, side, b->config, b->config_path, out));
    stage_bind_choices(b->cx, b->at, side, *out);
    b->j->because =
        arena_printf(b->cx->arena, "family %s by %s", family->name, because);
    return RT_OK;
}

/* The base's config as the adapter leaves it: sizes of replaced tensors, broken ties.
 * It goes along where another layout is written. */
static void change_config(builder *b, const merge_account *acc)
{
    if (acc->changes.n == 0 || b->config == NULL) {
        return;
    }
    b->config = value_copy(b->cx->arena, b->config);
    for (size_t i = 0; i < acc->changes.n; i++) {
        record_put(b->cx->arena, b->config, acc->changes.at[i].path,
                   acc->changes.at[i].to);
    }
    b->j->changed = b->config;
    b->j->changed_file =
        config_file_for(b->cx, layout_of(b->j->layouts, b->layout), b->config);
}

static rt_status add_adapter(builder *b, const stage *adapter, const mapping *m,
                             double weight, value *config, const char *config_path)
{
    values *family;
    TRY(family_values(b, &family));
    job_step st = {.m = m, .from = LEFT};
    TRY(values_read_pair(b->cx, m, b->config, b->config_path, config, config_path,
                         &st.v));
    memcpy(&st.v->who, &adapter, sizeof st.v->who);
    st.v->has_tensor = stage_has;
    builder_keep_status(b, values_demand(b->cx, st.v));
    merge_account acc = {0};
    stage *next = NULL;
    if (b->j->status == RT_OK) {
        const merge_how how = {weight, b->opt->scale_is_asked};
        builder_keep_status(b, stage_merge(b->cx, &b->j->plan, b->at, adapter, st.v,
                                           family, &how, &next, &acc));
    }
    if (next == NULL) {
        return b->j->status;
    }
    values_warn_of_lookups(b->cx, st.v);
    for (size_t i = 0; i < acc.lines.n; i++) {
        acc.lines.at[i].adapter = b->j->adapters.n - 1;
        vec_push(b->cx->arena, &b->j->merged, acc.lines.at[i]);
    }
    for (size_t i = 0; i < acc.unused.n; i++) {
        vec_push(b->cx->arena, &b->j->adapter_unused, acc.unused.at[i]);
    }
    for (size_t i = 0; i < acc.notes.n; i++) {
        builder_note(b, acc.notes.at[i]);
    }
    for (size_t i = 0; i < acc.conditions.n; i++) {
        vec_push(b->cx->arena, &b->j->conditions, acc.conditions.at[i]);
    }
    change_config(b, &acc);
    vec_push(b->cx->arena, &b->j->steps, st);
    b->at = next;
    return RT_OK;
}

/* The adapter's tensors as sources of the plan, known as its. */
static const stage *adapter_stage(builder *b, const checkpoint *from)
{
    const size_t first = b->j->plan.sources.n;
    const stage *s = stage_of_inventory(b->cx, &b->j->plan, from->inv);
    for (size_t i = first; i < b->j->plan.sources.n; i++) {
        b->j->plan.sources.at[i].of_adapter = true;
    }
    return s;
}

/* An adapter that is added to what stands. */
typedef struct addition {
    const checkpoint *from;
    const mapping *m;
    double weight;
    bool as_it_stands; /* not in the merge file's layout */
} addition;

static rt_status add_one(builder *b, const addition *x)
{
    const char *config_path = NULL;
    value *found = NULL;
    const stage *terms = adapter_stage(b, x->from);
    TRY(config_load(b->cx, layout_of(b->j->layouts, x->m->layout[RIGHT]), x->from->dir,
                    &found, &config_path));
    if (!x->as_it_stands) {
        TRY(builder_walk(b, x->m->layout[LEFT]));
    }
    return add_adapter(b, terms, x->m, x->weight, adapter_config(b, found),
                       config_path != NULL ? config_path : adapter_origin(b));
}

/* Would it do?  Tried on a copy of what is built.  Without an addition: the way to the
 * layout alone. */
static bool would_do(const builder *b, const addition *x, const char *layout)
{
    context quiet = *b->cx;
    job j = *b->j;
    builder trial = *b;
    quiet.diags = diags_new(b->cx->arena);
    trial.cx = &quiet;
    trial.j = &j;
    const rt_status status =
        x != NULL ? add_one(&trial, x) : builder_walk(&trial, layout);
    return status == RT_OK && j.status == RT_OK;
}

/* Add one more to what stands, in the merge file's layout; to a variant of it, stacked
 * experts for one, as it stands where the adapter was trained on that. */
static rt_status merge_next(builder *b, const checkpoint *from, const mapping *m,
                            double weight)
{
    const char *layout = m->layout[LEFT];
    addition x = {from, m, weight, false};
    const addition here = {from, m, weight, true};
    if (builder_is_variant(b, layout) && !would_do(b, &x, layout) &&
        would_do(b, NULL, layout) && would_do(b, &here, layout)) {
        x = here;
    }
    return add_one(b, &x);
}

/* One file twice is a slip more often than a wish, which a weight says better. */
static rt_status check_twice(context *cx, const job_addend *adapters, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < i; k++) {
            if (!file_is_same(adapters[k].path, adapters[i].path)) {
                continue;
            }
            diag *dg = diag_report(cx->diags, SEV_ERROR, "adapter-again", NOWHERE,
                                   "the adapter %s is given twice", adapters[i].path);
            diag_note(dg, "as number %zu and number %zu of the sum", k + 1, i + 1);
            diag_help(dg, "give it once with the sum of its weights");
            return RT_USAGE;
        }
    }
    return RT_OK;
}

/* From the files to the base with the adapters added. */
static rt_status merge_all(builder *b, const job_options *opt, const char *base,
                           const job_addend *adapters, size_t n, const char **to)
{
    TRY(check_twice(b->cx, adapters, n));
    for (size_t i = 0; i < n; i++) {
        checkpoint *from;
        const mapping *m;
        TRY(builder_open_adapter(b, adapters[i].path, &from, &m));
        if (i == 0) {
            b->fallback = m->layout[LEFT];
            TRY(builder_open(b, base));
            *to = opt->to != NULL ? opt->to : builder_plain_layout(b);
        }
        TRY(merge_next(b, from, m, adapters[i].weight));
        if (b->j->status != RT_OK) {
            return RT_OK; /* kept in the job, so that it can be shown */
        }
    }
    return RT_OK;
}

rt_status job_merge(context *cx, const job_options *opt, const char *base,
                    const job_addend *adapters, size_t n, job **out)
{
    builder b;
    const char *to = NULL;
    TRY(builder_start(cx, opt, &b));
    TRY(merge_all(&b, opt, base, adapters, n, &to));
    TRY(builder_walk(&b, to));
    TRY(builder_finish(&b));
    *out = b.j;
    return RT_OK;
}

/* ---- adapters ------------------------------------------------------------------ */

/* The merge file whose adapter layout is meant: its name, or what is behind its dash.
 */
static rt_status find_target(builder *b, const char *to, const mapping **m)
{
    *m = NULL;
    for (size_t i = 0; to != NULL && i < b->n_merges; i++) {
        const char *own = b->merges[i]->layout[RIGHT], *dash = strchr(own, '-');
        if (*m == NULL &&
            (strcmp(own, to) == 0 || (dash != NULL && strcmp(dash + 1, to) == 0))) {
            *m = b->merges[i];
        }
    }
    if (*m != NULL) {
        return RT_OK;
    }
    diag *dg = diag_report(b->cx->diags, SEV_ERROR, "no-way", NOWHERE, "%s%s",
                           to != NULL ? "no rules know adapters of layout " : "",
                           to != NULL ? to : "--to names the adapter's layout");
    for (size_t i = 0; i < b->n_merges; i++) {
        diag_note(dg, "there is %s", b->merges[i]->layout[RIGHT]);
    }
    return RT_USAGE;
}

rt_status job_adapter(context *cx, const job_options *opt, const char *base,
                      const char *adapter, job **out)
{
    builder b;
    const mapping *m;
    const char *to;
    values *family, *v;
    unmerged made = {.class_of = EXACT};
    const job_addend whole = {adapter, 1};
    job_options plain = *opt;
    plain.to = NULL;
    TRY(builder_start(cx, opt, &b));
    TRY(find_target(&b, opt->to, &m));
    b.opt = &plain;
    TRY(merge_all(&b, &plain, base, &whole, 1, &to));
    if (b.j->status != RT_OK) {
        return b.j->status;
    }
    const stage *merged = b.at;
    TRY(builder_walk(&b, m->layout[LEFT]));
    TRY(family_values(&b, &family));
    value *config = value_record(cx->arena);
    TRY(values_read_pair(cx, m, b.config, b.config_path, config, "made", &v));
    v->has_tensor = stage_has;
    TRY(stage_unmerge(cx, &b.j->plan, b.at, v, family, config, &made));
    TRY(unmerge_account(cx, &b.j->plan, merged, b.j->merged.at, b.j->merged.n,
                        m->layout[RIGHT], &made));
    for (size_t i = 0; i < made.conditions.n; i++) {
        vec_push(cx->arena, &b.j->conditions, made.conditions.at[i]);
    }
    for (size_t i = 0; i < made.notes.n; i++) {
        builder_note(&b, made.notes.at[i]);
    }
    for (size_t i = 0; i < made.factors->tensors.n; i++) {
        exactness *own = &made.factors->tensors.at[i].class_of;
        *own = *own < made.class_of ? made.class_of : *own;
    }
    b.at = made.factors;
    b.layout = m->layout[RIGHT];
    b.config = config;
    b.opt = opt;
    b.j->merged.n = 0;
    b.j->plan.norms.n = 0; /* magnitudes are copied */
    b.j->is_adapter = true;
    TRY(builder_finish(&b));
    *out = b.j;
    return RT_OK;
}
