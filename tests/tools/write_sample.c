/* write_sample -- write a checkpoint whose every byte is known, for other programs to
 * judge:
 *
 *     write_sample DIR safetensors|torch all|many|big [SHARD_BYTES [WRAP]]
 *
 * all   every dtype, scalars, empty tensors, eight dimensions, odd names, ties
 * many  100,000 tensors
 * big   a member of more than 4 GiB and one behind it (zeros: a sparse file)
 *
 * Says on stdout, one JSON object a line, what it wrote: name, dtype, shape, seed and
 * tie.  Byte j of a tensor is (31 seed + 7 j + 1) mod 256; its lowest bit for BOOL; 0
 * in `big`.
 */
#include <errno.h>
#include <inttypes.h>
#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "checkpoint/output.h"

#define CHUNK_BYTES ((size_t)1 << 20)
#define MANY        100000

typedef struct sample {
    arena *arena;
    VEC(output_tensor) tensors;
    bool is_zero;
} sample;

static size_t add(sample *s, const char *name, dtype dt, unsigned rank,
                  const uint64_t *shape)
{
    output_tensor t = {.name = name, .dt = dt, .rank = (uint8_t)rank, .alias_of = -1};
    for (unsigned d = 0; d < rank; d++) {
        t.shape[d] = shape[d];
    }
    vec_push(s->arena, &s->tensors, t);
    return s->tensors.n - 1;
}

static void tie(sample *s, size_t index, size_t target)
{
    s->tensors.at[index].alias_of = (int64_t)target;
}

static void make_all(sample *s, bool is_torch)
{
    const uint64_t matrix[] = {3, 4};
    const uint64_t first_empty[] = {0, 3};
    const uint64_t last_empty[] = {3, 0};
    const uint64_t deep[] = {1, 2, 1, 3, 1, 2, 1, 2};
    const uint64_t odd[] = {7};
    const uint64_t wide[] = {70000};
    const size_t early = add(s, "tied.early", DT_BF16, 2, matrix);
    size_t bf16 = 0;
    for (unsigned dt = 0; dt < DT_COUNT; dt++) {
        if (is_torch && dtype_torch_name((dtype)dt)[0] == '\0') {
            continue;
        }
        const size_t index =
            add(s, arena_printf(s->arena, "dtype.%s", dtype_st_name((dtype)dt)),
                (dtype)dt, 2, matrix);
        bf16 = dt == DT_BF16 ? index : bf16;
    }
    tie(s, early, bf16);
    tie(s, add(s, "tied.late", DT_BF16, 2, matrix), bf16);
    const uint64_t flat[] = {12};
    tie(s, add(s, "tied.flat", DT_BF16, 1, flat), bf16);
    add(s, "scalar.f32", DT_F32, 0, NULL);
    add(s, "scalar.f8", DT_F8_E4M3, 0, NULL);
    add(s, "scalar.bool", DT_BOOL, 0, NULL);
    add(s, "empty.first", DT_F32, 2, first_empty);
    add(s, "empty.last", DT_U16, 2, last_empty);
    add(s, "deep", DT_I16, 8, deep);
    add(s, "odd", DT_U8, 1, odd);
    add(s, "wide", DT_F16, 1, wide);
    add(s, " quote\" back\\slash /\ttab\nline \x01", DT_F32, 2, matrix);
    add(s,
        "gr\xc3\xb6\xc3\x9f"
        "e.\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e.\xf0\x9f\x98\x80",
        DT_F32, 2, matrix);
}

static void make_many(sample *s)
{
    const uint64_t pair[] = {2};
    for (unsigned i = 0; i < MANY; i++) {
        add(s,
            arena_printf(s->arena, "model.layers.%u.mlp.experts.%u.up", i / 1000,
                         i % 1000),
            DT_F16, 1, pair);
    }
}

static void make_big(sample *s)
{
    const uint64_t huge[] = {((uint64_t)1 << 32) + 16};
    const uint64_t small[] = {4};
    s->is_zero = true;
    add(s, "huge", DT_U8, 1, huge);
    add(s, "behind", DT_F32, 1, small);
}

