/* The program, asked many times: its embedded rules and named models are loaded once,
 * and each command runs in a child that has them already.
 *
 *     answer < commands
 *
 * A line has the paths that take stdout and stderr, then the arguments, with a tab
 * between each two; what is printed for it is the exit code. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/signals.h"
#include "cli/start.h"
#include "config/convert.h"
#include "mapping/mapping.h"

enum { MAX_ARGS = 64 };

/* The linker puts these in the place of the engine's own (--wrap). */
rt_status __real_mapping_all(context *cx, const mapping *const **out, size_t *n);
rt_status __real_models_load(context *cx, const model_row **rows, size_t *n);
rt_status __wrap_mapping_all(context *cx, const mapping *const **out, size_t *n);
rt_status __wrap_models_load(context *cx, const model_row **rows, size_t *n);

static struct {
    const mapping *const *mappings;
    size_t n_mappings;
    const model_row *rows;
    size_t n_rows;
} loaded;

rt_status __wrap_mapping_all(context *cx, const mapping *const **out, size_t *n)
{
    (void)cx;
    *out = loaded.mappings;
    *n = loaded.n_mappings;
    return RT_OK;
}

rt_status __wrap_models_load(context *cx, const model_row **rows, size_t *n)
{
    (void)cx;
    *rows = loaded.rows;
    *n = loaded.n_rows;
    return RT_OK;
}

static int run(int argc, char *const *argv)
{
    arena *a = arena_new();
    session s = {.cx = {a, diags_new(a)}};
    signals_catch();
    const int status = (int)start(&s, argc, argv);
    session_say(&s);
    return status;
}

static void redirect(int fd, const char *path)
{
    const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0 || dup2(file, fd) < 0) {
        _exit(126);
    }
    (void)close(file);
}

static int answer(char *line)
{
    char *args[MAX_ARGS];
    int n = 0;
    for (char *rest = line, *arg;
         (arg = strsep(&rest, "\t")) != NULL && n + 1 < MAX_ARGS;) {
        args[n++] = arg;
    }
    if (n < 3) {
        return 126;
    }
    args[n] = NULL;
    const pid_t child = fork();
    if (child == 0) {
        redirect(STDOUT_FILENO, args[0]);
        redirect(STDERR_FILENO, args[1]);
        static char self[] = "retensor";
        args[1] = self;
        const int status = run(n - 1, args + 1);
        (void)fflush(NULL);
        _exit(status);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child) {
        return 126;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(void)
{
    arena *a = arena_new();
    context cx = {a, diags_new(a)};
    char *line = NULL;
    size_t room = 0;
    if (__real_mapping_all(&cx, &loaded.mappings, &loaded.n_mappings) != RT_OK ||
        __real_models_load(&cx, &loaded.rows, &loaded.n_rows) != RT_OK) {
        return 1;
    }
    for (ssize_t n; (n = getline(&line, &room, stdin)) > 0;) {
        line[n - 1] = '\0';
        printf("%d\n", answer(line));
        (void)fflush(stdout);
    }
    free(line);
    arena_free(a);
    return 0;
}
