#include "checkpoint/output.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/json.h"
#include "base/strmap.h"
#include "checkpoint/output_split.h"
#include "checkpoint/publish.h"
#include "checkpoint/safetensors_write.h"
#include "checkpoint/torch_write.h"

/* All sizes and offsets stay far inside off_t, whatever headers are added. */
#define MAX_TOTAL_BYTES ((uint64_t)1 << 60)

typedef struct output_file {
    const char *name;
    size_t item; /* its number in the set */
    uint64_t n_bytes;
    size_t *which; /* tensors of this file, in the order given (torch) or of the data */
    size_t n;
    safetensors_file st;
    torch_file torch;
} output_file;

struct output {
    arena *arena;
    output_options opt;
    output_tensor *tensors;
    size_t n;
    output_file *files;
    size_t n_files;
    uint64_t total_bytes; /* of tensor data; what aliases share counts once */
    publish *set;         /* that of `opt.with` too */
    uint32_t *crc32;      /* by tensor */
    uint8_t *has_crc;     /* a byte each, so threads never share one */
};

static rt_status bug(context *cx, const output_tensor *t, const char *what)
{
    diag_report(cx->diags, SEV_ERROR, "output-plan", NOWHERE,
                "internal: output tensor '%s' %s", t->name, what);
    return RT_BUG;
}

static rt_status measure(context *cx, output_tensor *t)
{
    if (t->rank > RT_MAX_RANK || t->dt >= DT_COUNT) {
        return bug(cx, t, "has no valid shape or dtype");
    }
    /* The product without empty dimensions has to fit as well: it bounds the strides.
     */
    uint64_t n_cells = 1;
    bool fits = true;
    bool is_empty = false;
    for (unsigned d = 0; d < t->rank; d++) {
        is_empty = is_empty || t->shape[d] == 0;
        fits = fits && mul_u64(n_cells, t->shape[d] == 0 ? 1 : t->shape[d], &n_cells);
    }
    if (!fits || n_cells > MAX_TOTAL_BYTES) {
        diag_report(cx->diags, SEV_ERROR, "output-too-large", NOWHERE,
                    "the shape of '%s' has too many elements", t->name);
        return RT_MISMATCH;
    }
    const uint64_t n_elems = is_empty ? 0 : n_cells;
    if (!dtype_bytes(t->dt, n_elems, &t->n_bytes)) {
        diag_report(cx->diags, SEV_ERROR, "output-size", NOWHERE,
                    "'%s' has %" PRIu64 " elements of %s (%u bits), which are no whole "
                    "number of bytes",
                    t->name, n_elems, dtype_st_name(t->dt), dtype_bits(t->dt));
        return RT_MISMATCH;
    }
    return RT_OK;
}

static rt_status check_for_torch(context *cx, const output_tensor *t)
{
    const bool is_pairs = dtype_bits(t->dt) == 4;
    const bool fits = !is_pairs || (t->rank > 0 && t->shape[t->rank - 1] % 2 == 0);
    if (dtype_torch_name(t->dt)[0] != '\0' && fits) {
        return RT_OK;
    }
    diag *dg = diag_report(cx->diags, SEV_ERROR, "no-torch-dtype", NOWHERE,
                           "'%s' is %s, which torch cannot hold%s", t->name,
                           dtype_st_name(t->dt),
                           fits ? "" : " when the last dimension is odd");
    diag_help(dg, "write safetensors, or choose another dtype");
    return RT_MISMATCH;
}

static rt_status check_alias(context *cx, const output *o, const output_tensor *t)
{
    if ((uint64_t)t->alias_of >= o->n) {
        return bug(cx, t, "shares the bytes of a tensor that is not there");
    }
    const output_tensor *target = &o->tensors[t->alias_of];
    if (target->alias_of >= 0) {
        return bug(cx, t, "shares the bytes of a tensor that shares them itself");
    }
    if (target->dt != t->dt || target->n_bytes != t->n_bytes) {
        return bug(cx, t, "shares the bytes of a tensor of another type or size");
    }
    return RT_OK;
}

