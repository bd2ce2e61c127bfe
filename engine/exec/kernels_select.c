/* exec/kernels_select.c -- which set this processor can run; asked once for each run.
 */
#include "exec/kernels.h"

#include <string.h>

#ifdef __x86_64__
#include <cpuid.h>

/* Not every compiler's __builtin_cpu_supports knows the name. */
static bool has_f16c(void)
{
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           has_f16c();
}

static bool has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512dq");
}
#endif

const kernels *kernels_select(const char *name)
{
    const bool any = name == NULL;
#ifdef __x86_64__
    if ((any || strcmp(name, kernels_avx512.name) == 0) && has_avx512()) {
        return &kernels_avx512;
    }
    if ((any || strcmp(name, kernels_avx2.name) == 0) && has_avx2()) {
        return &kernels_avx2;
    }
#endif
    if (any || strcmp(name, kernels_portable.name) == 0) {
        return &kernels_portable;
    }
    return NULL;
}
