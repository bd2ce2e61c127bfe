/* What exec refuses, how it fails, what it tells on the way; comparing tensors. */
#include "exec_fixture.h"

/* ---- failures ------------------------------------------------------------------- */

static void add_plain(fixture *f, dtype to, uint32_t src, uint64_t n)
{
    plan_tensor t = {.name = arena_printf(f->cx.arena, "t%zu", f->plan.tensors.n),
                     .dt = to,
                     .alias_of = -1,
                     .rank = 1,
                     .shape = {n},
                     .n_elems = n};
    piece p = {.n = n > 1,
               .size = {(int64_t)n},
               .dst_stride = {1},
               .src_stride = {1},
               .src = src};
    vec_push(f->cx.arena, &t.pieces, p);
    vec_push(f->cx.arena, &f->plan.tensors, t);
}

static void test_short_source(void)
{
    fixture f;
    fixture_begin(&f);
    for (unsigned i = 0; i < 4; i++) {
        add_plain(&f, DT_F32, add_source(&f, DT_F32, 1000), 1000);
    }
    write_source(&f);
    const tensor_info *second = f.plan.sources.at[1].t;
    CHECK(truncate(f.inv->files.at[0].path, (off_t)second->offset + 8) == 0);
    for (unsigned threads = 1; threads < 5; threads++) {
        diags_clear(f.cx.diags);
        const ran r = run_plan(&f, FORMAT_TORCH, (exec_options){.threads = threads});
        CHECK_INT(r.status, RT_FILE);
        CHECK(diags_has(f.cx.diags, "file-short"));
        CHECK_INT(diags_count(f.cx.diags, SEV_ERROR), 1);
        output_abort(r.o);
    }
    fixture_end(&f);
}

static unsigned n_told;
static void tell(void *who, uint64_t done, uint64_t total)
{
    uint64_t *last = who;
    n_told++;
    CHECK(done >= *last && done <= total);
    *last = done;
}

static void test_cancel_and_progress(void)
{
    fixture f;
    fixture_begin(&f);
    uint64_t last = 0;
    const int yes = 1, no = 0;
    add_plain(&f, DT_F32, add_source(&f, DT_F32, 1000), 1000);
    write_source(&f);
    ran r = run_plan(&f, FORMAT_TORCH, (exec_options){.threads = 2, .cancel = &yes});
    CHECK_INT(r.status, RT_FILE);
    CHECK(diags_has(f.cx.diags, "cancelled"));
    output_abort(r.o);
    const exec_options opt = {
        .threads = 2, .cancel = &no, .progress = tell, .who = &last};
    r = run_plan(&f, FORMAT_TORCH, opt);
    CHECK_INT(r.status, RT_OK);
    CHECK(n_told > 0);
    CHECK_INT(last, 4000);
    CHECK(output_commit(&f.cx, r.o, false) == RT_OK);
    CHECK(unlink(arena_printf(f.cx.arena, "%s/m.pth", r.dir)) == 0);
    CHECK(rmdir(r.dir) == 0);
    fixture_end(&f);
}

static void expect_refusal(dtype to, dtype from, bool affine, double fill)
{
    fixture f;
    fixture_begin(&f);
    static const step s = {.mul = 1, .add = 1};
    add_plain(&f, to, from == DT_UNKNOWN ? NO_SOURCE : add_source(&f, from, 12), 12);
    f.plan.tensors.at[0].pieces.at[0].steps = &s;
    f.plan.tensors.at[0].pieces.at[0].n_steps = affine;
    f.plan.tensors.at[0].pieces.at[0].fill = fill;
    write_source(&f);
    const ran r = run_plan(&f, FORMAT_SAFETENSORS, (exec_options){.threads = 1});
    CHECK_INT(r.status, RT_MISMATCH);
    CHECK(diags_has(f.cx.diags, "cannot-compute"));
    output_abort(r.o);
    fixture_end(&f);
}

static void test_refusals(void)
{
    expect_refusal(DT_I32, DT_F32, false, 0);
    expect_refusal(DT_F32, DT_I32, false, 0);
    expect_refusal(DT_I32, DT_I32, true, 0);
    expect_refusal(DT_U8, DT_UNKNOWN, false, 0.5);
    expect_refusal(DT_F8_E4M3, DT_F8_E4M3, true, 0);
}

/* Four-bit elements move when whole bytes move. */
static void test_nibbles(void)
{
    for (int64_t inner = 2; inner < 4; inner++) {
        fixture f;
        fixture_begin(&f);
        const uint64_t n = (uint64_t)(4 * inner);
        add_plain(&f, DT_F4, add_source(&f, DT_U8, n / 2), n);
        plan_tensor *t = &f.plan.tensors.at[0];
        t->pieces.at[0] = (piece){.n = 2,
                                  .size = {4, inner},
                                  .dst_stride = {inner, 1},
                                  .src_stride = {inner, 1}};
        tensor_info *s = NEW(f.cx.arena, tensor_info);
        *s = *f.plan.sources.at[0].t;
        s->dt = DT_F4;
        f.plan.sources.at[0].t = s;
        write_source(&f);
        const ran r = run_plan(&f, FORMAT_SAFETENSORS, (exec_options){.threads = 1});
        CHECK_INT(r.status, inner == 2 ? RT_OK : RT_MISMATCH);
        if (r.status == RT_OK) {
            check_tensor(&f, &r, 0, (unsigned char *)f.bytes.p + s->offset);
        }
        output_abort(r.o);
        fixture_end(&f);
    }
}

