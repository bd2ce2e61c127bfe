/* From the pickle's graph to tensors: find the state dict, read its entries.
 *
 * A state dict is a dict or OrderedDict of text -> tensor.  It may be the whole file or
 * lie under a key: "model" (Lit-GPT), "state_dict" (Lightning), "module" (DeepSpeed);
 * or under any one key if no other holds tensors.  What else the file holds is said in
 * notes and never looked into.
 */
#include "checkpoint/open.h"

#include <inttypes.h>
#include <string.h>

#include "checkpoint/bad_file.h"
#include "checkpoint/torch_tensor.h"

#define MAX_LISTED 8   /* names in one note */
#define MAX_ERRORS 20u /* after which a file is given up */
#define MAX_KEYS   256 /* of a file whose state dict has an unusual name */

/* A dict, or what SETITEMS gave to an OrderedDict: pairs of key and value. */
typedef struct dict_view {
    pickle_node *const *items;
    uint32_t n; /* twice the number of pairs */
} dict_view;

static bool as_dict(const pickle_node *node, dict_view *d)
{
    if (node->kind == PICKLE_DICT) {
        *d = (dict_view){node->items, node->n};
        return true;
    }
    if (node->kind == PICKLE_CALL && node->name == NAME_ORDERED_DICT &&
        node->call->args->n == 0 && !node->call->is_new) {
        *d = (dict_view){node->call->items, node->call->n};
        return true;
    }
    return false;
}

static bool holds_tensors(const pickle_node *node)
{
    dict_view d = {0};

    if (as_dict(node, &d)) {
        for (uint32_t i = 0; i < d.n; i += 2) {
            if (torch_is_tensor(d.items[i + 1])) {
                return true;
            }
        }
    }
    return false;
}

/* A key as it may stand in a message or note. */
static const char *key_shown(arena *a, const pickle_node *key)
{
    if (key->kind == PICKLE_STRING && name_fault(key->text, key->n) == NULL) {
        return arena_strndup(a, key->text, key->n);
    }
    return key->kind == PICKLE_INT ? arena_printf(a, "%" PRId64, key->i)
                                   : pickle_describe(a, key);
}

/* "a (a list), b (None) and 3 more": the entries, but for one value, or for tensors. */
static const char *list_entries(arena *a, dict_view d, const pickle_node *but,
                                bool want_tensors, size_t *n_listed)
{
    buf b = {.arena = a};
    size_t n = 0;

    for (uint32_t i = 0; i < d.n; i += 2) {
        const pickle_node *value = d.items[i + 1];
        if (value == but || (!want_tensors && torch_is_tensor(value))) {
            continue;
        }
        if (n++ < MAX_LISTED) {
            buf_printf(&b, "%s%s (%s)", n > 1 ? ", " : "", key_shown(a, d.items[i]),
                       pickle_describe(a, value));
        }
    }
    if (n > MAX_LISTED) {
        buf_printf(&b, " and %zu more", n - MAX_LISTED);
    }
    *n_listed = n;
    return buf_str(&b);
}

/* The place of a key, or d.n. */
static uint32_t find_key(dict_view d, const char *text)
{
    uint32_t i = 0;

    while (i < d.n && !pickle_is_text(d.items[i], text)) {
        i += 2;
    }
    return i;
}

/* The place of the entry that holds the state dict; false: there is none below a key.
 */
static bool find_subtree(dict_view root, uint32_t *at)
{
    static const char *const usual[] = {"model", "state_dict", "module"};
    size_t n_found = 0, n_direct = 0;

    for (size_t u = 0; u < sizeof usual / sizeof usual[0]; u++) {
        const uint32_t i = find_key(root, usual[u]);
        if (i < root.n && holds_tensors(root.items[i + 1])) {
            *at = i;
            return true;
        }
    }
    for (uint32_t i = 0; i < root.n && root.n <= 2 * MAX_KEYS; i += 2) {
        n_direct += torch_is_tensor(root.items[i + 1]);
        if (holds_tensors(root.items[i + 1])) {
            *at = i;
            n_found++;
        }
    }
    return n_direct == 0 && n_found == 1;
}

static rt_status no_state_dict(torch_source *src, const pickle_node *root)
{
    arena *a = src->scratch.arena;
    dict_view d;
    size_t n;

    if (!as_dict(root, &d)) {
        return bad_file(src->cx, src->path,
                        "load it in Python and torch.save its state_dict()",
                        "it holds %s, not a state dict", pickle_describe(a, root));
    }
    const char *listed = list_entries(a, d, NULL, true, &n);
    return bad_file(src->cx, src->path,
                    "a state dict is a dict of tensors, alone or below one key such as "
                    "\"model\" or \"state_dict\"",
                    "no state dict was found; it holds %s",
                    n > 0 ? listed : "an empty dict");
}

