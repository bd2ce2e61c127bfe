/* The reader of safetensors, its JSON and the index, against files that mislead. */
#include <sys/stat.h>

#include "read_kit.h"

/* A file of a header and n_data bytes of data. */
static const char *st_file(kit *k, const char *header, size_t n_header, size_t n_data)
{
    buf b = {.arena = k->cx.arena};
    unsigned char n_le[8];

    for (unsigned i = 0; i < 8; i++) {
        n_le[i] = (unsigned char)((uint64_t)n_header >> (8 * i));
    }
    buf_add_n(&b, n_le, 8);
    buf_add_n(&b, header, n_header);
    for (size_t i = 0; i < n_data; i++) {
        buf_add_n(&b, "\x5a", 1);
    }
    return kit_write(k, "t.safetensors", buf_str(&b), b.n);
}

#define BAD(header, n_data, word)                                                      \
    REFUSED(k, st_file(k, header, sizeof(header) - 1, n_data), word)
#define FINE(header, n_data) fine(k, header, sizeof(header) - 1, n_data)

static bool fine(kit *k, const char *header, size_t n_header, size_t n_data)
{
    const bool good = GOOD(k, st_file(k, header, n_header, n_data));

    if (good) {
        inventory_close(k->ck->inv);
    }
    return good;
}

/* One tensor "a": F32 of one element. */
#define A "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}"

static void test_good(kit *k)
{
    CHECK(FINE("{}", 0));
    CHECK(FINE("{\"__metadata__\":{\"format\":\"pt\"}}", 0));
    CHECK(FINE("{\"__metadata__\":null," A "}", 4));
    CHECK(FINE(" \t\r\n{ " A " } \n\t\r  ", 4));
    /* Entries in another order than their data, empty tensors anywhere, a scalar, and
     * data at an odd byte. */
    CHECK(FINE("{\"y\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[1,5]},"
               "\"z\":{\"data_offsets\":[5,5],\"shape\":[2,0,3],\"dtype\":\"F64\"},"
               "\"x\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}",
               5));
    const tensor_info *t = inventory_find(k->ck->inv, "y");
    CHECK(t != NULL && t->rank == 0 && t->n_elems == 1 && t->dt == DT_F32);
    CHECK_STR(k->ck->inv->tensors.at[0].name, "y");
    t = inventory_find(k->ck->inv, "z");
    CHECK(t != NULL && t->n_elems == 0 && t->stride[0] == 3 && t->is_contiguous);
    CHECK(FINE("{\"\\u00e9\\ud83d\\ude00\\/\":{\"dtype\":\"BF16\",\"shape\":[3,2],"
               "\"data_offsets\":[0,12]}}",
               12));
    CHECK(inventory_find(k->ck->inv, "\xc3\xa9\xf0\x9f\x98\x80/") != NULL);
    CHECK(FINE("{\"a\":{\"dtype\":\"F4\",\"shape\":[4],\"data_offsets\":[0,2]}}", 2));
    CHECK(FINE("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],"
               "\"more\":[{\"x\":[1.5e-3,-0,true,\"\\n\"]}]}}",
               4));
    CHECK(kit_noted(k, "\"more\""));
}

static void test_json(kit *k)
{
    BAD("", 0, "safetensors");
    BAD("[]", 0, "an object");
    BAD("{" A ",}", 4, "comma");
    BAD("{" A "}{}", 4, "behind the end");
    BAD("{" A "}\0", 4, "behind the end");
    BAD("{" A "}//", 4, "behind the end");
    BAD("\xef\xbb\xbf{" A "}", 4, "an object");
    BAD("{'a':1}", 0, "double quotes");
    BAD("{\"a\" 1}", 0, "':'");
    BAD("{\"a\":NaN}", 0, "an object");
    BAD("{" A " " A "}", 4, "',' or '}'");
    BAD("{\"a", 0, "without an end");
    BAD("{\"a\\", 0, "without an end");
    BAD("{\"a\\x\":1}", 0, "escape");
    BAD("{\"a\\u12g4\":1}", 0, "escape");
    BAD("{\"a\\ud800\":1}", 0, "surrogate");
    BAD("{\"a\\ud800\\u0041\":1}", 0, "surrogate");
    BAD("{\"a\\udc00\":1}", 0, "surrogate");
    BAD("{\"a\\u0000\":1}", 0, "NUL");
    BAD("{\"a\n\":1}", 0, "control");
    BAD("{\"\xff\":1}", 0, "UTF-8");
    BAD("{\"\xc0\xaf\":1}", 0, "UTF-8");
    BAD("{\"\xed\xa0\x80\":1}", 0, "UTF-8");
    BAD("{\"\":{}}", 0, "empty");
    BAD("{\"a\\u001b[1m\":{}}", 0, "control");
    BAD("{\"a\":{\"x\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", 0, "deeper");
    BAD("{\"a\":{\"x\":{\"y\":01}}}", 0, "'}'");
    BAD("{\"a\":{\"x\":-}}", 0, "bad number");
    BAD("{\"a\":{\"x\":1.}}", 0, "bad number");
    BAD("{\"a\":{\"x\":nul}}", 0, "a value");
}

