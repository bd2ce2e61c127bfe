/* All sets of kernels give the same bits, for numbers of every kind, at every length
 * and alignment; and the portable set gives what the definition says. */
#include "exec/kernels.h"

#include <math.h>
#include <stdlib.h>

#include "check.h"
#include "exec/cast.h"
#include "exec/widen.h"

enum { MAX_N = 200, MAX_TEST_RANK = 40, MAX_TEST_ROWS = 17 };

static uint64_t state = 7;

static uint32_t draw(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 32);
}

/* Plain numbers, with one in eight anything: NaN, infinity, subnormal, zero. */
static float draw_f32(void)
{
    const uint32_t u = draw();
    if (u % 8 != 0) {
        return (float)((int32_t)draw() >> 8) * 0x1p-24f;
    }
    switch (u / 8 % 6) {
    case 0: return f32_of_bits(draw());
    case 1: return f32_of_bits(0x7f800000u | (draw() & 0x807fffffu));
    case 2: return f32_of_bits(draw() & 0x807fffffu);
    case 3: return 0.0f;
    case 4: return -0.0f;
    default: return f32_of_bits(draw() & 0xffff8000u); /* ties */
    }
}

/* Finite ones, for tests in which one NaN would hide everything. */
static float draw_number(void)
{
    const float x = draw_f32();
    return fabsf(x) < 0x1p20f ? x : 1.5f;
}

static void test_narrow_all(const kernels *k)
{
    static float from[0x10000];
    static uint16_t got[0x10000], want[0x10000];
    for (unsigned round = 0; round < 8; round++) {
        for (unsigned i = 0; i < 0x10000; i++) {
            static const uint32_t low[8] = {0,      1,      0x7fff, 0x8000,
                                            0x8001, 0xffff, 0x1000};
            from[i] = f32_of_bits(i << 16 | low[round]);
        }
        k->narrow_bf16(got, from, 0x10000);
        kernels_portable.narrow_bf16(want, from, 0x10000);
        CHECK(memcmp(got, want, sizeof got) == 0);
        k->narrow_f16(got, from, 0x10000);
        kernels_portable.narrow_f16(want, from, 0x10000);
        CHECK(memcmp(got, want, sizeof got) == 0);
    }
}

static void test_widen_all(const kernels *k)
{
    static uint16_t from[0x10000];
    static float got[0x10000], want[0x10000];
    for (unsigned i = 0; i < 0x10000; i++) {
        from[i] = (uint16_t)i;
    }
    k->widen_bf16(got, from, 0x10000);
    kernels_portable.widen_bf16(want, from, 0x10000);
    CHECK(memcmp(got, want, sizeof got) == 0);
    k->widen_f16(got, from, 0x10000);
    kernels_portable.widen_f16(want, from, 0x10000);
    CHECK(memcmp(got, want, sizeof got) == 0);
}

/* Lengths that fill no vector, and nothing touched behind the end. */
static void test_lengths(const kernels *k)
{
    for (size_t n = 0; n < 70; n++) {
        float a[80], b[80], c[80], x[80];
        uint16_t h[80], g[80];
        for (unsigned i = 0; i < 80; i++) {
            a[i] = b[i] = draw_f32();
            x[i] = draw_f32();
            c[i] = a[i];
            h[i] = g[i] = (uint16_t)draw();
        }
        k->add(a, x, n);
        kernels_portable.add(b, x, n);
        CHECK(memcmp(a, b, sizeof a) == 0);
        k->narrow_bf16(h, c, n);
        kernels_portable.narrow_bf16(g, c, n);
        CHECK(memcmp(h, g, sizeof h) == 0);
        k->narrow_f16(h, c, n);
        kernels_portable.narrow_f16(g, c, n);
        CHECK(memcmp(h, g, sizeof h) == 0);
        k->widen_bf16(a, h, n);
        kernels_portable.widen_bf16(b, h, n);
        CHECK(memcmp(a, b, sizeof a) == 0);
        k->widen_f16(a, h, n);
        kernels_portable.widen_f16(b, h, n);
        CHECK(memcmp(a, b, sizeof a) == 0);
    }
}

static void test_measure(const kernels *k)
{
    for (unsigned round = 0; round < 200; round++) {
        float base[MAX_N], delta[MAX_N], stored[MAX_N];
        measure got, want;
        memset(&got, 0, sizeof got);
        memset(&want, 0, sizeof want);
        for (unsigned i = 0; i < MAX_N; i++) {
            base[i] = draw_f32();
            delta[i] = draw_f32();
            stored[i] = draw() % 2 == 0 ? base[i] : draw_f32();
        }
        for (unsigned twice = 0; twice < 2; twice++) {
            const size_t n = draw() % MAX_N;
            k->measure(&got, base, delta, stored, n);
            kernels_portable.measure(&want, base, delta, stored, n);
        }
        CHECK(memcmp(&got, &want, sizeof got) == 0);
    }
}

typedef void (*lowrank_kernel)(const lowrank *w);

static const struct {
    size_t in_table; /* offset of the function in the table */
    unsigned elem_bytes;
} lowrank_kernels[] = {
    {offsetof(kernels, lowrank_bf16), 2},
    {offsetof(kernels, lowrank_f16), 2},
    {offsetof(kernels, lowrank_f32), 4},
    {offsetof(kernels, lowrank_product), 4},
};

