/* plan/job.c -- open, detect, configure, apply: from paths to a plan, by headers alone.
 */
#include "plan/job.h"

#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "mapping/names.h"
#include "plan/detect.h"

typedef struct builder {
    context *cx;
    const job_options *opt;
    job *j;
    const mapping *const *all; /* families */
    size_t n_all;
    const mapping *const *merges;
    size_t n_merges;
    config_list configs;
    const model_row *rows;
    size_t n_rows;
    evidence ev;
    const stage *at;    /* the stage reached */
    const char *layout; /* its layout */
    value *config;      /* its config, or NULL */
    const char *config_path;
} builder;

static void note(builder *b, const char *text)
{
    vec_push(b->cx->arena, &b->j->notes, text);
}

/* What goes wrong from here on is kept in the job, so that an audit can show the rest.
 */
static void keep_status(builder *b, rt_status status)
{
    if (b->j->status == RT_OK) {
        b->j->status = status;
    }
}

/* ---- rules --------------------------------------------------------------------- */

static rt_status load_rules(builder *b)
{
    VEC(const mapping *) families = {0}, merges = {0};
    const mapping *const *all;
    size_t n;
    VEC(const mapping *) given = {0};
    for (size_t i = 0; i < b->opt->n_rules; i++) {
        const mapping *m;
        TRY(mapping_load(b->cx, b->opt->rules[i], &m));
        vec_push(b->cx->arena, &given, m);
    }
    TRY(mapping_all(b->cx, &all, &n));
    for (size_t i = 0; i < given.n; i++) {
        if (given.at[i]->is_merge) {
            vec_push(b->cx->arena, &merges, given.at[i]);
        } else {
            vec_push(b->cx->arena, &families, given.at[i]);
        }
    }
    /* A given family stands for all others between its two layouts. */
    for (size_t i = 0; i < n; i++) {
        bool shadowed = false;
        for (size_t k = 0; k < given.n; k++) {
            const mapping *g = given.at[k], *o = all[i];
            shadowed = shadowed ||
                       (g->is_merge == o->is_merge &&
                        (o->is_merge || (strcmp(g->layout[0], o->layout[0]) == 0 &&
                                         strcmp(g->layout[1], o->layout[1]) == 0)));
        }
        if (shadowed) {
            continue;
        }
        if (all[i]->is_merge) {
            vec_push(b->cx->arena, &merges, all[i]);
        } else {
            vec_push(b->cx->arena, &families, all[i]);
        }
    }
    b->all = families.at;
    b->n_all = families.n;
    b->merges = merges.at;
    b->n_merges = merges.n;
    return RT_OK;
}

/* ---- configs ------------------------------------------------------------------- */

static rt_status load_config(builder *b, const char *layout, const char *dir)
{
    found_config f = {.layout = layout};
    if (config_of(&b->configs, layout) != NULL) {
        return RT_OK;
    }
    TRY(config_load(b->cx, layout, dir, &f.record, &f.path));
    if (f.record != NULL) {
        vec_push(b->cx->arena, &b->configs, f);
    }
    return RT_OK;
}

static rt_status load_configs(builder *b, const char *dir)
{
    for (size_t i = 0; i < b->n_all; i++) {
        TRY(load_config(b, b->all[i]->layout[LEFT], dir));
        TRY(load_config(b, b->all[i]->layout[RIGHT], dir));
    }
    return RT_OK;
}

/* --config_path: which layout it belongs to is told by its file name. */
static rt_status load_given_config(builder *b)
{
    if (b->opt->config_path == NULL) {
        return RT_OK;
    }
    found_config f = {.path = b->opt->config_path};
    TRY(config_load_file(b->cx, f.path, &f.record));
    for (size_t i = 0; i < b->n_all; i++) {
        for (unsigned side = 0; side < 2; side++) {
            if (strcmp(config_file_name(b->all[i]->layout[side]), path_base(f.path)) ==
                0) {
                f.layout = b->all[i]->layout[side];
            }
        }
    }
    if (f.layout == NULL) {
        diag *dg = diag_report(b->cx->diags, SEV_ERROR, "config-name", NOWHERE,
                               "%s is the config file of no layout", f.path);
        diag_help(dg, "its name tells the layout: config.json, model_config.yaml, "
                      "lit_config.json");
        return RT_USAGE;
    }
    vec_push(b->cx->arena, &b->configs, f);
    return RT_OK;
}

