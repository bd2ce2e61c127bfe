/* verify: two checkpoints, of one layout or of two; a base and what was merged into it.
 */
#include <string.h>
#include <unistd.h>

#include "audit/verify.h"
#include "cli/command.h"
#include "cli/progress.h"

/* B, whose layout is as --to says, or as it is detected. */
static rt_status open_second(session *s, const char *fallback, job **out)
{
    job_options jo = session_job(s);
    jo.from = s->opt.to;
    jo.to = NULL;
    jo.dtype = NULL;
    jo.set = NULL;
    return job_open(&s->cx, &jo, s->opt.args.at[1], fallback, out);
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

static rt_status merge(session *s, const char *to, job **a)
{
    job_options jo = session_job(s);
    const job_addend adapter = {s->opt.adapter, 1};
    jo.to = to;
    jo.scale_is_asked = true; /* what is asked for need not be said */
    return job_merge(&s->cx, &jo, s->opt.args.at[0], &adapter, 1, a);
}

/* The base with the adapter, in the layout of B; what the base's layout is helps to
 * tell that of B. */
static rt_status open_merge(session *s, job **a, job **b)
{
    TRY(merge(s, s->opt.to, a));
    TRY(open_second(s, (*a)->to, b));
    if (strcmp((*a)->to, (*b)->from) == 0) {
        return RT_OK;
    }
    job_close(*a);
    *a = NULL;
    return merge(s, (*b)->from, a);
}

static rt_status open_both(session *s, job **a, job **b)
{
    job_options jo = session_job(s);
    TRY(open_second(s, NULL, b));
    jo.to = (*b)->from;
    jo.n_files = (*b)->src->inv->files.n;
    return job_convert(&s->cx, &jo, s->opt.args.at[0], a);
}

rt_status cmd_verify(session *s)
{
    job *a = NULL, *b = NULL;
    rt_status status =
        s->opt.adapter != NULL ? open_merge(s, &a, &b) : open_both(s, &a, &b);
    if (status == RT_OK) {
        status = compare(s, a, b);
    }
    job_close(a);
    job_close(b);
    return status;
}
