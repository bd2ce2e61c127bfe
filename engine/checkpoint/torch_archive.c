#include <string.h>

#include "checkpoint/bad_file.h"
#include "checkpoint/torch_source.h"
#include "checkpoint/zip_read.h"

#define VERSION_MAX 10 /* torch reads 1 to 10 */

typedef struct archive {
    torch_source *src;
    zip_dir *zip;
    const char *prefix;
} archive;

static const zip_entry *find_record(const archive *a, const char *record)
{
    return zip_find(a->zip,
                    arena_printf(a->src->scratch.arena, "%s/%s", a->prefix, record));
}

/* All entries lie below the first segment of the first one's name. */
static rt_status find_prefix(archive *a)
{
    const torch_source *src = a->src;
    const zip_dir *z = a->zip;
    const char *first = z->entries.n > 0 ? z->entries.at[0].name : "";
    const char *slash = strchr(first, '/');

    if (slash == NULL) {
        return bad_file(src->cx, src->path, NULL,
                        "it is a zip archive, but not one of torch.save");
    }
    a->prefix = arena_strndup(src->scratch.arena, first, (size_t)(slash - first));
    for (size_t i = 0; i < z->entries.n; i++) {
        const char *name = z->entries.at[i].name;
        const size_t n = (size_t)(slash - first) + 1;
        if (strncmp(name, first, n) != 0) {
            return bad_file(src->cx, src->path, NULL,
                            "the zip archive has entries of two directories, %s and %s",
                            first, name);
        }
    }
    return RT_OK;
}

/* Files of torch that hold more than a pickle. */
static rt_status refuse_code(const archive *a)
{
    const size_t n_prefix = strlen(a->prefix) + 1;

    for (size_t i = 0; i < a->zip->entries.n; i++) {
        const char *record = a->zip->entries.at[i].name + n_prefix;
        const bool is_script = strcmp(record, "constants.pkl") == 0 ||
                               strncmp(record, "code/", 5) == 0 ||
                               strcmp(record, "model.json") == 0;
        const bool is_package = strcmp(record, ".data/extern_modules") == 0 ||
                                strcmp(record, "extern_modules") == 0;
        if (is_script || is_package) {
            return bad_file(a->src->cx, a->src->path,
                            "load it in Python and torch.save its state_dict()",
                            "it is a %s file, which holds code (%s)",
                            is_script ? "TorchScript" : "torch.package", record);
        }
    }
    return RT_OK;
}

static rt_status check_version(const archive *a)
{
    torch_source *src = a->src;
    const zip_entry *e = find_record(a, "version");
    char *text;
    unsigned version = 0;

    if (e == NULL) {
        e = find_record(a, ".data/version");
    }
    if (e == NULL) {
        return bad_file(src->cx, src->path, NULL, "the record \"version\" is missing");
    }
    TRY(zip_extract(&src->scratch, a->zip, e, 64, &text));
    const size_t n = strspn(text, "0123456789");
    for (size_t i = 0; i < n && version <= VERSION_MAX; i++) {
        version = version * 10 + (unsigned)(text[i] - '0');
    }
    const bool has_end = n == e->n_bytes || (n + 1 == e->n_bytes && text[n] == '\n');
    if (!has_end || version < 1 || version > VERSION_MAX) {
        return bad_file(src->cx, src->path, NULL,
                        "version \"%.20s\" of torch.save's format is not known", text);
    }
    return RT_OK;
}

static rt_status check_byteorder(const archive *a)
{
    torch_source *src = a->src;
    const zip_entry *e = find_record(a, "byteorder");
    char *text;

    if (e == NULL) {
        return RT_OK;
    }
    TRY(zip_extract(&src->scratch, a->zip, e, 64, &text));
    if (e->n_bytes != 6 || memcmp(text, "little", 6) != 0) {
        return bad_file(src->cx, src->path,
                        "save it again on a little-endian machine, or with "
                        "torch.serialization.set_default_load_endianness",
                        "its byte order is \"%.20s\", not \"little\"", text);
    }
    return RT_OK;
}

static rt_status read_object(const archive *a)
{
    torch_source *src = a->src;
    const zip_entry *e = find_record(a, "data.pkl");
    char *text;

    if (e == NULL) {
        return bad_file(src->cx, src->path, NULL,
                        "it is a zip archive, but not one of torch.save: there is no "
                        "%s/data.pkl",
                        a->prefix);
    }
    TRY(zip_extract(&src->scratch, a->zip, e, PICKLE_MAX, &text));
    if (e->crc == 0) {
        inventory_note(src->cx, src->inv, src->path, "it was saved without checksums");
    }
    if (a->zip->n_gap_bytes > 0) {
        inventory_note(src->cx, src->inv, src->path,
                       "%llu bytes of the zip archive belong to no entry",
                       (unsigned long long)a->zip->n_gap_bytes);
    }
    return pickle_read(&src->scratch, src->path, text, (size_t)e->n_bytes,
                       &src->object);
}

/* 0 stands for a checksum that was not computed. */
static void note_sum(const torch_source *src, const zip_entry *e)
{
    if (e->crc != 0 && e->method == ZIP_STORED) {
        arena *a = src->cx->arena;
        const inventory_sum sum = {arena_strdup(a, e->name), src->file, e->crc,
                                   e->data_at, e->n_bytes};
        vec_push(a, &src->inv->sums, sum);
    }
}

static void list_records(const archive *a)
{
    torch_source *src = a->src;
    arena *scratch = src->scratch.arena;

    src->shown = arena_printf(scratch, "%s/data/", a->prefix);
    src->n_id_items = 5;
    for (size_t i = 0; i < a->zip->entries.n; i++) {
        const zip_entry *e = &a->zip->entries.at[i];
        const size_t n = strlen(src->shown);
        if (strncmp(e->name, src->shown, n) == 0) {
            const torch_record record = {.key = e->name + n,
                                         .data_at = e->data_at,
                                         .n_bytes = e->n_bytes,
                                         .is_compressed = e->method != ZIP_STORED};
            strmap_set(src->record_of, record.key, src->records.n);
            vec_push(scratch, &src->records, record);
            note_sum(src, e);
        }
    }
}

rt_status torch_archive_open(torch_source *src)
{
    const inventory_file *f = &src->inv->files.at[src->file];
    archive a = {.src = src};

    TRY(zip_read(&src->scratch, f->path, f->fd, f->n_bytes, &a.zip));
    TRY(find_prefix(&a));
    TRY(refuse_code(&a));
    TRY(check_version(&a));
    TRY(check_byteorder(&a));
    list_records(&a);
    return read_object(&a);
}