/* ---- the named model ----------------------------------------------------------- */

static const char *text_field(const value *record, const char *key)
{
    const value *v = value_get(record, key);
    return v != NULL && v->kind == V_STRING && v->s[0] != '\0' ? v->s : NULL;
}

/* The first of these that names a row: given, config fields, the directory. */
static const char *find_name(builder *b, const checkpoint *ck)
{
    const char *candidates[8];
    size_t n = 0;
    candidates[n++] = b->opt->model_name;
    candidates[n++] = text_field(b->opt->set, "name");
    for (size_t i = 0; i < b->configs.n && n + 2 < 8; i++) {
        candidates[n++] = text_field(b->configs.at[i].record, "name");
        candidates[n++] = text_field(b->configs.at[i].record, "_name_or_path");
    }
    candidates[n++] = path_base(ck->given);
    if (b->opt->model_name != NULL) {
        n = 1; /* what the user says is not overruled */
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t r = 0; candidates[i] != NULL && r < b->n_rows; r++) {
            if (models_find(b->rows, b->n_rows, b->rows[r].layout, candidates[i]) !=
                NULL) {
                return candidates[i];
            }
        }
    }
    return b->opt->model_name;
}

/* ---- opening ------------------------------------------------------------------- */

static rt_status open_kept(builder *b, const char *dir)
{
    const char *path = path_join(b->cx->arena, dir, "retensor-kept.safetensors");
    const char *facts = path_join(b->cx->arena, dir, "retensor-kept.json");
    if (file_exists(path)) {
        checkpoint *ck;
        TRY(checkpoint_open(b->cx, path, &ck));
        b->j->set_aside = stage_of_inventory(b->cx, &b->j->plan, ck->inv);
    }
    if (file_exists(facts)) {
        char *text;
        size_t n;
        const char *why = "it cannot be read";
        value *v = NULL;
        if (file_read(b->cx->arena, facts, 1 << 26, &text, &n) == 0) {
            v = json_parse(b->cx->arena, text, n, &why);
        }
        const value *stored = value_get(v, "stored");
        if (v == NULL) {
            diag_report(b->cx->diags, SEV_ERROR, "bad-file", NOWHERE, "%s: %s", facts,
                        why);
            return RT_FILE;
        }
        for (size_t i = 0;
             stored != NULL && stored->kind == V_LIST && i < stored->items.n; i++) {
            if (stored->items.at[i]->kind == V_STRING) {
                vec_push(b->cx->arena, &b->j->was_stored, stored->items.at[i]->s);
            }
        }
    }
    return RT_OK;
}

