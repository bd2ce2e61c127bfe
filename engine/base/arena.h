/* base/arena.h -- region allocator: objects live until the arena is freed.
 *
 * Memory is zeroed and aligned to 16 bytes.  Allocation never returns NULL: when
 * the system has no memory the process ends with a message and exit code 5 (no
 * output stands under its final name at that point, see checkpoint/publish.h).
 * One thread per arena.
 */
#ifndef RT_BASE_ARENA_H
#define RT_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

typedef struct arena arena;

#define RT_NEVER_NULL __attribute__((returns_nonnull))

arena *arena_new(void) RT_NEVER_NULL;
void arena_free(arena *a); /* NULL is fine */

void *arena_alloc(arena *a, size_t n_bytes) RT_NEVER_NULL;
char *arena_strdup(arena *a, const char *s) RT_NEVER_NULL;
/* Adds the NUL. */
char *arena_strndup(arena *a, const char *s, size_t n_bytes) RT_NEVER_NULL;
char *arena_printf(arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3))) RT_NEVER_NULL;
char *arena_vprintf(arena *a, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0))) RT_NEVER_NULL;

#define NEW(a, T)      ((T *)arena_alloc((a), sizeof(T)))
#define NEW_N(a, T, n) ((T *)arena_alloc_n((a), (n), sizeof(T)))
/* Checks the product. */
void *arena_alloc_n(arena *a, size_t n, size_t size) RT_NEVER_NULL;

/* A growable array on an arena; embed as a struct member: VEC(int) sizes; */
#define VEC(T)                                                                         \
    struct {                                                                           \
        T *at;                                                                         \
        size_t n, cap;                                                                 \
    }
/* Append the value x to *v. */
#define vec_push(a, v, x)                                                              \
    do {                                                                               \
        if ((v)->n == (v)->cap) {                                                      \
            (v)->at = vec_grow((a), (v)->at, (v)->n, &(v)->cap, sizeof *(v)->at);      \
        }                                                                              \
        (v)->at[(v)->n++] = (x);                                                       \
    } while (0)
void *vec_grow(arena *a, void *at, size_t n, size_t *cap, size_t size) RT_NEVER_NULL;

/* Text under construction; always NUL-terminated once something was added. */
typedef struct buf {
    arena *arena;
    char *p;
    size_t n, cap; /* bytes, without the NUL */
} buf;
void buf_add(buf *b, const char *s);
void buf_add_n(buf *b, const void *bytes, size_t n_bytes);
void buf_printf(buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(buf *b, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));
char *buf_str(buf *b); /* never NULL: "" when nothing was added */

#endif
