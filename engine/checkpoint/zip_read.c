#include "checkpoint/zip_read.h"

#include <inttypes.h>
#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/crc32.h"
#include "base/file.h"
#include "checkpoint/bad_file.h"
#include "checkpoint/bytes_le.h"

#define END_BYTES       22u
#define END64_BYTES     56u
#define LOCATOR_BYTES   20u
#define CENTRAL_BYTES   46u
#define LOCAL_BYTES     30u
#define MAX_COMMENT     65535u
#define MAX_NAME        512u
#define MAX_DIRECTORY   (UINT64_C(1) << 29)
#define MAX_RATIO       200u
#define FLAG_DESCRIPTOR 0x0008u
/* Deflate's two hints, descriptor, UTF-8; all others (encryption, patches, masked
 * headers) make two readers see two different things. */
#define FLAGS_KNOWN (0x0002u | 0x0004u | FLAG_DESCRIPTOR | 0x0800u)

typedef struct reader {
    context *cx;
    const char *path;
    int fd;
    uint64_t n_bytes;                  /* of the file */
    uint64_t dir_at, n_dir, n_entries; /* the central directory */
    zip_dir *z;
} reader;

static rt_status damaged(const reader *r, const char *what)
{
    return bad_file(r->cx, r->path, "the file is damaged, or was made to mislead",
                    "the zip archive is not sound: %s", what);
}

static rt_status damaged_entry(const reader *r, const char *name, const char *what)
{
    return bad_file(r->cx, r->path, "the file is damaged, or was made to mislead",
                    "the zip archive is not sound: entry %s: %s", name, what);
}

static rt_status read_at(const reader *r, void *to, size_t n, uint64_t at)
{
    const int err = pread_all(r->fd, to, n, at);

    return err == 0 ? RT_OK
                    : bad_file(r->cx, r->path, NULL, "cannot read: %s", strerror(err));
}

/* The end record is the one whose comment ends exactly where the file does.  There must
 * be no second one inside that comment. */
static rt_status find_end(const reader *r, unsigned char *end, uint64_t *end_at)
{
    const uint64_t n =
        r->n_bytes < END_BYTES + MAX_COMMENT ? r->n_bytes : END_BYTES + MAX_COMMENT;
    size_t n_found = 0;

    unsigned char *tail = arena_alloc(r->cx->arena, (size_t)n + 1);
    TRY(read_at(r, tail, (size_t)n, r->n_bytes - n));
    for (uint64_t i = 0; i + END_BYTES <= n; i++) {
        const unsigned char *p = tail + i;
        if (memcmp(p, "PK\5\6", 4) == 0 && i + END_BYTES + le16(p + 20) == n) {
            memcpy(end, p, END_BYTES);
            *end_at = r->n_bytes - n + i;
            n_found++;
        }
    }
    if (n_found == 0) {
        return bad_file(r->cx, r->path, "the download or copy may be incomplete",
                        "the file starts as a zip archive but has no directory at its "
                        "end");
    }
    return n_found == 1 ? RT_OK : damaged(r, "two end records");
}

/* The ZIP64 end record in front of the locator at `locator_at`, if there is one.  What
 * the plain end record says and is not saturated must agree with it. */
static rt_status read_end64(reader *r, const unsigned char *end, uint64_t locator_at,
                            const unsigned char *locator, uint64_t *dir_end)
{
    unsigned char e[END64_BYTES];
    const uint64_t at = le64(locator + 8);

    if (le32(locator + 4) != 0 || le32(locator + 16) > 1) {
        return damaged(r, "it spans several disks");
    }
    if (locator_at < END64_BYTES || at > locator_at - END64_BYTES) {
        return damaged(r, "the ZIP64 end record is not where its locator says");
    }
    TRY(read_at(r, e, sizeof e, at));
    if (memcmp(e, "PK\6\6", 4) != 0 || le64(e + 4) != locator_at - at - 12) {
        return damaged(r, "the ZIP64 end record is not where its locator says");
    }
    if (le32(e + 16) != 0 || le32(e + 20) != 0) {
        return damaged(r, "it spans several disks");
    }
    r->n_entries = le64(e + 32);
    r->n_dir = le64(e + 40);
    r->dir_at = le64(e + 48);
    *dir_end = at;
    const bool agrees =
        le64(e + 24) == r->n_entries &&
        (le16(end + 10) == UINT16_MAX || le16(end + 10) == r->n_entries) &&
        (le32(end + 12) == UINT32_MAX || le32(end + 12) == r->n_dir) &&
        (le32(end + 16) == UINT32_MAX || le32(end + 16) == r->dir_at);
    return agrees ? RT_OK : damaged(r, "its two end records disagree");
}