static rt_status open_source(builder *b, const char *path)
{
    TRY(checkpoint_open(b->cx, path, &b->j->src));
    const checkpoint *ck = b->j->src;
    for (size_t i = 0; i < ck->inv->notes.n; i++) {
        note(b, ck->inv->notes.at[i]);
    }
    if (ck->chosen_because != NULL) {
        note(b, ck->chosen_because);
    }
    TRY(load_given_config(b));
    TRY(load_configs(b, ck->dir));
    TRY(models_load(b->cx, &b->rows, &b->n_rows));
    TRY(open_kept(b, ck->dir));
    b->ev = (evidence){.all = b->all,
                       .n_all = b->n_all,
                       .configs = &b->configs,
                       .rows = b->rows,
                       .n_rows = b->n_rows};
    b->ev.model_name = find_name(b, ck);
    b->j->first = stage_of_inventory(b->cx, &b->j->plan, ck->inv);
    b->at = b->j->first;
    b->layout = b->opt->from;
    if (b->layout == NULL) {
        TRY(detect_layout(b->cx, &b->ev, b->at, &b->layout, &b->j->because));
    }
    b->j->from = b->layout;
    const found_config *f = config_of(&b->configs, b->layout);
    b->config = f != NULL ? f->record : NULL;
    b->config_path = f != NULL ? f->path : NULL;
    if (b->config == NULL && b->ev.model_name != NULL) {
        const model_row *row =
            models_find(b->rows, b->n_rows, b->layout, b->ev.model_name);
        if (row != NULL) {
            b->config = value_copy(b->cx->arena, row->fields);
            b->config_path =
                arena_printf(b->cx->arena, "the named model %s", row->name);
            b->j->row_name = row->name;
        }
    }
    return RT_OK;
}

/* ---- one step ------------------------------------------------------------------ */

/* Heads that are stored although tied: the way back is to store them again. */
static void note_stored(builder *b, const job_step *st)
{
    for (size_t i = 0; i < st->m->ties.n; i++) {
        const map_tie *tie = &st->m->ties.at[i];
        bool absent = false;
        for (size_t k = 0; k < st->acc->ties.n; k++) {
            absent = absent || (st->acc->ties.at[k].tie == tie &&
                                st->acc->ties.at[k].made_from_other);
        }
        const value *flag =
            tie->by != NULL ? values_eval(b->cx, st->v, tie->by, NULL, NULL) : NULL;
        if (tie->side != st->from || absent || flag == NULL || !value_truth(flag)) {
            continue;
        }
        for (size_t r = 0; r < st->m->rules.n; r++) {
            const map_rule *rule = &st->m->rules.at[r];
            const map_name *n = &rule->tensors[st->from].at[0].name;
            if (strcmp(rule->name, tie->rule) != 0 || rule->tensors[st->from].n == 0) {
                continue;
            }
            for (size_t t = 0; t < b->at->tensors.n; t++) {
                int64_t *numbers = NEW_N(b->cx->arena, int64_t, rule->captures.n + 1);
                const char **words =
                    NEW_N(b->cx->arena, const char *, rule->captures.n + 1);
                if (name_match(b->cx->arena, st->m, n, st->v->choice, rule->captures.at,
                               b->at->tensors.at[t].name, numbers, words)) {
                    vec_push(b->cx->arena, &b->j->stored, b->at->tensors.at[t].name);
                }
            }
            break; /* the first alternative is the weight */
        }
    }
}

static rt_status convert_config(builder *b, job_step *st, const char *final)
{
    const unsigned to_side = 1 - st->from;
    const char *to = st->m->layout[to_side];
    const found_config *carried = config_of(&b->configs, to);
    config_request req = {.carried = carried != NULL ? carried->record : NULL};
    const bool is_final = strcmp(to, final) == 0;
    if (is_final && b->ev.model_name != NULL) {
        const model_row *row = models_find(b->rows, b->n_rows, to, b->ev.model_name);
        if (row != NULL) {
            req.row = row->fields;
            req.row_name = row->name;
            b->j->row_name = row->name;
        }
    }
    req.set = is_final && b->j->adapter == NULL ? b->opt->set : NULL;
    const rt_status status = config_convert(b->cx, st->v, to_side, &req, &st->config);
    b->config = status == RT_OK ? st->config->record : NULL;
    b->config_path = arena_printf(b->cx->arena, "made by %s", st->m->name);
    return status;
}

