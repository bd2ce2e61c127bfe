/* The readers of zip archives and of their records, against files that mislead.  The
 * pickle inside has its own tests: test_pickle_read.c. */
#include "zip_kit.h"

/* {"w": a tensor of 2 x 3 float32 in data/0}, as torch.save writes it. */
#define PICKLE                                                                         \
    "\x80\x02}(X\1\0\0\0wctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storage"        \
    "ctorch\nFloatStorage\nX\1\0\0\0"                                                  \
    "0X\3\0\0\0cpuK\6tQK\0K\2K\3\x86K\3K\1\x86\x89"                                    \
    "ccollections\nOrderedDict\n)RtRu."

static const char storage[24] = "abcdefghijklmnopqrstuvw";

enum { PKL, ORDER, DATA, VERSION, N_PLAIN };
static const member plain[N_PLAIN] = {
    [PKL] = {"archive/data.pkl", PICKLE, sizeof PICKLE - 1, false},
    [ORDER] = {"archive/byteorder", "little", 6, false},
    [DATA] = {"archive/data/0", storage, sizeof storage, false},
    [VERSION] = {"archive/version", "3\n", 2, false},
};

static archive plain_zip(kit *k)
{
    return zip_members(k, plain, N_PLAIN);
}

/* The plain archive with one member put in place of another, or added. */
static archive zip_with(kit *k, size_t i, member m)
{
    member all[MAX_MEMBERS];
    const size_t n = i < N_PLAIN ? N_PLAIN : N_PLAIN + 1;

    memcpy(all, plain, sizeof plain);
    all[i] = m;
    return zip_members(k, all, n);
}

static void bad_zip(kit *k, archive z, const char *word, int line)
{
    kit_refused_at(k, zip_file(k, &z), word, __FILE__, line);
}

#define BAD_ZIP(z, word) bad_zip(k, z, word, __LINE__)
/* The plain archive, n_bytes at z.PLACE + more overwritten. */
#define BAD_POKE(place, more, value, n_bytes, word)                                    \
    do {                                                                               \
        archive z_ = plain_zip(k);                                                     \
        poke(&z_, z_.place + (more), value, n_bytes);                                  \
        BAD_ZIP(z_, word);                                                             \
    } while (0)

static void good_zip(kit *k, archive z, const char *note)
{
    if (GOOD(k, zip_file(k, &z))) {
        const tensor_info *t = inventory_find(k->ck->inv, "w");
        if (CHECK(t != NULL)) {
            CHECK(t->dt == DT_F32 && t->rank == 2 && t->shape[0] == 2 &&
                  t->shape[1] == 3);
            CHECK(t->is_contiguous && t->n_bytes == 24);
            CHECK(memcmp(z.bytes.p + t->offset, storage, 24) == 0);
        }
        CHECK(note == NULL ? k->ck->inv->notes.n == 0 : kit_noted(k, note));
        inventory_close(k->ck->inv);
    }
}

static void test_good(kit *k)
{
    archive z = plain_zip(k);
    CHECK(z.data[DATA] % 64 == 0);
    good_zip(k, z, NULL);
    /* Another prefix, data.pkl last, no byteorder, the other place of the version. */
    const member other[] = {{"lit model/data/0", storage, 24, false},
                            {"lit model/.data/version", "10", 2, false},
                            {"lit model/data.pkl", PICKLE, sizeof PICKLE - 1, false}};
    good_zip(k, zip_members(k, other, 3), NULL);
    good_zip(
        k,
        zip_with(k, PKL, (member){"archive/data.pkl", PICKLE, sizeof PICKLE - 1, true}),
        NULL);
    good_zip(k, zip_with(k, N_PLAIN, (member){"archive/data/9", "xyz", 3, false}),
             "1 stored record of 3 bytes");
    good_zip(
        k,
        zip_with(k, N_PLAIN, (member){"archive/.data/serialization_id", "1", 1, false}),
        NULL);
    poke(&z, z.central[PKL] + 16, 0, 4);
    good_zip(k, z, "without checksums");
    /* The plain end record may be saturated where the ZIP64 one has the numbers. */
    z = plain_zip(k);
    poke(&z, z.end + 8, 0xFFFFFFFFFFFFFFFF, 8);
    poke(&z, z.end + 16, 0xFFFFFFFF, 4);
    good_zip(k, z, NULL);
    z = plain_zip(k);
    poke(&z, z.end + 20, 5, 2);
    buf_add(&z.bytes, "hello");
    good_zip(k, z, NULL);
}

