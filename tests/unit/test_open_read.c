/* Which file of a directory is read, and what the hub's cache holds. */
#include <sys/stat.h>

#include "read_kit.h"

static const char empty_st[] = "\2\0\0\0\0\0\0\0{}";

static void put(kit *k, const char *name)
{
    (void)kit_write(k, name, empty_st, sizeof empty_st - 1);
}

static void drop(kit *k, const char *name)
{
    CHECK(remove(kit_path(k, name)) == 0);
}

static file_name names[] = {{.text = "lit_model.pth"},
                            {.text = "model.safetensors"},
                            {.text = "pytorch_model.bin"},
                            {"consolidated.", ".pth", "t", 2}};
static const file_name_list known = {names, 4, 4};

static void takes(kit *k, const char *name, const char *also)
{
    if (CHECK(kit_open_known(k, k->top, &known) == RT_OK)) {
        CHECK_STR(path_base(k->ck->weights), name);
        CHECK_STR(k->ck->chosen_because, also);
        CHECK_STR(k->ck->dir, k->top);
        inventory_close(k->ck->inv);
    }
}

static void test_choice(kit *k)
{
    REFUSED(k, k->top, "no weights");
    put(k, "training_args.bin");
    put(k, "optimizer.pt");
    put(k, "notes.txt");
    REFUSED(k, k->top, "no weights");
    put(k, "consolidated.00.pth");
    takes(k, "consolidated.00.pth", NULL);
    put(k, "consolidated.02.pth");
    CHECK_INT(kit_open_known(k, k->top, &known), RT_FILE);
    CHECK(strstr(kit_complaint(k), "no consolidated.01.pth") != NULL);
    put(k, "consolidated.01.pth");
    takes(k, "consolidated.00.pth", NULL);
    REFUSED(k, k->top,
            "consolidated.00.pth, consolidated.01.pth"); /* of no known name */
    put(k, "pytorch_model.bin");
    takes(k, "pytorch_model.bin", "also there: consolidated.{t:02}.pth");
    put(k, "model.safetensors");
    takes(k, "model.safetensors",
          "also there: pytorch_model.bin, consolidated.{t:02}.pth");
    drop(k, "consolidated.02.pth");
    drop(k, "consolidated.01.pth");
    drop(k, "consolidated.00.pth");
    put(k, "lit_model.pth");
    takes(k, "lit_model.pth", "also there: model.safetensors, pytorch_model.bin");
    drop(k, "lit_model.pth");
    drop(k, "model.safetensors");
    drop(k, "pytorch_model.bin");
    CHECK(weights_name(k->cx.arena, &known, "model-00001-of-00002.safetensors"));
    CHECK(weights_name(k->cx.arena, &known, "model.safetensors.index.json"));
    CHECK(weights_name(k->cx.arena, &known, "consolidated.07.pth"));
    CHECK(!weights_name(k->cx.arena, &known, "consolidated.7.pth"));
    CHECK(!weights_name(k->cx.arena, &known, "model-00001-of-00002.bin"));
    put(k, "lit_model.pth.lora");
    takes(k, "lit_model.pth.lora", NULL);
    drop(k, "lit_model.pth.lora");
}

static void test_other_kinds(kit *k)
{
    put(k, "model-00001-of-00002.safetensors");
    REFUSED(k, k->top, "shards without an index");
    REFUSED(k, k->top, "fetch the index too: model.safetensors.index.json");
    drop(k, "model-00001-of-00002.safetensors");
    put(k, "model.gguf");
    REFUSED(k, k->top, "GGUF");
    drop(k, "model.gguf");
    put(k, ".metadata");
    put(k, "__0_0.distcp");
    REFUSED(k, k->top, "distributed checkpoint");
    drop(k, ".metadata");
    drop(k, "__0_0.distcp");
}

/* ---- the hub's cache ---- */

#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define REPO   "models--org--name"

static void make_dir(kit *k, const char *name)
{
    CHECK(mkdir(kit_path(k, name), 0700) == 0);
}

static void put_ref(kit *k, const char *text)
{
    (void)kit_write(k, REPO "/refs/main", text, strlen(text));
}

static void test_cache(kit *k)
{
    CHECK(setenv("HF_HUB_CACHE", k->top, 1) == 0);
    REFUSED(k, "org/name", "hub cache");
    make_dir(k, REPO);
    make_dir(k, REPO "/refs");
    make_dir(k, REPO "/blobs");
    make_dir(k, REPO "/snapshots");
    make_dir(k, REPO "/snapshots/" COMMIT);
    put(k, REPO "/blobs/b1");
    CHECK(symlink("../../blobs/b1",
                  kit_path(k, REPO "/snapshots/" COMMIT "/model.safetensors")) == 0);
    const char *snapshot = kit_path(k, REPO "/snapshots/" COMMIT);
    CHECK_STR(hub_cache_find(k->cx.arena, "org/name"), snapshot); /* the only one */
    put_ref(k, COMMIT "\n");
    CHECK_STR(hub_cache_find(k->cx.arena, "org/name"), snapshot);
    CHECK_STR(hub_cache_find(k->cx.arena, "org/name@main"), snapshot);
    CHECK_STR(hub_cache_find(k->cx.arena, "org/name@" COMMIT), snapshot);
    CHECK(hub_cache_find(k->cx.arena, "org/name@other") == NULL);
    CHECK(hub_cache_find(k->cx.arena, "org/name@../main") == NULL);
    CHECK(hub_cache_find(k->cx.arena, "../name") == NULL);
    CHECK(hub_cache_find(k->cx.arena, "org/name/more") == NULL);
    CHECK(hub_cache_find(k->cx.arena, "") == NULL);
    if (GOOD(k, "org/name")) {
        CHECK_STR(k->ck->dir, snapshot);
        inventory_close(k->ck->inv);
    }
    put_ref(k, "../../blobs");
    CHECK(hub_cache_find(k->cx.arena, "org/name") == NULL);
    put_ref(k, COMMIT "\n" COMMIT "\n");
    CHECK(hub_cache_find(k->cx.arena, "org/name") == NULL);
    put_ref(k, COMMIT);
    /* A link that leaves the repository. */
    put(k, "outside");
    drop(k, REPO "/snapshots/" COMMIT "/model.safetensors");
    CHECK(symlink("../../../outside",
                  kit_path(k, REPO "/snapshots/" COMMIT "/model.safetensors")) == 0);
    REFUSED(k, "org/name", "leads out");
}

static void clear_cache(kit *k)
{
    static const char *const made[] = {
        REPO "/snapshots/" COMMIT "/model.safetensors",
        REPO "/snapshots/" COMMIT,
        REPO "/snapshots",
        REPO "/blobs/b1",
        REPO "/blobs",
        REPO "/refs/main",
        REPO "/refs",
    };

    for (size_t i = 0; i < sizeof made / sizeof made[0]; i++) {
        drop(k, made[i]);
    }
    CHECK(unsetenv("HF_HUB_CACHE") == 0);
}

int main(void)
{
    kit k = kit_begin();

    test_choice(&k);
    test_other_kinds(&k);
    test_cache(&k);
    clear_cache(&k);
    kit_end(&k);
    return CHECK_RESULT();
}
