/* base/arena.c -- region allocator; see arena.h. */
#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/status.h"

/* AddressSanitizer sees objects of an arena only if it is told where they end. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KNOWS_OBJECTS 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define KNOWS_OBJECTS 1
#endif
#ifdef KNOWS_OBJECTS
#include <sanitizer/asan_interface.h>
#define FORBID(p, n_bytes) __asan_poison_memory_region((p), (n_bytes))
#define ALLOW(p, n_bytes)  __asan_unpoison_memory_region((p), (n_bytes))
enum { GAP_BYTES = 16 };
#else
#define FORBID(p, n_bytes) ((void)(p), (void)(n_bytes))
#define ALLOW(p, n_bytes)  ((void)(p), (void)(n_bytes))
enum { GAP_BYTES = 0 };
#endif

enum {
    ALIGNMENT = 16,
    FIRST_CHUNK_BYTES = 8 * 1024,
    LAST_CHUNK_BYTES = 1024 * 1024, /* chunks double up to this size */
};

typedef struct chunk {
    struct chunk *older;
    size_t n_bytes, used; /* of the bytes behind the header */
} chunk;

enum { HEADER_BYTES = (sizeof(chunk) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT };

struct arena {
    chunk *newest;
    size_t next_chunk_bytes;
};

/* Nothing sensible can go on without memory, and no caller could tidy up better
 * than the end of the process does: unfinished outputs have no final name yet. */
static _Noreturn void out_of_memory(size_t n_bytes)
{
    char text[96];
    const int n = snprintf(text, sizeof text,
                           "error: out of memory (asked for %zu bytes)\n", n_bytes);
    if (n > 0 && write(STDERR_FILENO, text, (size_t)n) < 0) {
        _exit(RT_FILE);
    }
    _exit(RT_FILE);
}

arena *arena_new(void)
{
    arena *a = calloc(1, sizeof *a);
    if (a == NULL) {
        out_of_memory(sizeof *a);
    }
    a->next_chunk_bytes = FIRST_CHUNK_BYTES;
    return a;
}

void arena_free(arena *a)
{
    if (a == NULL) {
        return;
    }
    chunk *c = a->newest;
    while (c != NULL) {
        chunk *older = c->older;
        ALLOW((char *)c + HEADER_BYTES, c->n_bytes);
        free(c);
        c = older;
    }
    free(a);
}

static chunk *chunk_new(size_t n_bytes)
{
    if (n_bytes > SIZE_MAX - HEADER_BYTES) {
        out_of_memory(n_bytes);
    }
    /* calloc gives the zeroes for nothing when the pages are fresh. */
    chunk *c = calloc(1, HEADER_BYTES + n_bytes);
    if (c == NULL) {
        out_of_memory(n_bytes);
    }
    c->n_bytes = n_bytes;
    FORBID((char *)c + HEADER_BYTES, n_bytes);
    return c;
}

/* A chunk with room for n_bytes.  A large object gets a chunk of its own, put behind
 * the newest one so that the rest of the newest stays in use. */
static chunk *chunk_for(arena *a, size_t n_bytes)
{
    chunk *newest = a->newest;
    if (newest != NULL && newest->n_bytes - newest->used >= n_bytes) {
        return newest;
    }
    const bool is_large = n_bytes > a->next_chunk_bytes / 4;
    if (is_large && newest != NULL) {
        chunk *c = chunk_new(n_bytes);
        c->older = newest->older;
        newest->older = c;
        return c;
    }
    chunk *c = chunk_new(is_large ? n_bytes : a->next_chunk_bytes);
    if (!is_large && a->next_chunk_bytes < LAST_CHUNK_BYTES) {
        a->next_chunk_bytes *= 2;
    }
    c->older = newest;
    a->newest = c;
    return c;
}

void *arena_alloc(arena *a, size_t n_bytes)
{
    if (n_bytes > SIZE_MAX - ALIGNMENT - GAP_BYTES) {
        out_of_memory(n_bytes);
    }
    const size_t rounded = align_up(n_bytes == 0 ? 1 : n_bytes, ALIGNMENT) + GAP_BYTES;
    chunk *c = chunk_for(a, rounded);
    void *p = (char *)c + HEADER_BYTES + c->used;
    c->used += rounded;
    ALLOW(p, n_bytes);
    return p;
}

void *arena_alloc_n(arena *a, size_t n, size_t size)
{
    size_t n_bytes;
    if (__builtin_mul_overflow(n, size, &n_bytes)) {
        out_of_memory(SIZE_MAX);
    }
    return arena_alloc(a, n_bytes);
}

char *arena_strndup(arena *a, const char *s, size_t n_bytes)
{
    if (n_bytes == SIZE_MAX) {
        out_of_memory(n_bytes);
    }
    char *copy = arena_alloc(a, n_bytes + 1);
    if (n_bytes > 0) {
        memcpy(copy, s, n_bytes);
    }
    return copy;
}

char *arena_strdup(arena *a, const char *s)
{
    return arena_strndup(a, s, strlen(s));
}

char *arena_vprintf(arena *a, const char *fmt, va_list ap)
{
    buf b = {.arena = a};
    buf_vprintf(&b, fmt, ap);
    return buf_str(&b);
}

char *arena_printf(arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text = arena_vprintf(a, fmt, ap);
    va_end(ap);
    return text;
}

void *vec_grow(arena *a, void *at, size_t n, size_t *cap, size_t size)
{
    const size_t new_cap = *cap < 4 ? 8 : *cap * 2;
    void *grown = arena_alloc_n(a, new_cap, size);
    if (n > 0) {
        memcpy(grown, at, n * size);
    }
    *cap = new_cap;
    return grown;
}

/* Make room for n_more bytes and the NUL. */
static void buf_reserve(buf *b, size_t n_more)
{
    if (b->cap - b->n > n_more) {
        return;
    }
    if (n_more > SIZE_MAX / 4 || b->n > SIZE_MAX / 4) {
        out_of_memory(n_more);
    }
    size_t cap = b->cap < 32 ? 64 : b->cap * 2;
    if (cap < b->n + n_more + 1) {
        cap = b->n + n_more + 1;
    }
    char *p = arena_alloc(b->arena, cap);
    if (b->n > 0) {
        memcpy(p, b->p, b->n);
    }
    b->p = p;
    b->cap = cap;
}

void buf_add_n(buf *b, const void *bytes, size_t n_bytes)
{
    buf_reserve(b, n_bytes);
    if (n_bytes > 0) {
        memcpy(b->p + b->n, bytes, n_bytes);
    }
    b->n += n_bytes;
    b->p[b->n] = '\0';
}

void buf_add(buf *b, const char *s)
{
    buf_add_n(b, s, strlen(s));
}

void buf_vprintf(buf *b, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    buf_reserve(b, 64);
    const size_t room = b->cap - b->n;
    const int n = vsnprintf(b->p + b->n, room, fmt, ap);
    if (n < 0) {
        b->p[b->n] = '\0';
    } else if ((size_t)n < room) {
        b->n += (size_t)n;
    } else {
        buf_reserve(b, (size_t)n);
        (void)vsnprintf(b->p + b->n, (size_t)n + 1, fmt, again);
        b->n += (size_t)n;
    }
    va_end(again);
}

void buf_printf(buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(b, fmt, ap);
    va_end(ap);
}

char *buf_str(buf *b)
{
    if (b->p == NULL) {
        buf_add_n(b, "", 0);
    }
    return b->p;
}
