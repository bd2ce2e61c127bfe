#include "checkpoint/torch_storage.h"

#include <inttypes.h>
#include <string.h>

#include "checkpoint/bad_file.h"

bool torch_as_u64(const pickle_node *node, uint64_t *n)
{
    *n = (uint64_t)node->i;
    return node->kind == PICKLE_INT && node->i >= 0;
}

/* A decimal or textual key; NULL for others. */
static const char *key_text(arena *a, const pickle_node *key)
{
    if (key->kind == PICKLE_INT && key->i >= 0) {
        return arena_printf(a, "%" PRId64, key->i);
    }
    if (key->kind != PICKLE_STRING || name_fault(key->text, key->n) != NULL ||
        memchr(key->text, '/', key->n) != NULL) {
        return NULL;
    }
    return arena_strndup(a, key->text, key->n);
}

const char *torch_storage_read(const torch_source *src, const pickle_node *node,
                               torch_storage *s)
{
    const pickle_node *id = node->kind == PICKLE_STORED ? node->items[0] : NULL;

    if (id == NULL || id->kind != PICKLE_TUPLE || id->n != src->n_id_items ||
        !pickle_is_text(id->items[0], "storage")) {
        return "its storage is not given as torch.save does";
    }
    const pickle_node *class = id->items[1];
    s->is_untyped = class->name == NAME_UNTYPED_STORAGE;
    if (class->kind != PICKLE_GLOBAL ||
        (class->name != NAME_STORAGE && !s->is_untyped)) {
        return arena_printf(src->scratch.arena,
                            "%s is no class of storages that is read here",
                            pickle_describe(src->scratch.arena, class));
    }
    s->dt = s->is_untyped ? DT_U8 : (dtype) class->dt;
    s->key = key_text(src->scratch.arena, id->items[2]);
    if (s->key == NULL) {
        return "the key of its storage is no plain name or number";
    }
    if (id->items[3]->kind != PICKLE_STRING ||
        !torch_as_u64(id->items[4], &s->n_elems)) {
        return "place or size of its storage is not valid";
    }
    if (id->n == 6 && id->items[5]->kind != PICKLE_NONE) {
        return "its storage is a view of another, as torch before 0.4 wrote them";
    }
    return NULL;
}
