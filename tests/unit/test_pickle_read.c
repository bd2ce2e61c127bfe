/* The pickle machine, and what the reader of tensors makes of its graph, against
 * pickles that no honest writer makes. */
#include "checkpoint/pickle.h"
#include "zip_kit.h"

/* ---- the machine alone ---- */

static rt_status run(kit *k, const char *bytes, size_t n, pickle *p)
{
    diags_clear(k->cx.diags);
    return pickle_read(&k->cx, "data.pkl", bytes, n, p);
}

static void bad(kit *k, const char *bytes, size_t n, const char *word, int line)
{
    pickle p;

    check_int(run(k, bytes, n, &p), RT_FILE, __FILE__, line, word);
    const char *said = kit_complaint(k);
    if (!check_that(strstr(said, word) != NULL, __FILE__, line, word)) {
        (void)fprintf(stderr, "    said: %s\n", said);
    }
}

/* The machine refuses protocol 2, then `text`. */
#define BAD(text, word) bad(k, "\x80\x02" text, sizeof(text) + 1, word, __LINE__)

static const pickle_node *good(kit *k, const char *bytes, size_t n, int line)
{
    static const pickle_node nothing;
    pickle p;

    if (!check_that(run(k, bytes, n, &p) == RT_OK, __FILE__, line, "it is read")) {
        (void)fprintf(stderr, "    said: %s\n", kit_complaint(k));
        return &nothing;
    }
    return p.root;
}
#define READ(text) good(k, "\x80\x04" text, sizeof(text) + 1, __LINE__)

static void test_values(kit *k)
{
    CHECK_INT(READ("N.")->kind, PICKLE_NONE);
    CHECK(READ("\x88.")->kind == PICKLE_BOOL && READ("\x88.")->i == 1);
    CHECK_INT(READ("K\xff.")->i, 255);
    CHECK_INT(READ("M\x01\x02.")->i, 513);
    CHECK_INT(READ("J\xfe\xff\xff\xff.")->i, -2);
    CHECK_INT(READ("\x8a\0.")->i, 0);
    CHECK_INT(READ("\x8a\1\xff.")->i, -1);
    CHECK_INT(READ("\x8a\5\0\0\0\0\1.")->i, INT64_C(1) << 32);
    CHECK(READ("\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f.")->i == INT64_MAX);
    CHECK_INT(READ("\x8a\x09\0\0\0\0\0\0\0\0\1.")->kind, PICKLE_BIG);
    CHECK_INT(READ("\x8b\2\0\0\0\0\1.")->i, 256);
    CHECK_INT(READ("G\0\0\0\0\0\0\0\0.")->kind, PICKLE_FLOAT);
    CHECK_INT(READ("\x8c\2ab.")->n, 2);
    CHECK_INT(READ("\x8d\1\0\0\0\0\0\0\0a.")->n, 1);
    CHECK_INT(READ("C\1a.")->kind, PICKLE_BYTES);
    CHECK_INT(READ("\x96\1\0\0\0\0\0\0\0a.")->kind, PICKLE_BYTES);
    CHECK_INT(READ("(K\1K\2K\3K\4t.")->n, 4);
    CHECK_INT(READ("](K\1K\2e.")->n, 2);
    CHECK_INT(READ("]K\1a.")->n, 1);
    CHECK_INT(READ("(K\1K\2d.")->kind, PICKLE_DICT);
    CHECK_INT(READ("}(K\1K\2K\3K\4u.")->n, 4);
    CHECK_INT(READ("\x8f(K\1\x90.")->kind, PICKLE_SET);
    CHECK_INT(READ("(K\1\x91.")->kind, PICKLE_SET);
    CHECK_INT(READ("\x95\2\0\0\0\0\0\0\0K\1.")->i, 1);
    CHECK_INT(READ("K\1\x94h\0\x86.")->n, 2);
    CHECK_INT(READ("K\1K\2"
                   "0.")
                  ->i,
              1);
    CHECK_INT(READ("K\1(K\2K\3"
                   "1.")
                  ->i,
              1);
    CHECK_INT(READ("K\1"
                   "2\x86.")
                  ->n,
              2);
    CHECK_INT(READ("K\1(0.")->i, 1);
}

