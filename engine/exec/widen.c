#include "exec/widen.h"

#include "exec/cast.h"

static float one_f32(const unsigned char *from, dtype dt)
{
    if (dt == DT_F64) {
        double d;
        memcpy(&d, from, sizeof d);
        return (float)d;
    }
    return dt == DT_F8_E4M3   ? f32_of_e4m3(*from)
           : dt == DT_F8_E5M2 ? f32_of_e5m2(*from)
                              : f32_of_e8m0(*from);
}

void widen_f32(const kernels *k, float *to, const void *from, dtype dt, size_t n)
{
    if (dt == DT_BF16) {
        k->widen_bf16(to, from, n);
    } else if (dt == DT_F16) {
        k->widen_f16(to, from, n);
    } else if (dt == DT_F32) {
        memcpy(to, from, n * sizeof *to);
    } else {
        const size_t width = dtype_bits(dt) / 8;
        for (size_t i = 0; i < n; i++) {
            to[i] = one_f32((const unsigned char *)from + i * width, dt);
        }
    }
}

void narrow_f32(const kernels *k, void *to, dtype dt, const float *from, size_t n)
{
    if (dt == DT_BF16) {
        k->narrow_bf16(to, from, n);
    } else if (dt == DT_F16) {
        k->narrow_f16(to, from, n);
    } else if (dt == DT_F32) {
        unsigned char *at = to;
        for (size_t i = 0; i < n; i++) {
            const float x = f32_quiet(from[i]);
            memcpy(at + i * sizeof x, &x, sizeof x);
        }
    } else {
        unsigned char *at = to;
        for (size_t i = 0; i < n; i++) {
            const double x = (double)from[i];
            memcpy(at + i * sizeof x, &x, sizeof x);
        }
    }
}