static rt_status locate_directory(reader *r)
{
    unsigned char end[END_BYTES] = {0}, locator[LOCATOR_BYTES] = {0};
    uint64_t end_at = 0, dir_end;

    TRY(find_end(r, end, &end_at));
    if (le16(end + 4) != 0 || le16(end + 6) != 0 || le16(end + 8) != le16(end + 10)) {
        return damaged(r, "it spans several disks");
    }
    r->n_entries = le16(end + 10);
    r->n_dir = le32(end + 12);
    r->dir_at = le32(end + 16);
    dir_end = end_at;
    if (end_at >= LOCATOR_BYTES) {
        TRY(read_at(r, locator, sizeof locator, end_at - LOCATOR_BYTES));
    }
    if (memcmp(locator, "PK\6\7", 4) == 0) {
        TRY(read_end64(r, end, end_at - LOCATOR_BYTES, locator, &dir_end));
    }
    if (r->dir_at > dir_end || r->n_dir != dir_end - r->dir_at) {
        return damaged(r, "the directory does not lie directly before its end record");
    }
    if (r->n_entries > r->n_dir / CENTRAL_BYTES) {
        return damaged(r, "the directory is too short for its number of entries");
    }
    return r->n_dir <= MAX_DIRECTORY ? RT_OK : damaged(r, "the directory is too large");
}

/* Read the ZIP64 extra field (id 1) into those of the given values that are saturated,
 * in their order.  Returns what is wrong, or NULL. */
static const char *zip64_extra(const unsigned char *p, size_t n,
                               uint64_t *const *values, size_t n_values)
{
    bool found = false;

    while (n >= 4) {
        const size_t id = le16(p), len = le16(p + 2);
        if (len > n - 4) {
            return "an extra field is longer than its place";
        }
        if (id == 1 && found) {
            return "two ZIP64 fields";
        }
        if (id == 1) {
            size_t used = 0;
            found = true;
            for (size_t i = 0; i < n_values; i++) {
                if (*values[i] != UINT32_MAX) {
                    continue;
                }
                if (len - used < 8) {
                    return "its ZIP64 field is too short";
                }
                *values[i] = le64(p + 4 + used);
                used += 8;
            }
        }
        p += 4 + len;
        n -= 4 + len;
    }
    return n == 0 ? NULL : "an extra field is longer than its place";
}

static const char *entry_name_fault(const char *name, size_t n)
{
    const char *fault = n > MAX_NAME ? "the name is too long" : name_fault(name, n);

    if (fault != NULL) {
        return fault;
    }
    if (name[0] == '/' || memchr(name, '\\', n) != NULL) {
        return "the name is no plain path";
    }
    for (const char *part = name; part != NULL; part = strchr(part, '/')) {
        part += *part == '/';
        if (strcmp(part, "..") == 0 || strncmp(part, "../", 3) == 0) {
            return "the name leads out of the archive";
        }
    }
    return NULL;
}

/* What a header says that no reader here can follow. */
static const char *method_fault(const zip_entry *e)
{
    if ((e->flags & ~FLAGS_KNOWN) != 0) {
        return (e->flags & 1) != 0 ? "it is encrypted" : "unknown flags";
    }
    if (e->method != ZIP_STORED && e->method != ZIP_DEFLATED) {
        return "its compression is not known";
    }
    if (e->method == ZIP_STORED && e->n_stored != e->n_bytes) {
        return "it is stored, but its two sizes differ";
    }
    const size_t n = strlen(e->name);
    return n > 0 && e->name[n - 1] == '/' && e->n_bytes > 0 ? "a directory with data"
                                                            : NULL;
}

