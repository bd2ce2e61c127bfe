/* checkpoint/bad_file.h -- what all readers share: the one way to complain about a
 * file, the rules for names inside of files, and tensor shapes with checked sizes.
 */
#ifndef RT_CHECKPOINT_BAD_FILE_H
#define RT_CHECKPOINT_BAD_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "checkpoint/inventory.h"
#include "diag/diag.h"

/* Report the error "PATH: sentence" with slug "bad-file"; help may be NULL.  Always
 * RT_FILE, so that callers can return it. */
rt_status bad_file(context *cx, const char *path, const char *help, const char *fmt,
                   ...) __attribute__((format(printf, 4, 5)));

/* Add a note to the inventory: "BASE NAME OF THE FILE: sentence". */
void inventory_note(context *cx, inventory *inv, const char *path, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* What is wrong with a tensor's name: empty, overlong, control characters, not UTF-8.
 * NULL when nothing is.  Names become C strings, rule matches and terminal output. */
const char *name_fault(const char *name, size_t n_bytes);

/* Fill t->n_elems, n_bytes and the packed row-major strides from dt, rank and shape.
 * Returns what is wrong, or NULL.  Strides are checked as if no dimension was 0, so
 * that a zero hides no overflow. */
const char *shape_fault(tensor_info *t);
#define MAX_DIM (UINT64_C(1) << 47) /* more than any address space holds */

#endif