static void fill(const sample *s, size_t seed, dtype dt, uint64_t from,
                 unsigned char *chunk, size_t n)
{
    for (size_t j = 0; j < n; j++) {
        const unsigned v = (unsigned)(31 * seed + 7 * (from + j) + 1) & 0xff;
        chunk[j] = (unsigned char)(s->is_zero ? 0 : dt == DT_BOOL ? v & 1 : v);
    }
}

static int write_tensors(const sample *s, output *o)
{
    unsigned char *chunk = arena_alloc(s->arena, CHUNK_BYTES);
    for (size_t i = 0; i < s->tensors.n; i++) {
        const output_tensor *t = &s->tensors.at[i];
        uint32_t crc = 0;
        for (uint64_t at = 0; t->alias_of < 0 && at < t->n_bytes;) {
            const uint64_t left = t->n_bytes - at;
            const size_t n = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;
            fill(s, i, t->dt, at, chunk, n);
            crc = libdeflate_crc32(crc, chunk, n);
            /* zeros are there already, as a hole */
            const int errnum = s->is_zero ? 0
                                          : pwrite_all(output_fd(o, t->file), chunk, n,
                                                       t->offset + at);
            if (errnum != 0) {
                return errnum;
            }
            at += n;
        }
        output_set_crc(o, i, crc);
    }
    return 0;
}

static void say(const sample *s)
{
    buf out = {.arena = s->arena};
    for (size_t i = 0; i < s->tensors.n; i++) {
        const output_tensor *t = &s->tensors.at[i];
        buf_add(&out, "{\"name\": ");
        json_print_string(&out, t->name);
        buf_printf(&out, ", \"dtype\": \"%s\", \"torch\": \"%s\", \"shape\": [",
                   dtype_st_name(t->dt), dtype_torch_name(t->dt));
        for (unsigned d = 0; d < t->rank; d++) {
            buf_printf(&out, "%s%" PRIu64, d == 0 ? "" : ", ", t->shape[d]);
        }
        buf_printf(&out,
                   "], \"seed\": %zu, \"tie\": %" PRId64 ", \"n_bytes\": %" PRIu64, i,
                   t->alias_of, t->n_bytes);
        buf_add(&out, "}\n");
    }
    (void)fputs(buf_str(&out), stdout);
}

static rt_status run(context *cx, sample *s, const char *dir, const output_options *opt)
{
    output *o = NULL;
    TRY(output_plan(cx, opt, s->tensors.at, s->tensors.n, &o));
    output_add_text(o, "config.json", "{}\n", 3);
    TRY(output_begin(cx, o, dir, false));
    const int errnum = write_tensors(s, o);
    if (errnum != 0) {
        output_abort(o);
        (void)fprintf(stderr, "write_sample: %s\n", strerror(errnum));
        return RT_FILE;
    }
    TRY(output_commit(cx, o, false));
    say(s);
    return RT_OK;
}

int main(int argc, char **argv)
{
    if (argc < 4 || argc > 6) {
        (void)fputs("usage: write_sample DIR safetensors|torch all|many|big "
                    "[SHARD_BYTES [WRAP]]\n",
                    stderr);
        return RT_USAGE;
    }
    arena *a = arena_new();
    context cx = {.arena = a, .diags = diags_new(a)};
    const bool is_torch = strcmp(argv[2], "torch") == 0;
    const uint64_t shard_bytes = argc > 4 ? strtoull(argv[4], NULL, 10) : 0;
    const char *torch_name = shard_bytes > 0 ? "pytorch_model.bin" : "lit_model.pth";
    const output_options opt = {.format = is_torch ? FORMAT_TORCH : FORMAT_SAFETENSORS,
                                .name = is_torch ? torch_name : "model.safetensors",
                                .shard_bytes = shard_bytes,
                                .wrap = argc > 5 ? argv[5] : NULL};
    sample s = {.arena = a};
    if (strcmp(argv[3], "many") == 0) {
        make_many(&s);
    } else if (strcmp(argv[3], "big") == 0) {
        make_big(&s);
    } else {
        make_all(&s, is_torch);
    }
    const rt_status status = run(&cx, &s, argv[1], &opt);
    diags_print_text(cx.diags, stderr, false);
    arena_free(a);
    return (int)status;
}
