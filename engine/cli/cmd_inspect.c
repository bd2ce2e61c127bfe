/* inspect: what a checkpoint holds, without rules. */
#include <stdio.h>

#include "audit/inspect.h"
#include "audit/show.h"
#include "checkpoint/checksums.h"
#include "cli/command.h"

/* Adds what was compared; RT_NO: some bytes are others. */
static rt_status compare_sums(session *s, const checkpoint *c, buf *out, value *record)
{
    arena *a = s->cx.arena;
    checksums sums;
    const rt_status status = checksums_compare(&s->cx, c->inv, &sums);
    if (record != NULL) {
        value *v = value_record(a);
        put_count(a, v, "compared", sums.n_compared);
        put_count(a, v, "different", sums.n_different);
        value_set(a, record, "checksums", v);
    } else if (sums.n_compared == 0) {
        buf_add(out, "no checksums: the files have none\n");
    } else {
        buf_printf(out, "%s compared (%s), %zu different\n",
                   show_count(a, sums.n_compared, "checksum"),
                   show_bytes(a, sums.n_bytes), sums.n_different);
    }
    return status;
}

rt_status cmd_inspect(session *s)
{
    checkpoint *c = NULL;
    TRY(session_open(s, s->opt.args.at[0], &c));
    buf out = {.arena = s->cx.arena};
    value *record = NULL;
    rt_status status = RT_OK;
    if (session_wants_value(s)) {
        record = inspect_value(s->cx.arena, c);
    } else {
        inspect_text(&out, c);
    }
    if (s->opt.checksums) {
        status = compare_sums(s, c, &out, record);
    }
    if (record != NULL) {
        session_value(s, &out, record);
    }
    const rt_status printed = session_print(s, &out);
    for (size_t i = 0; i < c->inv->notes.n && record == NULL && !s->opt.quiet; i++) {
        (void)fprintf(stderr, "note: %s\n", c->inv->notes.at[i]);
    }
    inventory_close(c->inv);
    return printed != RT_OK ? printed : status;
}
