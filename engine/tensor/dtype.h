/* tensor/dtype.h -- element types: sizes, and their names in each format.
 *
 * Names and order follow the safetensors table (safetensors, tensor.rs), whose order
 * is also the sort key of its writer: DT_BOOL lowest, DT_U64 highest.
 */
#ifndef RT_TENSOR_DTYPE_H
#define RT_TENSOR_DTYPE_H

#include <stdbool.h>
#include <stdint.h>

/* X(id, safetensors name, torch attribute, torch storage class or "", bits, is float)
 */
#define DTYPE_LIST(X)                                                                  \
    X(BOOL, "BOOL", "bool", "BoolStorage", 8, 0)                                       \
    X(F4, "F4", "float4_e2m1fn_x2", "", 4, 0)                                          \
    X(F6_E2M3, "F6_E2M3", "", "", 6, 0)                                                \
    X(F6_E3M2, "F6_E3M2", "", "", 6, 0)                                                \
    X(U8, "U8", "uint8", "ByteStorage", 8, 0)                                          \
    X(I8, "I8", "int8", "CharStorage", 8, 0)                                           \
    X(F8_E5M2, "F8_E5M2", "float8_e5m2", "", 8, 0)                                     \
    X(F8_E4M3, "F8_E4M3", "float8_e4m3fn", "", 8, 0)                                   \
    X(F8_E8M0, "F8_E8M0", "float8_e8m0fnu", "", 8, 0)                                  \
    X(F8_E4M3FNUZ, "F8_E4M3FNUZ", "float8_e4m3fnuz", "", 8, 0)                         \
    X(F8_E5M2FNUZ, "F8_E5M2FNUZ", "float8_e5m2fnuz", "", 8, 0)                         \
    X(I16, "I16", "int16", "ShortStorage", 16, 0)                                      \
    X(U16, "U16", "uint16", "", 16, 0)                                                 \
    X(F16, "F16", "float16", "HalfStorage", 16, 1)                                     \
    X(BF16, "BF16", "bfloat16", "BFloat16Storage", 16, 1)                              \
    X(I32, "I32", "int32", "IntStorage", 32, 0)                                        \
    X(U32, "U32", "uint32", "", 32, 0)                                                 \
    X(F32, "F32", "float32", "FloatStorage", 32, 1)                                    \
    X(C64, "C64", "complex64", "ComplexFloatStorage", 64, 0)                           \
    X(F64, "F64", "float64", "DoubleStorage", 64, 1)                                   \
    X(I64, "I64", "int64", "LongStorage", 64, 0)                                       \
    X(U64, "U64", "uint64", "", 64, 0)

typedef enum dtype {
#define X(id, st, torch, storage, bits, fl) DT_##id,
    DTYPE_LIST(X)
#undef X
        DT_COUNT,
    DT_UNKNOWN /* an inventory of names only */
} dtype;

unsigned dtype_bits(dtype dt);
bool dtype_is_float(
    dtype dt); /* a type that this engine computes in: f16 bf16 f32 f64 */
/* Numbers of 8 bits that are read, never written: e4m3, e5m2, and the powers of two
 * e8m0. */
bool dtype_is_f8(dtype dt);
/* Is every number of the float type `from` one of the float type `to`? */
bool dtype_holds(dtype to, dtype from);
const char *dtype_st_name(dtype dt);       /* "BF16" */
const char *dtype_torch_name(dtype dt);    /* "bfloat16"; "" when torch has none */
const char *dtype_torch_storage(dtype dt); /* "BFloat16Storage"; "" when only untyped */
/* By any of: safetensors name, torch attribute, "torch.bfloat16", "bf16", "fp16",
 * "fp32", "half", "float".  False when unknown. */
bool dtype_parse(const char *name, dtype *dt);
bool dtype_from_st(const char *name, dtype *dt); /* exact safetensors name only */
/* Bytes of n elements; false on overflow or when the bits are no whole bytes. */
bool dtype_bytes(dtype dt, uint64_t n_elems, uint64_t *n_bytes);

#endif
