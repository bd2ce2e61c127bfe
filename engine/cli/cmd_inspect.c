/* inspect: what a checkpoint holds, without rules. */
#include <stdio.h>

#include "audit/inspect.h"
#include "cli/command.h"

rt_status cmd_inspect(session *s)
{
    checkpoint *c = NULL;
    TRY(session_open(s, s->opt.args.at[0], &c));
    buf out = {.arena = s->cx.arena};
    if (session_wants_value(s)) {
        session_value(s, &out, inspect_value(s->cx.arena, c));
    } else {
        inspect_text(&out, c);
    }
    const rt_status status = session_print(s, &out);
    for (size_t i = 0; i < c->inv->notes.n && !session_wants_value(s) && !s->opt.quiet;
         i++) {
        (void)fprintf(stderr, "note: %s\n", c->inv->notes.at[i]);
    }
    inventory_close(c->inv);
    return status;
}