static rt_status step_to(builder *b, const char *to, const char *final)
{
    job_step st = {0};
    const char *because = NULL;
    TRY(detect_family(b->cx, &b->ev, b->at, b->layout, to, b->config, &st.m, &because));
    if (b->j->because == NULL || b->j->steps.n == 0) {
        b->j->because =
            arena_printf(b->cx->arena, "family %s by %s", st.m->name, because);
    }
    mapping_side(st.m, b->layout, &st.from);
    rt_status status =
        values_read(b->cx, st.m, st.from, b->config, b->config_path, &st.v);
    if (st.v == NULL) {
        return status;
    }
    keep_status(b, status);
    memcpy(&st.v->who, &b->at, sizeof st.v->who); /* has_tensor takes a plain pointer */
    st.v->has_tensor = stage_has;
    stage *next = NULL;
    status = stage_apply(b->cx, b->at, st.v, b->j->set_aside, &next, &st.acc);
    keep_status(b, status);
    keep_status(b, account_report(b->cx, st.acc));
    if (b->config != NULL) {
        keep_status(b, values_demand(b->cx, st.v));
    }
    if (status == RT_OK) {
        note_stored(b, &st);
        keep_status(b, convert_config(b, &st, final));
        for (size_t i = 0; i < st.acc->kept.n; i++) {
            vec_push(b->cx->arena, &b->j->kept, st.acc->kept.at[i]);
        }
    }
    vec_push(b->cx->arena, &b->j->steps, st);
    if (next == NULL) {
        return b->j->status;
    }
    b->at = next;
    b->layout = to;
    return RT_OK;
}

/* Go from the present layout to `to`, step by step. */
static rt_status walk(builder *b, const char *to)
{
    while (strcmp(b->layout, to) != 0) {
        const char *next = next_layout(b->cx->arena, &b->ev, b->layout, to);
        if (next == NULL) {
            diag *dg =
                diag_report(b->cx->diags, SEV_ERROR, "no-way", NOWHERE,
                            "no rules lead from layout '%s' to '%s'", b->layout, to);
            diag_help(dg, "`retensor families` lists the layouts");
            return RT_USAGE;
        }
        TRY(step_to(b, next, to));
    }
    return RT_OK;
}

/* ---- the result ---------------------------------------------------------------- */

/* Tensors made of the same stored bytes share them in the output too. */
static void find_aliases(builder *b)
{
    plan *p = &b->j->plan;
    strmap *seen = strmap_new(b->cx->arena);
    for (size_t i = 0; i < p->tensors.n; i++) {
        plan_tensor *t = &p->tensors.at[i];
        t->alias_of = -1;
        if (t->pieces.n != 1 || t->pieces.at[0].n_steps != 0 || t->pieces.at[0].n > 1 ||
            t->pieces.at[0].src == NO_SOURCE || t->n_elems == 0) {
            continue;
        }
        const plan_source *s = &p->sources.at[t->pieces.at[0].src];
        const char *key = arena_printf(
            b->cx->arena, "%p %u %llu %llu %d", (const void *)s->inv, s->t->file,
            (unsigned long long)(s->t->offset + (uint64_t)t->pieces.at[0].src_offset),
            (unsigned long long)t->n_elems, (int)t->dt);
        uint64_t first;
        if (strmap_get(seen, key, &first)) {
            t->alias_of = (int64_t)first;
        } else {
            strmap_add(seen, key, i);
        }
    }
}

static rt_status cast_outputs(builder *b)
{
    dtype dt;
    if (b->opt->dtype == NULL) {
        return RT_OK;
    }
    if (!dtype_parse(b->opt->dtype, &dt) || !dtype_is_float(dt)) {
        diag *dg = diag_report(b->cx->diags, SEV_ERROR, "bad-dtype", NOWHERE,
                               "'%s' is no floating dtype", b->opt->dtype);
        diag_help(dg, "bfloat16, float16, float32 or float64");
        return RT_USAGE;
    }
    for (size_t i = 0; i < b->j->plan.tensors.n; i++) {
        plan_tensor *t = &b->j->plan.tensors.at[i];
        if (dtype_is_float(t->dt) && t->dt != dt) {
            const bool widens = dtype_bits(dt) > dtype_bits(t->dt);
            t->dt = dt;
            t->class_of = widens || t->class_of > ROUNDING ? t->class_of : ROUNDING;
        }
    }
    return RT_OK;
}