static rt_status check_tensors(context *cx, output *o)
{
    strmap *seen = strmap_new(cx->arena);
    for (size_t i = 0; i < o->n; i++) {
        output_tensor *t = &o->tensors[i];
        TRY(measure(cx, t));
        if (o->opt.format == FORMAT_TORCH) {
            TRY(check_for_torch(cx, t));
        }
        if (!strmap_add(seen, t->name, i)) {
            return bug(cx, t, "is given twice");
        }
        if (t->alias_of >= 0) {
            continue;
        }
        if (!add_u64(o->total_bytes, t->n_bytes, &o->total_bytes) ||
            o->total_bytes > MAX_TOTAL_BYTES) {
            diag_report(cx->diags, SEV_ERROR, "output-too-large", NOWHERE,
                        "the output is larger than %" PRIu64 " bytes", MAX_TOTAL_BYTES);
            return RT_MISMATCH;
        }
    }
    for (size_t i = 0; i < o->n; i++) {
        if (o->tensors[i].alias_of >= 0) {
            TRY(check_alias(cx, o, &o->tensors[i]));
        }
    }
    return RT_OK;
}

/* Deal the tensors out to their files; an alias goes where its bytes are, and is not
 * written at all in safetensors. */
static void fill_files(output *o, const char *const *names)
{
    o->files = NEW_N(o->arena, output_file, o->n_files);
    const bool has_aliases = o->opt.format == FORMAT_TORCH;
    size_t *counts = NEW_N(o->arena, size_t, o->n_files);
    for (size_t i = 0; i < o->n; i++) {
        output_tensor *t = &o->tensors[i];
        if (t->alias_of >= 0) { /* in numbered files the same already */
            t->file = o->tensors[t->alias_of].file;
        }
        counts[t->file] += t->alias_of < 0 || has_aliases;
    }
    for (size_t f = 0; f < o->n_files; f++) {
        o->files[f].name = names[f];
        o->files[f].which = NEW_N(o->arena, size_t, counts[f]);
    }
    for (size_t i = 0; i < o->n; i++) {
        if (o->tensors[i].alias_of < 0 || has_aliases) {
            output_file *f = &o->files[o->tensors[i].file];
            f->which[f->n++] = i;
        }
    }
}

static rt_status layout_files(context *cx, output *o)
{
    size_t *keys = NEW_N(o->arena, size_t, o->n);
    for (size_t i = 0; i < o->n_files; i++) {
        output_file *f = &o->files[i];
        if (o->opt.format == FORMAT_TORCH) {
            torch_layout(cx, o->tensors, f->which, f->n, keys, f->name, o->opt.wrap,
                         &f->torch);
            f->n_bytes = f->torch.n_bytes;
        } else {
            TRY(safetensors_layout(cx, o->tensors, f->which, f->n, &f->st));
            f->n_bytes = f->st.n_bytes;
        }
        f->item = publish_add_sized(o->set, f->name, f->n_bytes);
    }
    for (size_t i = 0; i < o->n; i++) {
        output_tensor *t = &o->tensors[i];
        if (t->alias_of >= 0) {
            t->offset = o->tensors[t->alias_of].offset;
        }
    }
    return RT_OK;
}

rt_status output_plan(context *cx, const output_options *opt, output_tensor *tensors,
                      size_t n, output **out)
{
    output *o = NEW(cx->arena, output);
    o->arena = cx->arena;
    o->opt = *opt;
    o->tensors = tensors;
    o->n = n;
    o->set = opt->with != NULL ? opt->with->set : publish_new(cx->arena);
    o->crc32 = NEW_N(cx->arena, uint32_t, n);
    o->has_crc = NEW_N(cx->arena, uint8_t, n);
    TRY(check_tensors(cx, o));
    const char **names = NULL;
    TRY(output_split(cx, opt, tensors, n, &names, &o->n_files));
    fill_files(o, names);
    TRY(layout_files(cx, o));
    *out = o;
    return RT_OK;
}

size_t output_n_files(const output *o)
{
    return o->n_files;
}

const char *output_file_name(const output *o, size_t file)
{
    return o->files[file].name;
}

uint64_t output_file_bytes(const output *o, size_t file)
{
    return o->files[file].n_bytes;
}

bool output_needs_crc(const output *o)
{
    return o->opt.format == FORMAT_TORCH;
}

void output_add_text(output *o, const char *name, const char *text, size_t n_bytes)
{
    publish_add_text(o->set, name, text, n_bytes);
}

void output_add_copy(output *o, const char *name, const char *from_path)
{
    publish_add_copy(o->set, name, from_path);
}

