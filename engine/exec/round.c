/* exec/round.c -- see round.h. */
#include "exec/round.h"

#include <math.h>

#include "exec/widen.h"

/* A bijection on 64 bits in which every bit of x moves about half of the result's. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93u;
    x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93u;
    return x ^ (x >> 32);
}

uint64_t round_base(uint64_t seed, const char *name)
{
    uint64_t h = mix(seed + 1);
    for (const char *c = name; *c != '\0'; c++) {
        h = mix(h + (unsigned char)*c + 1);
    }
    return h;
}

uint64_t round_key(uint64_t base, uint64_t element)
{
    return mix(base + mix(element + 1));
}

double round_by_chance(double x, dtype dt, uint64_t key)
{
    const int digits = dt == DT_BF16 ? 8 : dt == DT_F16 ? 11 : 24;
    const int least = dt == DT_BF16 ? -133 : dt == DT_F16 ? -24 : -149;
    int exponent = 0;
    if (dt == DT_F64 || !isfinite(x)) {
        return x;
    }
    (void)frexp(x, &exponent);
    const int step = exponent - digits > least ? exponent - digits : least;
    const double steps = ldexp(fabs(x), -step); /* exact, as is all that follows */
    const double lower = floor(steps);
    const double chance = ldexp((double)(key >> 11), -53);
    const double chosen = chance < steps - lower ? lower + 1 : lower;
    return copysign(ldexp(chosen, step), x);
}

void round_through(const kernels *k, float *v, dtype dt, size_t n)
{
    uint16_t half[256];
    if (dt != DT_BF16 && dt != DT_F16) {
        return;
    }
    for (size_t i = 0; i < n; i += 256) {
        const size_t count = n - i < 256 ? n - i : 256;
        narrow_f32(k, half, dt, v + i, count);
        widen_f32(k, v + i, half, dt, count);
    }
}
