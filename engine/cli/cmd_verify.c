/* verify: two checkpoints, of one layout or of two; a base and what was merged into it.
 */
#include <unistd.h>

#include "audit/verify.h"
#include "cli/command.h"
#include "cli/progress.h"

/* The layout of B: as --to says, or as it is detected. */
static rt_status open_second(session *s, job **out)
{
    job_options jo = session_job(s);
    context quiet = {s->cx.arena, diags_new(s->cx.arena)};
    jo.from = s->opt.to;
    jo.to = NULL;
    jo.dtype = NULL;
    jo.set = NULL;
    /* What is wrong with B as a source does not matter, unless it cannot be opened. */
    if (job_convert(&quiet, &jo, s->opt.args.at[1], out) == RT_OK) {
        return RT_OK;
    }
    return job_convert(&s->cx, &jo, s->opt.args.at[1], out);
}

static rt_status compare(session *s, job *a, const job *b)
{
    run_options run = session_run(s);
    progress bar;
    const bool terminal = isatty(STDERR_FILENO) && !s->opt.quiet && !s->opt.json;
    if (s->opt.progress == WHEN_ALWAYS || (s->opt.progress == WHEN_AUTO && terminal)) {
        run.exec.progress = progress_tell;
        run.exec.who = &bar;
    }
    verify_result r;
    TRY(a->status);
    TRY(job_decide(&s->cx, a));
    progress_begin(&bar);
    const rt_status status = verify_run(&s->cx, a, b->src, &run.exec, &r);
    progress_end(&bar);
    TRY(status);
    buf out = {.arena = s->cx.arena};
    if (session_wants_value(s)) {
        session_value(s, &out, verify_value(s->cx.arena, &r));
    } else {
        verify_text(&out, &r);
    }
    TRY(session_print(s, &out));
    session_say(s);
    return !verify_holds(&r) || (s->opt.strict && s->n_warnings > 0) ? RT_NO : RT_OK;
}

rt_status cmd_verify(session *s)
{
    job *a = NULL, *b = NULL;
    TRY(open_second(s, &b));
    job_options jo = session_job(s);
    jo.to = b->from;
    jo.scale_is_asked = true; /* what is asked for need not be said */
    const job_addend adapter = {s->opt.adapter, 1};
    rt_status status = s->opt.adapter == NULL
                           ? job_convert(&s->cx, &jo, s->opt.args.at[0], &a)
                           : job_merge(&s->cx, &jo, s->opt.args.at[0], &adapter, 1, &a);
    if (status == RT_OK) {
        status = compare(s, a, b);
    }
    job_close(a);
    job_close(b);
    return status;
}
