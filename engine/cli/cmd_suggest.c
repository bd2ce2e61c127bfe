/* suggest: the draft of a rule file, from one model in two layouts. */
#include <string.h>

#include "audit/suggest.h"
#include "cli/command.h"

/* The layout that --from or --to says, or that names tell; `otherwise` where no family
 * knows them. */
static const char *layout_told(session *s, const char *said, const char *path,
                               const char *otherwise)
{
    context quiet = {s->cx.arena, diags_new(s->cx.arena)};
    job_options jo = session_job(s);
    job *j = NULL;
    jo.from = jo.to = NULL;
    if (said != NULL) {
        return said;
    }
    const bool known = job_convert(&quiet, &jo, path, &j) == RT_OK && j->from != NULL;
    const char *layout = known ? j->from : otherwise;
    job_close(j);
    return layout;
}

static rt_status open_both(session *s, const checkpoint *from[2], buf *out)
{
    const char *const *at = s->opt.args.at;
    suggest_side side[2] = {
        {.layout = layout_told(s, s->opt.from, at[0], "a"), .from = from[0]},
        {.layout = layout_told(s, s->opt.to, at[1], "b"), .from = from[1]},
    };
    if (strcmp(side[0].layout, side[1].layout) == 0) {
        side[0].layout = "a";
        side[1].layout = "b";
    }
    const layout_table *known;
    TRY(layouts_load(&s->cx, NULL, 0, &known));
    for (unsigned k = 0; k < 2; k++) {
        value *config = NULL;
        const char *path;
        TRY(config_load(&s->cx, layout_of(known, side[k].layout), from[k]->dir, &config,
                        &path));
        side[k].config = config;
    }
    return suggest_rules(&s->cx, side, out);
}

rt_status cmd_suggest(session *s)
{
    checkpoint *a = NULL, *b = NULL;
    buf out = {.arena = s->cx.arena};
    TRY(session_open(s, s->opt.args.at[0], &a));
    rt_status status = session_open(s, s->opt.args.at[1], &b);
    if (status == RT_OK) {
        status = open_both(s, (const checkpoint *[2]){a, b}, &out);
        inventory_close(b->inv);
    }
    inventory_close(a->inv);
    TRY(status);
    return session_print(s, &out);
}