/* Names stay names: whatever is called, there is a node that says so. */
static void test_calls(kit *k)
{
    const pickle_node *n = READ("cos\nsystem\n\x8c\2ls\x85R.");
    CHECK(n->kind == PICKLE_CALL && n->name == NAME_OTHER);
    CHECK_STR(pickle_describe(k->cx.arena, n), "the result of os.system");
    n = READ("\x8c\x08"
             "builtins\x8c\4eval\x93\x8c\1"
             "1\x85R.");
    CHECK_STR(pickle_describe(k->cx.arena, n), "the result of builtins.eval");
    n = READ("cfoo\nBar.Baz\n)\x81}b.");
    CHECK_STR(pickle_describe(k->cx.arena, n), "an object of foo.Bar.Baz");
    CHECK(n->call->state != NULL && n->call->is_new);
    n = READ("cbuiltins\ngetattr\n)R)R.");
    CHECK_STR(pickle_describe(k->cx.arena, n), "an object");
    n = READ("cfoo\nBar\n)}\x92(K\1e.");
    CHECK_INT(n->call->n, 1);
    n = READ("ccollections\nOrderedDict\n)RK\1K\2s}b.");
    CHECK(n->name == NAME_ORDERED_DICT && n->call->n == 2);
    CHECK_INT(READ("K\1Q.")->kind, PICKLE_STORED);
    CHECK_INT(READ("ctorch\nbfloat16\n.")->dt, DT_BF16);
}

static void test_stack(kit *k)
{
    BAD(".", "0 values");
    BAD("K\1K\2.", "2 values");
    BAD("(.", "0 values");
    BAD("K\1(.", "1 values");
    BAD("0.", "stack is empty");
    BAD("2.", "stack is empty");
    BAD("t.", "no mark");
    BAD("l.", "no mark");
    BAD("]e.", "no mark");
    BAD("}u.", "no mark");
    BAD("1.", "no mark");
    BAD("K\1K\2\x87.", "stack is empty");
    BAD("K\1(K\2\x86t.", "stack is empty"); /* below the mark */
    BAD("(\x85.", "stack is empty");
    BAD("h\0.", "not set");
    BAD("q\0.", "stack is empty");
    BAD("(q\0.", "stack is empty");
    BAD("K\1r\xff\xff\xff\xff.", "out of order");
    BAD("K\1j\xff\xff\xff\xff.", "not set");
    BAD("K\1.x", "behind its end");
    BAD("K\1.\x80\2K\1.", "behind its end");
    BAD("\x80\2K\1.", "second start");
    BAD("K\1", "bytes should follow");
    BAD("", "bytes should follow");
    bad(k, "", 0, "bytes should follow", __LINE__);
    bad(k, "K\1.", 3, "protocol", __LINE__);
    bad(k, "\x80\1K\1.", 5, "protocol", __LINE__);
    bad(k, "\x80\6K\1.", 5, "protocol", __LINE__);
}

