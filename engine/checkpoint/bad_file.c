#include "checkpoint/bad_file.h"

#include <stdarg.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/utf8.h"

#define MAX_NAME 4096 /* bytes */

rt_status bad_file(context *cx, const char *path, const char *help, const char *fmt,
                   ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *sentence = arena_vprintf(cx->arena, fmt, ap);
    va_end(ap);

    diag *dg = diag_report(cx->diags, SEV_ERROR, "bad-file", NOWHERE, "%s: %s", path,
                           sentence);
    if (help != NULL) {
        diag_help(dg, "%s", help);
    }
    return RT_FILE;
}

void inventory_note(context *cx, inventory *inv, const char *path, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *sentence = arena_vprintf(cx->arena, fmt, ap);
    va_end(ap);

    const char *note = arena_printf(cx->arena, "%s: %s", path_base(path), sentence);
    vec_push(cx->arena, &inv->notes, note);
}

const char *name_fault(const char *name, size_t n_bytes)
{
    if (n_bytes == 0) {
        return "the name is empty";
    }
    if (n_bytes > MAX_NAME) {
        return "the name is longer than 4096 bytes";
    }
    for (size_t i = 0; i < n_bytes;) {
        uint32_t c;
        const size_t n = utf8_decode(name + i, n_bytes - i, &c);
        if (n == 0) {
            return "the name is not valid UTF-8";
        }
        if (c < 0x20 || (c >= 0x7F && c < 0xA0)) {
            return "the name holds a control character";
        }
        i += n;
    }
    return NULL;
}

const char *shape_fault(tensor_info *t)
{
    uint64_t n_elems = 1, stride = 1, n_bits, n_bytes;

    for (unsigned i = t->rank; i-- > 0;) {
        const uint64_t dim = t->shape[i];
        if (dim > MAX_DIM) {
            return "a dimension is larger than 2^47";
        }
        t->stride[i] = (int64_t)stride;
        if (!mul_u64(stride, dim > 0 ? dim : 1, &stride) || stride > INT64_MAX) {
            return "the product of the dimensions is too large";
        }
        n_elems *= dim; /* at most stride: no overflow */
    }
    if (!mul_u64(stride, dtype_bits(t->dt), &n_bits)) {
        return "the size in bytes is too large";
    }
    if (!dtype_bytes(t->dt, n_elems, &n_bytes)) {
        return "the size is no whole number of bytes";
    }
    t->n_elems = n_elems;
    t->n_bytes = n_bytes;
    t->is_contiguous = true;
    t->has_shape = true;
    return NULL;
}
