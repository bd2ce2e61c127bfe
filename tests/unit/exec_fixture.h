/* exec_fixture.h -- a source file with tensors made up by a test, and one run of a plan
 * over it into a fresh directory. */
#ifndef RT_TESTS_UNIT_EXEC_FIXTURE_H
#define RT_TESTS_UNIT_EXEC_FIXTURE_H

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "check.h"
#include "exec/cast.h"
#include "exec/exec.h"

typedef struct fixture {
    context cx;
    const char *top;
    plan plan;
    inventory *inv;
    buf bytes; /* of the source file */
    unsigned n_dirs;
} fixture;

static uint64_t state = 11;

static inline uint32_t draw(uint32_t below)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % below;
}

static inline void fixture_begin(fixture *f)
{
    static char top[] = "/tmp/test_exec.XXXXXX";
    *f = (fixture){.cx.arena = arena_new()};
    f->cx.diags = diags_new(f->cx.arena);
    f->bytes.arena = f->cx.arena;
    (void)memcpy(top, "/tmp/test_exec.XXXXXX", sizeof top);
    f->top = mkdtemp(top);
    CHECK(f->top != NULL);
    f->inv = inventory_new(f->cx.arena);
    const inventory_file file = {.path = path_join(f->cx.arena, f->top, "source"),
                                 .fd = -1};
    vec_push(f->cx.arena, &f->inv->files, file);
    buf_add_n(&f->bytes, "0123456", 7); /* an odd place to begin at */
}

static inline void fixture_end(fixture *f)
{
    inventory_close(f->inv);
    const char *path = path_join(f->cx.arena, f->top, "source");
    CHECK(unlink(path) == 0);
    CHECK(rmdir(f->top) == 0);
    arena_free(f->cx.arena);
}

/* The source file with all that was added to it. */
static inline void write_source(fixture *f)
{
    inventory_file *file = &f->inv->files.at[0];
    if (file->fd >= 0) {
        (void)close(file->fd);
    }
    file->fd = open(file->path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK(file->fd >= 0);
    CHECK(pwrite_all(file->fd, f->bytes.p, f->bytes.n, 0) == 0);
}

static inline void add_element(fixture *f, dtype dt)
{
    unsigned char b[8];
    if (!cast_can_write(dt)) {
        for (unsigned i = 0; i < 8; i++) {
            b[i] = (unsigned char)draw(256);
        }
    } else if (draw(40) == 0) {
        static const double odd[] = {INFINITY, -INFINITY, (double)NAN, 0.0,
                                     -0.0,     1e-41,     6e-8,        1e30};
        CHECK(cast_encode(dt, odd[draw(8)], b));
    } else {
        CHECK(cast_encode(dt, ((double)draw(1 << 20) / (1 << 19) - 1) * 0.7, b));
    }
    buf_add_n(&f->bytes, b, dtype_bits(dt) / 8);
}

/* A source of n elements in one row; what it means is the strides' business. */
static inline uint32_t add_source(fixture *f, dtype dt, uint64_t n)
{
    arena *a = f->cx.arena;
    tensor_info *t = NEW(a, tensor_info);
    *t = (tensor_info){.name = arena_printf(a, "s%zu", f->plan.sources.n),
                       .dt = dt,
                       .rank = 1,
                       .has_shape = true,
                       .is_contiguous = true,
                       .shape = {n},
                       .stride = {1},
                       .n_elems = n,
                       .n_bytes = n * dtype_bits(dt) / 8,
                       .offset = f->bytes.n};
    for (uint64_t i = 0; i < n; i++) {
        add_element(f, dt);
    }
    const plan_source s = {.inv = f->inv, .t = t};
    vec_push(a, &f->plan.sources, s);
    return (uint32_t)(f->plan.sources.n - 1);
}

/* ---- running -------------------------------------------------------------------- */

typedef struct ran {
    rt_status status;
    output *o;
    output_tensor *tensors;
    const char *dir;
} ran;

static inline ran run_plan(fixture *f, file_format format, exec_options opt)
{
    arena *a = f->cx.arena;
    const size_t n = f->plan.tensors.n;
    ran r = {.status = RT_BUG, .tensors = NEW_N(a, output_tensor, n)};
    size_t *out_index = NEW_N(a, size_t, n);
    for (size_t i = 0; i < n; i++) {
        const plan_tensor *t = &f->plan.tensors.at[i];
        out_index[i] = n - 1 - i; /* any order will do */
        output_tensor *o = &r.tensors[out_index[i]];
        *o = (output_tensor){.name = t->name, .dt = t->dt, .rank = (uint8_t)t->rank};
        memcpy(o->shape, t->shape, sizeof o->shape);
        o->alias_of = t->alias_of < 0 ? -1 : (int64_t)n - 1 - t->alias_of;
    }
    r.dir = arena_printf(a, "%s/out%u", f->top, f->n_dirs++);
    const output_options oo = {
        .format = format, .name = format == FORMAT_TORCH ? "m.pth" : "m.safetensors"};
    CHECK(output_plan(&f->cx, &oo, r.tensors, n, &r.o) == RT_OK);
    CHECK(output_begin(&f->cx, r.o, r.dir, false) == RT_OK);
    r.status = exec_run(&f->cx, &f->plan, r.o, r.tensors, out_index, &opt);
    return r;
}

static inline void check_tensor(const fixture *f, const ran *r, size_t i,
                                const unsigned char *want)
{
    const output_tensor *o = &r->tensors[f->plan.tensors.n - 1 - i];
    unsigned char *got = malloc(o->n_bytes + 1);
    CHECK(got != NULL);
    CHECK_INT(pread_all(output_fd(r->o, o->file), got, o->n_bytes, o->offset), 0);
    if (!CHECK(memcmp(got, want, o->n_bytes) == 0)) {
        uint64_t at = 0;
        while (got[at] == want[at]) {
            at++;
        }
        (void)fprintf(stderr, "    tensor %s: byte %" PRIu64 " of %" PRIu64 "\n",
                      o->name, at, o->n_bytes);
    }
    free(got);
}

#endif
