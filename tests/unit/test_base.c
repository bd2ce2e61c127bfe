/* Arena, text under construction, map, UTF-8 and small files. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/embedded.h"
#include "base/file.h"
#include "base/order.h"
#include "base/strmap.h"
#include "base/utf8.h"
#include "check.h"

static void test_arena(void)
{
    arena *a = arena_new();
    for (size_t n = 0; n < 5000; n += 7) {
        unsigned char *p = arena_alloc(a, n);
        CHECK((uintptr_t)p % 16 == 0);
        bool zero = true;
        for (size_t i = 0; i < n; i++) {
            zero = zero && p[i] == 0;
        }
        CHECK(zero);
        memset(p, 0xff, n);
    }
    unsigned char *large = arena_alloc(a, (size_t)3 << 20);
    large[((size_t)3 << 20) - 1] = 1;
    CHECK_STR(arena_strdup(a, "name"), "name");
    CHECK_STR(arena_strndup(a, "name", 2), "na");
    CHECK_STR(arena_strndup(a, "name", 0), "");
    CHECK_STR(arena_printf(a, "%d-%s", 7, "x"), "7-x");
    arena_free(a);
    arena_free(NULL);
}

static void test_growing(arena *a)
{
    VEC(size_t) v = {0};
    for (size_t i = 0; i < 1000; i++) {
        vec_push(a, &v, i * i);
    }
    CHECK_INT(v.n, 1000);
    CHECK_INT(v.at[999], 999 * 999);

    buf b = {.arena = a};
    CHECK_STR(buf_str(&b), "");
    char want[401] = "";
    for (size_t i = 0; i < 100; i++) {
        buf_printf(&b, "%04zu", i);
        (void)snprintf(want + 4 * i, 5, "%04zu", i);
    }
    CHECK_STR(buf_str(&b), want);
    CHECK_INT(b.n, 400);
    buf long_text = {.arena = a};
    buf_printf(&long_text, "%s%s", want, want);
    CHECK_INT(long_text.n, 800);
    buf_add_n(&long_text, "\0x", 2);
    CHECK_INT(long_text.n, 802);
}

static void test_strmap(arena *a)
{
    enum { N = 20000 };
    strmap *m = strmap_new(a);
    uint64_t v = 1;
    CHECK(!strmap_has(m, "") && !strmap_get(m, "x", &v) && v == 1);
    for (uint64_t i = 0; i < N; i++) {
        CHECK(strmap_add(m, arena_printf(a, "model.layers.%d.w", (int)i), i));
    }
    CHECK(!strmap_add(m, "model.layers.7.w", 1));
    CHECK(strmap_get(m, "model.layers.7.w", &v) && v == 7);
    strmap_set(m, "model.layers.7.w", 70);
    strmap_set(m, "", 5);
    CHECK(strmap_get(m, "model.layers.7.w", &v) && v == 70);
    CHECK(strmap_get(m, "", NULL));
    CHECK_INT(strmap_count(m), N + 1);
    CHECK_STR(strmap_key(m, 12345), "model.layers.12345.w");
    CHECK_INT(strmap_value(m, 12345), 12345);
    CHECK_STR(strmap_key(m, N), "");
    CHECK(!strmap_has(m, "model.layers.20000.w"));
}

static const char *safe(arena *a, const char *text)
{
    buf b = {.arena = a};
    utf8_add_safe(&b, text, strlen(text));
    return buf_str(&b);
}

static void test_utf8(arena *a)
{
    CHECK_INT(utf8_valid_prefix("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 10), 10);
    CHECK_INT(utf8_valid_prefix("a\xc0\x80", 3), 1);        /* overlong */
    CHECK_INT(utf8_valid_prefix("\xe0\x80\x80", 3), 0);     /* overlong */
    CHECK_INT(utf8_valid_prefix("\xed\xa0\x80", 3), 0);     /* surrogate */
    CHECK_INT(utf8_valid_prefix("\xf4\x90\x80\x80", 4), 0); /* above U+10FFFF */
    CHECK_INT(utf8_valid_prefix("\xe2\x82", 2), 0);         /* cut off */
    CHECK_INT(utf8_columns(0x4e2d), 2);
    CHECK_INT(utf8_columns(0x301), 0);
    CHECK_STR(safe(a, "plain \xc3\xa9"), "plain \xc3\xa9");
    CHECK_STR(safe(a, "a\x1b[31m\n\xff"), "a\\x1b[31m\\n\\xff");
    CHECK_STR(safe(a, "a\xe2\x80\xae"
                      "b"),
              "a\\u{202e}b");
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "wb");
    CHECK(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void test_files(arena *a)
{
    char dir[] = "test_base-XXXXXX";
    CHECK(mkdtemp(dir) != NULL);
    const char *path = path_join(a, dir, "b.txt"), *other = path_join(a, dir, "a.txt");
    write_file(path, "twelve bytes");
    write_file(other, "");
    char *text;
    size_t n;
    CHECK_INT(file_read(a, path, 12, &text, &n), 0);
    CHECK_INT(n, 12);
    CHECK_STR(text, "twelve bytes");
    CHECK_INT(file_read(a, path, 11, &text, &n), EFBIG);
    CHECK_INT(file_read(a, other, 0, &text, &n), 0);
    CHECK_INT(file_read(a, dir, 100, &text, &n), EISDIR);
    CHECK_INT(file_read(a, "no/such/file", 100, &text, &n), ENOENT);
    CHECK(file_exists(path) && !file_exists(dir) && dir_exists(dir) &&
          !dir_exists(path));

    char **names;
    CHECK_INT(dir_list(a, dir, &names, &n), 0);
    CHECK_INT(n, 2);
    CHECK_STR(names[0], "a.txt");
    CHECK_STR(names[1], "b.txt");
    CHECK_INT(dir_list(a, "no/such/folder", &names, &n), ENOENT);

    const int fd = open(path, O_RDWR | O_CLOEXEC);
    char bytes[6] = "";
    CHECK_INT(pread_all(fd, bytes, 5, 7), 0);
    CHECK_STR(bytes, "bytes");
    CHECK_INT(pread_all(fd, bytes, 5, 8), ENODATA);
    CHECK_INT(pwrite_all(fd, "BYTES", 5, 7), 0);
    CHECK_INT(pread_all(fd, bytes, 5, 7), 0);
    CHECK_STR(bytes, "BYTES");
    const size_t n_long = 300001; /* written in parts */
    char *out = arena_alloc(a, n_long), *in = arena_alloc(a, n_long);
    for (size_t i = 0; i < n_long; i++) {
        out[i] = (char)(i % 251);
    }
    CHECK_INT(pwrite_all(fd, out, n_long, 3), 0);
    CHECK_INT(pread_all(fd, in, n_long, 3), 0);
    CHECK(memcmp(out, in, n_long) == 0);
    CHECK_INT(pread_all(fd, in, n_long, 4), ENODATA);
    CHECK(close(fd) == 0);
    CHECK(unlink(path) == 0 && unlink(other) == 0 && rmdir(dir) == 0);
}

static void test_paths(arena *a)
{
    CHECK_STR(path_join(a, "a/b", "c"), "a/b/c");
    CHECK_STR(path_join(a, "a/", "c"), "a/c");
    CHECK_STR(path_join(a, "", "c"), "c");
    CHECK_STR(path_join(a, "a", "/c"), "/c");
    CHECK_STR(path_base("a/b.x"), "b.x");
    CHECK_STR(path_base("b.x"), "b.x");
    CHECK_STR(path_dir(a, "a/b.x"), "a");
    CHECK_STR(path_dir(a, "b.x"), ".");
    CHECK_STR(path_dir(a, "/b.x"), "/");
}

/* Each name stands before the next one, and not the other way round. */
static void test_order(void)
{
    static const char *const names[] = {
        "",      "0",      "00",      "01",
        "1",     "9",      "10",      "h.0.w",
        "h.1",   "h.1.",   "h.1.b",   "h.1w",
        "h.2.w", "h.10.w", "h.10.w2", "h.18446744073709551616.w",
        "h.w.0", "h_1",    "head"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
            const int order = name_order(names[i], names[k]);
            CHECK_INT(order < 0, i < k);
            CHECK_INT(order > 0, i > k);
        }
    }
}

static void test_embedded(void)
{
    for (size_t i = 0; i < n_embedded_rules; i++) {
        const embedded_file *f = &embedded_rules[i];
        CHECK_INT(strlen(f->text), f->n_bytes);
        CHECK(i == 0 || strcmp(embedded_rules[i - 1].name, f->name) < 0);
    }
}

int main(void)
{
    arena *a = arena_new();
    test_arena();
    test_growing(a);
    test_strmap(a);
    test_utf8(a);
    test_files(a);
    test_paths(a);
    test_order();
    test_embedded();
    arena_free(a);
    return CHECK_RESULT();
}
