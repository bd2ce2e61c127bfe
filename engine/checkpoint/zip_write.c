#include "checkpoint/zip_write.h"

#include <string.h>

#include "base/checked.h"
#include "checkpoint/put_le.h"

#define DATA_ALIGN        64
#define LOCAL_BYTES       30
#define ENTRY_BYTES       46
#define FIELD_HEAD_BYTES  4
#define ZIP64_LOCAL_BYTES (FIELD_HEAD_BYTES + 16)
#define END64_BYTES       56
#define LOCATOR_BYTES     20
#define END_BYTES         22

#define FIELD_ZIP64   0x0001u
#define FIELD_PADDING 0x4246u /* "FB" */
#define FLAG_UTF8     0x0800u
#define VERSION_PLAIN 20u
#define VERSION_ZIP64 45u
#define DATE_1980     0x0021u /* 1 January 1980, the first date there is */
#define ALL_ONES_32   0xFFFFFFFFu
#define ALL_ONES_16   0xFFFFu

static bool is_large(uint64_t v)
{
    return v >= ALL_ONES_32;
}

static uint64_t low32(uint64_t v)
{
    return is_large(v) ? ALL_ONES_32 : v;
}

size_t zip_add(arena *a, zip_archive *zip, const char *name, uint64_t n_bytes)
{
    zip_member m = {.name = name, .header_at = zip->end, .n_bytes = n_bytes};
    const uint64_t fixed = LOCAL_BYTES + strlen(name) +
                           (is_large(n_bytes) ? ZIP64_LOCAL_BYTES : 0) +
                           FIELD_HEAD_BYTES;
    m.data_at = align_up(m.header_at + fixed, DATA_ALIGN);
    zip->end = m.data_at + n_bytes;
    vec_push(a, &zip->members, m);
    return zip->members.n - 1;
}

/* The fields that the local header and the directory's entry have in common, from
 * "version needed" to the length of the name. */
static void put_common(buf *out, const zip_member *m, bool needs_zip64)
{
    put_le(out, needs_zip64 ? VERSION_ZIP64 : VERSION_PLAIN, 2);
    put_le(out, FLAG_UTF8, 2);
    put_le(out, 0, 2); /* stored */
    put_le(out, 0, 2); /* midnight */
    put_le(out, DATE_1980, 2);
    put_le(out, m->crc32, 4);
    put_le(out, low32(m->n_bytes), 4);
    put_le(out, low32(m->n_bytes), 4);
    put_le(out, strlen(m->name), 2);
}

void zip_local_header(const zip_member *m, buf *out)
{
    const bool large = is_large(m->n_bytes);
    const size_t n_name = strlen(m->name);
    const uint64_t n_extra = m->data_at - m->header_at - LOCAL_BYTES - n_name;
    put_le(out, 0x04034b50, 4);
    put_common(out, m, large);
    put_le(out, n_extra, 2);
    buf_add_n(out, m->name, n_name);
    if (large) {
        put_le(out, FIELD_ZIP64, 2);
        put_le(out, 16, 2);
        put_le(out, m->n_bytes, 8);
        put_le(out, m->n_bytes, 8);
    }
    const uint64_t n_pad = n_extra - (large ? ZIP64_LOCAL_BYTES : 0) - FIELD_HEAD_BYTES;
    put_le(out, FIELD_PADDING, 2);
    put_le(out, n_pad, 2);
    for (uint64_t i = 0; i < n_pad; i++) {
        buf_add_n(out, "Z", 1);
    }
}

/* Payload of an entry's ZIP64 field: only what does not fit its 32 bits. */
static uint64_t zip64_bytes(const zip_member *m)
{
    return (is_large(m->n_bytes) ? 16u : 0u) + (is_large(m->header_at) ? 8u : 0u);
}

static void put_entry(buf *out, const zip_member *m)
{
    const uint64_t n_zip64 = zip64_bytes(m);
    put_le(out, 0x02014b50, 4);
    put_le(out, VERSION_ZIP64, 2); /* made by; upper byte 0: no Unix file modes */
    put_common(out, m, n_zip64 > 0);
    put_le(out, n_zip64 > 0 ? FIELD_HEAD_BYTES + n_zip64 : 0, 2);
    put_le(out, 0, 2); /* comment */
    put_le(out, 0, 2); /* disk */
    put_le(out, 0, 2); /* attributes */
    put_le(out, 0, 4);
    put_le(out, low32(m->header_at), 4);
    buf_add(out, m->name);
    if (n_zip64 > 0) {
        put_le(out, FIELD_ZIP64, 2);
        put_le(out, n_zip64, 2);
    }
    if (is_large(m->n_bytes)) {
        put_le(out, m->n_bytes, 8);
        put_le(out, m->n_bytes, 8);
    }
    if (is_large(m->header_at)) {
        put_le(out, m->header_at, 8);
    }
}

static uint64_t entries_bytes(const zip_archive *zip)
{
    uint64_t total = 0;
    for (size_t i = 0; i < zip->members.n; i++) {
        const zip_member *m = &zip->members.at[i];
        const uint64_t n_zip64 = zip64_bytes(m);
        total += ENTRY_BYTES + strlen(m->name) +
                 (n_zip64 > 0 ? FIELD_HEAD_BYTES + n_zip64 : 0);
    }
    return total;
}

uint64_t zip_directory_bytes(const zip_archive *zip)
{
    return entries_bytes(zip) + END64_BYTES + LOCATOR_BYTES + END_BYTES;
}

static void put_end64(buf *out, uint64_t n_members, uint64_t n_entries, uint64_t at)
{
    put_le(out, 0x06064b50, 4);
    put_le(out, END64_BYTES - 12, 8); /* without the signature and this field */
    put_le(out, VERSION_ZIP64, 2);
    put_le(out, VERSION_ZIP64, 2);
    put_le(out, 0, 4); /* this disk */
    put_le(out, 0, 4); /* disk of the directory */
    put_le(out, n_members, 8);
    put_le(out, n_members, 8);
    put_le(out, n_entries, 8);
    put_le(out, at, 8);
    put_le(out, 0x07064b50, 4);
    put_le(out, 0, 4);
    put_le(out, at + n_entries, 8);
    put_le(out, 1, 4); /* disks */
}

void zip_directory(const zip_archive *zip, buf *out)
{
    const uint64_t n_members = zip->members.n;
    const uint64_t n_entries = entries_bytes(zip);
    for (size_t i = 0; i < zip->members.n; i++) {
        put_entry(out, &zip->members.at[i]);
    }
    put_end64(out, n_members, n_entries, zip->end);
    const uint64_t n_members16 = n_members >= ALL_ONES_16 ? ALL_ONES_16 : n_members;
    put_le(out, 0x06054b50, 4);
    put_le(out, 0, 2); /* this disk */
    put_le(out, 0, 2); /* disk of the directory */
    put_le(out, n_members16, 2);
    put_le(out, n_members16, 2);
    put_le(out, low32(n_entries), 4);
    put_le(out, low32(zip->end), 4);
    put_le(out, 0, 2); /* comment */
}
