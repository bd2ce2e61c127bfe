/* checkpoint/output_split.h -- which file each tensor of an output goes to. */
#ifndef RT_CHECKPOINT_OUTPUT_SPLIT_H
#define RT_CHECKPOINT_OUTPUT_SPLIT_H

#include "checkpoint/output.h"

/* Set `file` of all tensors but aliases, whose sizes are known; *names are those of the
 * files.  With numbered files the names of the tensors are shortened, and aliases have
 * a file too.  RT_MISMATCH: a name does not tell its file. */
RT_NODISCARD rt_status output_split(context *cx, const output_options *opt,
                                    output_tensor *tensors, size_t n,
                                    const char ***names, size_t *n_files);

#endif
