#include "checkpoint/pickle_names.h"

#include <stddef.h>
#include <string.h>

static const struct {
    const char *module, *name;
    pickle_name meaning;
} names[] = {
    {"collections", "OrderedDict", NAME_ORDERED_DICT},
    {"collections", "Counter", NAME_PLAIN},
    {"collections", "defaultdict", NAME_PLAIN},
    {"builtins", "set", NAME_PLAIN},
    {"builtins", "frozenset", NAME_PLAIN},
    {"builtins", "bytearray", NAME_PLAIN},
    {"builtins", "complex", NAME_PLAIN},
    {"__builtin__", "set", NAME_PLAIN},
    {"__builtin__", "frozenset", NAME_PLAIN},
    {"__builtin__", "bytearray", NAME_PLAIN},
    {"__builtin__", "complex", NAME_PLAIN},
    {"_codecs", "encode", NAME_PLAIN},
    {"torch", "device", NAME_PLAIN},
    {"torch.serialization", "_get_layout", NAME_PLAIN},
    {"torch", "Size", NAME_SIZE},
    {"torch._utils", "_rebuild_tensor", NAME_TENSOR_1},
    {"torch._utils", "_rebuild_tensor_v2", NAME_TENSOR_2},
    {"torch._utils", "_rebuild_tensor_v3", NAME_TENSOR_3},
    {"torch._utils", "_rebuild_parameter", NAME_PARAMETER},
    {"torch._utils", "_rebuild_parameter_with_state", NAME_PARAMETER_STATE},
    {"torch._tensor", "_rebuild_from_type_v2", NAME_FROM_TYPE},
    {"torch.tensor", "_rebuild_from_type_v2",
     NAME_FROM_TYPE}, /* the module's old name */
    {"torch", "Tensor", NAME_TENSOR_CLASS},
    {"torch._tensor", "Tensor", NAME_TENSOR_CLASS},
    {"torch.nn.parameter", "Parameter", NAME_TENSOR_CLASS},
    {"torch.nn.parameter", "Buffer", NAME_TENSOR_CLASS},
    {"torch._utils", "_rebuild_qtensor", NAME_OTHER_TENSOR},
    {"torch._utils", "_rebuild_sparse_tensor", NAME_OTHER_TENSOR},
    {"torch._utils", "_rebuild_sparse_csr_tensor", NAME_OTHER_TENSOR},
    {"torch._utils", "_rebuild_nested_tensor", NAME_OTHER_TENSOR},
    {"torch._utils", "_rebuild_meta_tensor_no_storage", NAME_OTHER_TENSOR},
    {"torch._utils", "_rebuild_wrapper_subclass", NAME_OTHER_TENSOR},
    {"torch._utils", "_rebuild_device_tensor_from_numpy", NAME_OTHER_TENSOR},
    {"torch._utils", "_rebuild_device_tensor_from_cpu_tensor", NAME_OTHER_TENSOR},
    {"torch._utils", "_rebuild_xla_tensor", NAME_OTHER_TENSOR},
    {"torch.storage", "UntypedStorage", NAME_UNTYPED_STORAGE},
    {"torch", "UntypedStorage", NAME_UNTYPED_STORAGE},
};

pickle_name pickle_name_of(const char *module, const char *name, dtype *dt)
{
    *dt = DT_UNKNOWN;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i].name, name) == 0 && strcmp(names[i].module, module) == 0) {
            return names[i].meaning;
        }
    }
    const bool is_torch = strcmp(module, "torch") == 0;
    for (unsigned i = 0; i < DT_COUNT && *name != '\0'; i++) {
        const dtype each = (dtype)i;
        if (is_torch && strcmp(dtype_torch_name(each), name) == 0) {
            *dt = each;
            return NAME_DTYPE;
        }
        if ((is_torch || strcmp(module, "torch.cuda") == 0) &&
            strcmp(dtype_torch_storage(each), name) == 0) {
            *dt = each;
            return NAME_STORAGE;
        }
    }
    return NAME_OTHER;
}

bool pickle_name_is_open(pickle_name name)
{
    return name == NAME_OTHER || name == NAME_ORDERED_DICT || name == NAME_PLAIN;
}
