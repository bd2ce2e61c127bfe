/* The header of one safetensors file, validated in full before a tensor is believed:
 *
 *     0..8      N, u64 little-endian
 *     8..8+N    JSON: name -> {dtype, shape, data_offsets: [begin, end)}, and maybe
 *               __metadata__: text -> text
 *     8+N..EOF  data: every byte belongs to exactly one tensor
 *
 * (safetensors, README "Format" and tensor.rs.)  Stricter than the reference where two
 * readers could see two different files: duplicate keys are refused, however escaped.
 */
#include "checkpoint/open.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "checkpoint/bad_file.h"
#include "checkpoint/bytes_le.h"
#include "checkpoint/json_pull.h"

#define HEADER_MAX UINT64_C(100000000) /* the reference's own limit */

typedef struct span {
    uint64_t begin, end; /* bytes of the data section */
    const char *name;
} span;

typedef struct header {
    context *cx;
    inventory *inv;
    uint32_t file;
    const char *path;
    uint64_t data_at, n_data; /* bytes */
    json_pull j;
    VEC(span) spans;
    span furthest; /* the one that reaches furthest beyond the file; end 0: none does */
    bool has_metadata, is_piece;
    const char *unknown_field; /* one that was ignored, or NULL */
} header;

/* A complaint about the JSON text itself. */
static rt_status bad_json(header *h)
{
    return bad_file(h->cx, h->path, NULL, "the header is not valid: %s", h->j.why);
}

/* In DCP's own writer a file holds pieces of tensors; which, its metadata tells:
 * {"name": {"saved_offsets": [0, 512]}}.  (torch, distributed/checkpoint/_hf_utils.py)
 */
static bool has_offset_pieces(header *h, char *text, size_t n_bytes)
{
    json_pull j = json_pull_begin(h->cx->arena, text, n_bytes);
    uint64_t offset = 0, all = 0;

    json_enter(&j, '{');
    for (bool t = true; json_next(&j, '}', &t);) {
        json_key(&j, NULL);
        json_enter(&j, '{');
        for (bool f = true; json_next(&j, '}', &f);) {
            const char *key = json_key(&j, NULL);
            if (key == NULL || strcmp(key, "saved_offsets") != 0) {
                json_skip(&j);
                continue;
            }
            json_enter(&j, '[');
            for (bool o = true; json_next(&j, ']', &o);) {
                all |= json_u64(&j, &offset) ? offset : 0;
            }
        }
    }
    return !json_end(&j) || all != 0;
}

static void read_metadata(header *h)
{
    strmap *seen = strmap_new(h->cx->arena);

    if (h->has_metadata) {
        json_fail(&h->j, "__metadata__ stands twice");
        return;
    }
    h->has_metadata = true;
    if (json_null(&h->j)) {
        return;
    }
    json_enter(&h->j, '{');
    for (bool first = true; json_next(&h->j, '}', &first);) {
        size_t n_bytes;
        const char *key = json_key(&h->j, NULL);
        char *text = key != NULL ? json_string(&h->j, &n_bytes) : NULL;
        if (text == NULL) {
            return;
        }
        if (!strmap_add(seen, key, 0)) {
            json_fail(&h->j, "the key \"%s\" stands twice in __metadata__", key);
        }
        if (strcmp(key, "DCP_SHARDING_INFO") == 0) {
            h->is_piece = has_offset_pieces(h, text, n_bytes) ||
                          strncmp(path_base(h->path), "shard-", 6) == 0;
        }
    }
}

static void read_shape(header *h, tensor_info *t)
{
    json_enter(&h->j, '[');
    for (bool first = true; json_next(&h->j, ']', &first);) {
        if (t->rank == RT_MAX_RANK) {
            json_fail(&h->j, "more than %d dimensions", RT_MAX_RANK);
            return;
        }
        if (!json_u64(&h->j, &t->shape[t->rank])) {
            return;
        }
        t->rank++;
    }
}

