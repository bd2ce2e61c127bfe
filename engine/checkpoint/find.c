/* The weights of a directory: the first of the known names that is there. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "checkpoint/bad_file.h"
#include "checkpoint/open.h"
#include "checkpoint/open_parts.h"

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

static rt_status nothing_found(context *cx, const listing *l,
                               const file_name_list *known)
{
    buf names = {.arena = cx->arena};
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
    for (size_t i = 0; i < known->n; i++) {
        buf_printf(&names, "%s, ", file_name_show(cx->arena, &known->at[i]));
    }
    return bad_file(cx, l->dir,
                    arena_printf(cx->arena,
                                 "looked for %stheir *.index.json, and a single other "
                                 "*.safetensors, *.bin or *.pth",
                                 buf_str(&names)),
                    "the directory has no weights");
}

/* "model.safetensors.index.json" of "model-00002-of-00003.safetensors". */
static const char *index_of_shard(arena *a, const char *name)
{
    const char *of = strstr(name, "-of-"), *from = of;
    while (from > name && from[-1] >= '0' && from[-1] <= '9') {
        from--;
    }
    const size_t n_stem = (size_t)(from - name) - (from > name && from[-1] == '-');
    return arena_printf(a, "%s%s.index.json", arena_strndup(a, name, n_stem),
                        of + 4 + strspn(of + 4, "0123456789"));
}

static rt_status find_single(context *cx, const listing *l, const file_name_list *known,
                             const char **path)
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
        return nothing_found(cx, l, known);
    }
    if (n == 1 && n_shards == 0) {
        return RT_OK;
    }
    if (n == n_shards) {
        return bad_file(cx, l->dir,
                        arena_printf(cx->arena, "fetch the index too: %s",
                                     index_of_shard(cx->arena, path_base(*path))),
                        "it holds shards without an index: %s%s", buf_str(&found),
                        n > 4 ? ", ..." : "");
    }
    return bad_file(cx, l->dir, "name the file instead of the directory",
                    "it holds %zu files that may be the weights: %s%s", n,
                    buf_str(&found), n > 4 ? ", ..." : "");
}

/* "model-00001-of-00003.safetensors" for model.safetensors. */
static bool is_shard_name(const file_name *of, const char *name)
{
    static const char pattern[] = "-#####-of-#####";
    const char *dot = strrchr(of->text, '.');
    const size_t n_stem = dot == NULL ? strlen(of->text) : (size_t)(dot - of->text);
    if (strncmp(name, of->text, n_stem) != 0) {
        return false;
    }
    const char *at = name + n_stem;
    for (size_t i = 0; pattern[i] != '\0'; i++) {
        const bool fits =
            pattern[i] == '#' ? at[i] >= '0' && at[i] <= '9' : at[i] == pattern[i];
        if (!fits) {
            return false;
        }
    }
    return strcmp(at + sizeof pattern - 1, of->text + n_stem) == 0;
}

static const char *index_of(arena *a, const file_name *f)
{
    return arena_printf(a, "%s.index.json", f->text);
}

bool weights_name(arena *a, const file_name_list *known, const char *name)
{
    for (size_t i = 0; i < known->n; i++) {
        const file_name *f = &known->at[i];
        const char *digits;
        if (file_name_fits(a, f, name, &digits) ||
            (f->behind == NULL &&
             (strcmp(index_of(a, f), name) == 0 || is_shard_name(f, name)))) {
            return true;
        }
    }
    return false;
}

const char *find_part(arena *a, const file_name_list *known, const char *path)
{
    const char *digits = NULL;
    for (size_t i = 0; i < known->n && digits == NULL; i++) {
        (void)file_name_fits(a, &known->at[i], path_base(path), &digits);
    }
    return digits != NULL ? arena_printf(a, "%s/", digits) : NULL;
}

/* ---- numbered files ------------------------------------------------------------ */

typedef struct numbered {
    long number;
    const char *name, *digits;
} numbered;

static int by_number(const void *x, const void *y)
{
    const numbered *a = x, *b = y;
    return a->number < b->number ? -1 : a->number > b->number;
}

/* The files of the listing that have this name, by number; all from 0 on must be there.
 */
static rt_status find_numbered(context *cx, const listing *l, const file_name *f,
                               found_weights *out)
{
    numbered *all = NEW_N(cx->arena, numbered, l->n + 1);
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++) {
        const char *digits;
        if (file_name_fits(cx->arena, f, l->names[i], &digits)) {
            all[n++] = (numbered){strtol(digits, NULL, 10), l->names[i], digits};
        }
    }
    qsort(all, n, sizeof *all, by_number);
    for (size_t i = 0; i < n; i++) {
        if (all[i].number != (long)i) {
            return bad_file(
                cx, l->dir, "the download may be incomplete", "%s is there, but no %s",
                all[i].name,
                file_name_fill(cx->arena, f,
                               arena_printf(cx->arena, "%0*zu", (int)f->width, i)));
        }
        vec_push(cx->arena, &out->paths, path_join(cx->arena, l->dir, all[i].name));
        vec_push(cx->arena, &out->parts, arena_printf(cx->arena, "%s/", all[i].digits));
    }
    return RT_OK;
}

static bool any_numbered(arena *a, const listing *l, const file_name *f)
{
    const char *digits;
    for (size_t i = 0; i < l->n; i++) {
        if (file_name_fits(a, f, l->names[i], &digits)) {
            return true;
        }
    }
    return false;
}

/* ---- the choice ---------------------------------------------------------------- */

typedef struct candidate {
    const file_name *f;
    const char *name; /* of one file or index; of numbered files their common one */
} candidate;
typedef VEC(candidate) candidate_list;

static candidate_list candidates_in(arena *a, const listing *l,
                                    const file_name_list *known)
{
    candidate_list found = {0};
    for (size_t i = 0; i < known->n; i++) {
        const file_name *f = &known->at[i];
        if (f->behind != NULL) {
            if (any_numbered(a, l, f)) {
                const candidate c = {f, file_name_show(a, f)};
                vec_push(a, &found, c);
            }
            continue;
        }
        const candidate c[2] = {{f, f->text}, {f, index_of(a, f)}};
        for (unsigned k = 0; k < 2; k++) {
            if (file_exists(path_join(a, l->dir, c[k].name))) {
                vec_push(a, &found, c[k]);
            }
        }
    }
    return found;
}

rt_status find_weights(context *cx, const char *dir, const file_name_list *known,
                       found_weights *out)
{
    listing l = {.dir = dir};
    buf also = {.arena = cx->arena};
    const int err = dir_list(cx->arena, dir, &l.names, &l.n);
    if (err != 0) {
        return bad_file(cx, dir, NULL, "cannot list: %s", strerror(err));
    }
    const candidate_list found = candidates_in(cx->arena, &l, known);
    for (size_t i = 1; i < found.n; i++) {
        buf_printf(&also, "%s%s", i > 1 ? ", " : "also there: ", found.at[i].name);
    }
    out->because = also.n > 0 ? buf_str(&also) : NULL;
    if (found.n > 0 && found.at[0].f->behind != NULL) {
        return find_numbered(cx, &l, found.at[0].f, out);
    }
    const char *path = NULL;
    if (found.n > 0) {
        path = path_join(cx->arena, dir, found.at[0].name);
    } else {
        TRY(find_single(cx, &l, known, &path));
    }
    vec_push(cx->arena, &out->paths, path);
    vec_push(cx->arena, &out->parts, NULL);
    return RT_OK;
}