static void test_operands(kit *k)
{
    BAD("M\1", "2 bytes should follow");
    BAD("X\xff\xff\xff\x7f"
        "ab.",
        "2147483647 bytes");
    BAD("\x8d\0\0\0\0\0\0\0\x80"
        "ab.",
        "9223372036854775808 bytes");
    BAD("\x8d\xff\xff\xff\xff\xff\xff\xff\xff"
        "ab.",
        "bytes should follow");
    BAD("\x8a\xffxx.", "255 bytes");
    BAD("\x8b\xff\xff\xff\xff.", "negative length");
    BAD("\x95\xff\0\0\0\0\0\0\0K\1.", "longer than what is left");
    BAD("cos", "no end");
    BAD("cos\nsystem", "no end");
    BAD("c\nsystem\n.", "plain name");
    BAD("cos\n\n.", "plain name");
    BAD("co s\nsystem\n.", "plain name");
    BAD("cos\nsys\x1b[1m\n.", "plain name");
    BAD("\x8c\2osK\1\x93.", "no text");
    BAD("K\1\x8c\2os\x93.", "no text");
    BAD("\x8c\2os\x8c\3a\nb\x93.", "plain name");
    BAD("(ios\nsystem\n.", "0x69");  /* INST */
    BAD("(cos\nsystem\no.", "0x6f"); /* OBJ */
    BAD("\x82\1.", "0x82");          /* EXT1 */
    BAD("Pkey\n.", "0x50");          /* PERSID */
    BAD("\x97.", "0x97");            /* NEXT_BUFFER */
    BAD("I1\n.", "0x49");            /* INT */
    BAD("\xff.", "0xff");
}

static void test_types(kit *k)
{
    BAD("K\1)R.", "is called");
    BAD("}K\1R.", "is called");
    BAD("ctorch\nSize\n)R)R.", "is called");
    BAD("cos\nsystem\nK\1R.", "wrong kind");
    BAD("cos\nsystem\n)K\1\x92.", "wrong kind");
    BAD(")}b.", "state is given to a tuple");
    BAD("}}b.", "state is given to a dict");
    BAD("cos\nsystem\n}b.", "state is given to the name os.system");
    BAD("]K\1K\2s.", "key is set in a list");
    BAD("ctorch._utils\n_rebuild_tensor_v2\n)RK\1K\2s.", "key is set in the result");
    BAD("}K\1a.", "appended to a dict");
    BAD(")K\1a.", "appended to a tuple");
    BAD("ccollections\nOrderedDict\n)RK\1a.", "appended to");
    BAD("](K\1\x90.", "added to a list");
    BAD("}(K\1u.", "without a value");
    BAD("(K\1d.", "without a value");
}

/* Bombs: work and memory stay in proportion to the bytes. */
static void test_bombs(kit *k)
{
    buf b = {.arena = k->cx.arena};
    pickle p;

    buf_add(&b, "\x80\x02N");
    for (int i = 0; i < 60; i++) {
        buf_add(&b, "2\x86"); /* t = (t, t) */
    }
    buf_add(&b, ".");
    CHECK_INT(run(k, buf_str(&b), b.n, &p), RT_OK);
    b.n = 2;
    buf_add(&b, "]q");
    buf_add_n(&b, "\0h\0a.", 5); /* a list that holds itself */
    CHECK_INT(run(k, buf_str(&b), b.n, &p), RT_OK);
    CHECK(p.root->items[0] == p.root);
    b.n = 2;
    for (int i = 0; i < 200000; i++) {
        buf_add(&b, "(");
    }
    bad(k, buf_str(&b), b.n, "open marks", __LINE__);
    b.n = 2;
    for (int i = 0; i < 1000000; i++) {
        buf_add(&b, "]");
    }
    bad(k, buf_str(&b), b.n, "more values", __LINE__);
    b.n = 2;
    buf_add(&b, "]");
    for (int i = 0; i < 200000; i++) {
        buf_add_n(&b, "\x85q\0", 3); /* nested 200,000 deep */
    }
    buf_add(&b, ".");
    CHECK_INT(run(k, buf_str(&b), b.n, &p), RT_OK);
}

/* ---- tensors ---- */

#define STR(n, text)      "X" n "\0\0\0" text
#define SIZED(key, numel) STORAGE("ctorch\nFloatStorage\n", key, numel)
#define STORAGE(class, key, numel)                                                     \
    "(" STR("\7", "storage") class key STR("\3", "cpu") numel "tQ"
