/* checkpoint/torch_tensor.h -- what a node of the pickle says about one tensor.
 *
 *     _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks
 *                        [, metadata])
 *     _rebuild_tensor_v3(storage of bytes, ..., hooks, dtype[, metadata])
 *
 * below any of _rebuild_parameter, _rebuild_parameter_with_state,
 * _rebuild_from_type_v2.  The record of a storage (torch_storage.h) must have exactly
 * its count of elements, and every element of the tensor must lie in it.  Offsets and
 * strides count elements.  (torch, _utils.py)
 */
#ifndef RT_CHECKPOINT_TORCH_TENSOR_H
#define RT_CHECKPOINT_TORCH_TENSOR_H

#include "checkpoint/torch_source.h"

/* A node that stands for a tensor of any kind, also of those that are refused. */
bool torch_is_tensor(const pickle_node *node);

/* Fill *t but for its name; `name` is for complaints.  Tensors that are the same bytes
 * in the same order get the same t->storage. */
RT_NODISCARD rt_status torch_tensor_read(torch_source *src, const char *name,
                                         const pickle_node *node, tensor_info *t);

/* Records that no tensor read so far uses. */
void torch_unused_records(const torch_source *src, size_t *n, uint64_t *n_bytes);

#endif
