#include "checkpoint/open.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "checkpoint/bad_file.h"
#include "checkpoint/open_parts.h"

static bool is_index(const char *path)
{
    const size_t n = strlen(path);

    return n > 5 && strcmp(path + n - 5, ".json") == 0;
}

static rt_status read_all(context *cx, checkpoint *ck, const found_weights *found,
                          const char *root)
{
    ck->weights = found->paths.at[0];
    ck->chosen_because = found->because;
    for (size_t i = 0; i < found->paths.n; i++) {
        const char *path = found->paths.at[i];
        TRY(is_index(path)
                ? index_read(cx, ck->inv, path, root)
                : open_weights_file(cx, ck->inv, path, root, found->parts.at[i]));
    }
    return unwrap_names(cx, ck->inv);
}

/* A directory, of the user or in the hub's cache. */
static rt_status open_dir(context *cx, checkpoint *ck, const char *dir,
                          const file_name_list *known, const char *root)
{
    found_weights found = {0};
    ck->dir = dir;
    TRY(find_weights(cx, dir, known, &found));
    return read_all(cx, ck, &found, root);
}

/* No such path here: a repository in the hub's cache?  Its files are links that must
 * not leave the repository's own directory, two above the snapshot. */
static rt_status open_cached(context *cx, checkpoint *ck, const file_name_list *known,
                             int err)
{
    const char *dir = hub_cache_find(cx->arena, ck->given);

    if (dir == NULL) {
        return bad_file(
            cx, ck->given,
            "give a directory, a weights file, an index file, or org/name of "
            "a model in the local hub cache (nothing is downloaded)",
            "cannot open: %s", strerror(err));
    }
    const char *snapshots = path_dir(cx->arena, dir);
    return open_dir(cx, ck, dir, known, path_dir(cx->arena, snapshots));
}

static rt_status open_given(context *cx, checkpoint *ck, const file_name_list *known)
{
    found_weights found = {0};
    struct stat st;

    if (stat(ck->given, &st) != 0) {
        return open_cached(cx, ck, known, errno);
    }
    if (S_ISDIR(st.st_mode)) {
        return open_dir(cx, ck, ck->given, known, NULL);
    }
    ck->dir = path_dir(cx->arena, ck->given);
    vec_push(cx->arena, &found.paths, ck->given);
    vec_push(cx->arena, &found.parts, find_part(cx->arena, known, ck->given));
    return read_all(cx, ck, &found, NULL);
}

rt_status checkpoint_open_known(context *cx, const char *path,
                                const file_name_list *known, checkpoint **out)
{
    checkpoint *ck = NEW(cx->arena, checkpoint);

    ck->given = arena_strdup(cx->arena, path);
    ck->inv = inventory_new(cx->arena);
    const rt_status status = open_given(cx, ck, known);
    if (status != RT_OK) {
        inventory_close(ck->inv);
        return status;
    }
    *out = ck;
    return RT_OK;
}

rt_status checkpoint_open(context *cx, const char *path, checkpoint **out)
{
    const file_name_list none = {0};
    return checkpoint_open_known(cx, path, &none, out);
}