#define KEY0  STR("\1", "0")
#define HOOKS "ccollections\nOrderedDict\n)R"
/* offset, size, stride; then requires_grad and hooks. */
#define V2(stored, extent)                                                             \
    "ctorch._utils\n_rebuild_tensor_v2\n(" stored extent "\x89" HOOKS "tR"
#define PLAIN_EXTENT "K\0K\2K\3\x86K\3K\1\x86"
#define STORED       SIZED(KEY0, "K\6")
#define PLAIN        V2(STORED, PLAIN_EXTENT)
#define DICT(items)  "}(" items "u."
#define W(tensor)    STR("\1", "w") tensor
#define DICT_IN      "}(" W(PLAIN) "u"

static const char zeros[24];

static const char *torch_file(kit *k, const char *bytes, size_t n)
{
    const member m[] = {{"a/data.pkl", bytes, n, false},
                        {"a/data/0", zeros, 24, false},
                        {"a/data/1", zeros, 8, false},
                        {"a/version", "3\n", 2, false}};
    archive z = zip_members(k, m, 4);

    return zip_file(k, &z);
}

#define FILE_OF(text)            torch_file(k, "\x80\x02" text, sizeof(text) + 1)
#define BAD_FILE(text, word)     REFUSED(k, FILE_OF(text), word)
#define BAD_TENSOR(tensor, word) BAD_FILE(DICT(W(tensor)), word)

static const tensor_info *good_tensor(kit *k, const char *path)
{
    static const tensor_info nothing;

    if (!GOOD(k, path)) {
        return &nothing;
    }
    inventory_close(k->ck->inv);
    const tensor_info *t = inventory_find(k->ck->inv, "w");
    return CHECK(t != NULL) ? t : &nothing;
}
#define TENSOR(tensor) good_tensor(k, FILE_OF(DICT(W(tensor))))

static void test_tensors(kit *k)
{
    const tensor_info *t = TENSOR(PLAIN);
    CHECK(t->dt == DT_F32 && t->rank == 2 && t->shape[1] == 3 && t->is_contiguous);
    t = TENSOR(V2(SIZED("K\0", "K\6"), PLAIN_EXTENT)); /* a number as key */
    CHECK_INT(t->n_bytes, 24);
    t = TENSOR(V2(STORED, "K\1K\2K\2\x86K\1K\2\x86")); /* transposed, from 1 */
    CHECK(!t->is_contiguous && t->stride[0] == 1 && t->stride[1] == 2);
    t = TENSOR(V2(STORED, "K\0K\5K\2\x86K\1K\1\x86")); /* overlapping */
    CHECK(!t->is_contiguous && t->n_elems == 10);
    t = TENSOR(V2(STORED, "K\5K\1K\x4d\x86K\0K\0\x86")); /* expanded */
    CHECK(!t->is_contiguous && t->n_elems == 77);
    t = TENSOR(V2(STORED, "K\2))")); /* a scalar */
    CHECK(t->rank == 0 && t->n_elems == 1 && t->is_contiguous);
    t = TENSOR(V2(STORED, "K\0K\0K\3\x86K\3K\1\x86")); /* empty */
    CHECK(t->n_elems == 0 && t->n_bytes == 0);
    t = TENSOR("ctorch._utils\n_rebuild_parameter\n(" PLAIN "\x88" HOOKS "tR");
    CHECK_INT(t->n_elems, 6);
    t = TENSOR("ctorch._utils\n_rebuild_parameter_with_state\n(" PLAIN "\x88" HOOKS
               "}tR");
    CHECK_INT(t->n_elems, 6);
    t = TENSOR(
        "ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._utils\n_rebuild_tensor_v2\n"
        "ctorch\nTensor\n(" STORED PLAIN_EXTENT "\x89" HOOKS "t}tR");
    CHECK_INT(t->n_elems, 6);
    t = TENSOR("ctorch._utils\n_rebuild_tensor_v3\n(" STORAGE(
        "ctorch.storage\nUntypedStorage\n", KEY0,
        "K\x18") "K\0K\2K\5\x86K\5K\1\x86\x89" HOOKS "ctorch\nfloat8_e4m3fn\ntR");
    CHECK(t->dt == DT_F8_E4M3 && t->n_bytes == 10);
    t = TENSOR("ctorch._utils\n_rebuild_tensor_v2\n(" STORED PLAIN_EXTENT "\x89" HOOKS
               "}X\4\0\0\0conj\x89stR");
    CHECK_INT(t->n_elems, 6);
}

