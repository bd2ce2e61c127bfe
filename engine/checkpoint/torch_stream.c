#include <inttypes.h>
#include <string.h>

#include "base/file.h"
#include "checkpoint/bad_file.h"
#include "checkpoint/bytes_le.h"
#include "checkpoint/torch_storage.h"

#define PROTOCOL 1001
#define FIRST_WINDOW                                                                   \
    (UINT64_C(1) << 20) /* bytes; the object of most files is shorter */
#define GROWTH 8

/* The whole number 0x1950a86a20f9469cfc6c and the end of its pickle. */
static const char magic[13] = {'\x8a', '\x0a', '\x6c', '\xfc', '\x9c', '\x46', '\xf9',
                               '\x20', '\x6a', '\xa8', '\x50', '\x19', '.'};

typedef struct stream {
    torch_source *src;
    int fd;
    uint64_t at, n_bytes; /* where the next part begins; of the file */
} stream;

static rt_status read_at(const stream *s, void *bytes, size_t n)
{
    const int err = pread_all(s->fd, bytes, n, s->at);

    return err == 0 ? RT_OK
                    : bad_file(s->src->cx, s->src->path, NULL, "cannot read: %s",
                               strerror(err));
}

/* Nothing says how long a pickle is: try with more bytes until one ends in them. */
static rt_status next_pickle(stream *s, pickle *p)
{
    torch_source *src = s->src;
    const uint64_t n_left = s->n_bytes - s->at;
    const uint64_t n_most = n_left < PICKLE_MAX ? n_left : PICKLE_MAX;
    uint64_t n_window = FIRST_WINDOW;
    size_t n_used = 0;

    for (;; n_window *= GROWTH) {
        const size_t n = (size_t)(n_window < n_most ? n_window : n_most);
        char *bytes = arena_alloc(src->scratch.arena, n + 1);
        TRY(read_at(s, bytes, n));
        TRY(pickle_read_first(&src->scratch, src->path, bytes, n, p, &n_used));
        if (n_used > 0) {
            s->at += n_used;
            return RT_OK;
        }
        if (n == n_most) {
            return bad_file(src->cx, src->path, "the download or copy broke off",
                            "a pickle that begins at byte %" PRIu64
                            " has no end in the next %zu",
                            s->at, n);
        }
    }
}

static rt_status read_facts(stream *s)
{
    const torch_source *src = s->src;
    pickle protocol, facts;

    TRY(next_pickle(s, &protocol));
    if (protocol.root->kind != PICKLE_INT || protocol.root->i != PROTOCOL) {
        return bad_file(src->cx, src->path, NULL,
                        "the protocol of its torch is not %d, the only one known",
                        PROTOCOL);
    }
    TRY(next_pickle(s, &facts));
    const pickle_node *dict = facts.root;
    for (uint32_t i = 0; dict->kind == PICKLE_DICT && i < dict->n; i += 2) {
        const pickle_node *key = dict->items[i], *value = dict->items[i + 1];
        if (pickle_is_text(key, "little_endian")) {
            return value->kind == PICKLE_BOOL && value->i == 1
                       ? RT_OK
                       : bad_file(src->cx, src->path,
                                  "save it again on a little-endian machine",
                                  "its byte order is not little-endian");
        }
    }
    return bad_file(src->cx, src->path, NULL, "it does not say its byte order");
}

/* ("module", class, file, source): a model's code goes with it. */
static bool is_module(const pickle_node *stored)
{
    const pickle_node *id = stored->items[0];

    return id->kind == PICKLE_TUPLE && id->n > 0 &&
           pickle_is_text(id->items[0], "module");
}

/* What the object says of its storages, by key. */
static rt_status list_storages(const stream *s, torch_storage **said, strmap *by_key)
{
    torch_source *src = s->src;
    const size_t n = src->object.storages.n;

    *said = NEW_N(src->scratch.arena, torch_storage, n + 1);
    for (size_t i = 0; i < n; i++) {
        const pickle_node *node = src->object.storages.at[i];
        torch_storage *each = &(*said)[i];
        if (is_module(node)) {
            return bad_file(src->cx, src->path,
                            "load it in Python and torch.save its state_dict()",
                            "it holds a module with its code, not a state dict");
        }
        const char *fault = torch_storage_read(src, node, each);
        if (fault != NULL) {
            return bad_file(src->cx, src->path, NULL, "of an object in it: %s", fault);
        }
        (void)strmap_add(by_key, each->key, i);
    }
    return RT_OK;
}