static void test_end_records(kit *k)
{
    archive z = plain_zip(k);
    z.bytes.n--;
    BAD_ZIP(z, "no directory");
    z.bytes.n = z.dir;
    BAD_ZIP(z, "no directory");
    z = plain_zip(k);
    buf_add(&z.bytes, "x"); /* not the declared comment */
    BAD_ZIP(z, "no directory");
    z = plain_zip(k); /* an end record in the comment of another */
    poke(&z, z.end + 20, 22, 2);
    buf_add_n(&z.bytes, z.bytes.p + z.end, 22);
    poke(&z, z.bytes.n - 2, 0, 2);
    BAD_ZIP(z, "two end records");
    BAD_POKE(end, 4, 1, 2, "several disks");
    BAD_POKE(end, 6, 1, 2, "several disks");
    BAD_POKE(end, 8, 3, 2, "several disks");
    BAD_POKE(end, 8, 0x30003, 4, "disagree");
    BAD_POKE(end, 12, 100, 4, "disagree");
    BAD_POKE(end, 16, 0, 4, "disagree");
    BAD_POKE(locator, 4, 1, 4, "several disks");
    BAD_POKE(locator, 8, 0, 8, "where its locator says");
    BAD_POKE(locator, 8, 0xFFFFFFFFFFFFFFFF, 8, "where its locator says");
    BAD_POKE(end64, 0, 0, 4, "where its locator says");
    BAD_POKE(end64, 4, 45, 8, "where its locator says");
    BAD_POKE(end64, 24, 5, 8, "disagree");
    BAD_POKE(end64, 48, 0, 8, "disagree");
    z = plain_zip(k); /* both say so, but the directory is elsewhere */
    poke(&z, z.end64 + 48, z.dir - 1, 8);
    poke(&z, z.end + 16, z.dir - 1, 4);
    BAD_ZIP(z, "directly before");
    z = plain_zip(k);
    poke(&z, z.end64 + 24, UINT64_C(1) << 32, 8);
    poke(&z, z.end64 + 32, UINT64_C(1) << 32, 8);
    poke(&z, z.end + 8, 0xFFFFFFFF, 4);
    BAD_ZIP(z, "too short");
    z = plain_zip(k);
    poke(&z, z.end64 + 24, 3, 8);
    poke(&z, z.end64 + 32, 3, 8);
    poke(&z, z.end + 8, 0x30003, 4);
    BAD_ZIP(z, "more entries");
}

static void test_headers(kit *k)
{
    BAD_POKE(central[DATA], 0, 0, 1, "fewer entries");
    BAD_POKE(central[DATA], 42, 1 << 20, 4, "beyond the end");
    BAD_POKE(central[DATA], 42, 3, 4, "no header");
    BAD_POKE(local[DATA], 0, 0, 1, "no header");
    BAD_POKE(local[DATA], 30, 'A', 1, "disagree");
    BAD_POKE(local[DATA], 8, 99, 2, "disagree");
    BAD_POKE(local[DATA], 6, 0x0809, 2, "disagree");
    BAD_POKE(local[DATA], 6, 0x0800, 2, "disagree");
    BAD_POKE(central[DATA], 8, 0x0809, 2, "encrypted");
    BAD_POKE(central[DATA], 8, 0x0848, 2, "unknown flags");
    BAD_POKE(central[DATA], 8, 0x2808, 2, "unknown flags");
    BAD_POKE(central[DATA], 8, 0x0828, 2, "unknown flags");
    BAD_POKE(central[DATA], 10, 12, 2, "compression");
    BAD_POKE(central[DATA], 20, 20, 4, "two sizes differ");
    BAD_POKE(central[DATA], 34, 1, 2, "another disk");
    BAD_POKE(central[VERSION], 30, 200, 2, "longer than the directory");
    BAD_POKE(local[DATA], 28, 0xFFFF, 2, "reaches into the directory");
    archive z = plain_zip(k); /* bit 3 clear in both: the local numbers count */
    poke(&z, z.central[DATA] + 8, 0x0800, 2);
    poke(&z, z.local[DATA] + 6, 0x0800, 2);
    BAD_ZIP(z, "size or CRC");
    z = plain_zip(k);
    poke(&z, z.central[DATA] + 20, 1000, 4);
    poke(&z, z.central[DATA] + 24, 1000, 4);
    BAD_ZIP(z, "reaches into the directory");
    z = plain_zip(k); /* longer than its place, into the next member */
    poke(&z, z.central[DATA] + 20, 64, 4);
    poke(&z, z.central[DATA] + 24, 64, 4);
    BAD_ZIP(z, "overlaps");
    z = plain_zip(k); /* saturated, but without its ZIP64 field */
    poke(&z, z.central[DATA] + 20, 0xFFFFFFFF, 4);
    poke(&z, z.central[DATA] + 24, 0xFFFFFFFF, 4);
    BAD_ZIP(z, "reaches into the directory");
    BAD_POKE(central[PKL], 16, 1, 4, "CRC-32");
}

