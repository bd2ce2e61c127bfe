/* A pickle: the inert machine alone, then below it the reader of tensors, by way of an
 * archive that is sound but for its data.pkl. */
#define _GNU_SOURCE /* memfd_create */
#include "checkpoint/pickle.h"

#include "../unit/zip_kit.h"
#include "fuzz_file.h"

static void fuzz_machine(const uint8_t *bytes, size_t n_bytes)
{
    arena *a = arena_new();
    context cx = {a, diags_new(a)};
    pickle p;

    if (pickle_read(&cx, "data.pkl", (const char *)bytes, n_bytes, &p) == RT_OK) {
        (void)pickle_describe(a, p.root);
    } else if (diags_count(cx.diags, SEV_ERROR) == 0) {
        __builtin_trap(); /* refused, and nobody said why */
    }
    arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    static const char zeros[64];
    const member m[] = {{"a/data.pkl", bytes, n_bytes, false},
                        {"a/data/0", zeros, 24, false},
                        {"a/data/1", zeros, 64, false},
                        {"a/version", "3\n", 2, false}};
    kit k = {.cx = {.arena = arena_new()}};

    fuzz_machine(bytes, n_bytes);
    const archive z = zip_members(&k, m, 4);
    (void)fuzz_file((const uint8_t *)z.bytes.p, z.bytes.n, torch_read);
    arena_free(k.cx.arena);
    return 0;
}