static lowrank_kernel kernel_of(const kernels *k, unsigned which)
{
    lowrank_kernel f;
    memcpy(&f, (const char *)k + lowrank_kernels[which].in_table, sizeof f);
    return f;
}

/* The right factor of a test, [MAX_TEST_RANK][MAX_PANEL], as panels of a set want it.
 */
static const float *packed(const kernels *k, const float *right, unsigned rank)
{
    static float panel[(MAX_TEST_RANK + 1) * MAX_PANEL];
    for (size_t i = 0; i < rank * k->panel; i++) {
        panel[i] = right[i / k->panel * MAX_PANEL + i % k->panel];
    }
    return panel;
}

/* Rows lie apart and out of order, columns start anywhere in the panel. */
static void test_lowrank(const kernels *k, bool with_nans)
{
    static float left[MAX_TEST_ROWS * MAX_TEST_RANK];
    static float right[MAX_TEST_RANK * MAX_PANEL];
    static unsigned char got[MAX_TEST_ROWS * 512], want[sizeof got];
    for (unsigned round = 0; round < 400; round++) {
        const unsigned which = round % 4;
        const size_t first = draw() % 3 == 0 ? draw() % k->panel : 0;
        int64_t row_at[MAX_TEST_ROWS];
        lowrank w = {.rank = 1 + draw() % MAX_TEST_RANK,
                     .n_rows = draw() % (MAX_TEST_ROWS + 1),
                     .scale = with_nans ? draw_f32() : draw_number(),
                     .left = left,
                     .row_at = row_at};
        w.n_cols = (unsigned)(draw() % 2 == 0 ? k->panel - first
                                              : 1 + draw() % (k->panel - first));
        for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
            left[i] = with_nans && draw() % 50 == 0 ? draw_f32() : draw_number();
        }
        for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
            right[i] = with_nans ? draw_f32() : draw_number();
        }
        for (unsigned i = 0; i < MAX_TEST_ROWS; i++) {
            row_at[i] = (i * 7 % MAX_TEST_ROWS) * 512 + i;
        }
        for (size_t i = 0; i < sizeof got; i += 4) {
            const float x = with_nans ? draw_f32() : draw_number();
            memcpy(got + i, &x, sizeof x);
        }
        memcpy(want, got, sizeof got);
        w.to = got;
        w.right = packed(k, right, w.rank) + first;
        kernel_of(k, which)(&w);
        w.to = want;
        w.right = packed(&kernels_portable, right, w.rank) + first;
        kernel_of(&kernels_portable, which)(&w);
        CHECK(memcmp(got, want, sizeof got) == 0);
    }
}

/* The definition, against the portable set. */
static void test_definition(void)
{
    float left[3 * 5], right[5 * MAX_PANEL], to[3 * MAX_PANEL], base[3 * MAX_PANEL];
    const int64_t row_at[3] = {0, MAX_PANEL * sizeof(float),
                               2 * MAX_PANEL * sizeof(float)};
    for (size_t i = 0; i < 15; i++) {
        left[i] = draw_number();
    }
    for (size_t i = 0; i < 5 * MAX_PANEL; i++) {
        right[i] = draw_number();
    }
    for (size_t i = 0; i < 3 * MAX_PANEL; i++) {
        to[i] = base[i] = draw_number();
    }
    const lowrank w = {.rank = 5,
                       .n_rows = 3,
                       .n_cols = MAX_PANEL,
                       .scale = 0.3f,
                       .left = left,
                       .right = right,
                       .to = (unsigned char *)to,
                       .row_at = row_at};
    kernels_portable.lowrank_f32(&w);
    for (size_t i = 0; i < 3 * MAX_PANEL; i++) {
        float sum = 0;
        for (size_t k = 0; k < 5; k++) {
            sum = fmaf(left[i / MAX_PANEL * 5 + k],
                       right[k * MAX_PANEL + i % MAX_PANEL], sum);
        }
        const volatile float product = 0.3f * sum; /* no contraction here either */
        const float want = base[i] + product;
        CHECK_INT(f32_bits(to[i]), f32_bits(want));
    }
    measure m;
    memset(&m, 0, sizeof m);
    const float b[3] = {1, 2, INFINITY}, d[3] = {0.5f, 0.25f, 1}, s[3] = {1.5f, 2, 1};
    kernels_portable.measure(&m, b, d, s, 3);
    CHECK(m.base_sq[0] == 1 && m.base_sq[1] == 4 && m.base_sq[2] == 0);
    CHECK(m.delta_sq[0] == 0.25 && m.delta_sq[1] == 0.0625);
    CHECK(m.kept_dot[0] == 0.25 && m.kept_dot[1] == 0);
    CHECK(m.max_change == 0.5f);
    CHECK_INT(m.n_changed, 2);
    CHECK_INT(m.n_nonfinite, 0);
}

int main(void)
{
    static const char *const names[] = {"portable", "avx2", "avx512"};
    for (unsigned i = 0; i < 3; i++) {
        const kernels *k = kernels_select(names[i]);
        if (k == NULL) {
            (void)fprintf(stderr, "no %s here\n", names[i]);
            continue;
        }
        CHECK_STR(k->name, names[i]);
        test_narrow_all(k);
        test_widen_all(k);
        test_lengths(k);
        test_measure(k);
        test_lowrank(k, false);
        test_lowrank(k, true);
    }
    test_definition();
    CHECK(kernels_select(NULL) != NULL);
    CHECK(kernels_select("none") == NULL);
    return CHECK_RESULT();
}