static rt_status finish(builder *b)
{
    b->j->to = b->layout;
    b->j->config = b->config;
    stage *last = NEW(b->cx->arena, stage);
    *last = *b->at;
    b->j->last = last;
    for (size_t i = 0; i < last->tensors.n; i++) {
        vec_push(b->cx->arena, &b->j->plan.tensors, last->tensors.at[i]);
    }
    TRY(cast_outputs(b));
    find_aliases(b);
    return RT_OK;
}

static rt_status start(context *cx, const job_options *opt, builder *b)
{
    *b = (builder){.cx = cx, .opt = opt, .j = NEW(cx->arena, job)};
    return load_rules(b);
}

rt_status job_convert(context *cx, const job_options *opt, const char *src, job **out)
{
    builder b;
    TRY(start(cx, opt, &b));
    TRY(open_source(&b, src));
    const char *to = opt->to != NULL ? opt->to : usual_target(&b.ev, b.layout);
    if (to == NULL) {
        diag *dg = diag_report(cx->diags, SEV_ERROR, "no-layout", NOWHERE,
                               "no rules know a layout '%s'", b.layout);
        diag_help(dg, "`retensor families` lists the layouts");
        return RT_USAGE;
    }
    if (strcmp(to, b.layout) == 0) {
        note(&b, arena_printf(cx->arena,
                              "the source is in layout '%s' already: files are "
                              "rewritten, tensors stay",
                              to));
    }
    TRY(walk(&b, to));
    TRY(finish(&b));
    *out = b.j;
    return RT_OK;
}

/* ---- merge --------------------------------------------------------------------- */

static const char *const adapter_files[] = {
    "adapter_model.safetensors",    "adapter_model.bin",    "lit_model.pth.lora",
    "lit_model_lora_finetuned.pth", "adapters.safetensors",
};

/* The adapter's weights file: the path itself, or the one file of its directory. */
static rt_status find_adapter(builder *b, const char *path, const char **file)
{
    *file = path;
    if (!dir_exists(path)) {
        return RT_OK;
    }
    for (size_t i = 0; i < sizeof adapter_files / sizeof *adapter_files; i++) {
        *file = path_join(b->cx->arena, path, adapter_files[i]);
        if (file_exists(*file)) {
            return RT_OK;
        }
    }
    diag *dg = diag_report(b->cx->diags, SEV_ERROR, "no-adapter", NOWHERE,
                           "%s holds no adapter file", path);
    for (size_t i = 0; i < sizeof adapter_files / sizeof *adapter_files; i++) {
        diag_note(dg, "looked for %s", adapter_files[i]);
    }
    diag_help(dg, "name the file itself if it has another name");
    return RT_FILE;
}

/* The merge file whose adapter side knows these names. */
static const mapping *pick_merge(builder *b, const stage *adapter, const value *config)
{
    stage *who = NULL;
    memcpy(&who, &adapter, sizeof who);
    for (size_t i = 0; i < b->n_merges; i++) {
        const int is =
            config_detect(b->cx, b->merges[i], RIGHT, config, stage_has, who);
        if (is == 1 || (is < 0 && b->n_merges == 1)) {
            return b->merges[i];
        }
    }
    return NULL;
}

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

