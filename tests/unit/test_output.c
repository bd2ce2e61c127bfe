/* Output files byte by byte, and what is left behind when something goes wrong.  That
 * torch and safetensors read them is tests/judges/test_write_formats.py's to say. */
#include "checkpoint/output.h"

#include <errno.h>
#include <libdeflate.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "check.h"
#include "checkpoint/bytes_le.h"
#include "checkpoint/zip_write.h"

typedef struct fixture {
    context cx;
    const char *top; /* a fresh directory */
} fixture;

static const char *dir_of(const fixture *f, const char *name)
{
    return path_join(f->cx.arena, f->top, name);
}

static size_t n_entries(const fixture *f, const char *dir)
{
    char **names = NULL;
    size_t n = 0;
    CHECK(dir_list(f->cx.arena, dir, &names, &n) == 0);
    return n;
}

static void put_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL);
    if (file != NULL) {
        CHECK(fputs(text, file) >= 0);
        CHECK(fclose(file) == 0);
    }
}

static const char *get_file(const fixture *f, const char *dir, const char *name,
                            size_t *n_bytes)
{
    char *text = NULL;
    size_t n = 0;
    const char *path = path_join(f->cx.arena, dir, name);
    CHECK(file_read(f->cx.arena, path, 1 << 20, &text, &n) == 0);
    if (n_bytes != NULL) {
        *n_bytes = n;
    }
    return text == NULL ? "" : text;
}

static output_tensor tensor(const char *name, dtype dt, uint64_t rows, uint64_t columns)
{
    return (output_tensor){
        .name = name, .dt = dt, .rank = 2, .shape = {rows, columns}, .alias_of = -1};
}

static output *plan(fixture *f, file_format format, uint64_t shard_bytes,
                    output_tensor *t, size_t n)
{
    const output_options opt = {.format = format,
                                .name =
                                    format == FORMAT_TORCH ? "m.pth" : "m.safetensors",
                                .shard_bytes = shard_bytes};
    output *o = NULL;
    diags_clear(f->cx.diags);
    return output_plan(&f->cx, &opt, t, n, &o) == RT_OK ? o : NULL;
}

static void write_data(output *o, const output_tensor *t, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char bytes[256];
        const size_t n_bytes = (size_t)t[i].n_bytes;
        CHECK(n_bytes <= sizeof bytes);
        memset(bytes, (int)('a' + i), sizeof bytes);
        if (t[i].alias_of < 0) {
            CHECK(pwrite_all(output_fd(o, t[i].file), bytes, n_bytes, t[i].offset) ==
                  0);
            output_set_crc(o, i, libdeflate_crc32(0, bytes, n_bytes));
        }
    }
}

static void test_safetensors_bytes(fixture *f)
{
    output_tensor t[] = {tensor("b", DT_BF16, 1, 3), tensor("c", DT_F32, 1, 2),
                         tensor("a\"", DT_BF16, 2, 1), tensor("tie", DT_F32, 1, 2)};
    t[3].alias_of = 1;
    output *o = plan(f, FORMAT_SAFETENSORS, 0, t, 4);
    CHECK(o != NULL && !output_needs_crc(o) && output_n_files(o) == 1);
    const char *dir = dir_of(f, "st");
    CHECK(output_begin(&f->cx, o, dir, false) == RT_OK);
    write_data(o, t, 4);
    CHECK(output_commit(&f->cx, o, true) == RT_OK);
    CHECK(n_entries(f, dir) == 1);
    size_t n = 0;
    const char *bytes = get_file(f, dir, "m.safetensors", &n);
    CHECK(n == output_file_bytes(o, 0));
    static const char header[] =
        "{\"__metadata__\":{\"format\":\"pt\"},"
        "\"c\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]},"
        "\"a\\\"\":{\"dtype\":\"BF16\",\"shape\":[2,1],\"data_offsets\":[8,12]},"
        "\"b\":{\"dtype\":\"BF16\",\"shape\":[1,3],\"data_offsets\":[12,18]}}";
    const uint64_t n_header = le64((const unsigned char *)bytes);
    CHECK((8 + n_header) % 64 == 0 && 8 + n_header + 18 == n);
    CHECK(strncmp(bytes + 8, header, strlen(header)) == 0);
    for (size_t i = 8 + strlen(header); i < 8 + n_header; i++) {
        CHECK(bytes[i] == ' ');
    }
    CHECK(memcmp(bytes + 8 + n_header, "bbbbbbbbccccaaaaaa", 18) == 0);
    CHECK(t[3].offset == t[1].offset && t[3].file == t[1].file);
}