static void test_fields(kit *k)
{
    BAD("{\"a\":[\"F32\",[1],[0,4]]}", 4, "an object");
    BAD("{\"a\":{}}", 0, "needs dtype");
    BAD("{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "needs dtype");
    BAD("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}", 4, "twice");
    BAD("{\"a\":{\"dtype\":\"f32\"}}", 4, "unknown dtype");
    BAD("{\"a\":{\"dtype\":\"F128\"}}", 4, "unknown dtype");
    BAD("{\"a\":{\"dtype\":{\"F32\":null}}}", 4, "double quotes");
    BAD("{\"a\":{\"shape\":[1.0]}}", 4, "plain digits");
    BAD("{\"a\":{\"shape\":[1e0]}}", 4, "plain digits");
    BAD("{\"a\":{\"shape\":[-1]}}", 4, "plain digits");
    BAD("{\"a\":{\"shape\":[-0]}}", 4, "plain digits");
    BAD("{\"a\":{\"shape\":[01]}}", 4, "plain digits");
    BAD("{\"a\":{\"shape\":[\"1\"]}}", 4, "plain digits");
    BAD("{\"a\":{\"shape\":[18446744073709551616]}}", 4, "2^64");
    BAD("{\"a\":{\"shape\":[1,1,1,1,1,1,1,1,1]}}", 4, "dimensions");
    BAD("{\"a\":{\"data_offsets\":[0]}}", 4, "1 numbers");
    BAD("{\"a\":{\"data_offsets\":[0,4,8]}}", 4, "more than two");
    BAD("{\"__metadata__\":{},\"__metadata__\":{}}", 0, "twice");
    BAD("{\"__metadata__\":{\"a\":\"x\",\"\\u0061\":\"y\"}}", 0, "twice");
    BAD("{\"__metadata__\":{\"a\":1}}", 0, "double quotes");
    BAD("{\"__metadata__\":{\"a\":{}}}", 0, "double quotes");
    BAD("{\"__metadata__\":[]}", 0, "an object");
    BAD("{" A "," A "}", 4, "twice");
    BAD("{" A ",\"\\u0061\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
        4, "twice");
}

#define T(name, dtype, shape, lo, hi)                                                  \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":[" shape                          \
    "],\"data_offsets\":[" lo "," hi "]}"

static void test_sizes(kit *k)
{
    BAD("{" A "}", 3, "the file is truncated");
    BAD("{" T("b", "U8", "9", "4", "13") "," A "}", 3, "tensor b needs it up to byte");
    BAD("{" T("a", "U8", "4", "18446744073709551611", "18446744073709551615") "}", 4,
        "do not hold");
    BAD("{" A "}", 5, "1 bytes at the end");
    BAD("{" A "," T("b", "U8", "1", "5", "6") "}", 6, "belong to no tensor");
    BAD("{" T("b", "U8", "1", "1", "2") "}", 2, "belong to no tensor");
    BAD("{" A "," T("b", "U8", "2", "3", "5") "}", 5, "overlap");
    BAD("{" A "," T("b", "F32", "1", "0", "4") "}", 4, "overlap");
    BAD("{" T("a", "F32", "1", "4", "0") "}", 4, "do not hold");
    BAD("{" T("a", "F32", "2", "0", "4") "}", 4, "do not hold");
    BAD("{" T("a", "F4", "3", "0", "1") "}", 1, "whole number of bytes");
    BAD("{" T("a", "F32", "4294967296,4294967296,2", "0", "4") "}", 4, "too large");
    BAD("{" T("a", "F32", "0,18446744073709551615,18446744073709551615", "0", "0") "}",
        0, "2^47");
    BAD("{" T("a", "F32", "18446744073709551615,0", "0", "0") "}", 0, "2^47");
    BAD("{" T("a", "F32", "0,140737488355328,140737488355328", "0", "0") "}", 0,
        "too large");
    BAD("{" T("a", "F64", "140737488355328,16384", "0", "0") "}", 0, "too large");
    BAD("{\"__metadata__\":{\"DCP_SHARDING_INFO\":\"{\\\"a\\\":{\\\"saved_offsets\\\":"
        "[0,4]}}\"}," A "}",
        4, "pieces");
    CHECK(FINE("{\"__metadata__\":{\"DCP_SHARDING_INFO\":\"{\\\"a\\\":{"
               "\\\"saved_offsets\\\":[0]}}\"}," A "}",
               4));
}

static void test_lengths(kit *k)
{
    REFUSED(k, kit_write(k, "t.safetensors", "", 0), "empty");
    REFUSED(k, kit_write(k, "t.safetensors", "\2\0\0\0\0\0\0", 7), "too few");
    REFUSED(k, kit_write(k, "t.safetensors", "\0\0\0\0\0\0\0\0{}", 10), "an object");
    REFUSED(k, kit_write(k, "t.safetensors", "\xff\xff\xff\xff\xff\xff\xff\xff{}", 10),
            "18446744073709551615");
    REFUSED(k, kit_write(k, "t.safetensors", "\3\0\0\0\0\0\0\0{}", 10), "3 bytes");
    REFUSED(k, kit_write(k, "t.safetensors", "\1\xe1\xf5\5\0\0\0\0{}", 10),
            "100000000");
}

static void test_content(kit *k)
{
    REFUSED(k, kit_write(k, "t.bin", "GGUF\3\0\0\0", 8), "GGUF");
    REFUSED(k, kit_write(k, "t.bin", "version https://git-lfs.example/spec/v1", 39),
            "git lfs pull");
    REFUSED(k, kit_write(k, "t.bin", "\x80\x02}q\x01.", 6), "bare pickle");
    REFUSED(k, kit_write(k, "t.pth", "\x89HDF\r\n\x1a\n", 8), "HDF5");
    REFUSED(k, kit_write(k, "t.pth", "hello, world", 12), "no known format");
    char tar[512] = {0};
    memcpy(tar + 257, "ustar", 5);
    REFUSED(k, kit_write(k, "t.pth", tar, sizeof tar), "tar archive");
    REFUSED(k, "/dev/null", "no regular file");
    const char *fifo = kit_path(k, "pipe.safetensors");
    CHECK(mkfifo(fifo, 0600) == 0);
    REFUSED(k, fifo, "no regular file");
    REFUSED(k, kit_path(k, "absent"), "cannot open");
    /* A header whose length begins as a pickle does. */
    char padded[8 + 0x480];
    memset(padded, ' ', sizeof padded);
    memcpy(padded, "\x80\4\0\0\0\0\0\0{}", 10);
    if (GOOD(k, kit_write(k, "t.safetensors", padded, sizeof padded))) {
        inventory_close(k->ck->inv);
    }
    REFUSED(k, kit_write(k, "t.safetensors", padded, 100), "bare pickle");
    /* safetensors below another name is read, and said. */
    if (GOOD(k, kit_write(k, "t.bin", "\2\0\0\0\0\0\0\0{}", 10))) {
        CHECK(kit_noted(k, "safetensors"));
        inventory_close(k->ck->inv);
    }
}

/* A header of 100,000 tensors; also that names are found again. */
static void test_many(kit *k)
{
    buf b = {.arena = k->cx.arena};
    const unsigned n = 100000;

    for (unsigned i = 0; i < n; i++) {
        buf_printf(&b,
                   "%c\"layers.%u.w\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":"
                   "[%u,%u]}",
                   i == 0 ? '{' : ',', i, i, i + 1);
    }
    buf_add(&b, "}");
    CHECK(fine(k, buf_str(&b), b.n, n));
    const tensor_info *t = inventory_find(k->ck->inv, "layers.77777.w");
    CHECK(t != NULL && t->offset == 8 + b.n + 77777);
}

static const char *index_file(kit *k, const char *text)
{
    return kit_write(k, "m.safetensors.index.json", text, strlen(text));
}

static void put_shard(kit *k, const char *name, const char *tensor)
{
    const char *header = arena_printf(
        k->cx.arena, "{\"%s\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}",
        tensor);
    const char *path = st_file(k, header, strlen(header), 1);

    CHECK(rename(path, kit_path(k, name)) == 0);
}

#define INDEX(text, word) REFUSED(k, index_file(k, text), word)

static void test_index_text(kit *k)
{
    INDEX("", "an object");
    INDEX("{}", "no index");
    INDEX("{\"weight_map\":{}}", "no index");
    INDEX("{\"weight_map\":[]}", "an object");
    INDEX("{\"weight_map\":{\"a\":1}}", "double quotes");
    INDEX("{\"weight_map\":{\"a\":\"s1\",\"a\":\"s1\"}}", "twice");
    INDEX("{\"weight_map\":{\"a\":\"s1\"},\"weight_map\":{\"b\":\"s1\"}}", "twice");
    INDEX("{\"weight_map\":{\"a\":\"../s1\"}}", "plain file name");
    INDEX("{\"weight_map\":{\"a\":\"/etc/passwd\"}}", "plain file name");
    INDEX("{\"weight_map\":{\"a\":\"..\"}}", "plain file name");
    INDEX("{\"weight_map\":{\"a\":\"\"}}", "plain file name");
    INDEX("{\"weight_map\":{\"a\":\"b\\\\c\"}}", "plain file name");
    INDEX("{\"weight_map\":{\"\":\"s1\"}}", "empty");
    buf b = {.arena = k->cx.arena};
    for (unsigned i = 0; i <= 10000; i++) {
        buf_printf(&b, "%s\"t%u\":\"s%u\"", i == 0 ? "{\"weight_map\":{" : ",", i, i);
    }
    buf_add(&b, "}}");
    INDEX(buf_str(&b), "more than 10000 shards");
}

static void test_index_shards(kit *k)
{
    put_shard(k, "s1", "a");
    put_shard(k, "s2", "b");
    INDEX("{\"weight_map\":{\"a\":\"s1\",\"b\":\"s3\"}}", "1 of its 2 shards");
    INDEX("{\"weight_map\":{\"a\":\"s2\",\"b\":\"s1\"}}",
          "should be in s2, but is in s1");
    INDEX("{\"weight_map\":{\"a\":\"s1\",\"b\":\"s2\",\"c\":\"s2\"}}", "in no shard");
    put_shard(k, "s3", "a");
    INDEX("{\"weight_map\":{\"a\":\"s1\",\"b\":\"s3\"}}", "already");
    if (GOOD(k, index_file(k, "{\"metadata\":{\"total_size\":7.5},"
                              "\"weight_map\":{\"b\":\"s2\",\"a\":\"s1\"}}"))) {
        CHECK_STR(k->ck->inv->tensors.at[0].name, "a");
        CHECK_INT(k->ck->inv->files.n, 2);
        CHECK(kit_noted(k, "total_size 7.5"));
        inventory_close(k->ck->inv);
    }
    if (GOOD(k, index_file(k, "{\"metadata\":{\"total_size\":1},"
                              "\"weight_map\":{\"a\":\"s1\"}}"))) {
        CHECK_INT(k->ck->inv->notes.n, 1); /* s1 has no ending of its own */
        inventory_close(k->ck->inv);
    }
    if (GOOD(k, index_file(k, "{\"weight_map\":{\"a\":\"x1\",\"b\":\"x2\"}}"))) {
        const tensor_info *t = inventory_find(k->ck->inv, "b");
        CHECK(t != NULL && t->dt == DT_UNKNOWN && !t->has_shape);
        CHECK_INT(k->ck->inv->files.at[0].format, FORMAT_NAMES_ONLY);
        inventory_close(k->ck->inv);
    }
}

static void test_wrappers(kit *k)
{
#define U8(name, lo, hi) T(name, "U8", "1", lo, hi)
    CHECK(FINE("{" U8("module._orig_mod.a", "0", "1") "," U8("module.b._orig_mod.c",
                                                             "1", "2") "}",
               2));
    CHECK(inventory_find(k->ck->inv, "a") != NULL);
    CHECK(inventory_find(k->ck->inv, "b.c") != NULL);
    CHECK(FINE("{" U8("module.a", "0", "1") "," U8("b", "1", "2") "}", 2));
    CHECK(inventory_find(k->ck->inv, "module.a") != NULL);
    CHECK(FINE("{" U8("not_orig_mod.a", "0", "1") "}", 1));
    CHECK(inventory_find(k->ck->inv, "not_orig_mod.a") != NULL);
    BAD("{" U8("_orig_mod.a", "0", "1") "," U8("a", "1", "2") "}", 2, "are both a");
}

int main(void)
{
    kit k = kit_begin();

    test_good(&k);
    test_json(&k);
    test_fields(&k);
    test_sizes(&k);
    test_lengths(&k);
    test_content(&k);
    test_many(&k);
    test_index_text(&k);
    test_index_shards(&k);
    test_wrappers(&k);
    kit_end(&k);
    return CHECK_RESULT();
}