/* ---- comparing ------------------------------------------------------------------ */

static void test_equal(void)
{
    fixture f;
    fixture_begin(&f);
    const uint64_t n = 300000; /* more than a chunk */
    const uint32_t x = add_source(&f, DT_F32, n);
    const uint32_t y = add_source(&f, DT_F32, 1);
    tensor_info *ty = NEW(f.cx.arena, tensor_info);
    *ty = *f.plan.sources.at[x].t;
    ty->offset = f.plan.sources.at[y].t->offset;
    buf_add_n(&f.bytes, f.bytes.p + f.plan.sources.at[x].t->offset + 4, n * 4 - 4);
    memcpy(f.bytes.p + ty->offset, f.bytes.p + f.plan.sources.at[x].t->offset, 4);
    f.plan.sources.at[y].t = ty;
    for (unsigned round = 0; round < 3; round++) {
        bool equal = round != 0;
        if (round > 0) {
            f.bytes.p[ty->offset + (round == 1 ? n * 4 - 1 : 5)] ^= 1;
        }
        write_source(&f);
        CHECK(exec_equal(&f.cx, &f.plan.sources.at[x], &f.plan.sources.at[y], &equal) ==
              RT_OK);
        CHECK(equal == (round == 0));
    }
    /* The same matrix, one of them stored by columns. */
    tensor_info rows = *f.plan.sources.at[x].t, columns = rows;
    rows.rank = columns.rank = 2;
    rows.shape[0] = columns.shape[0] = 600;
    rows.shape[1] = columns.shape[1] = 500;
    rows.stride[0] = 500;
    rows.stride[1] = 1;
    columns.stride[0] = 1;
    columns.stride[1] = 600;
    columns.is_contiguous = false;
    columns.offset = ty->offset;
    for (uint64_t i = 0; i < 600; i++) {
        for (uint64_t j = 0; j < 500; j++) {
            memcpy(f.bytes.p + columns.offset + (j * 600 + i) * 4,
                   f.bytes.p + rows.offset + (i * 500 + j) * 4, 4);
        }
    }
    const plan_source by_rows = {.inv = f.inv, .t = &rows},
                      by_columns = {.inv = f.inv, .t = &columns};
    bool equal = false;
    write_source(&f);
    CHECK(exec_equal(&f.cx, &by_rows, &by_columns, &equal) == RT_OK);
    CHECK(equal);
    f.bytes.p[columns.offset + 77] ^= 1;
    write_source(&f);
    CHECK(exec_equal(&f.cx, &by_rows, &by_columns, &equal) == RT_OK);
    CHECK(!equal);
    fixture_end(&f);
}

static void test_all_equal_to(void)
{
    fixture f;
    fixture_begin(&f);
    const uint32_t src = add_source(&f, DT_F32, 400 * 500);
    unsigned char *at = (unsigned char *)f.bytes.p + f.plan.sources.at[src].t->offset;
    unsigned char one[CAST_MAX_BYTES];
    CHECK(cast_encode(DT_F32, 1, one));
    /* Ones in columns 100.. of each row, anything before. */
    for (uint64_t i = 0; i < 400; i++) {
        for (uint64_t j = 100; j < 500; j++) {
            memcpy(at + (i * 500 + j) * 4, one, 4);
        }
    }
    piece p = {.n = 2,
               .size = {400, 400},
               .dst_stride = {500, 1},
               .src_stride = {500, 1},
               .src_offset = 100,
               .src = src};
    bool equal = false;
    write_source(&f);
    CHECK(exec_all_equal_to(&f.cx, &f.plan, &p, 1, 1, &equal) == RT_OK && equal);
    CHECK(exec_all_equal_to(&f.cx, &f.plan, &p, 1, 2, &equal) == RT_OK && !equal);
    at[(399 * 500 + 499) * 4] ^= 1;
    write_source(&f);
    CHECK(exec_all_equal_to(&f.cx, &f.plan, &p, 1, 1, &equal) == RT_OK && !equal);
    p.size[0] = 399;
    CHECK(exec_all_equal_to(&f.cx, &f.plan, &p, 1, 1, &equal) == RT_OK && equal);
    p.src_offset = 99;
    CHECK(exec_all_equal_to(&f.cx, &f.plan, &p, 1, 1, &equal) == RT_OK && !equal);
    fixture_end(&f);
}

int main(void)
{
    test_short_source();
    test_cancel_and_progress();
    test_refusals();
    test_nibbles();
    test_equal();
    test_all_equal_to();
    return CHECK_RESULT();
}
