/* The weights of a directory, as transformers and litgpt would choose them. */
#include <inttypes.h>
#include <string.h>

#include "base/file.h"
#include "checkpoint/bad_file.h"
#include "checkpoint/open.h"
#include "checkpoint/open_parts.h"

/* The first that is there is taken. */
static const char *const usual[] = {
    "lit_model.pth",
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "model.pth",
    "adapter_model.safetensors",
    "adapter_model.bin",
    "consolidated.safetensors",
};

/* What trainers leave beside the weights, and what is no state dict. */
static const char *const never[] = {"training_args", "optimizer", "scheduler",
                                    "rng_state",     "scaler",    "tokenizer"};

static const char *const endings[] = {".safetensors", ".bin",  ".pth",
                                      ".pt",          ".ckpt", ".lora"};

typedef struct listing {
    const char *dir;
    char **names;
    size_t n;
} listing;

static bool has_ending(const char *name, const char *ending)
{
    const size_t n = strlen(name), n_ending = strlen(ending);

    return n > n_ending && strcmp(name + n - n_ending, ending) == 0;
}

static const char *any_with_ending(const listing *l, const char *ending)
{
    for (size_t i = 0; i < l->n; i++) {
        if (has_ending(l->names[i], ending)) {
            return l->names[i];
        }
    }
    return NULL;
}

static bool may_be_weights(arena *a, const listing *l, const char *name)
{
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
        if (strncmp(name, never[i], strlen(never[i])) == 0) {
            return false;
        }
    }
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        if (has_ending(name, endings[i])) {
            return file_exists(path_join(a, l->dir, name));
        }
    }
    return false;
}

static rt_status nothing_found(context *cx, const listing *l)
{
    if (any_with_ending(l, ".distcp") != NULL) {
        return bad_file(
            cx, l->dir,
            "make one file of it: python -m "
            "torch.distributed.checkpoint.format_utils dcp_to_torch DIR FILE",
            "it is a distributed checkpoint (DCP), which is not read");
    }
    if (any_with_ending(l, ".gguf") != NULL) {
        return bad_file(cx, l->dir, "take the safetensors files that it was made from",
                        "it holds GGUF files, which are not read");
    }
    return bad_file(
        cx, l->dir,
        "looked for lit_model.pth, model.safetensors, pytorch_model.bin, their "
        "*.index.json, model.pth, and a single other *.safetensors, *.bin or "
        "*.pth",
        "the directory has no weights");
}

static rt_status find_single(context *cx, const listing *l, const char **path)
{
    buf found = {.arena = cx->arena};
    size_t n = 0, n_shards = 0;

    for (size_t i = 0; i < l->n; i++) {
        if (may_be_weights(cx->arena, l, l->names[i])) {
            *path = path_join(cx->arena, l->dir, l->names[i]);
            n_shards += strstr(l->names[i], "-of-") != NULL;
            if (n++ < 4) {
                buf_printf(&found, "%s%s", n > 1 ? ", " : "", l->names[i]);
            }
        }
    }
    if (n == 0) {
        return nothing_found(cx, l);
    }
    if (n == 1 && n_shards == 0) {
        return RT_OK;
    }
    if (n == n_shards) {
        return bad_file(cx, l->dir,
                        "fetch the index too: model.safetensors.index.json or "
                        "pytorch_model.bin.index.json",
                        "it holds shards without an index: %s%s", buf_str(&found),
                        n > 4 ? ", ..." : "");
    }
    return bad_file(cx, l->dir, "name the file instead of the directory",
                    "it holds %zu files that may be the weights: %s%s", n,
                    buf_str(&found), n > 4 ? ", ..." : "");
}

/* "model-00001-of-00003.safetensors" */
static bool is_shard_name(const char *name)
{
    static const char pattern[] = "-#####-of-#####.";
    const char *at = strchr(name, '-');
    const size_t n_stem = at == NULL ? 0 : (size_t)(at - name);
    if ((n_stem != 5 || strncmp(name, "model", 5) != 0) &&
        (n_stem != 13 || strncmp(name, "pytorch_model", 13) != 0)) {
        return false;
    }
    for (size_t i = 0; pattern[i] != '\0'; i++) {
        const bool fits =
            pattern[i] == '#' ? at[i] >= '0' && at[i] <= '9' : at[i] == pattern[i];
        if (!fits) {
            return false;
        }
    }
    at += sizeof pattern - 1;
    return strcmp(at, "safetensors") == 0 || strcmp(at, "bin") == 0;
}

bool weights_name(const char *name)
{
    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++) {
        if (strcmp(usual[i], name) == 0) {
            return true;
        }
    }
    return is_shard_name(name);
}

rt_status find_weights(context *cx, const char *dir, const char *last,
                       const char **path, const char **because)
{
    listing l = {.dir = dir};
    buf also = {.arena = cx->arena};
    VEC(const char *) found = {0};

    *path = NULL;
    *because = NULL;
    /* All but the last, then the last. */
    for (unsigned turn = 0; turn < 2; turn++) {
        for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++) {
            const bool is_last = last != NULL && strcmp(usual[i], last) == 0;
            if (is_last == (turn == 1) &&
                file_exists(path_join(cx->arena, dir, usual[i]))) {
                vec_push(cx->arena, &found, usual[i]);
            }
        }
    }
    for (size_t i = 1; i < found.n; i++) {
        buf_printf(&also, "%s%s", i > 1 ? ", " : "also there: ", found.at[i]);
    }
    if (found.n > 0) {
        *path = path_join(cx->arena, dir, found.at[0]);
        *because = also.n > 0 ? buf_str(&also) : NULL;
        return RT_OK;
    }
    const int err = dir_list(cx->arena, dir, &l.names, &l.n);
    if (err != 0) {
        return bad_file(cx, dir, NULL, "cannot list: %s", strerror(err));
    }
    return find_single(cx, &l, path);
}
