/* Where an output may go. */
#include "job/place.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"

/* The absolute path without links; what does not exist yet is taken as it stands. */
static const char *real_path(arena *a, const char *path)
{
    char *real = realpath(path, NULL);
    if (real != NULL) {
        const char *copy = arena_strdup(a, real);
        free(real);
        return copy;
    }
    const char *up = path_dir(a, path), *last = path_base(path);
    if (strcmp(up, path) == 0) {
        return path;
    }
    if (last[0] == '\0' || strcmp(last, ".") == 0) {
        return real_path(a, up); /* "out/", "out/." */
    }
    return path_join(a, real_path(a, up), last);
}

static bool is_inside(const char *path, const char *dir)
{
    const size_t n = strlen(dir);
    return strncmp(path, dir, n) == 0 && (path[n] == '/' || dir[n - 1] == '/') &&
           path[n] != '\0';
}

/* An output in a directory of its own inside an input changes none of the input's
 * files; the input's own directory, or one above it, is no place for one. */
static rt_status check_apart(context *cx, const checkpoint *in, const char *dst)
{
    if (in == NULL) {
        return RT_OK;
    }
    const char *out = real_path(cx->arena, dst), *dir = real_path(cx->arena, in->dir);
    const bool is_same = strcmp(out, dir) == 0;
    if (!is_same && !is_inside(dir, out)) {
        return RT_OK;
    }
    diag *dg = diag_report(cx->diags, SEV_ERROR, "output-is-input", NOWHERE,
                           "the output directory '%s' %s the input '%s'", dst,
                           is_same ? "is" : "holds", in->dir);
    diag_help(dg, "inputs are never written: name a directory apart from them");
    return RT_FILE;
}

static rt_status check_empty(context *cx, const char *dst)
{
    char **names;
    size_t n = 0;
    if (dir_list(cx->arena, dst, &names, &n) != 0 || n == 0) {
        return RT_OK; /* what is wrong with the place, the attempt to write tells */
    }
    diag *dg = diag_report(cx->diags, SEV_ERROR, "output-exists", NOWHERE,
                           "the output directory '%s' is not empty", dst);
    for (size_t i = 0; i < n && i < 5; i++) {
        diag_note(dg, "%s", names[i]);
    }
    if (n > 5) {
        diag_note(dg, "and %zu more", n - 5);
    }
    diag_help(dg, "name another directory, or replace the model in it with --force");
    return RT_FILE;
}

rt_status job_place(context *cx, const job *j, const run_options *opt, const char *dst)
{
    if (opt->beside) {
        return RT_OK;
    }
    TRY(check_apart(cx, j->src, dst));
    for (size_t i = 0; i < j->adapters.n; i++) {
        TRY(check_apart(cx, j->adapters.at[i], dst));
    }
    return opt->force ? RT_OK : check_empty(cx, dst);
}

rt_status place_stale(context *cx, const job *j, const run_options *opt,
                      const char *dst, output *o)
{
    char **names;
    size_t n = 0;
    if (opt->beside || !opt->force || dir_list(cx->arena, dst, &names, &n) != 0) {
        return RT_OK;
    }
    const file_name_list known = layouts_weights(cx->arena, j->layouts, NULL);
    for (size_t i = 0; i < n; i++) {
        const bool fresh =
            j->kept.n > 0 && strcmp(names[i], "retensor-kept.safetensors") == 0;
        const bool ours = weights_name(cx->arena, &known, names[i]) ||
                          config_is_file_name(j->layouts, names[i]) ||
                          strncmp(names[i], "retensor-kept.", 14) == 0;
        if (ours && !fresh && file_exists(path_join(cx->arena, dst, names[i]))) {
            output_add_stale(o, names[i]);
        }
    }
    return RT_OK;
}