static rt_status add_adapter(builder *b, const stage *adapter, const mapping *m,
                             value *config, const char *config_path)
{
    /* The family tells which base tensors are linear maps, and which way round. */
    const mapping *family = NULL;
    const char *because, *other = usual_target(&b->ev, b->layout);
    unsigned side = 0;
    uint32_t *choices = NULL;
    if (other != NULL && detect_family(b->cx, &b->ev, b->at, b->layout, other,
                                       b->config, &family, &because) == RT_OK) {
        values *fv = NULL;
        mapping_side(family, b->layout, &side);
        TRY(values_read(b->cx, family, side, b->config, b->config_path, &fv));
        stage_bind_choices(b->cx, b->at, fv);
        choices = fv->choice;
        b->j->because =
            arena_printf(b->cx->arena, "family %s by %s", family->name, because);
    } else {
        return RT_MISMATCH;
    }
    job_step st = {.m = m, .from = LEFT};
    TRY(values_read(b->cx, m, RIGHT, config, config_path, &st.v));
    TRY(values_add_config(b->cx, st.v, LEFT, b->config, b->config_path));
    merge_account acc = {0};
    stage *next = NULL;
    keep_status(b, stage_merge(b->cx, b->at, adapter, st.v, family, side, choices,
                               &next, &acc));
    for (size_t i = 0; i < acc.lines.n; i++) {
        vec_push(b->cx->arena, &b->j->merged, acc.lines.at[i]);
    }
    for (size_t i = 0; i < acc.unused.n; i++) {
        vec_push(b->cx->arena, &b->j->adapter_unused, acc.unused.at[i]);
    }
    vec_push(b->cx->arena, &b->j->steps, st);
    b->at = next;
    return RT_OK;
}

/* Find each merged tensor among the outputs, for the report. */
static void link_merged(builder *b)
{
    for (size_t i = 0; i < b->j->merged.n; i++) {
        for (size_t t = 0; t < b->j->plan.tensors.n; t++) {
            if (strcmp(b->j->plan.tensors.at[t].name, b->j->merged.at[i].target) == 0) {
                b->j->merged.at[i].tensor = t;
            }
        }
    }
}

rt_status job_merge(context *cx, const job_options *opt, const char *base,
                    const char *adapter, job **out)
{
    builder b;
    const char *file, *config_path = NULL;
    value *found = NULL;
    TRY(start(cx, opt, &b));
    TRY(open_source(&b, base));
    TRY(find_adapter(&b, adapter, &file));
    TRY(checkpoint_open(cx, file, &b.j->adapter));
    stage *terms = stage_of_inventory(cx, &b.j->plan, b.j->adapter->inv);
    const mapping *m = pick_merge(&b, terms, NULL);
    for (size_t i = 0; m == NULL && i < b.n_merges; i++) {
        TRY(config_load(cx, b.merges[i]->layout[RIGHT], b.j->adapter->dir, &found,
                        &config_path));
        m = found != NULL ? pick_merge(&b, terms, found) : NULL;
    }
    if (m == NULL) {
        diag *dg = diag_report(cx->diags, SEV_ERROR, "no-merge-rules", NOWHERE,
                               "no merge rules know the names of %s", file);
        if (terms->tensors.n > 0) {
            diag_note(dg, "the first is %s", terms->tensors.at[0].name);
        }
        diag_help(
            dg,
            "name the rules with --rules; an adapter holds lora_A and lora_B tensors");
        return RT_MISMATCH;
    }
    TRY(config_load(cx, m->layout[RIGHT], b.j->adapter->dir, &found, &config_path));
    const char *to = opt->to != NULL ? opt->to : b.layout;
    TRY(walk(&b, m->layout[LEFT]));
    TRY(add_adapter(&b, terms, m, adapter_config(&b, found),
                    config_path != NULL ? config_path : "--set"));
    TRY(walk(&b, to));
    TRY(finish(&b));
    link_merged(&b);
    *out = b.j;
    return RT_OK;
}

void job_close(job *j)
{
    if (j == NULL) {
        return;
    }
    for (size_t i = 0; i < j->plan.sources.n; i++) {
        inventory *inv = NULL;
        memcpy(&inv, &j->plan.sources.at[i].inv, sizeof inv); /* opened by this job */
        if (i == 0 || j->plan.sources.at[i].inv != j->plan.sources.at[i - 1].inv) {
            inventory_close(inv);
        }
    }
}
