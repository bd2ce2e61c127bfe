/* convert and merge. */
#include "cli/command.h"

rt_status cmd_convert(session *s)
{
    if (s->opt.to == NULL) {
        return session_usage(s, "as in --to lit; `retensor families` lists the layouts",
                             "convert needs --to LAYOUT");
    }
    const job_options jo = session_job(s);
    run_options run = session_run(s);
    job *j = NULL;
    TRY(job_convert(&s->cx, &jo, s->opt.args.at[0], &j));
    const rt_status status = session_write(s, j, &run, s->opt.args.at[1]);
    job_close(j);
    return status;
}

rt_status cmd_adapter(session *s)
{
    const job_options jo = session_job(s);
    run_options run = session_run(s);
    job *j = NULL;
    if (s->opt.base == NULL) {
        return session_usage(
            s, "add --base BASE: the checkpoint that it was trained on",
            "adapter needs --base BASE: only the base tells the names, "
            "shapes and parts of the layers that the factors are for");
    }
    TRY(job_adapter(&s->cx, &jo, s->opt.base, s->opt.args.at[0], &j));
    const rt_status status = session_write(s, j, &run, s->opt.args.at[1]);
    job_close(j);
    return status;
}

rt_status cmd_merge(session *s)
{
    const job_options jo = session_job(s);
    run_options run = session_run(s);
    job *j = NULL;
    VEC(job_addend) adapters = {0};
    const double weight = s->opt.has_weight ? s->opt.weight : 1;
    vec_push(s->cx.arena, &adapters, ((job_addend){s->opt.args.at[1], weight}));
    for (size_t i = 0; i < s->opt.also.n; i++) {
        vec_push(s->cx.arena, &adapters, s->opt.also.at[i]);
    }
    TRY(job_merge(&s->cx, &jo, s->opt.args.at[0], adapters.at, adapters.n, &j));
    const rt_status status = session_write(s, j, &run, s->opt.args.at[2]);
    job_close(j);
    return status;
}