/* One header of the central directory at p; *used is its length. */
static rt_status parse_central(reader *r, char *p, uint64_t n, uint64_t *used)
{
    unsigned char *u = (unsigned char *)p;

    if (n < CENTRAL_BYTES || memcmp(p, "PK\1\2", 4) != 0) {
        return damaged(r, "the directory has fewer entries than it says");
    }
    const size_t n_name = le16(u + 28), n_extra = le16(u + 30),
                 n_comment = le16(u + 32);
    *used = CENTRAL_BYTES + n_name + n_extra + n_comment;
    if (*used > n) {
        return damaged(r, "an entry of the directory is longer than the directory");
    }
    char *name = arena_strndup(r->cx->arena, p + CENTRAL_BYTES, n_name);
    zip_entry e = {
        .name = name,
        .header_at = le32(u + 42),
        .n_stored = le32(u + 20),
        .n_bytes = le32(u + 24),
        .crc = le32(u + 16),
        .method = le16(u + 10),
        .flags = le16(u + 8),
    };
    uint64_t *const values[] = {&e.n_bytes, &e.n_stored, &e.header_at};
    const char *fault = entry_name_fault(name, n_name);
    if (fault == NULL) {
        fault = zip64_extra(u + CENTRAL_BYTES + n_name, n_extra, values, 3);
    }
    if (fault == NULL) {
        fault = method_fault(&e);
    }
    if (fault == NULL && le16(u + 34) != 0) {
        fault = "it lies on another disk";
    }
    if (fault != NULL) {
        return damaged_entry(r, name, fault);
    }
    vec_push(r->cx->arena, &r->z->entries, e);
    return RT_OK;
}

static rt_status read_directory(reader *r)
{
    char *dir = arena_alloc(r->cx->arena, (size_t)r->n_dir + 1);
    strmap *folded = strmap_new(r->cx->arena);
    uint64_t at = 0, used = 0;

    TRY(read_at(r, dir, (size_t)r->n_dir, r->dir_at));
    for (uint64_t i = 0; i < r->n_entries; i++) {
        TRY(parse_central(r, dir + at, r->n_dir - at, &used));
        at += used;

        const char *name = r->z->entries.at[i].name;
        char *lower = arena_strdup(r->cx->arena, name);
        for (char *c = lower; *c != '\0'; c++) {
            *c = *c >= 'A' && *c <= 'Z' ? (char)(*c | 0x20) : *c;
        }
        if (!strmap_add(folded, lower, 0)) {
            return damaged_entry(r, name, "the name stands twice");
        }
        strmap_set(r->z->by_name, name, i);
    }
    return at == r->n_dir ? RT_OK
                          : damaged(r, "the directory has more entries than it says");
}

/* Sizes and CRC of a local header, where it has them: they are left to a descriptor
 * behind the data when bit 3 is set. */
static const char *local_sizes_fault(const zip_entry *e, const unsigned char *local,
                                     const unsigned char *extra, size_t n_extra)
{
    uint64_t n_stored = le32(local + 18), n_bytes = le32(local + 22);
    uint64_t *const values[] = {&n_bytes, &n_stored};

    if ((e->flags & FLAG_DESCRIPTOR) != 0) {
        return NULL;
    }
    const char *fault = zip64_extra(extra, n_extra, values, 2);
    if (fault != NULL) {
        return fault;
    }
    return n_stored == e->n_stored && n_bytes == e->n_bytes &&
                   le32(local + 14) == e->crc
               ? NULL
               : "its two headers disagree about size or CRC";
}

static rt_status read_local(const reader *r, zip_entry *e)
{
    unsigned char local[LOCAL_BYTES + MAX_NAME];
    const size_t n_name = strlen(e->name), n_want = LOCAL_BYTES + n_name;

    if (e->header_at > r->dir_at || r->dir_at - e->header_at < n_want) {
        return damaged_entry(r, e->name, "it should lie beyond the end of the data");
    }
    TRY(read_at(r, local, n_want, e->header_at));
    if (memcmp(local, "PK\3\4", 4) != 0) {
        return damaged_entry(r, e->name, "it has no header where the directory says");
    }
    if (le16(local + 6) != e->flags || le16(local + 8) != e->method ||
        le16(local + 26) != n_name ||
        memcmp(local + LOCAL_BYTES, e->name, n_name) != 0) {
        return damaged_entry(r, e->name,
                             "its two headers disagree about name, flags or method");
    }
    const size_t n_extra = le16(local + 28);
    e->data_at = e->header_at + n_want + n_extra;
    if (e->data_at > r->dir_at || r->dir_at - e->data_at < e->n_stored) {
        return damaged_entry(r, e->name, "its data reaches into the directory");
    }
    const bool is_wide =
        le32(local + 18) == UINT32_MAX || le32(local + 22) == UINT32_MAX;
    unsigned char *extra = NULL;
    if (is_wide && n_extra > 0) {
        extra = arena_alloc(r->cx->arena, n_extra);
        TRY(read_at(r, extra, n_extra, e->header_at + n_want));
    }
    const char *fault = local_sizes_fault(e, local, extra, extra != NULL ? n_extra : 0);
    return fault == NULL ? RT_OK : damaged_entry(r, e->name, fault);
}

