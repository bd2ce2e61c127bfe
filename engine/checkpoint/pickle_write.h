/* checkpoint/pickle_write.h -- the pickle of a state dict: `data.pkl` of torch.save.
 *
 * Protocol 2 and only the opcodes that torch's weights_only reader accepts.  A tensor
 * is torch._utils._rebuild_tensor_v2(storage, 0, size, stride, False, OrderedDict()),
 * the storage a persistent id ("storage", torch.FloatStorage, "0", "cpu", numel).
 * Types without a storage class (float8, uint16, ...) are _rebuild_tensor_v3 with an
 * UntypedStorage, whose numel counts bytes, and the dtype as a last argument.
 * (torch, _tensor.py __reduce_ex__, serialization.py persistent_id)
 * Words and globals are memoised, objects are not: nothing is shared but the storages.
 */
#ifndef RT_CHECKPOINT_PICKLE_WRITE_H
#define RT_CHECKPOINT_PICKLE_WRITE_H

#include "checkpoint/output.h"

/* Append the pickle of the n tensors numbered by `which`, in that order.  `keys` holds
 * for every tensor the number of its storage.  `wrap`: key of an outer dict, or NULL.
 */
void pickle_state_dict(buf *out, const output_tensor *tensors, const size_t *which,
                       size_t n, const size_t *keys, const char *wrap);

#endif
