/* fuzz_file.h -- one input as one file in memory, through one of the readers. */
#ifndef RT_TESTS_FUZZ_FUZZ_FILE_H
#define RT_TESTS_FUZZ_FUZZ_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "checkpoint/open.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

/* A file without a name that holds the bytes, or -1. */
static inline int memory_file(const uint8_t *bytes, size_t n_bytes)
{
    const int fd = memfd_create("input", MFD_CLOEXEC);

    if (fd >= 0 && pwrite_all(fd, bytes, n_bytes, 0) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

typedef rt_status (*file_reader)(context *cx, inventory *inv, uint32_t file);

/* Every tensor that a reader admits lies inside of the file. */
static inline void check_places(const inventory *inv, uint64_t n_file)
{
    for (size_t i = 0; i < inv->tensors.n; i++) {
        const tensor_info *t = &inv->tensors.at[i];
        if (t->is_contiguous &&
            (t->offset > n_file || t->n_bytes > n_file - t->offset)) {
            __builtin_trap();
        }
    }
}

static inline int fuzz_file(const uint8_t *bytes, size_t n_bytes, file_reader read)
{
    arena *a = arena_new();
    context cx = {a, diags_new(a)};
    inventory *inv = inventory_new(a);
    const inventory_file f = {.path = "input",
                              .format = FORMAT_TORCH,
                              .fd = memory_file(bytes, n_bytes),
                              .n_bytes = n_bytes};

    if (f.fd >= 0) {
        vec_push(a, &inv->files, f);
        if (read(&cx, inv, 0) == RT_OK) {
            check_places(inv, n_bytes);
        } else if (diags_count(cx.diags, SEV_ERROR) == 0) {
            __builtin_trap(); /* refused, and nobody said why */
        }
    }
    inventory_close(inv);
    arena_free(a);
    return 0;
}

#endif
