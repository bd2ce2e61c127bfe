#include "checkpoint/checksums.h"

#include <string.h>

#include "base/crc32.h"
#include "base/file.h"
#include "checkpoint/bad_file.h"

enum { CHUNK_BYTES = 1 << 20, MAX_TOLD = 20 };

/* 0 or errno. */
static int sum_of(int fd, const inventory_sum *s, unsigned char *room, uint32_t *crc)
{
    *crc = 0;
    for (uint64_t at = 0; at < s->n_bytes; at += CHUNK_BYTES) {
        const uint64_t left = s->n_bytes - at;
        const size_t n = left < CHUNK_BYTES ? (size_t)left : (size_t)CHUNK_BYTES;
        const int errnum = pread_all(fd, room, n, s->offset + at);
        if (errnum != 0) {
            return errnum;
        }
        *crc ^= crc32_part(crc32_of(room, n), left - n);
    }
    return 0;
}

/* The tensors whose bytes these are. */
static void note_tensors(const inventory *inv, const inventory_sum *s, diag *dg)
{
    for (size_t i = 0; i < inv->tensors.n; i++) {
        const tensor_info *t = &inv->tensors.at[i];
        if (t->file == s->file && t->offset >= s->offset &&
            t->offset < s->offset + s->n_bytes) {
            diag_note(dg, "%s", t->name);
        }
    }
}

rt_status checksums_compare(context *cx, const inventory *inv, checksums *out)
{
    unsigned char *room = arena_alloc(cx->arena, CHUNK_BYTES);
    *out = (checksums){0};
    for (size_t i = 0; i < inv->sums.n; i++) {
        const inventory_sum *s = &inv->sums.at[i];
        const inventory_file *f = &inv->files.at[s->file];
        uint32_t crc;
        const int errnum = sum_of(f->fd, s, room, &crc);
        if (errnum != 0) {
            return bad_file(cx, f->path, NULL, "cannot be read: %s", strerror(errnum));
        }
        out->n_compared++;
        out->n_bytes += s->n_bytes;
        if (crc == s->crc || ++out->n_different > MAX_TOLD) {
            continue;
        }
        diag *dg = diag_report(cx->diags, SEV_ERROR, "checksum", NOWHERE,
                               "%s: the bytes of the record %s are not those that were "
                               "saved: their CRC-32 is %08x, not %08x",
                               f->path, s->name, crc, s->crc);
        note_tensors(inv, s, dg);
        diag_help(dg, "the file is damaged; fetch it anew");
    }
    return out->n_different > 0 ? RT_NO : RT_OK;
}