/* The plain archive, with this extra field in the directory's entry of the last member.
 */
static archive with_extra(kit *k, const char *extra, size_t n)
{
    archive z = plain_zip(k), longer = {.bytes = {.arena = k->cx.arena}};

    buf_add_n(&longer.bytes, z.bytes.p, z.end64);
    buf_add_n(&longer.bytes, extra, n);
    buf_add_n(&longer.bytes, z.bytes.p + z.end64, z.bytes.n - z.end64);
    poke(&longer, z.central[VERSION] + 30, n, 2);
    poke(&longer, z.end64 + n + 40, z.end64 + n - z.dir, 8);
    poke(&longer, z.locator + n + 8, z.end64 + n, 8);
    poke(&longer, z.end + n + 12, z.end64 + n - z.dir, 4);
    memcpy(longer.central, z.central, sizeof z.central);
    return longer;
}

static void test_extras(kit *k)
{
#define EXTRA(bytes) with_extra(k, bytes, sizeof(bytes) - 1)
#define ZIP64(n)     "\1\0\10\0" n "\0\0\0\0\0\0\0"
    good_zip(k, EXTRA("\xFB\x42\2\0ZZ"), NULL);
    good_zip(k, EXTRA(ZIP64("\2")), NULL); /* nothing is saturated: not looked at */
    BAD_ZIP(EXTRA(ZIP64("\2") ZIP64("\2")), "two ZIP64 fields");
    BAD_ZIP(EXTRA("\1\0\11\0\2\0\0\0\0\0\0\0"), "longer than its place");
    BAD_ZIP(EXTRA("\1\0\10"), "longer than its place");
    BAD_ZIP(EXTRA("Z"), "longer than its place");
    archive z = EXTRA(ZIP64("\2")); /* one number for two that are saturated */
    poke(&z, z.central[VERSION] + 20, 0xFFFFFFFFFFFFFFFF, 8);
    BAD_ZIP(z, "too short");
    z = EXTRA("\1\0\20\0\2\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0");
    poke(&z, z.central[VERSION] + 20, 0xFFFFFFFFFFFFFFFF, 8);
    good_zip(k, z, NULL);
    z = EXTRA("\1\0\20\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"
              "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF");
    poke(&z, z.central[VERSION] + 20, 0xFFFFFFFFFFFFFFFF, 8);
    BAD_ZIP(z, "reaches into the directory");
    z = EXTRA(ZIP64("\xFF")); /* the header's own place */
    poke(&z, z.central[VERSION] + 42, 0xFFFFFFFF, 4);
    BAD_ZIP(z, "no header");
}

static void test_names(kit *k)
{
#define ADDED(name) zip_with(k, N_PLAIN, (member){name, "x", 1, false})
    BAD_ZIP(ADDED("archive/../x"), "leads out");
    BAD_ZIP(ADDED("archive/.."), "leads out");
    BAD_ZIP(ADDED("/archive/x"), "plain path");
    BAD_ZIP(ADDED("archive\\x"), "plain path");
    BAD_ZIP(ADDED("archive/x\1"), "control");
    BAD_ZIP(ADDED("archive/\xff"), "UTF-8");
    BAD_ZIP(ADDED("archive/x/"), "directory with data");
    BAD_ZIP(ADDED("archive/data/0"), "twice");
    BAD_ZIP(ADDED("archive/DATA.pkl"), "twice");
    BAD_ZIP(ADDED("other/x"), "two directories");
    BAD_ZIP(ADDED("archive/constants.pkl"), "TorchScript");
    BAD_ZIP(ADDED("archive/code/x.py"), "TorchScript");
    BAD_ZIP(ADDED("archive/.data/extern_modules"), "torch.package");
    char *longest = arena_alloc(k->cx.arena, 600);
    memset(longest, 'x', 599);
    memcpy(longest, "archive/", 8);
    BAD_ZIP(ADDED(longest), "too long");
    BAD_POKE(central[DATA], 46 + 9, 0, 1, "control"); /* a NUL in the name */
}

