/* What comes before a command: its name, its options, whether messages are coloured. */
#include "cli/start.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

static rt_status print_version(session *s)
{
    buf out = {.arena = s->cx.arena};
    buf_add(&out, "retensor " RETENSOR_VERSION "\n");
    return session_print(s, &out);
}

static rt_status no_command(session *s, const char *name)
{
    buf out = {.arena = s->cx.arena};
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 ||
        strcmp(name, "help") == 0) {
        help_program(&out);
        return session_print(s, &out);
    }
    if (strcmp(name, "--version") == 0) {
        return print_version(s);
    }
    if (name[0] == '-') {
        return session_usage(s, "as in `retensor audit --quiet SRC`",
                             "options stand behind the command; here %s comes first",
                             name);
    }
    const char *near = command_near(name);
    return session_usage(
        s,
        near == NULL ? "`retensor --help` lists the commands"
                     : arena_printf(s->cx.arena, "did you mean `retensor %s`?", near),
        "retensor has no command '%s'", name);
}

static rt_status usage(session *s)
{
    buf out = {.arena = s->cx.arena};
    session_say(s);
    help_usage(&out, s->command);
    (void)fputs(buf_str(&out), stderr);
    return RT_USAGE;
}

static rt_status run_command(session *s, int n, char *const *argv)
{
    const command *c = s->command;
    options *o = &s->opt;
    const rt_status parsed =
        options_parse(&s->cx, c->options | OPTIONS_EVERYWHERE, n, argv, o);
    if (o->help) {
        buf out = {.arena = s->cx.arena};
        help_command(&out, c);
        return session_print(s, &out);
    }
    if (parsed != RT_OK) {
        return usage(s);
    }
    if (o->version) {
        return print_version(s);
    }
    if (o->color != WHEN_AUTO) {
        s->color = o->color == WHEN_ALWAYS;
    }
    if (o->args.n < c->min_args || o->args.n > c->max_args) {
        (void)session_usage(s, NULL, "%s takes %s; here are %zu arguments", c->name,
                            c->args[0] == '\0' ? "no arguments" : c->args, o->args.n);
        return usage(s);
    }
    const rt_status status = c->run(s);
    return status == RT_USAGE && diags_has(s->cx.diags, "usage") ? usage(s) : status;
}

rt_status start(session *s, int argc, char *const *argv)
{
    static const char link[] = "retensor-";
    s->color = isatty(STDERR_FILENO) && getenv("NO_COLOR") == NULL;
    const char *self = argc > 0 ? path_base(argv[0]) : "";
    int at = 1; /* where the command's options begin */
    const char *name = NULL;
    if (strncmp(self, link, sizeof link - 1) == 0) {
        name = self + sizeof link - 1;
    } else if (argc > 1) {
        name = argv[1];
        at = 2;
    }
    if (name == NULL) {
        return usage(s);
    }
    s->command = command_find(name);
    return s->command == NULL ? no_command(s, name)
                              : run_command(s, argc - at, argv + at);
}