static void read_offsets(header *h, span *s)
{
    uint64_t *const ends[] = {&s->begin, &s->end};
    size_t n = 0;

    json_enter(&h->j, '[');
    for (bool first = true; json_next(&h->j, ']', &first);) {
        if (n == 2 || !json_u64(&h->j, ends[n])) {
            json_fail(&h->j, "data_offsets has more than two numbers");
            return;
        }
        n++;
    }
    if (n != 2) {
        json_fail(&h->j, "data_offsets has %zu numbers, not two", n);
    }
}

/* The object behind a tensor's name, each field once. */
static void read_fields(header *h, tensor_info *t, span *s)
{
    enum { DTYPE = 1, SHAPE = 2, OFFSETS = 4, ALL = 7 };
    unsigned seen = 0, now;

    json_enter(&h->j, '{');
    for (bool first = true; json_next(&h->j, '}', &first);) {
        const char *key = json_key(&h->j, NULL);
        if (key == NULL) {
            return;
        }
        now = strcmp(key, "dtype") == 0          ? DTYPE
              : strcmp(key, "shape") == 0        ? SHAPE
              : strcmp(key, "data_offsets") == 0 ? OFFSETS
                                                 : 0;
        if ((seen & now) != 0) {
            json_fail(&h->j, "the field \"%s\" stands twice", key);
        } else if (now == DTYPE) {
            const char *name = json_string(&h->j, NULL);
            if (name != NULL && !dtype_from_st(name, &t->dt)) {
                json_fail(&h->j, "unknown dtype \"%s\"", name);
            }
        } else if (now == SHAPE) {
            read_shape(h, t);
        } else if (now == OFFSETS) {
            read_offsets(h, s);
        } else if (json_skip(&h->j)) {
            h->unknown_field = key;
        }
        seen |= now;
    }
    if (seen != ALL) {
        json_fail(&h->j, "a tensor needs dtype, shape and data_offsets");
    }
}

static rt_status read_tensor(header *h, const char *name, size_t n_bytes)
{
    tensor_info t = {.name = name, .file = h->file};
    span s = {.name = name};

    const char *fault = name_fault(name, n_bytes);
    if (fault != NULL) {
        json_fail(&h->j, "%s", fault);
    }
    read_fields(h, &t, &s);
    if (h->j.why != NULL) {
        return bad_file(h->cx, h->path, NULL,
                        "the header is not valid at tensor %s: %s", name, h->j.why);
    }
    fault = shape_fault(&t);
    if (fault != NULL) {
        return bad_file(h->cx, h->path, NULL, "tensor %s: %s", name, fault);
    }
    const bool in_reach = s.end <= UINT64_MAX - h->data_at;
    if (s.end < s.begin || s.end - s.begin != t.n_bytes || !in_reach) {
        return bad_file(
            h->cx, h->path, NULL,
            "tensor %s: data_offsets %" PRIu64 "..%" PRIu64 " do not hold its %" PRIu64
            " bytes (%s, %" PRIu64 " elements; the data section has %" PRIu64 " bytes)",
            name, s.begin, s.end, t.n_bytes, dtype_st_name(t.dt), t.n_elems, h->n_data);
    }
    if (s.end > h->n_data && s.end > h->furthest.end) {
        h->furthest = s; /* said once the header is read: the size that it asks for */
    }
    t.offset = h->data_at + s.begin;
    t.storage = (uint32_t)h->spans.n;
    vec_push(h->cx->arena, &h->spans, s);
    t.name = inventory_name(h->cx->arena, h->inv, h->file, name);
    if (!inventory_add(h->cx->arena, h->inv, t)) {
        const tensor_info *old = inventory_find(h->inv, t.name);
        const char *where_else = h->inv->files.at[old->file].path;
        return old->file == h->file
                   ? bad_file(h->cx, h->path, NULL,
                              "tensor %s stands twice in the header", name)
                   : bad_file(h->cx, h->path, NULL, "tensor %s stands in %s already",
                              name, where_else);
    }
    return RT_OK;
}

