/* job/run.c -- lay the outputs of a job out, stream them, publish them. */
#include <string.h>

#include "base/file.h"
#include "job/along.h"
#include "job/build.h"
#include "job/place.h"

/* What the weights of a layout are called and how they are stored. */
typedef struct layout_files {
    const char *layout;
    file_format format;
    const char *name;
    uint64_t shard_bytes;
} layout_files;

static const layout_files layouts[] = {
    {"hf", FORMAT_SAFETENSORS, "model.safetensors", 5000000000u},
    {"hf5", FORMAT_SAFETENSORS, "model.safetensors", 5000000000u},
    {"lit", FORMAT_TORCH, "lit_model.pth", 0},
    {"lit-legacy", FORMAT_TORCH, "lit_model.pth", 0},
    {"lora-lit", FORMAT_TORCH, "lit_model.pth.lora", 0},
    {"lora-peft", FORMAT_SAFETENSORS, "adapter_model.safetensors", 0},
    {"lora-mlx", FORMAT_SAFETENSORS, "adapters.safetensors", 0},
    {"lora-torchtune", FORMAT_TORCH, "adapter_model.pt", 0},
    {NULL, FORMAT_SAFETENSORS, "model.safetensors", 0},
};

static const layout_files *files_of(const char *layout)
{
    const layout_files *l = layouts;
    while (l->layout != NULL && strcmp(l->layout, layout) != 0) {
        l++;
    }
    return l;
}

const char *weights_of_others(const char *layout)
{
    const layout_files *own = layout != NULL ? files_of(layout) : NULL;
    for (const layout_files *l = layouts; own != NULL && l->layout != NULL; l++) {
        if (strcmp(l->name, own->name) != 0) {
            return l->name;
        }
    }
    return NULL;
}

static output_options options_for(const job *j, const run_options *opt)
{
    const layout_files *l = files_of(j->to);
    output_options o = {
        .format = l->format, .name = l->name, .shard_bytes = l->shard_bytes};
    if (opt->has_format && opt->format != l->format) {
        o.format = opt->format;
        o.name =
            opt->format == FORMAT_TORCH ? "pytorch_model.bin" : "model.safetensors";
    }
    o.name = opt->file_name != NULL ? opt->file_name : o.name;
    o.shard_bytes = opt->shard_bytes != 0 ? opt->shard_bytes : o.shard_bytes;
    return o;
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
    for (size_t k = 0; config_file_name(j->from, k) != NULL; k++) {
        const char *p = path_join(cx->arena, j->src->dir, config_file_name(j->from, k));
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

static output_tensor *tensors_for(context *cx, const plan *p, file_format format)
{
    output_tensor *t = NEW_N(cx->arena, output_tensor, p->tensors.n + 1);
    for (size_t i = 0; i < p->tensors.n; i++) {
        const plan_tensor *from = &p->tensors.at[i];
        t[i] =
            (output_tensor){.name = from->name,
                            .dt = from->dt,
                            .rank = (uint8_t)from->rank,
                            .alias_of = format == FORMAT_TORCH ? from->alias_of : -1};
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

static rt_status stream(context *cx, const plan *p, output *o,
                        const output_tensor *tensors, const run_options *opt,
                        const char *dst, exec_stats *stats)
{
    size_t *index = NEW_N(cx->arena, size_t, p->tensors.n + 1);
    for (size_t i = 0; i < p->tensors.n; i++) {
        index[i] = i;
    }
    TRY(output_begin(cx, o, dst, opt->force));
    exec_options ex = opt->exec;
    ex.stats = stats;
    const rt_status status = exec_run(cx, p, o, tensors, index, &ex);
    if (status != RT_OK) {
        output_abort(o);
        return status;
    }
    return RT_OK;
}

/* What `keep` rules set aside, in a file of its own; published before the weights. */
static rt_status write_kept(context *cx, job *j, const run_options *opt,
                            const char *dst)
{
    if (j->kept.n == 0) {
        return RT_OK;
    }
    plan p = {.sources = {j->plan.sources.at, j->plan.sources.n, j->plan.sources.cap},
              .tensors = {j->kept.at, j->kept.n, j->kept.cap}};
    output *o;
    output_tensor *t = tensors_for(cx, &p, FORMAT_SAFETENSORS);
    const output_options oo = {.format = FORMAT_SAFETENSORS,
                               .name = "retensor-kept.safetensors"};
    run_options quiet = *opt;
    quiet.exec.progress = NULL;
    TRY(output_plan(cx, &oo, t, p.tensors.n, &o));
    protect_inputs(cx, j, o);
    TRY(stream(cx, &p, o, t, &quiet, dst, NULL));
    return output_commit(cx, o, opt->sync);
}

rt_status job_run(context *cx, job *j, const run_options *opt, const char *dst,
                  run_result *result)
{
    *result = (run_result){.dir = dst};
    if (j->status != RT_OK) {
        return j->status;
    }
    TRY(check_weights(cx, j));
    TRY(job_place(cx, j, opt, dst));
    TRY(job_decide(cx, j));
    const output_options oo = options_for(j, opt);
    const plan p = plan_for(cx, &j->plan, oo.format);
    output_tensor *tensors = tensors_for(cx, &p, oo.format);
    output *o;
    TRY(output_plan(cx, &oo, tensors, p.tensors.n, &o));
    protect_inputs(cx, j, o);
    if (!opt->weights_only) {
        TRY(along_add(cx, j, opt, dst, o));
    }
    TRY(place_stale(cx, j, opt, dst, o));
    if (opt->exec.measure_every > 0) {
        result->stats = NEW_N(cx->arena, exec_stats, p.tensors.n + 1);
    }
    TRY(stream(cx, &p, o, tensors, opt, dst, result->stats));
    const rt_status kept = write_kept(cx, j, opt, dst);
    if (kept != RT_OK) {
        output_abort(o);
        return kept;
    }
    TRY(output_commit(cx, o, opt->sync));
    for (size_t i = 0; i < output_n_files(o); i++) {
        vec_push(cx->arena, &result->files, output_file_name(o, i));
        result->n_bytes += output_file_bytes(o, i);
    }
    result->n_tensors = p.tensors.n;
    return RT_OK;
}
