/* From a planned job to files, and a few words about it. */
#include <stdio.h>
#include <unistd.h>

#include "audit/plan_lines.h"
#include "audit/report.h"
#include "cli/command.h"
#include "cli/progress.h"

rt_status session_plan(session *s, const job *j)
{
    buf out = {.arena = s->cx.arena};
    if (session_wants_value(s)) {
        session_value(s, &out, plan_value(s->cx.arena, j, session_memory(s)));
    } else {
        plan_text(&out, j, session_memory(s));
    }
    return session_print(s, &out);
}

enum { SAMPLE_EVERY = 32 }; /* tiles */

/* Say what was reported so far; false: it has warnings, which --strict takes for no. */
static bool say_and_go_on(session *s)
{
    session_say(s);
    if (s->opt.strict && s->n_warnings > 0) {
        diag_report(s->cx.diags, SEV_ERROR, "strict", NOWHERE,
                    "there are warnings, and --strict: nothing is written");
        return false;
    }
    return true;
}

typedef struct writer {
    session *s;
    const job *j;
    progress *bar;
} writer;

static bool go_on(void *who, const exec_stats *stats)
{
    const writer *w = who;
    merge_warn(&w->s->cx, w->j, stats);
    progress_end(w->bar);
    return say_and_go_on(w->s);
}

static rt_status tell(session *s, const job *j, const run_result *done)
{
    buf out = {.arena = s->cx.arena}, said = {.arena = s->cx.arena};
    session_say(s);
    if (session_wants_value(s)) {
        session_value(s, &out, summary_value(s->cx.arena, j, done));
    } else {
        if (s->opt.report && j->merged.n > 0) {
            merge_text(&out, j, done->stats);
        }
        summary_text(&said, j, done);
    }
    if (!s->opt.quiet) {
        (void)fputs(buf_str(&said), stderr);
    }
    return session_print(s, &out);
}

rt_status session_write(session *s, job *j, run_options *run, const char *dst)
{
    const options *o = &s->opt;
    if (j->status != RT_OK) {
        return j->status;
    }
    if (!say_and_go_on(s)) {
        return RT_NO;
    }
    TRY(job_place(&s->cx, j, run, dst));
    if (o->dry_run) {
        return session_plan(s, j);
    }
    progress bar = {0};
    writer w = {s, j, &bar};
    run->go_on = go_on;
    run->who = &w;
    const bool terminal = isatty(STDERR_FILENO) && !o->quiet && !o->json;
    if (o->progress == WHEN_ALWAYS || (o->progress == WHEN_AUTO && terminal)) {
        run->exec.progress = progress_tell;
        run->exec.who = &bar;
    }
    /* A report has the numbers of all elements; warnings of lost updates need few. */
    const bool measured = j->merged.n > 0 && (o->report || session_wants_value(s));
    run->exec.measure_every = j->merged.n == 0 ? 0 : measured ? 1 : SAMPLE_EVERY;
    run_result done;
    progress_begin(&bar);
    const rt_status status = job_run(&s->cx, j, run, dst, &done);
    progress_end(&bar);
    TRY(status);
    if (measured) {
        TRY(job_spectra(&s->cx, j));
    }
    return tell(s, j, &done);
}