static void test_storages(kit *k)
{
#define ODD(storage) BAD_TENSOR(V2(storage, PLAIN_EXTENT), "not given as torch.save")
    ODD("N");
    ODD(STR("\7", "storage") "Q");
    ODD("(" STR("\6", "module") "NNNNtQ");
    ODD("(" STR("\7", "storage") "ctorch\nFloatStorage\n" KEY0 STR("\3", "cpu") "tQ");
    BAD_TENSOR(V2(STORAGE("cos\nsystem\n", KEY0, "K\6"), PLAIN_EXTENT), "os.system");
    BAD_TENSOR(V2(STORAGE("ctorch\nQInt8Storage\n", KEY0, "K\6"), PLAIN_EXTENT),
               "QInt8Storage");
    BAD_TENSOR(V2(STORAGE("N", KEY0, "K\6"), PLAIN_EXTENT), "no class");
    BAD_TENSOR(V2(SIZED("N", "K\6"), PLAIN_EXTENT), "key of its storage");
    BAD_TENSOR(V2(SIZED("J\xff\xff\xff\xff", "K\6"), PLAIN_EXTENT),
               "key of its storage");
    BAD_TENSOR(V2(SIZED(STR("\4", "../0"), "K\6"), PLAIN_EXTENT), "key of its storage");
    BAD_TENSOR(V2(SIZED(STR("\1", "7"), "K\6"), PLAIN_EXTENT), "a/data/7 is missing");
    BAD_TENSOR(V2(SIZED(KEY0, "K\5"), PLAIN_EXTENT), "should have 5");
    BAD_TENSOR(V2(SIZED(KEY0, "K\7"), PLAIN_EXTENT), "should have 7");
    BAD_TENSOR(V2(SIZED(KEY0, "\x88"), PLAIN_EXTENT), "place or size");
    BAD_TENSOR(V2(SIZED(KEY0, "J\xff\xff\xff\xff"), PLAIN_EXTENT), "place or size");
    BAD_TENSOR(V2(SIZED(KEY0, "G\0\0\0\0\0\0\0\0"), PLAIN_EXTENT), "place or size");
    BAD_TENSOR(
        V2(SIZED(KEY0, "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f"), PLAIN_EXTENT),
        "should have 9223372036854775807");
    BAD_TENSOR(
        V2(SIZED(KEY0, "\x8a\x09\xff\xff\xff\xff\xff\xff\xff\xff\0"), PLAIN_EXTENT),
        "place or size");
    BAD_FILE(DICT(W(PLAIN) STR("\1", "v")
                      V2(STORAGE("ctorch\nIntStorage\n", KEY0, "K\6"), PLAIN_EXTENT)),
             "another type or size");
    BAD_TENSOR(
        V2(STORAGE("ctorch.storage\nUntypedStorage\n", KEY0, "K\x18"), PLAIN_EXTENT),
        "wrong class");
}

