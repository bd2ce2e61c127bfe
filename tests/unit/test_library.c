/* The library as a program uses it that embeds the engine: a family of its own, there
 * and back, from files to files. */
#include "read_kit.h"
#include "retensor.h"

static const char rules[] =
    "family pairs : split <-> fused\n"
    "axis c = split.size = fused.width\n"
    "axis i = split.inner = fused.inner\n"
    "detect split has x.{l}.a\n"
    "detect fused has y.{l}.ab\n"
    "pair: x.{l}.a a: [c <- i] x.{l}.b b: [i -> c] <-> y.{l}.ab [(a: c | b: c) <- i]\n"
    "config split.note = fused.remark\n"
    "axis l = split.layers = fused.layers\n";

/* 1 layer, c = 2, i = 3: a is stored [c i], b is stored [i c]. */
static const float numbers[] = {1, 2, 3, 4, 5, 6, 10, 40, 20, 50, 30, 60};
static const float fused[] = {1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60};

static void write_source(const kit *k)
{
    const char *header =
        "{\"x.0.a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
        "\"x.0.b\":{\"dtype\":\"F32\",\"shape\":[3,2],\"data_offsets\":[24,48]}}";
    const char *config =
        "{\"size\": 2, \"inner\": 3, \"layers\": 1, \"note\": \"kept\"}\n";
    buf file = {.arena = k->cx.arena};
    const uint64_t n = strlen(header);
    for (unsigned i = 0; i < 8; i++) {
        const char byte = (char)(n >> (8 * i));
        buf_add_n(&file, &byte, 1);
    }
    buf_add(&file, header);
    buf_add_n(&file, numbers, sizeof numbers);
    (void)kit_write(k, "model.safetensors", file.p, file.n);
    (void)kit_write(k, "config.json", config, strlen(config));
    (void)kit_write(k, "pairs.rules", rules, sizeof rules - 1);
}

static rt_status convert(kit *k, const char *from, const char *to, const char *dst)
{
    const char *path = kit_path(k, "pairs.rules");
    const job_options what = {.rules = &path, .n_rules = 1, .to = to};
    const run_options how = {.exec = {.threads = 2}};
    run_result done;
    job *j = NULL;
    rt_status status = job_convert(&k->cx, &what, from, &j);
    if (status == RT_OK) {
        status = j->status != RT_OK ? j->status : job_run(&k->cx, j, &how, dst, &done);
        job_close(j);
    }
    if (status != RT_OK) {
        (void)fprintf(stderr, "%s", kit_complaint(k));
    }
    return status;
}

static void read_floats(kit *k, const char *path, const char *name, float *to, size_t n)
{
    checkpoint *ck = NULL;
    memset(to, 0, n * sizeof *to);
    if (!CHECK(checkpoint_open(&k->cx, path, &ck) == RT_OK)) {
        return;
    }
    const tensor_info *t = inventory_find(ck->inv, name);
    if (CHECK(t != NULL && t->n_bytes == n * sizeof *to)) {
        FILE *f = fopen(ck->inv->files.at[t->file].path, "rb");
        if (CHECK(f != NULL && fseek(f, (long)t->offset, SEEK_SET) == 0)) {
            CHECK(fread(to, sizeof *to, n, f) == n);
        }
        if (f != NULL) {
            (void)fclose(f);
        }
    }
    inventory_close(ck->inv);
}

static void remove_dir(const kit *k, const char *path)
{
    char **names = NULL;
    size_t n = 0;
    CHECK(dir_list(k->cx.arena, path, &names, &n) == 0);
    for (size_t i = 0; i < n; i++) {
        CHECK(remove(path_join(k->cx.arena, path, names[i])) == 0);
    }
    CHECK(rmdir(path) == 0);
}

int main(void)
{
    kit k = kit_begin();
    float got[12];
    const char *there = kit_path(&k, "there"), *back = kit_path(&k, "back");
    write_source(&k);
    CHECK_INT(convert(&k, k.top, "fused", there), RT_OK);
    read_floats(&k, there, "y.0.ab", got, 12);
    CHECK(memcmp(got, fused, sizeof fused) == 0);
    CHECK_INT(convert(&k, there, "split", back), RT_OK);
    read_floats(&k, back, "x.0.a", got, 6);
    CHECK(memcmp(got, numbers, 24) == 0);
    read_floats(&k, back, "x.0.b", got, 6);
    CHECK(memcmp(got, numbers + 6, 24) == 0);
    CHECK_INT((int)diags_count(k.cx.diags, SEV_ERROR), 0);
    remove_dir(&k, back);
    remove_dir(&k, there);
    kit_end(&k);
    return CHECK_RESULT();
}
