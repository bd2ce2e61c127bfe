/* The whole way from texts to files: an input is a rule file, a config.json and a list
 * of tensors ("NAME SIZE SIZE..." a line, all f32), a line of two percent signs between
 * them. Whatever they say, the conversion ends with files or with a complaint, and
 * never with an internal error. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../unit/read_kit.h"
#include "retensor.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

#define MAX_DATA (UINT64_C(1) << 16)

/* The text up to the next separator; *at goes behind it. */
static const char *next_part(arena *a, const char **at, const char *end)
{
    static const char separator[] = "\n%%\n";
    const size_t n = sizeof separator - 1;
    const char *start = *at;
    for (const char *p = start; p + n <= end; p++) {
        if (memcmp(p, separator, n) == 0) {
            *at = p + n;
            return arena_strndup(a, start, (size_t)(p - start));
        }
    }
    *at = end;
    return arena_strndup(a, start, (size_t)(end - start));
}

/* A safetensors file of the listed tensors; what cannot be listed is left out. */
static void write_tensors(const kit *k, char *list)
{
    buf header = {.arena = k->cx.arena}, file = {.arena = k->cx.arena};
    uint64_t at = 0;
    char *lines = NULL, *words = NULL;
    buf_add(&header, "{");
    for (char *line = strtok_r(list, "\n", &lines); line != NULL;
         line = strtok_r(NULL, "\n", &lines)) {
        const char *name = strtok_r(line, " ", &words);
        buf shape = {.arena = k->cx.arena};
        uint64_t n = 4;
        for (const char *w = strtok_r(NULL, " ", &words); w != NULL;
             w = strtok_r(NULL, " ", &words)) {
            const uint64_t dim = strtoul(w, NULL, 10) % 64;
            buf_printf(&shape, "%s%llu", shape.n > 0 ? "," : "",
                       (unsigned long long)dim);
            n = n * dim % MAX_DATA;
        }
        if (name == NULL || strpbrk(name, "\"\\") != NULL || at + n > MAX_DATA) {
            continue;
        }
        buf_printf(
            &header,
            "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[%s],\"data_offsets\":[%llu,%llu]}",
            header.n > 1 ? "," : "", name, buf_str(&shape), (unsigned long long)at,
            (unsigned long long)(at + n));
        at += n;
    }
    buf_add(&header, "}");
    for (unsigned i = 0; i < 8; i++) {
        const unsigned char byte = (unsigned char)((uint64_t)header.n >> (8 * i));
        buf_add_n(&file, &byte, 1);
    }
    buf_add_n(&file, header.p, header.n);
    char *zeros = arena_alloc(k->cx.arena, (size_t)at + 1);
    memset(zeros, 0, (size_t)at + 1);
    buf_add_n(&file, zeros, (size_t)at);
    (void)kit_write(k, "model.safetensors", file.p, file.n);
}

static void convert(kit *k, const char *to)
{
    const char *path = kit_path(k, "r.rules"), *dst = kit_path(k, "out");
    const job_options what = {.rules = &path, .n_rules = 1, .to = to};
    const run_options how = {.exec = {.threads = 1}};
    run_result done;
    job *j = NULL;
    diags_clear(k->cx.diags);
    rt_status status = job_convert(&k->cx, &what, k->top, &j);
    if (status == RT_OK) {
        status = j->status != RT_OK ? j->status : job_run(&k->cx, j, &how, dst, &done);
        job_close(j);
    }
    if (status == RT_BUG ||
        (status != RT_OK && diags_count(k->cx.diags, SEV_ERROR) == 0)) {
        (void)fputs(kit_complaint(k), stderr);
        abort();
    }
    char **names = NULL;
    size_t n = 0;
    if (dir_list(k->cx.arena, dst, &names, &n) == 0) {
        for (size_t i = 0; i < n; i++) {
            (void)unlink(path_join(k->cx.arena, dst, names[i]));
        }
        (void)rmdir(dst);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    kit k = kit_begin();
    const char *at = (const char *)bytes, *end = at + n_bytes;
    const char *rules = next_part(k.cx.arena, &at, end);
    const char *config = next_part(k.cx.arena, &at, end);
    char *list = arena_strdup(k.cx.arena, next_part(k.cx.arena, &at, end));
    (void)kit_write(&k, "r.rules", rules, strlen(rules));
    (void)kit_write(&k, "config.json", config, strlen(config));
    write_tensors(&k, list);
    convert(&k, "lit");
    convert(&k, "hf");
    kit_end(&k);
    return 0;
}
