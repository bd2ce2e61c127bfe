/* An index: {"metadata": {"total_size": n}, "weight_map": {tensor: shard's file name}}.
 *
 * Hostile as any header: a shard is a plain file name beside the index, each tensor is
 * in the shard that the index says, and in no other.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "checkpoint/bad_file.h"
#include "checkpoint/json_pull.h"
#include "checkpoint/open_parts.h"

#define INDEX_MAX  UINT64_C(100000000) /* bytes */
#define MAX_SHARDS 10000u

typedef struct index_entry {
    const char *name;
    uint64_t shard;
} index_entry;

typedef struct index_file {
    context *cx;
    inventory *inv;
    const char *path, *dir, *root;
    json_pull j;
    VEC(index_entry) entries;
    strmap *seen;           /* tensors */
    strmap *shards;         /* file name -> number, in order of appearance */
    const char *total_size; /* the numeral, or NULL */
} index_file;

static bool is_plain_file_name(const char *name)
{
    return strchr(name, '/') == NULL && strchr(name, '\\') == NULL && name[0] != '.';
}

static void read_weight_map(index_file *x)
{
    size_t n_name, n_shard;

    json_enter(&x->j, '{');
    for (bool first = true; json_next(&x->j, '}', &first);) {
        const char *name = json_key(&x->j, &n_name);
        const char *shard = name != NULL ? json_string(&x->j, &n_shard) : NULL;
        if (shard == NULL) {
            return;
        }
        const char *fault = name_fault(name, n_name);
        if (fault != NULL) {
            json_fail(&x->j, "tensor %s: %s", name, fault);
        } else if (!strmap_add(x->seen, name, x->entries.n)) {
            json_fail(&x->j, "tensor %s stands twice", name);
        } else if (name_fault(shard, n_shard) != NULL || !is_plain_file_name(shard)) {
            json_fail(&x->j, "shard %s is no plain file name", shard);
        }
        uint64_t number = strmap_count(x->shards);
        if (!strmap_add(x->shards, shard, number)) {
            (void)strmap_get(x->shards, shard, &number);
        } else if (number == MAX_SHARDS) {
            json_fail(&x->j, "more than %u shards", MAX_SHARDS);
        }
        const index_entry e = {name, number};
        vec_push(x->cx->arena, &x->entries, e);
    }
}

/* Of the metadata only the total size matters, and only for a note. */
static void read_metadata(index_file *x)
{
    json_enter(&x->j, '{');
    for (bool first = true; json_next(&x->j, '}', &first);) {
        const char *key = json_key(&x->j, NULL);
        if (key == NULL) {
            return;
        }
        (void)json_peek(&x->j);
        const char *start = (const char *)x->j.at;
        if (json_skip(&x->j) && strcmp(key, "total_size") == 0) {
            x->total_size = arena_strndup(x->cx->arena, start,
                                          (size_t)((const char *)x->j.at - start));
        }
    }
}

static rt_status parse(index_file *x)
{
    bool has_map = false;

    json_enter(&x->j, '{');
    for (bool first = true; json_next(&x->j, '}', &first);) {
        const char *key = json_key(&x->j, NULL);
        if (key != NULL && strcmp(key, "weight_map") == 0) {
            if (has_map) {
                json_fail(&x->j, "weight_map stands twice");
            }
            has_map = true;
            read_weight_map(x);
        } else if (key != NULL && strcmp(key, "metadata") == 0 &&
                   json_peek(&x->j) == '{') {
            read_metadata(x);
        } else {
            json_skip(&x->j);
        }
    }
    if (!json_end(&x->j)) {
        return bad_file(x->cx, x->path, NULL, "the index is not valid: %s", x->j.why);
    }
    return x->entries.n > 0
               ? RT_OK
               : bad_file(x->cx, x->path,
                          "an index has a \"weight_map\" of tensors to file names",
                          "it is no index: its weight_map is missing or empty");
}

/* Names only: an index whose shards were not fetched. */
static rt_status names_only(index_file *x)
{
    const uint32_t number = (uint32_t)x->inv->files.n;
    const inventory_file f = {.path = x->path, .format = FORMAT_NAMES_ONLY, .fd = -1};

    vec_push(x->cx->arena, &x->inv->files, f);
    for (size_t i = 0; i < x->entries.n; i++) {
        const tensor_info t = {.name = x->entries.at[i].name,
                               .dt = DT_UNKNOWN,
                               .file = number,
                               .storage = (uint32_t)i};
        (void)inventory_add(x->cx->arena, x->inv, t); /* unique: see read_weight_map */
    }
    inventory_note(x->cx, x->inv, x->path,
                   "none of its %zu shards is there: names only, no shapes",
                   strmap_count(x->shards));
    return RT_OK;
}

