/* checkpoint/pickle_names.h -- the globals that checkpoints are made of, by name.
 *
 * (torch, _utils.py and _weights_only_unpickler.py.)  Being in the table gives a name a
 * meaning to the reader of tensors, nothing else; all other names are NAME_OTHER.
 */
#ifndef RT_CHECKPOINT_PICKLE_NAMES_H
#define RT_CHECKPOINT_PICKLE_NAMES_H

#include "tensor/dtype.h"

typedef enum pickle_name {
    NAME_OTHER,
    NAME_ORDERED_DICT,
    NAME_PLAIN,           /* harmless builders of plain values: set, bytes, Counter */
    NAME_SIZE,            /* torch.Size(tuple) */
    NAME_TENSOR_1,        /* _rebuild_tensor(storage, offset, size, stride) */
    NAME_TENSOR_2,        /* _v2: + requires_grad, hooks[, metadata] */
    NAME_TENSOR_3,        /* _v3: + requires_grad, hooks, dtype[, metadata] */
    NAME_PARAMETER,       /* _rebuild_parameter(tensor, requires_grad, hooks) */
    NAME_PARAMETER_STATE, /* ... and a state */
    NAME_FROM_TYPE,       /* _rebuild_from_type_v2(function, type, args, state) */
    NAME_TENSOR_CLASS,    /* torch.Tensor, Parameter, Buffer */
    NAME_OTHER_TENSOR,    /* sparse, quantised, nested, ... : known, not read */
    NAME_STORAGE,         /* torch.FloatStorage: has a dtype */
    NAME_UNTYPED_STORAGE, /* counts bytes */
    NAME_DTYPE,           /* torch.bfloat16: has a dtype */
} pickle_name;

pickle_name pickle_name_of(const char *module, const char *name, dtype *dt);

/* True where SETITEMS (or APPENDS, or BUILD) may follow: results that are containers,
 * or unknown objects, not tensors and types. */
bool pickle_name_is_open(pickle_name name);

#endif
