/* job/run.c -- lay the outputs of a job out, stream them, publish them. */
#include <string.h>

#include "base/file.h"
#include "job/along.h"
#include "job/build.h"
#include "job/place.h"

static file_format format_of(const file_name *f)
{
    const char *end = f->behind != NULL ? f->behind : f->text, *dot = strrchr(end, '.');
    return dot != NULL && strcmp(dot, ".safetensors") == 0 ? FORMAT_SAFETENSORS
                                                           : FORMAT_TORCH;
}

/* The first name of this format, of the layout or of any. */
static const file_name *name_in(const job *j, const layout_files *l, file_format format)
{
    const layout_files *const from[2] = {l, &j->layouts->none};
    for (unsigned k = 0; k < 2; k++) {
        for (size_t i = 0; i < from[k]->files->weights.n; i++) {
            if (format_of(&from[k]->files->weights.at[i]) == format) {
                return &from[k]->files->weights.at[i];
            }
        }
    }
    return &l->files->weights.at[0];
}

static rt_status options_for(context *cx, const job *j, const run_options *opt,
                             output_options *o)
{
    const layout_files *l = layout_of(j->layouts, j->to);
    const file_name *f = &l->files->weights.at[0];
    const bool is_numbered = f->behind != NULL;
    if (opt->has_format) {
        f = name_in(j, l, opt->format);
    }
    if (is_numbered && (f->behind == NULL || opt->shard_bytes != 0)) {
        diag *dg = diag_report(cx->diags, SEV_ERROR, "usage", NOWHERE,
                               "layout '%s' has files of one format, one for each %s",
                               j->to, l->files->weights.at[0].capture);
        diag_help(dg, "leave --format and --shard-size out; --set %s=N makes N files",
                  l->files->weights.at[0].capture);
        return RT_USAGE;
    }
    *o = (output_options){.format = opt->has_format ? opt->format : format_of(f),
                          .name = opt->file_name != NULL ? opt->file_name : f->text,
                          .shard_bytes = opt->shard_bytes != 0 ? opt->shard_bytes
                                                               : l->files->shard_bytes,
                          .numbered = is_numbered ? f : NULL};
    return RT_OK;
}

/* Whatever is read is never written: weights, index, config and side-car. */
static void protect_inputs(context *cx, const job *j, output *o)
{
    const inventory *last = NULL;
    for (size_t i = 0; i < j->plan.sources.n; i++) {
        const inventory *inv = j->plan.sources.at[i].inv;
        for (size_t f = 0; f < inv->files.n && inv != last; f++) {
            output_add_input(o, inv->files.at[f].path);
        }
        last = inv;
    }
    output_add_input(o, j->src->weights);
    const layout_files *l = layout_of(j->layouts, j->from);
    for (size_t k = 0; k < l->files->configs.n; k++) {
        const char *p = path_join(cx->arena, j->src->dir, l->files->configs.at[k].name);
        if (file_exists(p)) {
            output_add_input(o, p);
            break; /* the others are not read */
        }
    }
}

/* An index without its shards can be audited; there is nothing to convert. */
static rt_status check_weights(context *cx, const job *j)
{
    for (size_t i = 0; i < j->plan.sources.n; i++) {
        const inventory_file *f = &j->plan.sources.at[i].inv->files.at[0];
        if (f->format == FORMAT_NAMES_ONLY) {
            diag *dg = diag_report(cx->diags, SEV_ERROR, "no-weights", NOWHERE,
                                   "the shards that %s lists are not there", f->path);
            diag_help(dg, "fetch them; `audit` and `plan` do without");
            return RT_FILE;
        }
    }
    return RT_OK;
}

/* ---- streaming ----------------------------------------------------------------- */

static output_tensor *tensors_for(context *cx, const plan *p)
{
    output_tensor *t = NEW_N(cx->arena, output_tensor, p->tensors.n + 1);
    for (size_t i = 0; i < p->tensors.n; i++) {
        const plan_tensor *from = &p->tensors.at[i];
        t[i] = (output_tensor){.name = from->name,
                               .dt = from->dt,
                               .rank = (uint8_t)from->rank,
                               .alias_of = from->alias_of};
        memcpy(t[i].shape, from->shape, sizeof t[i].shape);
    }
    return t;
}