/* The storage of one key, which begins at s->at. */
static rt_status read_record(stream *s, const torch_storage *said)
{
    torch_source *src = s->src;
    unsigned char count[8];
    torch_record record = {.key = said->key};

    if (s->n_bytes - s->at < sizeof count) {
        return bad_file(src->cx, src->path, "the download or copy broke off",
                        "the file ends before its storage %s", said->key);
    }
    TRY(read_at(s, count, sizeof count));
    s->at += sizeof count;
    if (le64(count) != said->n_elems) {
        return bad_file(src->cx, src->path, NULL,
                        "its storage %s has %" PRIu64 " elements where the object says "
                        "%" PRIu64,
                        said->key, le64(count), said->n_elems);
    }
    record.data_at = s->at;
    if (!dtype_bytes(said->dt, said->n_elems, &record.n_bytes) ||
        record.n_bytes > s->n_bytes - s->at) {
        return bad_file(src->cx, src->path, "the download or copy broke off",
                        "its storage %s of %" PRIu64 " elements of %s ends behind the "
                        "file",
                        said->key, said->n_elems, dtype_st_name(said->dt));
    }
    s->at += record.n_bytes;
    vec_push(src->scratch.arena, &src->records, record);
    return RT_OK;
}

/* The keys in their order, each of a storage that the object names, and all of them. */
static rt_status read_records(stream *s)
{
    torch_source *src = s->src;
    strmap *by_key = strmap_new(src->scratch.arena);
    torch_storage *said;
    pickle keys;
    uint64_t at;

    TRY(list_storages(s, &said, by_key));
    TRY(next_pickle(s, &keys));
    const pickle_node *list = keys.root;
    if (list->kind != PICKLE_LIST || list->n != strmap_count(by_key)) {
        return bad_file(src->cx, src->path, NULL,
                        "its list of storages does not fit the %" PRIu64
                        " that its object names",
                        strmap_count(by_key));
    }
    for (uint32_t i = 0; i < list->n; i++) {
        const pickle_node *key = list->items[i];
        const char *text = key->kind == PICKLE_STRING
                               ? arena_strndup(src->scratch.arena, key->text, key->n)
                               : "";
        if (!strmap_get(by_key, text, &at) ||
            !strmap_add(src->record_of, said[at].key, src->records.n)) {
            return bad_file(src->cx, src->path, NULL,
                            "its list of storages has %s, which its object does not "
                            "name, or twice",
                            pickle_describe(src->scratch.arena, key));
        }
        TRY(read_record(s, &said[at]));
    }
    return RT_OK;
}

size_t torch_stream_begin(const void *head, size_t n)
{
    const unsigned char *p = head;
    const size_t at = n > 2 && p[2] == 0x95 ? 11 : 2; /* a frame, from protocol 4 on */

    return n >= at + sizeof magic && p[0] == 0x80 &&
                   memcmp(p + at, magic, sizeof magic) == 0
               ? at + sizeof magic
               : 0;
}

rt_status torch_stream_open(torch_source *src)
{
    const inventory_file *f = &src->inv->files.at[src->file];
    stream s = {.src = src, .fd = f->fd, .n_bytes = f->n_bytes};
    char head[32] = {0};

    src->shown = "";
    src->n_id_items = 6;
    TRY(read_at(&s, head, s.n_bytes < sizeof head ? (size_t)s.n_bytes : sizeof head));
    s.at = torch_stream_begin(head, sizeof head);
    TRY(read_facts(&s));
    TRY(next_pickle(&s, &src->object));
    TRY(read_records(&s));
    return s.at == s.n_bytes ? RT_OK
                             : bad_file(src->cx, src->path, NULL,
                                        "%" PRIu64 " bytes stand behind its last "
                                        "storage",
                                        s.n_bytes - s.at);
}