static int by_place(const void *x, const void *y)
{
    const zip_entry *a = *(const zip_entry *const *)x,
                    *b = *(const zip_entry *const *)y;

    return (a->header_at > b->header_at) - (a->header_at < b->header_at);
}

/* Entries lie one behind the other from byte 0; a descriptor has up to 24 bytes. */
static rt_status check_places(const reader *r)
{
    const size_t n = r->z->entries.n;
    const zip_entry **sorted = NEW_N(r->cx->arena, const zip_entry *, n + 1);
    uint64_t at = 0, slack = 0;

    for (size_t i = 0; i < n; i++) {
        sorted[i] = &r->z->entries.at[i];
    }
    qsort(sorted, n, sizeof(const zip_entry *), by_place);
    for (size_t i = 0; i <= n; i++) {
        const uint64_t next = i < n ? sorted[i]->header_at : r->dir_at;
        if (next < at) {
            return damaged_entry(r, sorted[i - 1]->name, "it overlaps what follows");
        }
        if (i == 0 && next != 0) {
            return damaged(r, "something stands before the first entry");
        }
        r->z->n_gap_bytes += next - at > slack ? next - at : 0;
        if (i < n) {
            at = sorted[i]->data_at + sorted[i]->n_stored;
            slack = (sorted[i]->flags & FLAG_DESCRIPTOR) != 0 ? 24 : 0;
        }
    }
    return RT_OK;
}

rt_status zip_read(context *cx, const char *path, int fd, uint64_t n_bytes,
                   zip_dir **out)
{
    zip_dir *z = NEW(cx->arena, zip_dir);
    reader r = {.cx = cx, .path = path, .fd = fd, .n_bytes = n_bytes, .z = z};

    z->path = path;
    z->fd = fd;
    z->by_name = strmap_new(cx->arena);
    TRY(locate_directory(&r));
    TRY(read_directory(&r));
    for (size_t i = 0; i < z->entries.n; i++) {
        TRY(read_local(&r, &z->entries.at[i]));
    }
    TRY(check_places(&r));
    *out = z;
    return RT_OK;
}

const zip_entry *zip_find(const zip_dir *z, const char *name)
{
    uint64_t i;

    return strmap_get(z->by_name, name, &i) ? &z->entries.at[i] : NULL;
}

/* Inflate to exactly the declared size. */
static bool inflate_exactly(const char *from, size_t n_from, char *to, size_t n_to)
{
    struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
    if (d == NULL) {
        return false;
    }
    size_t n_used = 0;
    const enum libdeflate_result result =
        libdeflate_deflate_decompress_ex(d, from, n_from, to, n_to, &n_used, NULL);
    libdeflate_free_decompressor(d);
    return result == LIBDEFLATE_SUCCESS && n_used == n_from;
}

rt_status zip_extract(context *cx, const zip_dir *z, const zip_entry *e,
                      uint64_t max_bytes, char **bytes)
{
    const reader r = {.cx = cx, .path = z->path, .fd = z->fd};

    if (e->n_bytes > max_bytes || e->n_bytes / MAX_RATIO > e->n_stored) {
        return bad_file(cx, z->path, NULL,
                        "entry %s is too large: %" PRIu64 " bytes, from %" PRIu64
                        " in the file; the limit is %" PRIu64 ", and %u to one",
                        e->name, e->n_bytes, e->n_stored, max_bytes, MAX_RATIO);
    }
    char *text = arena_alloc(cx->arena, (size_t)e->n_bytes + 1);
    char *stored = text;
    if (e->method == ZIP_DEFLATED) {
        stored = arena_alloc(cx->arena, (size_t)e->n_stored + 1);
    }
    TRY(read_at(&r, stored, (size_t)e->n_stored, e->data_at));
    if (e->method == ZIP_DEFLATED &&
        !inflate_exactly(stored, (size_t)e->n_stored, text, (size_t)e->n_bytes)) {
        return damaged_entry(&r, e->name, "it does not inflate to its size");
    }
    if (e->crc != 0 && crc32_of(text, (size_t)e->n_bytes) != e->crc) {
        return damaged_entry(&r, e->name, "its CRC-32 is wrong");
    }
    *bytes = text;
    return RT_OK;
}
