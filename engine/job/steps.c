/* job/steps.c -- from layout to layout: one mapping applied after another. */
#include <string.h>

#include "base/near.h"
#include "config/learned.h"
#include "job/build.h"
#include "mapping/names.h"

void builder_note(builder *b, const char *text)
{
    vec_push(b->cx->arena, &b->j->notes, text);
}

/* What goes wrong from here on is kept in the job, so that an audit can show the rest.
 */
void builder_keep_status(builder *b, rt_status status)
{
    if (b->j->status == RT_OK) {
        b->j->status = status;
    }
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

/* What --set says of the config: all but the number of files. */
static const value *fields_set(builder *b, const char *to)
{
    const file_name *f = files_numbered(layout_of(b->j->layouts, to)->files);
    if (f == NULL || value_get(b->opt->set, f->capture) == NULL) {
        return b->opt->set;
    }
    value *rest = value_record(b->cx->arena);
    for (size_t i = 0; i < b->opt->set->members.n; i++) {
        const value_member *m = &b->opt->set->members.at[i];
        if (strcmp(m->key, f->capture) != 0) {
            value_set(b->cx->arena, rest, m->key, m->val);
        }
    }
    return rest;
}

static rt_status convert_config(builder *b, job_step *st, const char *final)
{
    const unsigned to_side = 1 - st->from;
    const char *to = st->m->layout[to_side];
    const found_config *carried = config_of(&b->configs, to);
    const found_config *own = config_of(&b->configs, b->j->from);
    if (carried != NULL && own != NULL && strcmp(carried->path, own->path) == 0 &&
        strcmp(to, b->j->from) != 0) {
        carried = NULL; /* two layouts may call their configs the same */
    }
    config_request req = {0};
    if (carried != NULL) {
        req.carried = config_in_own_form(b, to, carried->record, carried->path);
    }
    if (b->j->steps.n > 0) {
        req.made = b->j->steps.at[b->j->steps.n - 1].config;
    }
    const bool is_final = strcmp(to, final) == 0;
    if (is_final && b->ev.model_name != NULL) {
        const model_row *row = models_find(b->rows, b->n_rows, to, b->ev.model_name);
        if (row != NULL) {
            req.row = row->fields;
            req.row_name = row->name;
            b->j->row_name = row->name;
        }
    }
    req.set = is_final && b->j->adapters.n == 0 ? fields_set(b, to) : NULL;
    const rt_status status = config_convert(b->cx, st->v, to_side, &req, &st->config);
    b->config = status == RT_OK ? st->config->record : NULL;
    b->j->config_is_made = carried == NULL;
    b->config_path = arena_printf(b->cx->arena, "made by %s", st->m->name);
    return status;
}

/* How many numbered files the layout that is written has: --set says it, or they stay
 * as many as they were, or it is one. */
static rt_status count_files(builder *b, job_step *st, bool is_final)
{
    const char *to = st->m->layout[1 - st->from];
    const file_name *f = files_numbered(layout_of(b->j->layouts, to)->files);
    const uint32_t axis = f != NULL ? mapping_axis(st->m, f->capture) : NO_AXIS;
    if (axis == NO_AXIS || st->v->size[axis] != SIZE_UNKNOWN) {
        return RT_OK;
    }
    const value *said = is_final ? value_get(b->opt->set, f->capture) : NULL;
    if (said != NULL && (said->kind != V_INT || said->i < 1)) {
        diag *dg = diag_report(b->cx->diags, SEV_ERROR, "usage", NOWHERE,
                               "--set %s=%s: it is the number of files", f->capture,
                               value_show(b->cx->arena, said));
        diag_help(dg, "a whole number from 1 on");
        return RT_USAGE;
    }
    size_t n = b->opt->n_files;
    if (n == 0 && strcmp(to, b->j->from) == 0) {
        n = b->j->src->inv->files.n;
    }
    if (said == NULL && n == 0) {
        builder_note(b, arena_printf(b->cx->arena,
                                     "%s: one file; --set %s=N writes N of them",
                                     file_name_show(b->cx->arena, f), f->capture));
    }
    values_set_size(st->v, axis,
                    said != NULL ? said->i
                    : n > 0      ? (int64_t)n
                                 : 1,
                    said != NULL ? "--set" : "the number of files");
    return RT_OK;
}

/* Does the mapping multiply scales in when it is read from this side? */
static bool dequantizes(const mapping *m, unsigned from)
{
    for (size_t r = 0; r < m->rules.n; r++) {
        if (rule_scale(&m->rules.at[r], from) != NULL) {
            return true;
        }
    }
    return false;
}

const char *builder_plain_layout(const builder *b)
{
    for (size_t i = 0; i < b->n_all; i++) {
        unsigned side;
        if (mapping_side(b->all[i], b->layout, &side) && dequantizes(b->all[i], side)) {
            return b->all[i]->layout[1 - side];
        }
    }
    return b->layout;
}

/* Only on request: the result is larger, and there is no way back. */
static rt_status check_wanted(builder *b, const job_step *st)
{
    if (b->opt->dequantize || !dequantizes(st->m, st->from)) {
        return RT_OK;
    }
    diag *dg = diag_report(b->cx->diags, SEV_ERROR, "quantised", NOWHERE,
                           "the weights are quantised: layout '%s' has 8 bits and a "
                           "scale for each block of them",
                           b->layout);
    diag_help(dg,
              "--dequantize multiplies the scales in: %s and twice the bytes; or "
              "take the checkpoint that was quantised",
              b->opt->dtype != NULL ? b->opt->dtype : "bfloat16");
    return RT_MISMATCH;
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
    builder_keep_status(b, check_wanted(b, &st));
    rt_status status =
        values_read(b->cx, st.m, st.from, b->config, b->config_path, &st.v);
    if (st.v == NULL) {
        return status;
    }
    builder_keep_status(b, status);
    TRY(count_files(b, &st, strcmp(to, final) == 0));
    memcpy(&st.v->who, &b->at, sizeof st.v->who); /* has_tensor takes a plain pointer */
    st.v->has_tensor = stage_has;
    stage *next = NULL;
    status = stage_apply(b->cx, b->at, st.v, b->j->set_aside, &next, &st.acc);
    builder_keep_status(b, status);
    builder_keep_status(b, account_report(b->cx, st.acc));
    if (b->config != NULL) {
        builder_keep_status(b, values_demand(b->cx, st.v));
    }
    if (status == RT_OK) {
        note_stored(b, &st);
        builder_keep_status(b, convert_config(b, &st, final));
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

/* A source without a config, beside it one of a layout further on: what that one tells
 * of the source is read from it, one mapping after another.  NULL when nothing can. */
static value *config_from(builder *b, context *quiet, const char *layout,
                          const char *final)
{
    const found_config *own = config_of(&b->configs, layout);
    const char *next = own != NULL || strcmp(layout, final) == 0
                           ? NULL
                           : next_layout(quiet->arena, &b->ev, layout, final);
    value *config = next != NULL ? config_from(b, quiet, next, final) : NULL;
    const mapping *m = NULL;
    const char *because;
    unsigned side = 0;
    if (own != NULL) {
        b->config_path = own->path;
        return own->record;
    }
    if (config == NULL || detect_family(quiet, &b->ev, b->at, next, layout, config, &m,
                                        &because) != RT_OK) {
        return NULL;
    }
    mapping_side(m, next, &side);
    return config_across(quiet, m, side, config, b->config_path);
}

/* The layout is unknown, most often misspelled, or no family reaches it. */
static rt_status no_way(builder *b, const char *to)
{
    VEC(const char *) known = {0};
    for (size_t i = 0; i < b->ev.n_all; i++) {
        vec_push(b->cx->arena, &known, b->ev.all[i]->layout[LEFT]);
        vec_push(b->cx->arena, &known, b->ev.all[i]->layout[RIGHT]);
    }
    diag *dg = diag_report(b->cx->diags, SEV_ERROR, "no-way", NOWHERE,
                           "no rules lead from layout '%s' to '%s'", b->layout, to);
    const char *const near[2] = {near_name(b->layout, known.at, known.n),
                                 near_name(to, known.at, known.n)};
    const char *const given[2] = {b->layout, to};
    for (size_t i = 0; i < 2; i++) {
        if (near[i] != NULL && strcmp(near[i], given[i]) != 0) {
            diag_help(dg, "did you mean '%s'?", near[i]);
            return RT_USAGE;
        }
    }
    diag_help(dg, "`retensor families` lists the layouts");
    return RT_USAGE;
}

rt_status builder_walk(builder *b, const char *to)
{
    if (b->config == NULL) {
        context quiet = {b->cx->arena, diags_new(b->cx->arena)};
        b->config = config_from(b, &quiet, b->layout, to);
        b->config_path = b->config != NULL ? b->config_path : NULL;
    }
    while (strcmp(b->layout, to) != 0) {
        const char *next = next_layout(b->cx->arena, &b->ev, b->layout, to);
        if (next == NULL) {
            return no_way(b, to);
        }
        TRY(step_to(b, next, to));
    }
    return RT_OK;
}
