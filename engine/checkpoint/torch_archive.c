#include "checkpoint/torch_archive.h"

#include <string.h>

#include "checkpoint/bad_file.h"

#define PICKLE_MAX  (UINT64_C(1) << 28) /* some 2.5 million tensors */
#define VERSION_MAX 10                  /* torch reads 1 to 10 */

static const zip_entry *find_record(const torch_source *src, const char *record)
{
    return zip_find(src->zip,
                    arena_printf(src->scratch.arena, "%s/%s", src->prefix, record));
}

/* All entries lie below the first segment of the first one's name. */
static rt_status find_prefix(torch_source *src)
{
    const zip_dir *z = src->zip;
    const char *first = z->entries.n > 0 ? z->entries.at[0].name : "";
    const char *slash = strchr(first, '/');

    if (slash == NULL) {
        return bad_file(src->cx, src->path, NULL,
                        "it is a zip archive, but not one of torch.save");
    }
    src->prefix = arena_strndup(src->scratch.arena, first, (size_t)(slash - first));
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
static rt_status refuse_code(const torch_source *src)
{
    const size_t n_prefix = strlen(src->prefix) + 1;

    for (size_t i = 0; i < src->zip->entries.n; i++) {
        const char *record = src->zip->entries.at[i].name + n_prefix;
        const bool is_script = strcmp(record, "constants.pkl") == 0 ||
                               strncmp(record, "code/", 5) == 0 ||
                               strcmp(record, "model.json") == 0;
        const bool is_package = strcmp(record, ".data/extern_modules") == 0 ||
                                strcmp(record, "extern_modules") == 0;
        if (is_script || is_package) {
            return bad_file(src->cx, src->path,
                            "load it in Python and torch.save its state_dict()",
                            "it is a %s file, which holds code (%s)",
                            is_script ? "TorchScript" : "torch.package", record);
        }
    }
    return RT_OK;
}

static rt_status check_version(torch_source *src)
{
    const zip_entry *e = find_record(src, "version");
    char *text;
    unsigned version = 0;

    if (e == NULL) {
        e = find_record(src, ".data/version");
    }
    if (e == NULL) {
        return bad_file(src->cx, src->path, NULL, "the record \"version\" is missing");
    }
    TRY(zip_extract(&src->scratch, src->zip, e, 64, &text));
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

static rt_status check_byteorder(torch_source *src)
{
    const zip_entry *e = find_record(src, "byteorder");
    char *text;

    if (e == NULL) {
        return RT_OK;
    }
    TRY(zip_extract(&src->scratch, src->zip, e, 64, &text));
    if (e->n_bytes != 6 || memcmp(text, "little", 6) != 0) {
        return bad_file(src->cx, src->path,
                        "save it again on a little-endian machine, or with "
                        "torch.serialization.set_default_load_endianness",
                        "its byte order is \"%.20s\", not \"little\"", text);
    }
    return RT_OK;
}

static rt_status read_pickle(torch_source *src)
{
    const zip_entry *e = find_record(src, "data.pkl");
    char *text;

    if (e == NULL) {
        return bad_file(src->cx, src->path, NULL,
                        "it is a zip archive, but not one of torch.save: there is no "
                        "%s/data.pkl",
                        src->prefix);
    }
    TRY(zip_extract(&src->scratch, src->zip, e, PICKLE_MAX, &text));
    src->pkl = text;
    src->n_pkl = (size_t)e->n_bytes;
    if (e->crc == 0) {
        inventory_note(src->cx, src->inv, src->path, "it was saved without checksums");
    }
    if (src->zip->n_gap_bytes > 0) {
        inventory_note(src->cx, src->inv, src->path,
                       "%llu bytes of the zip archive belong to no entry",
                       (unsigned long long)src->zip->n_gap_bytes);
    }
    return RT_OK;
}

rt_status torch_archive_open(torch_source *src)
{
    const inventory_file *f = &src->inv->files.at[src->file];

    TRY(zip_read(&src->scratch, f->path, f->fd, f->n_bytes, &src->zip));
    TRY(find_prefix(src));
    TRY(refuse_code(src));
    TRY(check_version(src));
    TRY(check_byteorder(src));
    return read_pickle(src);
}
