/* zip_kit.h -- zip archives as torch.save makes them, to be spoilt byte by byte. */
#ifndef RT_TESTS_UNIT_ZIP_KIT_H
#define RT_TESTS_UNIT_ZIP_KIT_H

#include <libdeflate.h>

#include "read_kit.h"

#define MAX_MEMBERS 8

typedef struct member {
    const char *name;
    const void *data;
    size_t n;
    bool deflate;
} member;

/* The bytes, and where each header lies in them. */
typedef struct archive {
    buf bytes;
    size_t n_members;
    size_t local[MAX_MEMBERS], data[MAX_MEMBERS], central[MAX_MEMBERS];
    size_t dir, end64, locator, end;
} archive;

static inline void put(buf *b, uint64_t n, unsigned n_bytes)
{
    unsigned char le[32] = {0};

    for (unsigned i = 0; i < 8; i++) {
        le[i] = (unsigned char)(n >> (8 * i));
    }
    CHECK(n_bytes <= sizeof le);
    buf_add_n(b, le, n_bytes);
}

/* Overwrite n_bytes at `at`. */
static inline void poke(archive *z, size_t at, uint64_t n, unsigned n_bytes)
{
    for (unsigned i = 0; i < n_bytes; i++) {
        z->bytes.p[at + i] = (char)(unsigned char)(n >> (8 * i));
    }
}

typedef struct packed {
    const void *data;
    size_t n;
    unsigned method;
    uint32_t crc;
} packed;

static inline packed pack(arena *a, const member *m)
{
    packed p = {m->data, m->n, 0, libdeflate_crc32(0, m->data, m->n)};

    if (m->deflate) {
        struct libdeflate_compressor *c = libdeflate_alloc_compressor(6);
        const size_t cap = libdeflate_deflate_compress_bound(c, m->n);
        char *to = arena_alloc(a, cap);
        p.n = libdeflate_deflate_compress(c, m->data, m->n, to, cap);
        p.data = to;
        p.method = 8;
        libdeflate_free_compressor(c);
    }
    return p;
}

/* What both headers of a member have in common: flags to extra length. */
static inline void put_common(buf *b, const member *m, const packed *p, bool is_local)
{
    const bool leave_open = is_local && m->n > 0; /* to the descriptor */

    put(b, m->n > 0 ? 0x0808 : 0x0800, 2);
    put(b, p->method, 2);
    put(b, 0, 4); /* time and date */
    put(b, leave_open ? 0 : p->crc, 4);
    put(b, leave_open ? 0 : p->n, 4);
    put(b, leave_open ? 0 : m->n, 4);
    put(b, strlen(m->name), 2);
}

static inline void put_local(archive *z, const member *m, const packed *p)
{
    buf *b = &z->bytes;
    const size_t i = z->n_members++;

    z->local[i] = b->n;
    buf_add(b, "PK\3\4");
    put(b, 0, 2);
    put_common(b, m, p, true);
    const size_t n_pad = (64 - (b->n + 2 + strlen(m->name) + 4) % 64) % 64;
    put(b, 4 + n_pad, 2);
    buf_add(b, m->name);
    put(b, 0x4246, 2);
    put(b, n_pad, 2);
    for (size_t k = 0; k < n_pad; k++) {
        buf_add(b, "Z");
    }
    z->data[i] = b->n;
    buf_add_n(b, p->data, p->n);
    if (m->n > 0) {
        buf_add(b, "PK\7\10");
        put(b, p->crc, 4);
        put(b, p->n, 4);
        put(b, m->n, 4);
    }
}

static inline void put_central(archive *z, size_t i, const member *m, const packed *p)
{
    buf *b = &z->bytes;

    z->central[i] = b->n;
    buf_add(b, "PK\1\2");
    put(b, 0, 4); /* versions */
    put_common(b, m, p, false);
    put(b, 0, 2 + 2 + 2 + 2 + 4); /* extra, comment, disk, attributes */
    put(b, z->local[i], 4);
    buf_add(b, m->name);
}

static inline archive zip_members(kit *k, const member *m, size_t n)
{
    archive z = {.bytes = {.arena = k->cx.arena}};
    packed p[MAX_MEMBERS];
    buf *b = &z.bytes;

    for (size_t i = 0; i < n; i++) {
        p[i] = pack(k->cx.arena, &m[i]);
        put_local(&z, &m[i], &p[i]);
    }
    z.dir = b->n;
    for (size_t i = 0; i < n; i++) {
        put_central(&z, i, &m[i], &p[i]);
    }
    const size_t n_dir = b->n - z.dir;
    z.end64 = b->n;
    buf_add(b, "PK\6\6");
    put(b, 44, 8);
    put(b, 0, 2 + 2 + 4 + 4);
    put(b, n, 8);
    put(b, n, 8);
    put(b, n_dir, 8);
    put(b, z.dir, 8);
    z.locator = b->n;
    buf_add(b, "PK\6\7");
    put(b, 0, 4);
    put(b, z.end64, 8);
    put(b, 1, 4);
    z.end = b->n;
    buf_add(b, "PK\5\6");
    put(b, 0, 4);
    put(b, n, 2);
    put(b, n, 2);
    put(b, n_dir, 4);
    put(b, z.dir, 4);
    put(b, 0, 2);
    return z;
}

static inline const char *zip_file(kit *k, const archive *z)
{
    return kit_write(k, "t.pth", z->bytes.p, z->bytes.n);
}

#endif