static int by_place(const void *x, const void *y)
{
    const span *a = x, *b = y;

    if (a->begin != b->begin) {
        return a->begin < b->begin ? -1 : 1;
    }
    return (a->end > b->end) - (a->end < b->end);
}

/* Every byte of the data section belongs to exactly one tensor. */
static rt_status check_coverage(header *h)
{
    uint64_t at = 0;

    if (h->spans.n > 0) {
        qsort(h->spans.at, h->spans.n, sizeof *h->spans.at, by_place);
    }
    for (size_t i = 0; i < h->spans.n; i++) {
        const span *s = &h->spans.at[i];
        if (s->begin < at) {
            return bad_file(h->cx, h->path, NULL, "tensors %s and %s overlap",
                            h->spans.at[i - 1].name, s->name);
        }
        if (s->begin > at) {
            return bad_file(h->cx, h->path, NULL,
                            "%" PRIu64 " bytes before tensor %s belong to no tensor",
                            s->begin - at, s->name);
        }
        at = s->end;
    }
    if (at != h->n_data) {
        return bad_file(h->cx, h->path, NULL,
                        "%" PRIu64 " bytes at the end of the file belong to no tensor",
                        h->n_data - at);
    }
    return RT_OK;
}

static rt_status read_header(header *h)
{
    json_enter(&h->j, '{');
    for (bool first = true; json_next(&h->j, '}', &first);) {
        size_t n_bytes;
        const char *key = json_key(&h->j, &n_bytes);
        if (key == NULL) {
            break;
        }
        if (n_bytes == 12 && memcmp(key, "__metadata__", 12) == 0) {
            read_metadata(h);
        } else {
            TRY(read_tensor(h, key, n_bytes));
        }
    }
    if (!json_end(&h->j)) {
        return bad_json(h);
    }
    if (h->is_piece) {
        return bad_file(
            h->cx, h->path,
            "join the pieces first, with torch's "
            "consolidate_safetensors_files",
            "the file holds pieces of tensors, from a distributed checkpoint");
    }
    if (h->unknown_field != NULL) {
        inventory_note(h->cx, h->inv, h->path,
                       "unknown fields of tensors ignored, such as \"%s\"",
                       h->unknown_field);
    }
    if (h->furthest.end > 0) {
        return bad_file(
            h->cx, h->path, "the download or copy was cut short: fetch the file again",
            "the file is truncated: it ends at byte %" PRIu64
            ", tensor %s needs it up to byte %" PRIu64,
            h->data_at + h->n_data, h->furthest.name, h->data_at + h->furthest.end);
    }
    return check_coverage(h);
}

rt_status safetensors_read(context *cx, inventory *inv, uint32_t file)
{
    const inventory_file *f = &inv->files.at[file];
    header h = {.cx = cx, .inv = inv, .file = file, .path = f->path};
    unsigned char n_le[8];

    if (f->n_bytes < 8) {
        return bad_file(cx, f->path, NULL,
                        "%" PRIu64 " bytes are too few for a safetensors file",
                        f->n_bytes);
    }
    int err = pread_all(f->fd, n_le, sizeof n_le, 0);
    if (err != 0) {
        return bad_file(cx, f->path, NULL, "cannot read: %s", strerror(err));
    }
    const uint64_t n_header = le64(n_le);
    if (n_header > HEADER_MAX || n_header > f->n_bytes - 8) {
        return bad_file(
            cx, f->path,
            "the download may be incomplete, or this is no safetensors file",
            "the header should have %" PRIu64 " bytes, but the file has %" PRIu64
            " and the limit is %" PRIu64,
            n_header, f->n_bytes, HEADER_MAX);
    }
    char *text = arena_alloc(cx->arena, (size_t)n_header + 1);
    err = pread_all(f->fd, text, (size_t)n_header, 8);
    if (err != 0) {
        return bad_file(cx, f->path, NULL, "cannot read the header: %s", strerror(err));
    }
    h.data_at = 8 + n_header;
    h.n_data = f->n_bytes - h.data_at;
    h.j = json_pull_begin(cx->arena, text, (size_t)n_header);
    return read_header(&h);
}
