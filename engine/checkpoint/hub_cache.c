/* The hub's local cache, read only:
 *
 *     ROOT/models--ORG--NAME/refs/REV             one commit (40 hexadecimal digits;
 *                                                 any plain name will do here)
 *     ROOT/models--ORG--NAME/snapshots/COMMIT/    links to ../../blobs
 *
 * (huggingface_hub, "Understand caching".)
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "checkpoint/open.h"

#define COMMIT_DIGITS 40u

static const char *env(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && *value != '\0' ? value : NULL;
}

static const char *cache_root(arena *a)
{
    static const char *const direct[] = {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"};

    for (size_t i = 0; i < 2; i++) {
        if (env(direct[i]) != NULL) {
            return env(direct[i]);
        }
    }
    if (env("HF_HOME") != NULL) {
        return path_join(a, env("HF_HOME"), "hub");
    }
    if (env("XDG_CACHE_HOME") != NULL) {
        return path_join(a, env("XDG_CACHE_HOME"), "huggingface/hub");
    }
    return env("HOME") != NULL ? path_join(a, env("HOME"), ".cache/huggingface/hub")
                               : NULL;
}

/* Letters, digits, '.', '_', '-' and, where allowed, single slashes; no "..", no dot or
 * slash at the start. */
static bool is_plain(const char *s, bool slashes)
{
    if (*s == '\0' || *s == '.' || *s == '/' || strstr(s, "..") != NULL ||
        strstr(s, "//") != NULL || strstr(s, "/.") != NULL) {
        return false;
    }
    for (; *s != '\0'; s++) {
        const unsigned char c = (unsigned char)*s;
        if (!isalnum(c) && strchr("._-", c) == NULL && !(slashes && c == '/')) {
            return false;
        }
    }
    return s[-1] != '/';
}

static bool is_commit(const char *s)
{
    return strlen(s) == COMMIT_DIGITS && strspn(s, "0123456789abcdef") == COMMIT_DIGITS;
}

/* What refs/REV says, or NULL. */
static const char *read_ref(arena *a, const char *repo, const char *rev)
{
    char *text;
    size_t n;
    const char *refs = path_join(a, repo, "refs");

    if (file_read(a, path_join(a, refs, rev), 256, &text, &n) != 0) {
        return NULL;
    }
    if (n > 0 && text[n - 1] == '\n') {
        text[--n] = '\0';
    }
    return strlen(text) == n && is_plain(text, false) ? text : NULL;
}

/* The only snapshot, or NULL. */
static const char *only_snapshot(arena *a, const char *snapshots)
{
    char **names;
    size_t n;

    return dir_list(a, snapshots, &names, &n) == 0 && n == 1 &&
                   is_plain(names[0], false)
               ? names[0]
               : NULL;
}

const char *hub_cache_find(arena *a, const char *repo_id)
{
    const char *root = cache_root(a), *at = strchr(repo_id, '@');
    const char *rev = at != NULL ? at + 1 : "main";
    char *id = arena_strndup(a, repo_id,
                             at != NULL ? (size_t)(at - repo_id) : strlen(repo_id));
    char *slash = strchr(id, '/');

    if (root == NULL || !is_plain(id, true) || !is_plain(rev, true) ||
        (slash != NULL && strchr(slash + 1, '/') != NULL)) {
        return NULL;
    }
    if (slash != NULL) {
        *slash = '\0';
    }
    const char *repo =
        path_join(a, root,
                  slash != NULL ? arena_printf(a, "models--%s--%s", id, slash + 1)
                                : arena_printf(a, "models--%s", id));
    const char *snapshots = path_join(a, repo, "snapshots");
    const char *commit = is_commit(rev) ? rev : read_ref(a, repo, rev);
    if (commit == NULL && at == NULL && !file_exists(path_join(a, repo, "refs/main"))) {
        commit = only_snapshot(a, snapshots);
    }
    if (commit == NULL) {
        return NULL;
    }
    const char *found = path_join(a, snapshots, commit);
    return dir_exists(found) ? found : NULL;
}
