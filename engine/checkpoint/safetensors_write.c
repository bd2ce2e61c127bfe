#include "checkpoint/safetensors_write.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/json.h"
#include "checkpoint/put_le.h"

/* Readers refuse longer headers (safetensors, tensor.rs, MAX_HEADER_SIZE). */
#define MAX_HEADER_BYTES ((uint64_t)100000000)
#define LENGTH_BYTES     8
#define DATA_ALIGN       64

typedef struct sort_key {
    dtype dt;
    const char *name;
    size_t index;
} sort_key;

static int by_dtype_then_name(const void *a, const void *b)
{
    const sort_key *x = a;
    const sort_key *y = b;
    if (x->dt != y->dt) {
        return x->dt > y->dt ? -1 : 1;
    }
    return strcmp(x->name, y->name);
}

static void sort_tensors(context *cx, const output_tensor *tensors, size_t *which,
                         size_t n)
{
    sort_key *keys = NEW_N(cx->arena, sort_key, n);
    for (size_t i = 0; i < n; i++) {
        const output_tensor *t = &tensors[which[i]];
        keys[i] = (sort_key){.dt = t->dt, .name = t->name, .index = which[i]};
    }
    qsort(keys, n, sizeof *keys, by_dtype_then_name);
    for (size_t i = 0; i < n; i++) {
        which[i] = keys[i].index;
    }
}

static void add_entry(buf *head, const output_tensor *t, uint64_t begin)
{
    buf_add(head, ",");
    json_print_string(head, t->name);
    buf_printf(head, ":{\"dtype\":\"%s\",\"shape\":[", dtype_st_name(t->dt));
    for (unsigned d = 0; d < t->rank; d++) {
        buf_printf(head, "%s%" PRIu64, d == 0 ? "" : ",", t->shape[d]);
    }
    buf_printf(head, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", begin,
               begin + t->n_bytes);
}

rt_status safetensors_layout(context *cx, output_tensor *tensors, size_t *which,
                             size_t n, safetensors_file *out)
{
    sort_tensors(cx, tensors, which, n);
    buf head = {.arena = cx->arena};
    put_le(&head, 0, LENGTH_BYTES);
    /* "pt": loaders refuse metadata that does not name a known format. */
    buf_add(&head, "{\"__metadata__\":{\"format\":\"pt\"}");
    uint64_t begin = 0;
    for (size_t i = 0; i < n; i++) {
        const output_tensor *t = &tensors[which[i]];
        if (strcmp(t->name, "__metadata__") == 0) {
            diag_report(cx->diags, SEV_ERROR, "output-name", NOWHERE,
                        "a tensor in a safetensors file cannot be named '%s'", t->name);
            return RT_MISMATCH;
        }
        add_entry(&head, t, begin);
        begin += t->n_bytes;
    }
    buf_add(&head, "}");
    while (head.n % DATA_ALIGN != 0) {
        buf_add_n(&head, " ", 1);
    }
    const uint64_t n_json = head.n - LENGTH_BYTES;
    if (n_json > MAX_HEADER_BYTES) {
        diag *dg = diag_report(cx->diags, SEV_ERROR, "output-too-large", NOWHERE,
                               "the header of %zu tensors takes %" PRIu64
                               " bytes, and readers of safetensors stop at %" PRIu64,
                               n, n_json, MAX_HEADER_BYTES);
        diag_help(dg, "write several files with --shard-size");
        return RT_MISMATCH;
    }
    for (unsigned i = 0; i < LENGTH_BYTES; i++) {
        head.p[i] = (char)(unsigned char)(n_json >> (8 * i));
    }
    for (size_t i = 0, at = head.n; i < n; i++) {
        tensors[which[i]].offset = at;
        at += tensors[which[i]].n_bytes;
    }
    *out =
        (safetensors_file){.head = head.p, .n_head = head.n, .n_bytes = head.n + begin};
    return RT_OK;
}