static void test_extents(kit *k)
{
#define EXTENT(extent, word) BAD_TENSOR(V2(STORED, extent), word)
    EXTENT("K\1K\2K\3\x86K\3K\1\x86", "beyond its storage");
    EXTENT("K\0K\2K\3\x86K\4K\1\x86", "beyond its storage");
    EXTENT("J\xff\xff\xff\xffK\2K\3\x86K\3K\1\x86", "not valid");
    EXTENT("K\0J\xff\xff\xff\xff\x85K\1\x85", "not valid");
    EXTENT("K\0K\2\x85J\xff\xff\xff\xff\x85", "not valid");
    EXTENT("K\0K\2\x85K\1K\1\x86", "not valid");
    EXTENT("K\0K\2K\1", "not valid");
    EXTENT("K\0\x88\x85K\1\x85", "not valid");
    EXTENT("K\0(K\1K\1K\1K\1K\1K\1K\1K\1K\1t(K\1K\1K\1K\1K\1K\1K\1K\1K\1t",
           "9 dimensions");
    EXTENT("\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7fK\2\x85\x8a\x08\xff\xff\xff\xff\xff"
           "\xff"
           "\xff\x7f\x85",
           "beyond its storage");
    EXTENT("K\0J\0\0\1\0K\1\x86\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7fK\0\x86",
           "beyond its storage");
    /* 2^31 elements that are one, from a small file. */
    EXTENT("K\0J\xff\xff\xff\x7f\x85K\0\x85", "are expanded");
    EXTENT("K\0\x8a\x07\0\0\0\0\0\0\1\x85K\0\x85", "2^47");
}

static void test_forms(kit *k)
{
    BAD_TENSOR("ctorch._utils\n_rebuild_tensor_v2\n(" STORED PLAIN_EXTENT "N" HOOKS
               "tR",
               "requires_grad");
    BAD_TENSOR("ctorch._utils\n_rebuild_tensor_v2\n(" STORED PLAIN_EXTENT "\x89}tR",
               "hooks");
    BAD_TENSOR("ctorch._utils\n_rebuild_tensor_v2\n(" STORED PLAIN_EXTENT "\x89" HOOKS
               "K\1K\2stR",
               "hooks");
    BAD_TENSOR("ctorch._utils\n_rebuild_tensor_v2\n(" STORED PLAIN_EXTENT "\x89" HOOKS
               "}X\4\0\0\0conj\x88stR",
               "conjugated");
    BAD_TENSOR("ctorch._utils\n_rebuild_tensor_v2\n(" STORED PLAIN_EXTENT "\x89" HOOKS
               "K\1tR",
               "metadata");
    BAD_TENSOR("ctorch._utils\n_rebuild_tensor_v2\n(" STORED "tR", "1 arguments");
    BAD_TENSOR("ctorch._utils\n_rebuild_tensor_v2\n)R", "0 arguments");
    BAD_TENSOR(PLAIN "}b", "class of its own");
    BAD_TENSOR("ctorch._utils\n_rebuild_sparse_tensor\n)R", "_rebuild_sparse_tensor");
    BAD_TENSOR("ctorch._utils\n_rebuild_qtensor\n)R", "_rebuild_qtensor");
    BAD_TENSOR("ctorch._utils\n_rebuild_nested_tensor\n)R", "_rebuild_nested_tensor");
    BAD_TENSOR("ctorch._utils\n_rebuild_meta_tensor_no_storage\n)R", "_rebuild_meta");
    BAD_TENSOR("ctorch\nTensor\n)\x81", "class of its own");
    BAD_TENSOR("ctorch._utils\n_rebuild_parameter\n(N\x88" HOOKS "tR",
               "None, no tensor");
    BAD_TENSOR("ctorch._utils\n_rebuild_parameter\n)R", "number of arguments");
    BAD_TENSOR(
        "ctorch._tensor\n_rebuild_from_type_v2\n(cos\nsystem\nctorch\nTensor\n)}tR",
        "os.system makes");
    BAD_TENSOR(
        "ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._utils\n_rebuild_tensor_v2\n"
        "cos\nsystem\n)}tR",
        "tensor class");
    BAD_TENSOR("ctorch._utils\n_rebuild_tensor_v3\n(" STORAGE(
                   "ctorch.storage\nUntypedStorage\n", KEY0, "K\x18") PLAIN_EXTENT
               "\x89" HOOKS "ctorch\nfloat4_e2m1fn_x2\ntR",
               "dtype");
    BAD_TENSOR("ctorch._utils\n_rebuild_tensor_v3\n(" STORED PLAIN_EXTENT "\x89" HOOKS
               "ctorch\nfloat32\ntR",
               "wrong class");
}

