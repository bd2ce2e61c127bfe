/* base/strmap.c -- open addressing over an array of entries in insertion order.
 *
 * Keys come from hostile files too; FNV-1a with a final mix is enough here, because
 * the number of names is bounded by the size of a header that was read anyway, and
 * the 64-bit hash is kept beside each entry so that collisions rarely reach strcmp.
 */
#include "base/strmap.h"

#include <string.h>

typedef struct entry {
    const char *key;
    uint64_t hash, value;
} entry;

struct strmap {
    arena *arena;
    VEC(entry) entries;
    uint32_t *slots; /* index of an entry + 1; 0: free */
    size_t n_slots;  /* a power of two, more than 4/3 of the entries */
};

enum { FIRST_SLOTS = 16 };

static uint64_t hash_of(const char *key)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (const char *p = key; *p != '\0'; p++) {
        h = (h ^ (unsigned char)*p) * 0x100000001b3u;
    }
    h ^= h >> 32;
    h *= 0x9e3779b97f4a7c15u;
    return h ^ (h >> 29);
}

strmap *strmap_new(arena *a)
{
    strmap *m = NEW(a, strmap);
    m->arena = a;
    m->n_slots = FIRST_SLOTS;
    m->slots = NEW_N(a, uint32_t, FIRST_SLOTS);
    return m;
}

/* The slot that holds key, or the free one where it would go. */
static size_t slot_of(const strmap *m, const char *key, uint64_t hash)
{
    size_t at = (size_t)hash & (m->n_slots - 1);
    while (m->slots[at] != 0) {
        const entry *e = &m->entries.at[m->slots[at] - 1];
        if (e->hash == hash && strcmp(e->key, key) == 0) {
            break;
        }
        at = (at + 1) & (m->n_slots - 1);
    }
    return at;
}

static void grow(strmap *m)
{
    m->n_slots *= 2;
    m->slots = NEW_N(m->arena, uint32_t, m->n_slots);
    for (size_t i = 0; i < m->entries.n; i++) {
        size_t at = (size_t)m->entries.at[i].hash & (m->n_slots - 1);
        while (m->slots[at] != 0) {
            at = (at + 1) & (m->n_slots - 1);
        }
        m->slots[at] = (uint32_t)(i + 1);
    }
}

static void insert(strmap *m, size_t slot, entry e)
{
    vec_push(m->arena, &m->entries, e);
    m->slots[slot] = (uint32_t)m->entries.n;
    if (m->entries.n * 4 > m->n_slots * 3) {
        grow(m);
    }
}

bool strmap_add(strmap *m, const char *key, uint64_t value)
{
    const uint64_t hash = hash_of(key);
    const size_t slot = slot_of(m, key, hash);
    if (m->slots[slot] != 0) {
        return false;
    }
    insert(m, slot, (entry){key, hash, value});
    return true;
}

void strmap_set(strmap *m, const char *key, uint64_t value)
{
    const uint64_t hash = hash_of(key);
    const size_t slot = slot_of(m, key, hash);
    if (m->slots[slot] != 0) {
        m->entries.at[m->slots[slot] - 1].value = value;
    } else {
        insert(m, slot, (entry){key, hash, value});
    }
}

bool strmap_get(const strmap *m, const char *key, uint64_t *value)
{
    const size_t slot = slot_of(m, key, hash_of(key));
    if (m->slots[slot] == 0) {
        return false;
    }
    if (value != NULL) {
        *value = m->entries.at[m->slots[slot] - 1].value;
    }
    return true;
}

bool strmap_has(const strmap *m, const char *key)
{
    return strmap_get(m, key, NULL);
}

size_t strmap_count(const strmap *m)
{
    return m->entries.n;
}

const char *strmap_key(const strmap *m, size_t i)
{
    return m->entries.at[i].key;
}

uint64_t strmap_value(const strmap *m, size_t i)
{
    return m->entries.at[i].value;
}