static void check_local(const unsigned char *file, const output_tensor *t,
                        const char *name, uint32_t crc32)
{
    CHECK(t->offset % 64 == 0);
    /* The header ends where the data starts: walk back to its signature. */
    const unsigned char *p = file + t->offset - 1;
    while (p > file && memcmp(p, "PK\x03\x04", 4) != 0) {
        p--;
    }
    CHECK(le16(p + 6) == 0x0800 && le16(p + 8) == 0);
    CHECK(le32(p + 14) == crc32);
    CHECK(le32(p + 18) == t->n_bytes && le32(p + 22) == t->n_bytes);
    CHECK(le16(p + 26) == strlen(name) && memcmp(p + 30, name, strlen(name)) == 0);
    CHECK(memcmp(p + 30 + strlen(name), "FB", 2) == 0);
    CHECK(p + 30 + le16(p + 26) + le16(p + 28) == file + t->offset);
}

static void test_torch_bytes(fixture *f)
{
    output_tensor t[] = {tensor("tie", DT_BF16, 1, 4), tensor("x", DT_BF16, 2, 2),
                         tensor("none", DT_F32, 0, 2), tensor("f8", DT_F8_E4M3, 1, 5)};
    t[0].alias_of = 1;
    const char *first = NULL;
    size_t n_first = 0;
    for (int round = 0; round < 2; round++) {
        output *o = plan(f, FORMAT_TORCH, 0, t, 4);
        CHECK(o != NULL && output_needs_crc(o));
        const char *dir = dir_of(f, round == 0 ? "pt0" : "pt1");
        CHECK(output_begin(&f->cx, o, dir, false) == RT_OK);
        write_data(o, t, 4);
        CHECK(output_commit(&f->cx, o, false) == RT_OK);
        size_t n = 0;
        const char *bytes = get_file(f, dir, "m.pth", &n);
        CHECK(n == output_file_bytes(o, 0));
        if (round == 0) {
            first = bytes;
            n_first = n;
        } else {
            CHECK(n == n_first && memcmp(bytes, first, n) == 0);
        }
    }
    CHECK(t[0].offset == t[1].offset);
    const unsigned char *file = (const unsigned char *)first;
    check_local(file, &t[1], "m/data/0", libdeflate_crc32(0, "bbbbbbbb", 8));
    check_local(file, &t[2], "m/data/1", 0);
    check_local(file, &t[3], "m/data/2", libdeflate_crc32(0, "ddddd", 5));
    const unsigned char *end = file + n_first - 22;
    CHECK(memcmp(end, "PK\x05\x06", 4) == 0 && le16(end + 10) == 6);
    CHECK(memcmp(end - 20, "PK\x06\x07", 4) == 0);
    CHECK(memcmp(file + le64(end - 20 + 8), "PK\x06\x06", 4) == 0);
    CHECK(memcmp(file + le32(end + 16), "PK\x01\x02", 4) == 0);
}

