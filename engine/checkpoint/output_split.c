#include "checkpoint/output_split.h"

#include <stdlib.h>
#include <string.h>

#include "base/strmap.h"

/* ---- shards -------------------------------------------------------------------- */

/* Number the files, filling them in the order given as the hub's splitter does
 * (huggingface_hub, serialization/_base.py): what is larger than a shard is a shard
 * of its own, numbered at once, while the open one stays open and is numbered when it
 * is full.  Returns the number of files. */
static uint32_t fill_shards(arena *a, uint64_t limit, output_tensor *tensors, size_t n)
{
    VEC(size_t) pending = {0}; /* tensors of the open file, which has no number yet */
    uint64_t pending_bytes = 0;
    uint32_t n_files = 0;
    for (size_t i = 0; i <= n; i++) {
        const bool is_end = i == n;
        output_tensor *t = is_end ? NULL : &tensors[i];
        if (t != NULL && t->alias_of >= 0) {
            continue;
        }
        if (t != NULL && t->n_bytes > limit) {
            t->file = n_files++;
            continue;
        }
        const bool is_full = t != NULL && pending_bytes + t->n_bytes > limit;
        if (is_full || (is_end && (pending.n > 0 || n_files == 0))) {
            for (size_t k = 0; k < pending.n; k++) {
                tensors[pending.at[k]].file = n_files;
            }
            n_files++;
            pending.n = 0;
            pending_bytes = 0;
        }
        if (t != NULL) {
            vec_push(a, &pending, i);
            pending_bytes += t->n_bytes;
        }
    }
    return n_files;
}

static const char *shard_name(arena *a, const char *name, size_t file, size_t n_files)
{
    if (n_files == 1) {
        return arena_strdup(a, name);
    }
    const char *dot = strrchr(name, '.');
    const size_t n_stem = dot == NULL ? strlen(name) : (size_t)(dot - name);
    return arena_printf(a, "%s-%05zu-of-%05zu%s", arena_strndup(a, name, n_stem),
                        file + 1, n_files, name + n_stem);
}

static void split_by_size(arena *a, const output_options *opt, output_tensor *tensors,
                          size_t n, const char ***names, size_t *n_files)
{
    const uint64_t limit = opt->shard_bytes == 0 ? UINT64_MAX : opt->shard_bytes;
    *n_files = fill_shards(a, limit, tensors, n);
    *names = NEW_N(a, const char *, *n_files);
    for (size_t f = 0; f < *n_files; f++) {
        (*names)[f] = shard_name(a, opt->name, f, *n_files);
    }
}

/* ---- numbered files ------------------------------------------------------------ */

/* "00" of "00/norm.weight"; NULL: the name has no such part. */
static const char *digits_of(arena *a, const char *name)
{
    const size_t n = strspn(name, "0123456789");
    return n > 0 && name[n] == '/' ? arena_strndup(a, name, n) : NULL;
}

static int by_number(const void *x, const void *y)
{
    const char *a = *(const char *const *)x, *b = *(const char *const *)y;
    const size_t n_a = strlen(a), n_b = strlen(b);
    return n_a != n_b ? (n_a < n_b ? -1 : 1) : strcmp(a, b);
}

/* "00/norm.weight" becomes norm.weight of file 00; the files stand by number. */
static rt_status split_by_name(context *cx, const file_name *numbered,
                               output_tensor *tensors, size_t n, const char ***names,
                               size_t *n_files)
{
    strmap *files = strmap_new(cx->arena);
    for (size_t i = 0; i < n; i++) {
        const char *digits = digits_of(cx->arena, tensors[i].name);
        if (digits == NULL) {
            diag *dg =
                diag_report(cx->diags, SEV_ERROR, "no-file-part", NOWHERE,
                            "nothing tells in which file '%s' stands", tensors[i].name);
            diag_help(dg, "in this layout names begin with the number of the file, "
                          "as the rules have to say: 00/NAME");
            return RT_MISMATCH;
        }
        (void)strmap_add(files, digits, 0);
    }
    *n_files = strmap_count(files);
    const char **digits = NEW_N(cx->arena, const char *, *n_files + 1);
    *names = NEW_N(cx->arena, const char *, *n_files + 1);
    for (size_t f = 0; f < *n_files; f++) {
        digits[f] = strmap_key(files, f);
    }
    qsort(digits, *n_files, sizeof *digits, by_number);
    for (size_t f = 0; f < *n_files; f++) {
        strmap_set(files, digits[f], f);
        (*names)[f] = file_name_fill(cx->arena, numbered, digits[f]);
    }
    for (size_t i = 0; i < n; i++) {
        output_tensor *t = &tensors[i];
        uint64_t file = 0;
        (void)strmap_get(files, digits_of(cx->arena, t->name), &file);
        t->file = (uint32_t)file;
        t->name = strchr(t->name, '/') + 1;
    }
    return RT_OK;
}

rt_status output_split(context *cx, const output_options *opt, output_tensor *tensors,
                       size_t n, const char ***names, size_t *n_files)
{
    if (opt->numbered != NULL) {
        return split_by_name(cx, opt->numbered, tensors, n, names, n_files);
    }
    split_by_size(cx->arena, opt, tensors, n, names, n_files);
    return RT_OK;
}
