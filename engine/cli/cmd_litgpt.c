/* The drop-ins: commands with the names, options and places of the scripts that users
 * have in their own.  Each is a job with other defaults. */
#include <string.h>

#include "base/file.h"
#include "cli/command.h"
#include "config/layouts.h"

/* A directory given by its option or as the argument `at`. */
static rt_status need(session *s, const char *given, size_t at, const char *what,
                      const char **out)
{
    *out = given != NULL ? given : at < s->opt.args.n ? s->opt.args.at[at] : NULL;
    return *out != NULL ? RT_OK
                        : session_usage(s, NULL, "%s needs %s", s->command->name, what);
}

/* A directory as litgpt of today takes it: of the one that is not there, the one of
 * that name in checkpoints/. */
static const char *in_checkpoints(session *s, const char *dir)
{
    const char *there = path_join(s->cx.arena, "checkpoints", dir);
    const bool is_relative = dir[0] != '/' && strncmp(dir, "checkpoints/", 12) != 0;
    return is_relative && !dir_exists(dir) && dir_exists(there) ? there : dir;
}

static rt_status run_job(session *s, const job_options *jo, const char *src,
                         run_options *run, const char *dst)
{
    job *j = NULL;
    TRY(job_convert(&s->cx, jo, src, &j));
    rt_status status = RT_OK;
    if (s->opt.debug_mode && !s->opt.dry_run && j->status == RT_OK) {
        status = session_plan(s, j);
    }
    if (status == RT_OK) {
        status = session_write(s, j, run, dst);
    }
    job_close(j);
    return status;
}

/* The scripts write over what they wrote before, and touch nothing else. */
static void put_beside(run_options *run, bool spare)
{
    run->beside = true;
    run->force = true;
    run->spare = spare;
}

/* One file of hf names.  Beside it, where nothing of the kind stands, goes what
 * from_pretrained needs to open the directory: config.json and an index. */
static rt_status to_hf_file(session *s, const char *from, const char *dir,
                            const char *name)
{
    job_options jo = session_job(s);
    run_options run = session_run(s);
    jo.to = "hf";
    if (!run.has_format) {
        run.has_format = true;
        run.format = FORMAT_TORCH;
    }
    run.file_name = name;
    run.index = true;
    put_beside(&run, true);
    return run_job(s, &jo, from, &run, dir);
}

/* hf -> lit or lit-legacy beside the source: older output is replaced, as there. */
static rt_status to_lit(session *s, const char *dir, const char *to,
                        const char *config_name)
{
    job_options jo = session_job(s);
    run_options run = session_run(s);
    jo.from = "hf";
    jo.to = s->opt.to != NULL ? s->opt.to : to;
    const layout_table *l;
    TRY(layouts_load(&s->cx, NULL, 0, &l));
    run.config_name =
        config_is_file_of(layout_of(l, jo.to), config_name) ? config_name : NULL;
    put_beside(&run, false);
    return run_job(s, &jo, dir, &run, dir);
}

rt_status cmd_convert_hf_checkpoint(session *s)
{
    const char *dir;
    TRY(need(s, s->opt.checkpoint_dir, 0, "--checkpoint_dir DIR", &dir));
    return to_lit(s, dir, "lit-legacy", "lit_config.json");
}

rt_status cmd_convert_to_litgpt(session *s)
{
    const char *dir;
    TRY(need(s, s->opt.checkpoint_dir, 0, "--checkpoint_dir DIR", &dir));
    return to_lit(s, in_checkpoints(s, dir), "lit", "model_config.yaml");
}

rt_status cmd_convert_lit_checkpoint(session *s)
{
    const char *from, *to;
    TRY(need(s, s->opt.checkpoint_path, SIZE_MAX, "--checkpoint_path FILE", &from));
    TRY(need(s, s->opt.output_path, SIZE_MAX, "--output_path FILE", &to));
    return to_hf_file(s, from, path_dir(s->cx.arena, to), path_base(to));
}

rt_status cmd_convert_from_litgpt(session *s)
{
    const char *from, *to;
    TRY(need(s, s->opt.checkpoint_dir, 0, "DIR", &from));
    TRY(need(s, s->opt.output_dir, s->opt.checkpoint_dir != NULL ? 0 : 1, "OUT", &to));
    return to_hf_file(s, in_checkpoints(s, from), to, "model.pth");
}

rt_status cmd_convert_pretrained_checkpoint(session *s)
{
    const char *from, *to;
    TRY(need(s, s->opt.checkpoint_dir, 0, "DIR", &from));
    TRY(need(s, s->opt.output_dir, s->opt.checkpoint_dir != NULL ? 0 : 1, "OUT", &to));
    job_options jo = session_job(s);
    run_options run = session_run(s);
    jo.from = "lit";
    jo.to = "lit";
    return run_job(s, &jo, in_checkpoints(s, from), &run, to);
}