static void test_large_members(fixture *f)
{
    arena *a = f->cx.arena;
    zip_archive zip = {0};
    zip_add(a, &zip, "small", 5);
    zip_add(a, &zip, "exact", 0xFFFFFFFFu);
    zip_add(a, &zip, "behind", 7);
    zip_add(a, &zip, "large", (uint64_t)5 << 32);
    for (size_t i = 0; i < zip.members.n; i++) {
        const zip_member *m = &zip.members.at[i];
        buf header = {.arena = a};
        zip_local_header(m, &header);
        CHECK(m->data_at % 64 == 0 && header.n == m->data_at - m->header_at);
        const unsigned char *p = (const unsigned char *)header.p;
        const bool large = m->n_bytes >= 0xFFFFFFFFu;
        CHECK(le32(p + 22) == (large ? 0xFFFFFFFFu : m->n_bytes));
        if (large) {
            const unsigned char *extra = p + 30 + strlen(m->name);
            CHECK(le16(extra) == 1 && le16(extra + 2) == 16);
            CHECK(le64(extra + 4) == m->n_bytes && le64(extra + 12) == m->n_bytes);
        }
    }
    buf directory = {.arena = a};
    zip_directory(&zip, &directory);
    CHECK(directory.n == zip_directory_bytes(&zip));
    /* Entries: plain, sizes, offset, sizes and offset. */
    static const unsigned n_extra[] = {0, 4 + 16, 4 + 8, 4 + 16 + 8};
    const unsigned char *p = (const unsigned char *)directory.p;
    for (size_t i = 0; i < 4; i++) {
        const size_t n_name = strlen(zip.members.at[i].name);
        CHECK(memcmp(p, "PK\x01\x02", 4) == 0 && le16(p + 30) == n_extra[i]);
        if (n_extra[i] >= 12) {
            CHECK(le64(p + 46 + n_name + n_extra[i] - 8) ==
                  (i == 1 ? zip.members.at[i].n_bytes : zip.members.at[i].header_at));
        }
        p += 46 + n_name + n_extra[i];
    }
}

static void test_shards(fixture *f)
{
    /* Limit 8: 4 + 4 fill a file, 12 is one of its own and numbered at once. */
    output_tensor t[] = {tensor("z", DT_F32, 1, 1), tensor("big", DT_F32, 1, 3),
                         tensor("y", DT_F32, 1, 1), tensor("x", DT_F32, 1, 1)};
    output *o = plan(f, FORMAT_SAFETENSORS, 8, t, 4);
    CHECK(o != NULL && output_n_files(o) == 3);
    CHECK(t[1].file == 0 && t[0].file == 1 && t[2].file == 1 && t[3].file == 2);
    CHECK(strcmp(output_file_name(o, 2), "m-00003-of-00003.safetensors") == 0);
    const char *dir = dir_of(f, "shards");
    CHECK(output_begin(&f->cx, o, dir, false) == RT_OK);
    write_data(o, t, 4);
    CHECK(output_commit(&f->cx, o, false) == RT_OK);
    CHECK(n_entries(f, dir) == 4);
    CHECK(strcmp(get_file(f, dir, "m.safetensors.index.json", NULL),
                 "{\n  \"metadata\": {\n    \"total_size\": 24\n  },\n"
                 "  \"weight_map\": {\n"
                 "    \"big\": \"m-00001-of-00003.safetensors\",\n"
                 "    \"x\": \"m-00003-of-00003.safetensors\",\n"
                 "    \"y\": \"m-00002-of-00003.safetensors\",\n"
                 "    \"z\": \"m-00002-of-00003.safetensors\"\n  }\n}\n") == 0);

    t[3].alias_of = 0; /* a tie stands where its bytes are, and counts once */
    o = plan(f, FORMAT_TORCH, 8, t, 4);
    CHECK(o != NULL && output_n_files(o) == 2 && t[3].file == 1 && t[2].file == 1);
    o = plan(f, FORMAT_SAFETENSORS, 1 << 20, t, 4);
    CHECK(o != NULL && output_n_files(o) == 1);
    CHECK(strcmp(output_file_name(o, 0), "m.safetensors") == 0);
    CHECK(plan(f, FORMAT_SAFETENSORS, 8, t, 0) != NULL);
}