static void test_dicts(kit *k)
{
    BAD_FILE(DICT(W(PLAIN) W(PLAIN)), "stands twice");
    BAD_FILE(DICT("K\1" PLAIN), "no text");
    BAD_FILE(DICT(STR("\0", "") PLAIN), "empty");
    BAD_FILE(DICT(STR("\2", "a\n") PLAIN), "control");
    BAD_FILE(DICT(STR("\1", "\xff") PLAIN), "UTF-8");
    BAD_FILE(DICT(W(PLAIN) STR("\1", "x") "cos\nsystem\n)R"), "os.system");
    BAD_FILE("cos\nsystem\n)R.", "the result of os.system, not a state dict");
    BAD_FILE("K\1.", "a whole number, not a state dict");
    BAD_FILE("}.", "an empty dict");
    BAD_FILE(DICT(STR("\1", "a") "K\1" STR("\1", "b") "N"),
             "a (a whole number), b (None)");
    BAD_FILE(DICT(STR("\5", "model") DICT_IN STR("\5", "model") "N"), "stands twice");
    BAD_FILE(DICT(STR("\1", "a") DICT_IN STR("\1", "b") DICT_IN), "no state dict");
    BAD_FILE(DICT(STR("\x0b", "_orig_mod.w") PLAIN W(PLAIN)), "are both w");
}

static void test_subtrees(kit *k)
{
    const char *path = FILE_OF(DICT(STR("\5", "model") DICT_IN STR(
        "\4", "step") "K\1" STR("\1", "x") "cos\nsystem\n)R"));
    (void)good_tensor(k, path);
    CHECK_STR(k->ck->inv->subtree, "model");
    CHECK(kit_noted(k, "step (a whole number), x (the result of os.system)"));
    CHECK(kit_noted(k, "none of which is called: os.system"));
    (void)good_tensor(k, FILE_OF(DICT(STR("\5", "other") DICT_IN)));
    CHECK_STR(k->ck->inv->subtree, "other");
    (void)good_tensor(k, FILE_OF(DICT(W(PLAIN) STR("\1", "n") "N")));
    CHECK(k->ck->inv->subtree == NULL && kit_noted(k, "n (None)"));
    (void)good_tensor(k, FILE_OF("ccollections\nOrderedDict\n)R" W(PLAIN) "s}b."));
    /* One object under two names, and one storage through two tuples: ties. */
    (void)good_tensor(
        k, FILE_OF(DICT(W(PLAIN "q\1") STR("\1", "a") "h\1" STR("\1", "b")
                            PLAIN STR("\1", "c") V2(STORED, "K\3K\3\x85K\1\x85"))));
    const inventory *inv = k->ck->inv;
    CHECK_INT(inventory_find(inv, "a")->storage, inventory_find(inv, "w")->storage);
    CHECK_INT(inventory_find(inv, "b")->storage, inventory_find(inv, "w")->storage);
    CHECK(inventory_find(inv, "c")->storage != inventory_find(inv, "w")->storage);
    CHECK_INT(inventory_find(inv, "c")->offset, inventory_find(inv, "w")->offset + 12);
}

int main(void)
{
    kit k = kit_begin();

    test_values(&k);
    test_calls(&k);
    test_stack(&k);
    test_operands(&k);
    test_types(&k);
    test_bombs(&k);
    test_tensors(&k);
    test_storages(&k);
    test_extents(&k);
    test_forms(&k);
    test_dicts(&k);
    test_subtrees(&k);
    kit_end(&k);
    return CHECK_RESULT();
}