/* ---- merge_lora ---------------------------------------------------------------- */

/* "bf16-true" -> bfloat16. */
static rt_status dtype_of_precision(session *s, const char **to)
{
    static const char *const known[][2] = {
        {"bf16-true", "bfloat16"}, {"16-true", "float16"}, {"32-true", "float32"},
        {"64-true", "float64"},    {"32", "float32"},
    };
    if (s->opt.precision == NULL) {
        return RT_OK;
    }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(known[i][0], s->opt.precision) == 0) {
            *to = known[i][1];
            return RT_OK;
        }
    }
    return session_usage(s, "bf16-true, 16-true, 32-true or 64-true",
                         "--precision: '%s' cannot be understood", s->opt.precision);
}

/* What the script's function arguments were when nobody said otherwise. */
static const value *script_defaults(arena *a)
{
    static const struct {
        const char *name;
        int64_t number;
        bool is_number, truth;
    } defaults[] = {
        {"lora_r", 8, true, false},     {"lora_alpha", 16, true, false},
        {"lora_query", 0, false, true}, {"lora_key", 0, false, false},
        {"lora_value", 0, false, true}, {"lora_projection", 0, false, false},
        {"lora_mlp", 0, false, false},  {"lora_head", 0, false, false},
    };
    value *v = value_record(a);
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++) {
        value_set(a, v, defaults[i].name,
                  defaults[i].is_number ? value_int(a, defaults[i].number)
                                        : value_bool(a, defaults[i].truth));
    }
    return v;
}

static rt_status merge(session *s, job_options *jo, const char *base,
                       const char *adapter, run_options *run, const char *dst)
{
    job *j = NULL;
    TRY(dtype_of_precision(s, &jo->dtype));
    const job_addend whole = {adapter, 1};
    TRY(job_merge(&s->cx, jo, base, &whole, 1, &j));
    const rt_status status = session_write(s, j, run, dst);
    job_close(j);
    return status;
}

/* The base of a directory that finetune_lora wrote. */
static rt_status base_of(session *s, const char *dir, const char **base)
{
    value *record = NULL;
    const char *path = path_join(s->cx.arena, dir, "hyperparameters.yaml");
    if (s->opt.pretrained_checkpoint_dir != NULL) {
        *base = in_checkpoints(s, s->opt.pretrained_checkpoint_dir);
        return RT_OK;
    }
    if (file_exists(path)) {
        TRY(config_load_file(&s->cx, path, &record));
    }
    const value *v = value_get(record, "checkpoint_dir");
    if (v == NULL || v->kind != V_STRING) {
        return session_usage(s, "say --pretrained_checkpoint_dir DIR",
                             "%s does not name the base", path);
    }
    *base = in_checkpoints(s, v->s);
    return RT_OK;
}

/* Today's command: the adapter's directory is merged in place, once. */
static rt_status merge_in_place(session *s, const char *dir)
{
    const char *base = NULL, *merged = path_join(s->cx.arena, dir, "lit_model.pth");
    job_options jo = session_job(s);
    run_options run = session_run(s);
    TRY(base_of(s, dir, &base));
    if (file_exists(merged)) {
        diag *dg = diag_report(s->cx.diags, SEV_ERROR, "already-merged", NOWHERE,
                               "%s exists: the adapter was merged before", merged);
        diag_help(dg, "remove it to merge again");
        return RT_FILE;
    }
    put_beside(&run, true);
    run.weights_only = true; /* configs and tokenizer stand there since the training */
    return merge(s, &jo, base, dir, &run, dir);
}

rt_status cmd_merge_lora(session *s)
{
    const options *o = &s->opt;
    const char *dir;
    TRY(need(s, o->checkpoint_dir, 0, "--checkpoint_dir DIR", &dir));
    if (o->lora_path == NULL && o->out_dir == NULL) {
        return merge_in_place(s, in_checkpoints(s, dir));
    }
    if (o->lora_path == NULL || o->out_dir == NULL) {
        return session_usage(s, NULL, "merge_lora needs %s",
                             o->lora_path == NULL ? "--lora_path FILE"
                                                  : "--out_dir DIR");
    }
    job_options jo = session_job(s);
    run_options run = session_run(s);
    jo.adapter_defaults = script_defaults(s->cx.arena);
    jo.adapter_defaults_of = s->command->name;
    put_beside(&run, true);
    return merge(s, &jo, dir, o->lora_path, &run, o->out_dir);
}
