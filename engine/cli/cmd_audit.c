/* audit, plan, explain: what is planned is shown, nothing is read but headers. */
#include <string.h>

#include "audit/explain.h"
#include "audit/lint.h"
#include "audit/plan_lines.h"
#include "audit/report.h"
#include "cli/command.h"

/* A job that could not even be planned: 4 when no family fits, else the answer is no.
 */
static rt_status unplanned(const session *s, rt_status status)
{
    return status == RT_MISMATCH && !diags_has(s->cx.diags, "no-family") &&
                   !diags_has(s->cx.diags, "no-layout")
               ? RT_NO
               : status;
}

rt_status cmd_audit(session *s)
{
    const job_options jo = session_job(s);
    job *j = NULL;
    const rt_status planned = job_convert(&s->cx, &jo, s->opt.args.at[0], &j);
    if (planned != RT_OK) {
        return unplanned(s, planned);
    }
    if (s->opt.lints || s->opt.strict) {
        for (size_t i = 0; i < j->steps.n && i < 1; i++) {
            lint_run(&s->cx, j->steps.at[i].v, j->steps.at[i].from);
        }
    }
    const report r = report_of(s->cx.arena, j);
    buf out = {.arena = s->cx.arena};
    if (session_wants_value(s)) {
        session_value(s, &out, report_value(s->cx.arena, &r));
    } else {
        report_text(&out, &r);
    }
    const rt_status printed = session_print(s, &out);
    session_say(s);
    job_close(j);
    TRY(printed);
    if (j->status != RT_OK) {
        return j->status == RT_MISMATCH ? RT_NO : j->status;
    }
    return s->opt.strict && s->n_warnings > 0 ? RT_NO : RT_OK;
}

rt_status cmd_plan(session *s)
{
    const job_options jo = session_job(s);
    job *j = NULL;
    TRY(job_convert(&s->cx, &jo, s->opt.args.at[0], &j));
    rt_status status = j->status;
    if (status == RT_OK) {
        status = session_plan(s, j);
    }
    job_close(j);
    return status;
}

rt_status cmd_explain(session *s)
{
    const job_options jo = session_job(s);
    job *j = NULL;
    TRY(job_convert(&s->cx, &jo, s->opt.args.at[0], &j));
    explanation e;
    rt_status status = explain(&s->cx, j, s->opt.args.at[1], &e);
    buf out = {.arena = s->cx.arena};
    if (status == RT_OK && session_wants_value(s)) {
        session_value(s, &out, explanation_value(s->cx.arena, &e));
    } else if (status == RT_OK) {
        explanation_text(&out, &e);
    }
    status = status == RT_OK ? session_print(s, &out) : status;
    job_close(j);
    return status;
}