static void test_places(kit *k)
{
    archive z = plain_zip(k), moved = {.bytes = {.arena = k->cx.arena}};
    /* Two names of one local header. */
    poke(&z, z.central[ORDER] + 42, z.local[PKL], 4);
    BAD_ZIP(z, "disagree");
    /* Bytes before the first member are no zip archive at all to torch. */
    z = plain_zip(k);
    buf_add_n(&moved.bytes, "PK\3\4", 4);
    buf_add_n(&moved.bytes, z.bytes.p, z.bytes.n);
    for (size_t i = 0; i < N_PLAIN; i++) {
        poke(&moved, z.central[i] + 4 + 42, z.local[i] + 4, 4);
    }
    poke(&moved, z.end64 + 4 + 48, z.dir + 4, 8);
    poke(&moved, z.locator + 4 + 8, z.end64 + 4, 8);
    poke(&moved, z.end + 4 + 16, z.dir + 4, 4);
    BAD_ZIP(moved, "before the first entry");
    /* A member that the directory does not list is noted. */
    z = ADDED("archive/x");
    const size_t n_entry = 46 + 9;
    memmove(z.bytes.p + z.central[N_PLAIN], z.bytes.p + z.end64, z.bytes.n - z.end64);
    z.bytes.n -= n_entry;
    const size_t end64 = z.end64 - n_entry;
    poke(&z, end64 + 24, N_PLAIN, 8);
    poke(&z, end64 + 32, N_PLAIN, 8);
    poke(&z, end64 + 40, end64 - z.dir, 8);
    poke(&z, z.locator - n_entry + 8, end64, 8);
    poke(&z, z.end - n_entry + 8, N_PLAIN * 0x10001, 4);
    poke(&z, z.end - n_entry + 12, end64 - z.dir, 4);
    good_zip(k, z, "belong to no entry");
}

static void test_records(kit *k)
{
#define RECORD(i, name, text)                                                          \
    zip_with(k, i, (member){name, text, sizeof(text) - 1, false})
    BAD_ZIP(RECORD(VERSION, "archive/versio", "3\n"), "\"version\" is missing");
    BAD_ZIP(RECORD(VERSION, "archive/version", "0\n"), "not known");
    BAD_ZIP(RECORD(VERSION, "archive/version", "11\n"), "not known");
    BAD_ZIP(RECORD(VERSION, "archive/version", "33333333333333333333\n"), "not known");
    BAD_ZIP(RECORD(VERSION, "archive/version", "3 "), "not known");
    BAD_ZIP(RECORD(VERSION, "archive/version", ""), "not known");
    BAD_ZIP(RECORD(ORDER, "archive/byteorder", "big"), "byte order");
    BAD_ZIP(RECORD(ORDER, "archive/byteorder", "littleX"), "byte order");
    BAD_ZIP(RECORD(PKL, "archive/data.pk", PICKLE), "no archive/data.pkl");
    BAD_ZIP(RECORD(PKL, "archive", PICKLE), "not one of torch.save");
    BAD_ZIP(RECORD(DATA, "archive/data/0", "short"), "should have 6 elements");
    BAD_ZIP(RECORD(DATA, "archive/data/1", "short"), "is missing");
    BAD_ZIP(zip_with(k, DATA, (member){"archive/data/0", storage, 24, true}),
            "compressed");
    char *zeros = arena_alloc(k->cx.arena, 1 << 20);
    BAD_ZIP(zip_with(k, PKL, (member){"archive/data.pkl", zeros, 1 << 20, true}),
            "too large");
    archive z =
        zip_with(k, PKL, (member){"archive/data.pkl", PICKLE, sizeof PICKLE - 1, true});
    poke(&z, z.data[PKL] + 4, 0xFFFFFFFF, 4);
    BAD_ZIP(z, "archive/data.pkl");
    z = zip_with(k, PKL, (member){"archive/data.pkl", PICKLE, sizeof PICKLE - 1, true});
    poke(&z, z.central[PKL] + 24, sizeof PICKLE, 4);
    BAD_ZIP(z, "does not inflate");
    REFUSED(k, kit_write(k, "t.pth", "PK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 22),
            "empty zip");
}

/* Any single byte changed must never crash, and any single cut is refused. */
static void test_damage(kit *k)
{
    for (size_t at = 0; at < plain_zip(k).bytes.n; at += 3) {
        archive z = plain_zip(k);
        z.bytes.p[at] = (char)(z.bytes.p[at] ^ 0x41);
        if (kit_open(k, zip_file(k, &z)) == RT_OK) {
            inventory_close(k->ck->inv);
        }
    }
    archive z = plain_zip(k);
    for (size_t n = z.bytes.n - 1; n > 4; n -= n > 100 ? 41 : 3) {
        z.bytes.n = n;
        CHECK_INT(kit_open(k, zip_file(k, &z)), RT_FILE);
    }
}

int main(void)
{
    kit k = kit_begin();

    test_good(&k);
    test_end_records(&k);
    test_headers(&k);
    test_extras(&k);
    test_names(&k);
    test_places(&k);
    test_records(&k);
    test_damage(&k);
    kit_end(&k);
    return CHECK_RESULT();
}