/* A plan without aliases, for formats that cannot share bytes. */
static plan plan_for(context *cx, const plan *p, file_format format)
{
    plan q = *p;
    if (format == FORMAT_TORCH) {
        return q;
    }
    q.tensors.at = NEW_N(cx->arena, plan_tensor, p->tensors.n + 1);
    for (size_t i = 0; i < p->tensors.n; i++) {
        q.tensors.at[i] = p->tensors.at[i];
        q.tensors.at[i].alias_of = -1;
    }
    return q;
}

/* Every tensor of the plan is one of the output's, in the same order. */
static rt_status stream(context *cx, const plan *p, output *o,
                        const output_tensor *tensors, const exec_options *opt)
{
    size_t *index = NEW_N(cx->arena, size_t, p->tensors.n + 1);
    for (size_t i = 0; i < p->tensors.n; i++) {
        index[i] = i;
    }
    return exec_run(cx, p, o, tensors, index, opt);
}

typedef struct laid_out { /* a plan and the files that it fills */
    plan plan;
    output_tensor *tensors;
    output *o; /* NULL: there is nothing to write */
} laid_out;

static rt_status lay_out(context *cx, const job *j, const plan *p,
                         const output_options *opt, laid_out *out)
{
    out->plan = plan_for(cx, p, opt->format);
    out->tensors = tensors_for(cx, &out->plan);
    TRY(output_plan(cx, opt, out->tensors, out->plan.tensors.n, &out->o));
    protect_inputs(cx, j, out->o);
    return RT_OK;
}

/* What `keep` rules set aside: a file of its own, published with the weights. */
static rt_status lay_out_kept(context *cx, const job *j, laid_out *kept)
{
    *kept = (laid_out){.o = NULL};
    if (j->kept.n == 0) {
        return RT_OK;
    }
    const plan p = {
        .sources = {j->plan.sources.at, j->plan.sources.n, j->plan.sources.cap},
        .tensors = {j->kept.at, j->kept.n, j->kept.cap}};
    const output_options oo = {.format = FORMAT_SAFETENSORS,
                               .name = "retensor-kept.safetensors"};
    return lay_out(cx, j, &p, &oo, kept);
}

static rt_status fill(context *cx, const laid_out *x, const laid_out *kept,
                      const run_options *opt, exec_stats *stats)
{
    exec_options ex = opt->exec;
    ex.stats = stats;
    TRY(stream(cx, &x->plan, x->o, x->tensors, &ex));
    ex.stats = NULL;
    ex.progress = NULL;
    return kept->o == NULL ? RT_OK
                           : stream(cx, &kept->plan, kept->o, kept->tensors, &ex);
}

static bool may_go_on(const run_options *opt, const exec_stats *stats)
{
    return opt->go_on == NULL || opt->go_on(opt->who, stats);
}

rt_status job_run(context *cx, job *j, const run_options *opt, const char *dst,
                  run_result *result)
{
    laid_out all = {.o = NULL}, kept;
    output_options oo;
    *result = (run_result){.dir = dst};
    if (j->status != RT_OK) {
        return j->status;
    }
    TRY(check_weights(cx, j));
    TRY(job_place(cx, j, opt, dst));
    TRY(job_decide(cx, j));
    TRY(lay_out_kept(cx, j, &kept));
    TRY(options_for(cx, j, opt, &oo));
    oo.with = kept.o;
    TRY(lay_out(cx, j, &j->plan, &oo, &all));
    if (!opt->weights_only) {
        TRY(along_add(cx, j, opt, dst, all.o));
    }
    TRY(place_stale(cx, j, opt, dst, all.o));
    if (opt->exec.measure_every > 0) {
        result->stats = NEW_N(cx->arena, exec_stats, all.plan.tensors.n + 1);
    }
    if (!may_go_on(opt, NULL)) {
        return RT_NO;
    }
    TRY(output_begin(cx, all.o, dst, opt->force));
    rt_status status = fill(cx, &all, &kept, opt, result->stats);
    if (status == RT_OK && !may_go_on(opt, result->stats)) {
        status = RT_NO;
    }
    if (status != RT_OK) {
        output_abort(all.o);
        return status;
    }
    TRY(output_commit(cx, all.o, opt->sync));
    for (size_t i = 0; i < output_n_files(all.o); i++) {
        vec_push(cx->arena, &result->files, output_file_name(all.o, i));
        result->n_bytes += output_file_bytes(all.o, i);
    }
    result->n_tensors = all.plan.tensors.n;
    return RT_OK;
}
