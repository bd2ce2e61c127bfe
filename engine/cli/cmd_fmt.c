/* fmt: rule files in canonical form. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "checkpoint/publish.h"
#include "cli/command.h"
#include "grammar/parse.h"

enum { MAX_BYTES = 16 << 20 };

static rt_status read_stdin(session *s, source *src)
{
    buf text = {.arena = s->cx.arena};
    char part[4096];
    size_t n;
    while ((n = fread(part, 1, sizeof part, stdin)) > 0 && text.n < MAX_BYTES) {
        buf_add_n(&text, part, n);
    }
    *src = (source){"<stdin>", buf_str(&text), text.n};
    return RT_OK;
}

static rt_status read_source(session *s, const char *path, source *src)
{
    char *text = NULL;
    size_t n_bytes = 0;
    if (strcmp(path, "-") == 0) {
        return read_stdin(s, src);
    }
    const int error = file_read(s->cx.arena, path, MAX_BYTES, &text, &n_bytes);
    if (error != 0) {
        diag_report(s->cx.diags, SEV_ERROR, "bad-file", NOWHERE,
                    "%s cannot be read: %s", path, strerror(error));
        return RT_FILE;
    }
    *src = (source){path, text, n_bytes};
    return RT_OK;
}

/* Replace the file as a whole or not at all. */
static rt_status rewrite(session *s, const char *path, const buf *text)
{
    publish *p = publish_new(s->cx.arena);
    publish_add_text(p, path_base(path), text->p, text->n);
    TRY(publish_begin(&s->cx, p, path_dir(s->cx.arena, path), true));
    return publish_commit(&s->cx, p, !s->opt.no_sync);
}

static rt_status format_one(session *s, const char *path, bool *changed)
{
    source *src = NEW(s->cx.arena, source);
    const ast_file *file = NULL;
    buf out = {.arena = s->cx.arena};
    *changed = false;
    TRY(read_source(s, path, src));
    TRY(rules_parse(&s->cx, src, &file));
    rules_format(&out, file);
    *changed = out.n != src->n_bytes || memcmp(buf_str(&out), src->text, out.n) != 0;
    if (s->opt.check) {
        if (*changed) {
            diag *dg = diag_report(s->cx.diags, SEV_ERROR, "not-canonical", NOWHERE,
                                   "%s is not in canonical form", path);
            diag_help(dg, "`retensor fmt %s` makes it so", path);
        }
        return RT_OK;
    }
    if (strcmp(path, "-") == 0) {
        return session_print(s, &out);
    }
    return *changed && !s->opt.dry_run ? rewrite(s, path, &out) : RT_OK;
}

rt_status cmd_fmt(session *s)
{
    rt_status worst = RT_OK;
    for (size_t i = 0; i < s->opt.args.n; i++) {
        bool changed;
        rt_status status = format_one(s, s->opt.args.at[i], &changed);
        if (status == RT_OK && s->opt.check && changed) {
            status = RT_NO;
        }
        worst = status > worst ? status : worst;
    }
    return worst;
}