static void test_abort(fixture *f)
{
    output_tensor t[] = {tensor("a", DT_F32, 1, 1), tensor("b", DT_F32, 1, 1)};
    output *o = plan(f, FORMAT_SAFETENSORS, 4, t, 2);
    CHECK(o != NULL);
    output_abort(o); /* nothing was begun */
    output_add_text(o, "config.json", "{}", 2);
    const size_t n_before = n_entries(f, f->top);
    const char *dir = dir_of(f, "new/deep/");
    CHECK(output_begin(&f->cx, o, dir, false) == RT_OK);
    CHECK(n_entries(f, dir) == 4); /* two shards, the text, the index */
    char **names = NULL;
    size_t n = 0;
    CHECK(dir_list(f->cx.arena, dir, &names, &n) == 0);
    for (size_t i = 0; i < n; i++) {
        CHECK(names[i][0] == '.' && strstr(names[i], ".partial-") != NULL);
    }
    output_abort(o);
    CHECK(output_fd(o, 0) == -1);
    CHECK(!dir_exists(dir) && n_entries(f, f->top) == n_before);
}

static void test_existing(fixture *f)
{
    const char *dir = dir_of(f, "old");
    CHECK(mkdir(dir, 0777) == 0);
    const char *target = path_join(f->cx.arena, dir, "m.safetensors");
    put_file(target, "old");
    output_tensor t[] = {tensor("a", DT_F32, 1, 1)};
    output *o = plan(f, FORMAT_SAFETENSORS, 0, t, 1);
    CHECK(output_begin(&f->cx, o, dir, false) == RT_FILE);
    CHECK(diags_has(f->cx.diags, "output-exists") && n_entries(f, dir) == 1);

    o = plan(f, FORMAT_SAFETENSORS, 0, t, 1);
    output_add_copy(o, "copy", target);
    CHECK(output_begin(&f->cx, o, dir, true) == RT_OK);
    CHECK(strcmp(get_file(f, dir, "m.safetensors", NULL), "old") == 0);
    write_data(o, t, 1);
    CHECK(output_commit(&f->cx, o, false) == RT_OK);
    CHECK(n_entries(f, dir) == 2);
    CHECK(strcmp(get_file(f, dir, "copy", NULL), "old") == 0);
    CHECK(strcmp(get_file(f, dir, "m.safetensors", NULL), "old") != 0);
    output_abort(o); /* too late to matter */
    CHECK(n_entries(f, dir) == 2);
}

/* An older output leaves when the new one comes, and only then. */
static void test_stale(fixture *f)
{
    const char *dir = dir_of(f, "stale");
    CHECK(mkdir(dir, 0777) == 0);
    put_file(path_join(f->cx.arena, dir, "m.safetensors"), "old");
    put_file(path_join(f->cx.arena, dir, "m.bin"), "older");
    output_tensor t[] = {tensor("a", DT_F32, 1, 1)};
    output *o = plan(f, FORMAT_SAFETENSORS, 0, t, 1);
    output_add_text(o, "z.json", "{}", 2);
    output_add_stale(o, "m.bin");
    output_add_stale(o, "was never there");
    CHECK(output_begin(&f->cx, o, dir, true) == RT_OK);
    write_data(o, t, 1);
    CHECK(mkdir(path_join(f->cx.arena, dir, "z.json"), 0777) == 0);
    CHECK(output_commit(&f->cx, o, false) == RT_FILE);
    CHECK(n_entries(f, dir) == 3);
    CHECK(strcmp(get_file(f, dir, "m.safetensors", NULL), "old") == 0);
    CHECK(strcmp(get_file(f, dir, "m.bin", NULL), "older") == 0);

    CHECK(rmdir(path_join(f->cx.arena, dir, "z.json")) == 0);
    o = plan(f, FORMAT_SAFETENSORS, 0, t, 1);
    output_add_stale(o, "m.bin");
    CHECK(output_begin(&f->cx, o, dir, true) == RT_OK);
    write_data(o, t, 1);
    CHECK(output_commit(&f->cx, o, false) == RT_OK);
    CHECK(n_entries(f, dir) == 1);
    CHECK(strcmp(get_file(f, dir, "m.safetensors", NULL), "old") != 0);
}

