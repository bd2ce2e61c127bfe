/* read_kit.h -- bytes in, verdict out: what the tests of the readers share.
 *
 * A file is made of bytes in memory, written below a fresh directory, opened, and
 * judged: read (with the inventory to look into) or refused (with a word of the
 * complaint that must be the reason).
 */
#ifndef RT_TESTS_UNIT_READ_KIT_H
#define RT_TESTS_UNIT_READ_KIT_H

#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "check.h"
#include "checkpoint/open.h"

typedef struct kit {
    context cx;
    const char *top; /* a fresh directory */
    checkpoint *ck;  /* of the last read() that was good */
} kit;

static inline kit kit_begin(void)
{
    arena *a = arena_new();
    const char *tmp = getenv("TMPDIR");
    char *top = arena_printf(a, "%s/read-XXXXXX", tmp != NULL ? tmp : "/tmp");

    CHECK(mkdtemp(top) != NULL);
    return (kit){.cx = {a, diags_new(a)}, .top = top};
}

/* The paths in the fresh directory; they are removed at the end. */
static inline const char *kit_path(const kit *k, const char *name)
{
    return path_join(k->cx.arena, k->top, name);
}

static inline void kit_end(kit *k)
{
    char **names = NULL;
    size_t n = 0;

    CHECK(dir_list(k->cx.arena, k->top, &names, &n) == 0);
    for (size_t i = 0; i < n; i++) {
        CHECK(remove(kit_path(k, names[i])) == 0);
    }
    CHECK(rmdir(k->top) == 0);
    arena_free(k->cx.arena);
}

static inline const char *kit_write(const kit *k, const char *name, const void *bytes,
                                    size_t n)
{
    const char *path = kit_path(k, name);
    FILE *f = fopen(path, "wb");

    CHECK(f != NULL);
    if (f != NULL) {
        CHECK(fwrite(bytes, 1, n, f) == n);
        CHECK(fclose(f) == 0);
    }
    return path;
}

/* Open what stands at `path`, where weights may have these names; the caller closes
 * k->ck->inv when it was good. */
static inline rt_status kit_open_known(kit *k, const char *path,
                                       const file_name_list *known)
{
    diags_clear(k->cx.diags);
    k->ck = NULL;
    const rt_status status = checkpoint_open_known(&k->cx, path, known, &k->ck);
    CHECK((status == RT_OK) == (diags_count(k->cx.diags, SEV_ERROR) == 0));
    CHECK(status == RT_OK || diags_has(k->cx.diags, "bad-file"));
    return status;
}

/* The same without known names. */
static inline rt_status kit_open(kit *k, const char *path)
{
    const file_name_list none = {0};
    return kit_open_known(k, path, &none);
}

static inline const char *kit_complaint(kit *k)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);

    if (f == NULL) {
        return "";
    }
    diags_print_text(k->cx.diags, f, false);
    (void)fclose(f);
    const char *copy = arena_strdup(k->cx.arena, text);
    free(text);
    return copy;
}

/* The path is refused, and the complaint has the word in it. */
static inline void kit_refused_at(kit *k, const char *path, const char *word,
                                  const char *file, int line)
{
    const rt_status status = kit_open(k, path);

    check_int(status, RT_FILE, file, line, word);
    if (status == RT_OK) {
        inventory_close(k->ck->inv);
        return;
    }
    const char *said = kit_complaint(k);
    if (!check_that(strstr(said, word) != NULL, file, line, word)) {
        (void)fprintf(stderr, "    said: %s\n", said);
    }
}

static inline bool kit_good_at(kit *k, const char *path, const char *file, int line)
{
    const rt_status status = kit_open(k, path);

    if (!check_that(status == RT_OK, file, line, "the file is read")) {
        (void)fprintf(stderr, "    said: %s\n", kit_complaint(k));
    }
    return status == RT_OK;
}

static inline bool kit_noted(const kit *k, const char *word)
{
    for (size_t i = 0; i < k->ck->inv->notes.n; i++) {
        if (strstr(k->ck->inv->notes.at[i], word) != NULL) {
            return true;
        }
    }
    return false;
}

#define REFUSED(k, path, word) kit_refused_at(k, path, word, __FILE__, __LINE__)
#define GOOD(k, path)          kit_good_at(k, path, __FILE__, __LINE__)

#endif