static int by_name(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/* Open the shards, in the order of their names. */
static rt_status open_shards(index_file *x)
{
    const size_t n = strmap_count(x->shards);
    const char **names = NEW_N(x->cx->arena, const char *, n);
    buf missing = {.arena = x->cx->arena};
    size_t n_missing = 0;

    for (size_t i = 0; i < n; i++) {
        names[i] = strmap_key(x->shards, i);
        if (!file_exists(path_join(x->cx->arena, x->dir, names[i])) &&
            n_missing++ < 4) {
            buf_printf(&missing, "%s%s", n_missing > 1 ? ", " : "", names[i]);
        }
    }
    if (n_missing == n) {
        return names_only(x);
    }
    if (n_missing > 0) {
        return bad_file(x->cx, x->path, "the download may be incomplete",
                        "%zu of its %zu shards are missing: %s%s", n_missing, n,
                        buf_str(&missing), n_missing > 4 ? ", ..." : "");
    }
    qsort(names, n, sizeof(const char *), by_name);
    for (size_t i = 0; i < n; i++) {
        TRY(open_weights_file(x->cx, x->inv, path_join(x->cx->arena, x->dir, names[i]),
                              x->root, NULL));
    }
    return RT_OK;
}

/* Each tensor is in the shard that the index says. */
static rt_status compare(const index_file *x)
{
    const inventory *inv = x->inv;

    for (size_t i = 0; i < x->entries.n; i++) {
        const index_entry *e = &x->entries.at[i];
        const char *shard = strmap_key(x->shards, (size_t)e->shard);
        const tensor_info *t = inventory_find(inv, e->name);
        if (t == NULL) {
            return bad_file(
                x->cx, x->path, "the index and the shards do not belong together",
                "tensor %s should be in %s, but is in no shard", e->name, shard);
        }
        const char *found = path_base(inv->files.at[t->file].path);
        if (strcmp(found, shard) != 0) {
            return bad_file(
                x->cx, x->path, "the index and the shards do not belong together",
                "tensor %s should be in %s, but is in %s", e->name, shard, found);
        }
    }
    return RT_OK;
}

static void note_differences(const index_file *x)
{
    const inventory *inv = x->inv;
    strmap *counted = strmap_new(x->cx->arena);
    uint64_t total = 0;
    const char *extra = NULL;
    size_t n_extra = 0;

    for (size_t i = 0; i < inv->tensors.n; i++) {
        const tensor_info *t = &inv->tensors.at[i];
        const char *place = arena_printf(x->cx->arena, "%u/%u", t->file, t->storage);
        total += strmap_add(counted, place, 0) ? t->n_bytes : 0;
        if (!strmap_has(x->seen, t->name)) {
            extra = extra != NULL ? extra : t->name;
            n_extra++;
        }
    }
    if (n_extra > 0) {
        inventory_note(x->cx, x->inv, x->path,
                       "%zu tensor%s of the shards not in the index, such as %s",
                       n_extra, n_extra == 1 ? " is" : "s are", extra);
    }
    if (x->total_size != NULL && strtod(x->total_size, NULL) != (double)total) {
        inventory_note(x->cx, x->inv, x->path,
                       "its total_size %.40s is not the %" PRIu64
                       " bytes of the tensors",
                       x->total_size, total);
    }
}

rt_status index_read(context *cx, inventory *inv, const char *path, const char *root)
{
    index_file x = {.cx = cx,
                    .inv = inv,
                    .path = path,
                    .dir = path_dir(cx->arena, path),
                    .root = root,
                    .seen = strmap_new(cx->arena),
                    .shards = strmap_new(cx->arena)};
    char *text;
    size_t n_bytes;

    const int err = file_read(cx->arena, path, INDEX_MAX, &text, &n_bytes);
    if (err != 0) {
        return bad_file(cx, path, NULL, "cannot read: %s", strerror(err));
    }
    x.j = json_pull_begin(cx->arena, text, n_bytes);
    TRY(parse(&x));
    TRY(open_shards(&x));
    if (inv->files.at[0].format != FORMAT_NAMES_ONLY) {
        TRY(compare(&x));
        note_differences(&x);
    }
    return RT_OK;
}