/* Two outputs of one set stand or fall together. */
static void test_with(fixture *f)
{
    const char *dir = dir_of(f, "with");
    output_tensor t[] = {tensor("a", DT_F32, 1, 1)}, k[] = {tensor("b", DT_F32, 1, 2)};
    for (unsigned try = 0; try < 2; try++) {
        output *kept = NULL, *o = NULL;
        output_options opt = {.format = FORMAT_TORCH, .name = "kept.pth"};
        CHECK(output_plan(&f->cx, &opt, k, 1, &kept) == RT_OK);
        opt = (output_options){.format = FORMAT_TORCH, .name = "m.pth", .with = kept};
        CHECK(output_plan(&f->cx, &opt, t, 1, &o) == RT_OK);
        CHECK(output_begin(&f->cx, o, dir, false) == RT_OK);
        CHECK(output_fd(o, 0) != output_fd(kept, 0));
        write_data(kept, k, 1);
        if (try == 0) { /* without its checksum the second fails at the very end */
            CHECK(output_commit(&f->cx, o, false) == RT_BUG && !dir_exists(dir));
            continue;
        }
        write_data(o, t, 1);
        CHECK(output_commit(&f->cx, o, false) == RT_OK && n_entries(f, dir) == 2);
        size_t n = 0;
        (void)get_file(f, dir, "kept.pth", &n);
        CHECK(n == output_file_bytes(kept, 0));
    }
}

/* A name that is taken while the work goes on: nothing of the set may stay. */
static void test_late_clash(fixture *f)
{
    const char *dir = dir_of(f, "late");
    output_tensor t[] = {tensor("a", DT_F32, 1, 1)};
    output *o = plan(f, FORMAT_SAFETENSORS, 0, t, 1);
    output_add_text(o, "config.json", "{}", 2);
    CHECK(output_begin(&f->cx, o, dir, false) == RT_OK);
    put_file(path_join(f->cx.arena, dir, "config.json"), "theirs");
    CHECK(output_commit(&f->cx, o, false) == RT_FILE);
    CHECK(n_entries(f, dir) == 1);
    CHECK(strcmp(get_file(f, dir, "config.json", NULL), "theirs") == 0);

    CHECK(mkdir(path_join(f->cx.arena, dir, "m.safetensors"), 0777) == 0);
    o = plan(f, FORMAT_SAFETENSORS, 0, t, 1);
    CHECK(output_begin(&f->cx, o, dir, true) == RT_FILE);
    o = plan(f, FORMAT_SAFETENSORS, 0, t, 1);
    CHECK(output_begin(&f->cx, o, path_join(f->cx.arena, dir, "config.json"), false) ==
          RT_FILE);
    o = plan(f, FORMAT_SAFETENSORS, 0, t, 1);
    output_add_copy(o, "copy", path_join(f->cx.arena, dir, "missing"));
    CHECK(output_begin(&f->cx, o, dir_of(f, "nothing"), false) == RT_FILE);
    CHECK(!dir_exists(dir_of(f, "nothing")));
    o = plan(f, FORMAT_SAFETENSORS, 0, t, 1);
    output_add_text(o, "m.safetensors", "", 0);
    CHECK(output_begin(&f->cx, o, dir_of(f, "twice"), false) == RT_BUG);
}