static rt_status read_entry(torch_source *src, const pickle_node *key,
                            const pickle_node *value)
{
    tensor_info t = {0};
    const char *fault = key->kind == PICKLE_STRING ? name_fault(key->text, key->n)
                                                   : "its name is no text";
    if (fault != NULL) {
        return bad_file(src->cx, src->path, NULL, "tensor %s: %s",
                        key_shown(src->scratch.arena, key), fault);
    }
    const char *name = arena_strndup(src->cx->arena, key->text, key->n);
    TRY(torch_tensor_read(src, name, value, &t));
    t.name = inventory_name(src->cx->arena, src->inv, src->file, name);
    if (inventory_add(src->cx->arena, src->inv, t)) {
        return RT_OK;
    }
    const tensor_info *old = inventory_find(src->inv, t.name);
    return old->file == src->file
               ? bad_file(src->cx, src->path, NULL, "tensor %s stands twice", name)
               : bad_file(src->cx, src->path, NULL, "tensor %s stands in %s already",
                          name, src->inv->files.at[old->file].path);
}

/* An entry that is no tensor: plain values and a module's extra state are left out and
 * noted; an object of a foreign class could be anything, also weights. */
static rt_status check_other(torch_source *src, const pickle_node *key,
                             const pickle_node *value)
{
    static const char extra[] = "_extra_state";
    const size_t n = sizeof extra - 1;
    const bool is_extra = key->kind == PICKLE_STRING && key->n >= n &&
                          memcmp(key->text + key->n - n, extra, n) == 0;

    if (value->kind != PICKLE_CALL || value->name != NAME_OTHER || is_extra) {
        return RT_OK;
    }
    arena *a = src->scratch.arena;
    return bad_file(src->cx, src->path,
                    "only tensors that torch.load(weights_only=True) accepts are read; "
                    "load it in Python, convert it and save it again",
                    "entry %s of the state dict is %s, which is never called",
                    key_shown(a, key), pickle_describe(a, value));
}

static rt_status read_state_dict(torch_source *src, dict_view d)
{
    unsigned n_errors = 0;

    for (uint32_t i = 0; i < d.n && n_errors < MAX_ERRORS; i += 2) {
        const pickle_node *key = d.items[i], *value = d.items[i + 1];
        const rt_status each = torch_is_tensor(value) ? read_entry(src, key, value)
                                                      : check_other(src, key, value);
        n_errors += each != RT_OK;
    }
    return n_errors == 0 ? RT_OK : RT_FILE;
}

static void add_notes(torch_source *src, const pickle *p, dict_view root,
                      const pickle_node *chosen, dict_view dict)
{
    arena *a = src->scratch.arena;
    size_t n;
    uint64_t n_bytes;

    if (chosen != NULL) {
        const char *rest = list_entries(a, root, chosen, true, &n);
        if (n > 0) {
            inventory_note(src->cx, src->inv, src->path,
                           "beside \"%s\" and not read: %s", src->inv->subtree, rest);
        }
    }
    const char *skipped = list_entries(a, dict, NULL, false, &n);
    if (n > 0) {
        inventory_note(src->cx, src->inv, src->path, "no tensors, not read: %s",
                       skipped);
    }
    if (p->others.n > 0) {
        inventory_note(src->cx, src->inv, src->path,
                       "names %zu other Python object%s, none of which is called: %s%s",
                       p->others.n, p->others.n == 1 ? "" : "s", p->others.at[0],
                       p->others.n > 1 ? ", ..." : "");
    }
    torch_unused_records(src, &n, &n_bytes);
    if (n > 0) {
        inventory_note(src->cx, src->inv, src->path,
                       "%zu stored record%s of %" PRIu64 " bytes in all %s used by no "
                       "tensor that is read",
                       n, n == 1 ? "" : "s", n_bytes, n == 1 ? "is" : "are");
    }
}

static rt_status read_source(torch_source *src)
{
    const pickle *p = &src->object;
    dict_view root = {0}, dict = {0};
    const pickle_node *chosen = NULL;
    uint32_t at = 0;

    TRY(src->inv->files.at[src->file].format == FORMAT_TORCH ? torch_archive_open(src)
                                                             : torch_stream_open(src));
    if (!as_dict(p->root, &root)) {
        return no_state_dict(src, p->root);
    }
    if (find_subtree(root, &at)) {
        chosen = root.items[at + 1];
        (void)as_dict(chosen, &dict);
        const char *key = key_shown(src->cx->arena, root.items[at]);
        const dict_view behind = {root.items + at + 2, root.n - at - 2};
        if (find_key(root, key) < at || find_key(behind, key) < behind.n) {
            return bad_file(src->cx, src->path, NULL, "the key %s stands twice", key);
        }
        src->inv->subtree = arena_strdup(src->cx->arena, key);
    } else if (holds_tensors(p->root)) {
        dict = root;
    } else {
        return no_state_dict(src, p->root);
    }
    TRY(read_state_dict(src, dict));
    add_notes(src, p, root, chosen, dict);
    return RT_OK;
}

rt_status torch_read(context *cx, inventory *inv, uint32_t file)
{
    arena *scratch = arena_new();
    torch_source src = {
        .cx = cx,
        .scratch = {scratch, cx->diags},
        .inv = inv,
        .file = file,
        .path = inv->files.at[file].path,
        .record_of = strmap_new(scratch),
        .stored_by_key = strmap_new(scratch),
        .places = strmap_new(scratch),
    };
    const rt_status status = read_source(&src);

    arena_free(scratch);
    return status;
}
