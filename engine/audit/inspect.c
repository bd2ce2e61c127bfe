#include "audit/inspect.h"

#include <string.h>

#include "audit/show.h"
#include "base/file.h"

const char *format_name(file_format f)
{
    switch (f) {
    case FORMAT_SAFETENSORS: return "safetensors";
    case FORMAT_TORCH: return "torch";
    case FORMAT_TORCH_STREAM: return "torch before 1.6";
    case FORMAT_NAMES_ONLY: return "names";
    }
    return "";
}

static uint64_t bytes_of(const inventory *inv)
{
    uint64_t n_bytes = 0;
    for (size_t i = 0; i < inv->tensors.n; i++) {
        n_bytes += inv->tensors.at[i].n_bytes;
    }
    return n_bytes;
}

static const char *format_of(const inventory *inv)
{
    return inv->files.n == 0 ? "names" : format_name(inv->files.at[0].format);
}

static const char *dtype_of(const tensor_info *t)
{
    return t->dt < DT_COUNT ? dtype_st_name(t->dt) : "?";
}

static const char *file_of(const inventory *inv, const tensor_info *t)
{
    return t->file < inv->files.n ? path_base(inv->files.at[t->file].path) : "";
}

static const char *shape_of(arena *a, const tensor_info *t)
{
    return t->has_shape ? show_shape(a, t->shape, t->rank) : "?";
}

void inspect_text(buf *out, const checkpoint *c)
{
    arena *a = out->arena;
    const inventory *inv = c->inv;
    int name_columns = 4, shape_columns = 5, file_columns = 4;
    for (size_t i = 0; i < inv->tensors.n; i++) {
        const tensor_info *t = &inv->tensors.at[i];
        const int n = (int)strlen(t->name), s = (int)strlen(shape_of(a, t));
        const int f = (int)strlen(file_of(inv, t));
        name_columns = n > name_columns ? n : name_columns;
        shape_columns = s > shape_columns ? s : shape_columns;
        file_columns = f > file_columns ? f : file_columns;
    }
    buf_printf(out, "%-*s  %-8s  %-*s  %-*s  %s\n", name_columns, "name", "dtype",
               shape_columns, "shape", file_columns, "file", "offset");
    for (size_t i = 0; i < inv->tensors.n; i++) {
        const tensor_info *t = &inv->tensors.at[i];
        buf_printf(out, "%-*s  %-8s  %-*s  %-*s  %llu\n", name_columns, t->name,
                   dtype_of(t), shape_columns, shape_of(a, t), file_columns,
                   file_of(inv, t), (unsigned long long)t->offset);
    }
    buf_printf(out, "%s, %s, %s in %s\n", show_count(a, inv->tensors.n, "tensor"),
               show_bytes(a, bytes_of(inv)), format_of(inv),
               show_count(a, inv->files.n, "file"));
}

value *inspect_value(arena *a, const checkpoint *c)
{
    const inventory *inv = c->inv;
    value *v = value_record(a), *list = value_list(a);
    for (size_t i = 0; i < inv->tensors.n; i++) {
        const tensor_info *t = &inv->tensors.at[i];
        value *one = value_record(a);
        put_text(a, one, "name", t->name);
        put_text(a, one, "dtype", t->dt < DT_COUNT ? dtype_st_name(t->dt) : NULL);
        if (t->has_shape) {
            put_shape(a, one, "shape", t->shape, t->rank);
        } else {
            put_text(a, one, "shape", NULL);
        }
        put_text(a, one, "file", file_of(inv, t));
        put_count(a, one, "offset", t->offset);
        vec_push(a, &list->items, one);
    }
    value_set(a, v, "tensors", list);
    put_text(a, v, "format", format_of(inv));
    put_texts(a, v, "notes", inv->notes.at, inv->notes.n);
    put_count(a, v, "n_bytes", bytes_of(inv));
    return v;
}