/* A system that refuses the space, as a full disk does. */
static void test_no_space(fixture *f)
{
    struct rlimit before;
    CHECK(getrlimit(RLIMIT_FSIZE, &before) == 0);
    const struct rlimit small = {.rlim_cur = 4096, .rlim_max = before.rlim_max};
    CHECK(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
    output_tensor t[] = {tensor("a", DT_F32, 1, 1), tensor("b", DT_F32, 100, 100)};
    output *o = plan(f, FORMAT_SAFETENSORS, 64, t, 2);
    CHECK(output_begin(&f->cx, o, dir_of(f, "full"), false) == RT_FILE);
    CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
    CHECK(diags_has(f->cx.diags, "cannot-write"));
    CHECK(!dir_exists(dir_of(f, "full")));
}

static bool refused(fixture *f, file_format format, output_tensor *t, size_t n,
                    const char *slug)
{
    return plan(f, format, 0, t, n) == NULL && diags_has(f->cx.diags, slug);
}

static void test_plan_errors(fixture *f)
{
    output_tensor same[] = {tensor("a", DT_F32, 1, 1), tensor("a", DT_F32, 1, 1)};
    CHECK(refused(f, FORMAT_TORCH, same, 2, "output-plan"));
    output_tensor meta[] = {tensor("__metadata__", DT_F32, 1, 1)};
    CHECK(refused(f, FORMAT_SAFETENSORS, meta, 1, "output-name"));
    CHECK(plan(f, FORMAT_TORCH, 0, meta, 1) != NULL);
    output_tensor f6[] = {tensor("a", DT_F6_E2M3, 2, 2)};
    CHECK(refused(f, FORMAT_TORCH, f6, 1, "no-torch-dtype"));
    CHECK(plan(f, FORMAT_SAFETENSORS, 0, f6, 1) != NULL && f6[0].n_bytes == 3);
    output_tensor f4[] = {tensor("a", DT_F4, 2, 3)};
    CHECK(refused(f, FORMAT_TORCH, f4, 1, "no-torch-dtype"));
    output_tensor part[] = {tensor("a", DT_F4, 1, 3)};
    CHECK(refused(f, FORMAT_SAFETENSORS, part, 1, "output-size"));
    output_tensor huge[] = {tensor("a", DT_F32, (uint64_t)1 << 40, (uint64_t)1 << 40)};
    CHECK(refused(f, FORMAT_TORCH, huge, 1, "output-too-large"));
    output_tensor chain[] = {tensor("a", DT_F32, 1, 1), tensor("b", DT_F32, 1, 1),
                             tensor("c", DT_F32, 1, 1)};
    chain[1].alias_of = 0;
    chain[2].alias_of = 1;
    CHECK(refused(f, FORMAT_TORCH, chain, 3, "output-plan"));
    chain[2].alias_of = 3;
    CHECK(refused(f, FORMAT_TORCH, chain, 3, "output-plan"));
    chain[2] = tensor("c", DT_F64, 1, 1);
    chain[2].alias_of = 0;
    CHECK(refused(f, FORMAT_TORCH, chain, 3, "output-plan"));

    output_tensor t[] = {tensor("a", DT_F32, 1, 1)};
    output *o = plan(f, FORMAT_TORCH, 0, t, 1);
    CHECK(output_begin(&f->cx, o, dir_of(f, "unsummed"), false) == RT_OK);
    CHECK(output_commit(&f->cx, o, false) == RT_BUG);
    CHECK(!dir_exists(dir_of(f, "unsummed")));
}

static void remove_tree(arena *a, const char *path)
{
    char **names = NULL;
    size_t n = 0;
    if (dir_exists(path) && dir_list(a, path, &names, &n) == 0) {
        for (size_t i = 0; i < n; i++) {
            remove_tree(a, path_join(a, path, names[i]));
        }
    }
    (void)remove(path);
}

int main(void)
{
    arena *a = arena_new();
    char top[] = "test_output-XXXXXX";
    CHECK(mkdtemp(top) != NULL);
    fixture f = {.cx = {.arena = a, .diags = diags_new(a)}, .top = top};
    test_safetensors_bytes(&f);
    test_torch_bytes(&f);
    test_large_members(&f);
    test_shards(&f);
    test_abort(&f);
    test_existing(&f);
    test_stale(&f);
    test_with(&f);
    test_late_clash(&f);
    test_no_space(&f);
    test_plan_errors(&f);
    remove_tree(a, top);
    arena_free(a);
    return CHECK_RESULT();
}
