/* What commands share: messages, output, and options as the engine wants them. */
#include "cli/command.h"

#include <stdio.h>
#include <stdlib.h>

#include "audit/report_html.h"
#include "base/json.h"
#include "base/pool.h"
#include "cli/signals.h"

void session_say(session *s)
{
    diags *d = s->cx.diags;
    s->n_warnings += diags_count(d, SEV_WARNING);
    if (!s->opt.quiet || diags_count(d, SEV_ERROR) > 0) {
        if (s->opt.json) {
            diags_print_json(d, stderr);
        } else {
            diags_print_text(d, stderr, s->color);
        }
    }
    diags_clear(d);
}

void session_sarif(session *s)
{
    diags *d = s->cx.diags;
    s->n_warnings += diags_count(d, SEV_WARNING);
    diags_print_sarif(d, RETENSOR_VERSION, stdout);
    diags_clear(d);
}

rt_status session_print(session *s, const buf *text)
{
    const size_t n_bytes = text->n;
    if ((n_bytes > 0 && fwrite(text->p, 1, n_bytes, stdout) != n_bytes) ||
        fflush(stdout) != 0) {
        diag_report(s->cx.diags, SEV_ERROR, "bad-file", NOWHERE,
                    "standard output cannot be written");
        return RT_FILE;
    }
    return RT_OK;
}

bool session_wants_value(const session *s)
{
    return s->opt.json || s->opt.html;
}

void session_value(const session *s, buf *out, const value *v)
{
    if (s->opt.html) {
        report_html(out, arena_printf(s->cx.arena, "retensor %s", s->command->name), v);
    } else {
        json_print(out, v);
    }
}

rt_status session_usage(session *s, const char *help, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *text = arena_vprintf(s->cx.arena, fmt, ap);
    va_end(ap);
    diag *dg = diag_report(s->cx.diags, SEV_ERROR, "usage", NOWHERE, "%s", text);
    if (help != NULL) {
        diag_help(dg, "%s", help);
    }
    return RT_USAGE;
}

job_options session_job(const session *s)
{
    const options *o = &s->opt;
    return (job_options){
        .rules = o->rules.at,
        .n_rules = o->rules.n,
        .from = o->from,
        .to = o->to,
        .model_name = o->model_name,
        .set = o->set,
        .dtype = o->dtype,
        .dequantize = o->dequantize,
        .round = o->round,
        .seed = o->seed,
        .config_path = o->config_path,
    };
}

rt_status session_open(session *s, const char *path, checkpoint **out)
{
    const layout_table *l;
    TRY(layouts_load(&s->cx, NULL, 0, &l));
    const file_name_list known = layouts_weights(s->cx.arena, l, NULL);
    return checkpoint_open_known(&s->cx, path, &known, out);
}

uint64_t session_memory(const session *s)
{
    return s->opt.memory_bytes != 0 ? s->opt.memory_bytes : (uint64_t)32 << 20;
}

run_options session_run(const session *s)
{
    const options *o = &s->opt;
    const bool torch = o->format != NULL && o->format[0] == 't';
    return (run_options){
        .has_format = o->format != NULL,
        .format = torch ? FORMAT_TORCH : FORMAT_SAFETENSORS,
        .shard_bytes = o->shard_bytes,
        .force = o->force,
        .sync = !o->no_sync,
        .exec = {.kernels = getenv("RETENSOR_KERNELS"),
                 .threads =
                     o->threads != 0 ? (unsigned)o->threads : pool_default_threads(),
                 .memory_bytes = session_memory(s),
                 .cancel = signals_flag()},
    };
}
