#include "tensor/dtype.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/checked.h"

typedef struct dtype_facts {
    const char *st_name, *torch_name, *torch_storage;
    unsigned bits;
    bool is_float;
} dtype_facts;

static const dtype_facts facts[DT_COUNT] = {
#define X(id, st, torch, storage, n_bits, fl)                                          \
    [DT_##id] = {st, torch, storage, n_bits, fl},
    DTYPE_LIST(X)
#undef X
};

/* What people write besides the names of the two formats. */
static const struct {
    const char *name;
    dtype dt;
} other_names[] = {
    {"fp16", DT_F16}, {"half", DT_F16},   {"fp32", DT_F32},    {"float", DT_F32},
    {"fp64", DT_F64}, {"double", DT_F64}, {"bfloat", DT_BF16}, {"short", DT_I16},
    {"int", DT_I32},  {"long", DT_I64},
};

static const dtype_facts *facts_of(dtype dt)
{
    static const dtype_facts unknown = {"unknown", "", "", 0, false};

    return (unsigned)dt < DT_COUNT ? &facts[dt] : &unknown;
}

unsigned dtype_bits(dtype dt)
{
    return facts_of(dt)->bits;
}

bool dtype_is_float(dtype dt)
{
    return facts_of(dt)->is_float;
}

bool dtype_is_f8(dtype dt)
{
    return dt == DT_F8_E4M3 || dt == DT_F8_E5M2 || dt == DT_F8_E8M0;
}

bool dtype_holds(dtype to, dtype from)
{
    return to == from || dtype_bits(to) > dtype_bits(from);
}

const char *dtype_st_name(dtype dt)
{
    return facts_of(dt)->st_name;
}

const char *dtype_torch_name(dtype dt)
{
    return facts_of(dt)->torch_name;
}

const char *dtype_torch_storage(dtype dt)
{
    return facts_of(dt)->torch_storage;
}

bool dtype_from_st(const char *name, dtype *dt)
{
    for (unsigned i = 0; i < DT_COUNT; i++) {
        if (strcmp(facts[i].st_name, name) == 0) {
            *dt = (dtype)i;
            return true;
        }
    }
    return false;
}

bool dtype_parse(const char *name, dtype *dt)
{
    static const char torch_dot[] = "torch.";

    if (strncmp(name, torch_dot, sizeof torch_dot - 1) == 0) {
        name += sizeof torch_dot - 1;
    }
    if (*name == '\0') {
        return false;
    }
    for (unsigned i = 0; i < DT_COUNT; i++) {
        if (strcasecmp(facts[i].st_name, name) == 0 ||
            strcmp(facts[i].torch_name, name) == 0) {
            *dt = (dtype)i;
            return true;
        }
    }
    for (size_t i = 0; i < sizeof other_names / sizeof other_names[0]; i++) {
        if (strcasecmp(other_names[i].name, name) == 0) {
            *dt = other_names[i].dt;
            return true;
        }
    }
    return false;
}

bool dtype_bytes(dtype dt, uint64_t n_elems, uint64_t *n_bytes)
{
    uint64_t n_bits;

    if (!mul_u64(n_elems, dtype_bits(dt), &n_bits) || n_bits % 8 != 0) {
        return false;
    }
    *n_bytes = n_bits / 8;
    return true;
}