void output_add_input(output *o, const char *path)
{
    publish_add_input(o->set, path);
}

void output_add_stale(output *o, const char *name)
{
    publish_add_stale(o->set, name);
}

typedef struct index_entry {
    const char *name;
    uint32_t file;
} index_entry;

static int by_name(const void *a, const void *b)
{
    const index_entry *x = a;
    const index_entry *y = b;
    return strcmp(x->name, y->name);
}

/* Which tensor is in which shard, as the hub writes it: keys sorted, two spaces. */
void output_add_index(output *o, const char *name)
{
    const size_t n = o->n;
    index_entry *entries = NEW_N(o->arena, index_entry, n);
    size_t n_entries = 0;
    for (size_t f = 0; f < o->n_files; f++) {
        for (size_t i = 0; i < o->files[f].n; i++) {
            entries[n_entries++] = (index_entry){
                .name = o->tensors[o->files[f].which[i]].name, .file = (uint32_t)f};
        }
    }
    qsort(entries, n_entries, sizeof *entries, by_name);
    buf text = {.arena = o->arena};
    buf_printf(&text,
               "{\n  \"metadata\": {\n    \"total_size\": %" PRIu64
               "\n  },\n  \"weight_map\": {",
               o->total_bytes);
    for (size_t i = 0; i < n_entries; i++) {
        buf_add(&text, i == 0 ? "\n    " : ",\n    ");
        json_print_string(&text, entries[i].name);
        buf_add(&text, ": ");
        json_print_string(&text, o->files[entries[i].file].name);
    }
    buf_add(&text, "\n  }\n}\n");
    publish_add_text(o->set, name, text.p, text.n);
}

static rt_status write_heads(context *cx, output *o)
{
    for (size_t i = 0; i < o->n_files; i++) {
        output_file *f = &o->files[i];
        const int fd = publish_fd(o->set, f->item);
        const int errnum = o->opt.format == FORMAT_TORCH
                               ? torch_write_head(o->arena, &f->torch, fd)
                               : pwrite_all(fd, f->st.head, f->st.n_head, 0);
        if (errnum != 0) {
            return publish_failed(cx, "write", publish_path(o->set, f->item), errnum);
        }
    }
    return o->opt.with != NULL ? write_heads(cx, o->opt.with) : RT_OK;
}

rt_status output_begin(context *cx, output *o, const char *dir, bool force)
{
    for (output *x = o; x != NULL; x = x->opt.with) {
        if (x->n_files > 1 &&
            x->opt.numbered == NULL) { /* last: who finds it finds all shards */
            output_add_index(x, arena_printf(x->arena, "%s.index.json", x->opt.name));
        }
    }
    TRY(publish_begin(cx, o->set, dir, force));
    const rt_status status = write_heads(cx, o);
    if (status != RT_OK) {
        publish_abort(o->set);
    }
    return status;
}

int output_fd(const output *o, size_t file)
{
    return publish_fd(o->set, o->files[file].item);
}

void output_set_crc(output *o, size_t tensor, uint32_t crc32)
{
    o->crc32[tensor] = crc32;
    o->has_crc[tensor] = 1;
}

static rt_status write_tails(context *cx, output *o)
{
    if (!output_needs_crc(o)) {
        return RT_OK;
    }
    for (size_t i = 0; i < o->n; i++) {
        const output_tensor *t = &o->tensors[i];
        if (t->alias_of < 0 && t->n_bytes > 0 && o->has_crc[i] == 0) {
            return bug(cx, t, "has no checksum");
        }
    }
    for (size_t i = 0; i < o->n_files; i++) {
        output_file *f = &o->files[i];
        const int errnum = torch_write_tail(o->arena, &f->torch,
                                            publish_fd(o->set, f->item), o->crc32);
        if (errnum != 0) {
            return publish_failed(cx, "write", publish_path(o->set, f->item), errnum);
        }
    }
    return RT_OK;
}

rt_status output_commit(context *cx, output *o, bool sync)
{
    for (output *x = o; x != NULL; x = x->opt.with) {
        const rt_status status = write_tails(cx, x);
        if (status != RT_OK) {
            publish_abort(o->set);
            return status;
        }
    }
    return publish_commit(cx, o->set, sync);
}

void output_abort(output *o)
{
    publish_abort(o->set);
}
