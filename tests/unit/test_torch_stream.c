/* What torch.save wrote before 1.6: pickles one after the other, then the storages. */
#include "read_kit.h"

#define MAGIC    "\x80\2\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
#define PROTOCOL "\x80\2M\xe9\3."
#define FACTS    "\x80\2}(X\x10\0\0\0protocol_versionM\xe9\3X\x0d\0\0\0little_endian\x88u."
#define STORAGE(count, view)                                                           \
    "(X\7\0\0\0storagectorch\nFloatStorage\nX\3\0\0\0"                                 \
    "123X\3\0\0\0cpuK" count view "tQ"
#define OBJECT(count, view)                                                            \
    "\x80\2}X\1\0\0\0wctorch._utils\n_rebuild_tensor_v2\n(" STORAGE(                   \
        count, view) "K\0K\2K\3\x86K\3K\1\x86\x89"                                     \
                     "ccollections\nOrderedDict\n)RtRs."
#define KEYS                                                                           \
    "\x80\2]X\3\0\0\0"                                                                 \
    "123a."
#define COUNT        "\6\0\0\0\0\0\0\0"
#define DATA         "abcdefghijklmnopqrstuvwx"
#define PLAIN_OBJECT OBJECT("\6", "N")

#define FILE_OF(text)   kit_write(k, "t.pth", text, sizeof text - 1)
#define BAD(text, word) REFUSED(k, FILE_OF(text), word)

static const char sound[] = MAGIC PROTOCOL FACTS PLAIN_OBJECT KEYS COUNT DATA;

static void test_good(kit *k)
{
    if (GOOD(k, FILE_OF(sound))) {
        const tensor_info *t = inventory_find(k->ck->inv, "w");
        if (CHECK(t != NULL)) {
            CHECK(t->dt == DT_F32 && t->rank == 2 && t->shape[1] == 3);
            CHECK_INT(t->n_bytes, 24);
            CHECK(memcmp(sound + t->offset, DATA, 24) == 0);
        }
        CHECK_INT(k->ck->inv->notes.n, 0);
        inventory_close(k->ck->inv);
    }
}

static void test_facts(kit *k)
{
    BAD(MAGIC "\x80\2M\xe8\3." FACTS PLAIN_OBJECT KEYS COUNT DATA, "not 1001");
    BAD(MAGIC PROTOCOL
        "\x80\2}X\x0d\0\0\0little_endian\x89s." PLAIN_OBJECT KEYS COUNT DATA,
        "not little-endian");
    BAD(MAGIC PROTOCOL "\x80\2}." PLAIN_OBJECT KEYS COUNT DATA, "byte order");
    BAD(MAGIC PROTOCOL "\x80\2N." PLAIN_OBJECT KEYS COUNT DATA, "byte order");
    BAD(MAGIC PROTOCOL FACTS "\x80\2cos\nsystem\nX\2\0\0\0ls\x85R."
                             "\x80\2].",
        "os.system");
}

static void test_storages(kit *k)
{
#define WITH(object, keys, rest) MAGIC PROTOCOL FACTS object keys rest
    BAD(WITH(OBJECT("\6", "X\1\0\0\0v"), KEYS, COUNT DATA), "view of another");
    BAD(WITH(OBJECT("\6", ""), KEYS, COUNT DATA), "not given as torch.save");
    BAD(WITH(OBJECT("\5", "N"), KEYS, COUNT DATA), "has 6 elements where the object");
    BAD(WITH("\x80\2(X\6\0\0\0moduleNNNtQ.", "\x80\2].", ""), "module with its code");
    BAD(WITH(PLAIN_OBJECT, "\x80\2].", COUNT DATA), "does not fit the 1");
    BAD(WITH(PLAIN_OBJECT, "\x80\2N.", COUNT DATA), "does not fit the 1");
    BAD(WITH(PLAIN_OBJECT,
             "\x80\2]X\3\0\0\0"
             "124a.",
             COUNT DATA),
        "does not name");
    BAD(WITH(PLAIN_OBJECT, "\x80\2]K\1a.", COUNT DATA), "does not name");
    BAD(WITH(PLAIN_OBJECT,
             "\x80\2](X\3\0\0\0"
             "123X\3\0\0\0"
             "123e.",
             COUNT DATA),
        "does not fit the 1");
    BAD(WITH(PLAIN_OBJECT, KEYS, "\6\0\0\0\0\0\0\x80" DATA), "elements where");
    BAD(WITH(PLAIN_OBJECT, KEYS, COUNT DATA "x"), "1 bytes stand behind");
}

/* Every cut is refused, and no changed byte does harm. */
static void test_damage(kit *k)
{
    for (size_t n = sizeof sound - 2; n > 15; n--) {
        CHECK_INT(kit_open(k, kit_write(k, "t.pth", sound, n)), RT_FILE);
    }
    for (size_t at = 15; at < sizeof sound - 1; at++) {
        char bytes[sizeof sound];
        memcpy(bytes, sound, sizeof sound);
        bytes[at] = (char)(bytes[at] ^ 0x41);
        if (kit_open(k, kit_write(k, "t.pth", bytes, sizeof bytes - 1)) == RT_OK) {
            inventory_close(k->ck->inv);
        }
    }
}

int main(void)
{
    kit k = kit_begin();

    test_good(&k);
    test_facts(&k);
    test_storages(&k);
    test_damage(&k);
    kit_end(&k);
    return CHECK_RESULT();
}
