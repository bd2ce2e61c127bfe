#include "checkpoint/torch_tensor.h"

#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "checkpoint/bad_file.h"
#include "checkpoint/torch_storage.h"

#define MAX_WRAPPINGS 8 /* of parameters and subclasses around one tensor */

typedef struct torch_stored {
    torch_storage said;
    const torch_record *record;
} torch_stored;

/* What is to be built, without its wrappings. */
typedef struct recipe {
    const char *what; /* "torch._utils._rebuild_tensor_v2" */
    pickle_name name;
    const pickle_node *args;
} recipe;

typedef struct reading {
    torch_source *src;
    const char *name; /* of the tensor */
} reading;

__attribute__((format(printf, 2, 3))) static rt_status refuse(const reading *r,
                                                              const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *sentence = arena_vprintf(r->src->scratch.arena, fmt, ap);
    va_end(ap);
    return bad_file(r->src->cx, r->src->path, NULL, "tensor %s: %s", r->name, sentence);
}

static bool is_call_of(const pickle_node *node, pickle_name name)
{
    return node->kind == PICKLE_CALL && node->name == name;
}

bool torch_is_tensor(const pickle_node *node)
{
    if (node->kind != PICKLE_CALL) {
        return false;
    }
    switch ((pickle_name)node->name) {
    case NAME_TENSOR_1:
    case NAME_TENSOR_2:
    case NAME_TENSOR_3:
    case NAME_PARAMETER:
    case NAME_PARAMETER_STATE:
    case NAME_FROM_TYPE:
    case NAME_TENSOR_CLASS:
    case NAME_OTHER_TENSOR: return true;
    case NAME_OTHER:
    case NAME_ORDERED_DICT:
    case NAME_PLAIN:
    case NAME_SIZE:
    case NAME_STORAGE:
    case NAME_UNTYPED_STORAGE:
    case NAME_DTYPE: break;
    }
    return false;
}

/* requires_grad and backward_hooks, which every form of tensor has; hooks would change
 * what the tensor is when it is loaded. */
static const char *grad_fault(const pickle_node *requires_grad,
                              const pickle_node *hooks)
{
    if (requires_grad->kind != PICKLE_BOOL) {
        return "requires_grad is no truth value";
    }
    const bool is_empty = is_call_of(hooks, NAME_ORDERED_DICT) && hooks->call->n == 0 &&
                          hooks->call->args->n == 0;
    return is_empty || hooks->kind == PICKLE_NONE ? NULL : "it has backward hooks";
}

/* Go through one wrapping; *node is NULL when the recipe is complete. */
static const char *unwrap_once(recipe *rec, const pickle_node **node)
{
    const pickle_node *args = rec->args;

    *node = NULL;
    if (rec->name == NAME_PARAMETER || rec->name == NAME_PARAMETER_STATE) {
        if (args->n != (rec->name == NAME_PARAMETER ? 3u : 4u)) {
            return "a parameter with the wrong number of arguments";
        }
        *node = args->items[0];
        return grad_fault(args->items[1], args->items[2]);
    }
    if (rec->name != NAME_FROM_TYPE) {
        return NULL;
    }
    if (args->n != 4 || args->items[0]->kind != PICKLE_GLOBAL ||
        args->items[1]->kind != PICKLE_GLOBAL || args->items[2]->kind != PICKLE_TUPLE) {
        return "a typed tensor with the wrong arguments";
    }
    if (args->items[1]->name != NAME_TENSOR_CLASS) {
        return "it is of a tensor class that is not read here";
    }
    rec->name = (pickle_name)args->items[0]->name;
    rec->what = args->items[0]->text;
    rec->args = args->items[2];
    return NULL;
}

static rt_status find_recipe(const reading *r, const pickle_node *node, recipe *rec)
{
    for (int i = 0; i < MAX_WRAPPINGS; i++) {
        if (node != NULL) {
            if (!torch_is_tensor(node) || node->call->callee->kind != PICKLE_GLOBAL) {
                return refuse(r, "it is %s, no tensor",
                              pickle_describe(r->src->scratch.arena, node));
            }
            if (node->call->state != NULL || node->call->is_new) {
                return refuse(r, "it is made by a class of its own");
            }
            rec->name = (pickle_name)node->name;
            rec->what = node->call->callee->text;
            rec->args = node->call->args;
        }
        if (rec->name == NAME_TENSOR_1 || rec->name == NAME_TENSOR_2 ||
            rec->name == NAME_TENSOR_3) {
            return RT_OK;
        }
        if (rec->name != NAME_PARAMETER && rec->name != NAME_PARAMETER_STATE &&
            rec->name != NAME_FROM_TYPE) {
            return refuse(r, "%s makes a kind of tensor that is not read here",
                          rec->what);
        }
        const char *fault = unwrap_once(rec, &node);
        if (fault != NULL) {
            return refuse(r, "%s", fault);
        }
    }
    return refuse(r, "it is wrapped more than %d times", MAX_WRAPPINGS);
}

/* The record of a storage that is seen for the first time. */
static rt_status find_stored(const reading *r, torch_stored *s)
{
    const torch_source *src = r->src;
    const torch_storage *said = &s->said;
    uint64_t at, n_bytes;

    if (!strmap_get(src->record_of, said->key, &at)) {
        return refuse(r, "its record %s%s is missing", src->shown, said->key);
    }
    s->record = &src->records.at[at];
    if (s->record->is_compressed) {
        return bad_file(src->cx, src->path,
                        "unpack the archive and zip it again without compression "
                        "(zip -0), or load it in Python and torch.save it again",
                        "the storage %s%s is compressed, which torch.save never does",
                        src->shown, said->key);
    }
    if (!dtype_bytes(said->dt, said->n_elems, &n_bytes) ||
        n_bytes != s->record->n_bytes) {
        return refuse(r,
                      "its storage should have %" PRIu64
                      " elements of %s, but the record %s%s has %" PRIu64 " bytes",
                      said->n_elems, dtype_st_name(said->dt), src->shown, said->key,
                      s->record->n_bytes);
    }
    return RT_OK;
}

static rt_status read_stored(const reading *r, const pickle_node *node, torch_stored *s,
                             uint64_t *number)
{
    torch_source *src = r->src;
    const char *fault = torch_storage_read(src, node, &s->said);

    if (fault != NULL) {
        return refuse(r, "%s", fault);
    }
    if (strmap_get(src->stored_by_key, s->said.key, number)) {
        const torch_stored *old = &src->stored[*number];
        s->record = old->record;
        return old->said.dt == s->said.dt &&
                       old->said.is_untyped == s->said.is_untyped &&
                       old->said.n_elems == s->said.n_elems
                   ? RT_OK
                   : refuse(r, "its storage %s has another type or size elsewhere",
                            s->said.key);
    }
    TRY(find_stored(r, s));
    if (src->n_stored == src->cap_stored) {
        src->stored = vec_grow(src->scratch.arena, src->stored, src->n_stored,
                               &src->cap_stored, sizeof *src->stored);
    }
    *number = src->n_stored;
    src->stored[src->n_stored++] = *s;
    strmap_set(src->stored_by_key, s->said.key, *number);
    return RT_OK;
}

/* Lazy conjugation and negation change values when they are loaded. */
static rt_status check_metadata(const reading *r, const pickle_node *metadata)
{
    if (metadata->kind == PICKLE_NONE) {
        return RT_OK;
    }
    if (metadata->kind != PICKLE_DICT) {
        return refuse(r, "its metadata is %s",
                      pickle_describe(r->src->scratch.arena, metadata));
    }
    for (uint32_t i = 0; i + 1 < metadata->n; i += 2) {
        const pickle_node *value = metadata->items[i + 1];
        if (value->kind != PICKLE_BOOL || value->i != 0) {
            return refuse(r,
                          "it is marked as conjugated, negated or otherwise special");
        }
    }
    return RT_OK;
}

/* A tuple of sizes or strides, maybe a torch.Size. */
static bool read_dims(const pickle_node *node, uint64_t *dims, uint32_t *n)
{
    if (is_call_of(node, NAME_SIZE) && node->call->args->n == 1) {
        node = node->call->args->items[0];
    }
    if (node->kind != PICKLE_TUPLE) {
        return false;
    }
    *n = node->n;
    for (uint32_t i = 0; i < node->n && i < RT_MAX_RANK; i++) {
        if (!torch_as_u64(node->items[i], &dims[i])) {
            return false;
        }
    }
    return true;
}

/* Take the strides as stored; packed row-major ones keep what shape_fault wrote. */
static void set_strides(tensor_info *t, const uint64_t *stride)
{
    bool is_packed = true;

    for (unsigned i = 0; i < t->rank; i++) {
        is_packed =
            is_packed && (t->shape[i] == 1 || stride[i] == (uint64_t)t->stride[i]);
    }
    t->is_contiguous = is_packed || t->n_elems == 0;
    for (unsigned i = 0; i < t->rank && !t->is_contiguous; i++) {
        t->stride[i] = (int64_t)stride[i];
    }
}

/* Elements of the storage up to the last one that the tensor reaches. */
static bool reach(const tensor_info *t, const uint64_t *stride, uint64_t offset,
                  uint64_t *n)
{
    uint64_t last = offset, step;

    for (unsigned i = 0; i < t->rank; i++) {
        if (!mul_u64(t->shape[i] - 1, stride[i], &step) ||
            !add_u64(last, step, &last)) {
            return false;
        }
    }
    return add_u64(last, 1, n);
}

/* Size, strides and offset against the storage. */
static rt_status read_extent(const reading *r, const recipe *rec, const torch_stored *s,
                             tensor_info *t)
{
    uint64_t stride[RT_MAX_RANK] = {0}, offset, n_reached = 0;
    uint32_t rank = 0, n_strides = 0;

    if (!torch_as_u64(rec->args->items[1], &offset) ||
        !read_dims(rec->args->items[2], t->shape, &rank) ||
        !read_dims(rec->args->items[3], stride, &n_strides) || rank != n_strides) {
        return refuse(r, "its offset, size and stride are not valid");
    }
    if (rank > RT_MAX_RANK) {
        return refuse(r, "it has %u dimensions; the limit is %d", rank, RT_MAX_RANK);
    }
    t->rank = (uint8_t)rank;
    const char *fault = shape_fault(t);
    if (fault != NULL) {
        return refuse(r, "%s", fault);
    }
    set_strides(t, stride);
    const uint64_t n_held = s->record->n_bytes / (dtype_bits(t->dt) / 8);
    if (t->n_elems == 0) {
        offset = 0;
    } else if (!reach(t, stride, offset, &n_reached) || n_reached > n_held) {
        return refuse(r, "it reaches beyond its storage of %" PRIu64 " elements",
                      n_held);
    }
    /* One stored element may stand for many (expand), within reason. */
    const uint64_t n_file = r->src->inv->files.at[r->src->file].n_bytes;
    if (t->n_bytes > (UINT64_C(1) << 24) && t->n_bytes / 64 > n_file) {
        return refuse(r, "its %" PRIu64 " bytes are expanded from a file of %" PRIu64,
                      t->n_bytes, n_file);
    }
    t->offset = s->record->data_at + offset * (dtype_bits(t->dt) / 8);
    return RT_OK;
}

/* Equal numbers for tensors that are the same elements of one storage. */
static uint32_t place_number(torch_source *src, const tensor_info *t, uint64_t stored)
{
    buf b = {.arena = src->scratch.arena};
    uint64_t number = strmap_count(src->places);

    buf_printf(&b, "%" PRIu64 "@%" PRIu64 ":%d", stored, t->offset, (int)t->dt);
    for (unsigned i = 0; i < t->rank; i++) {
        buf_printf(&b, ",%" PRIu64 "/%" PRId64, t->shape[i], t->stride[i]);
    }
    if (!strmap_add(src->places, buf_str(&b), number)) {
        (void)strmap_get(src->places, buf_str(&b), &number);
    }
    return (uint32_t)number;
}

rt_status torch_tensor_read(torch_source *src, const char *name,
                            const pickle_node *node, tensor_info *t)
{
    const reading r = {src, name};
    recipe rec = {0};
    torch_stored s = {0};
    uint64_t number = 0;

    TRY(find_recipe(&r, node, &rec));
    const pickle_node *args = rec.args;
    const uint32_t n_plain = rec.name == NAME_TENSOR_1   ? 4
                             : rec.name == NAME_TENSOR_2 ? 6
                                                         : 7;
    const bool has_metadata = n_plain > 4 && args->n == n_plain + 1;
    if (args->n != n_plain && !has_metadata) {
        return refuse(&r, "%s has %u arguments", rec.what, args->n);
    }
    TRY(read_stored(&r, args->items[0], &s, &number));
    t->dt = s.said.dt;
    if (rec.name == NAME_TENSOR_3) {
        t->dt = (dtype)args->items[6]->dt;
        if (args->items[6]->kind != PICKLE_GLOBAL ||
            args->items[6]->name != NAME_DTYPE || dtype_bits(t->dt) < 8) {
            return refuse(&r, "its dtype is not read here");
        }
    }
    if (s.said.is_untyped != (rec.name == NAME_TENSOR_3)) {
        return refuse(&r, "%s over a storage of the wrong class", rec.what);
    }
    const char *fault = n_plain > 4 ? grad_fault(args->items[4], args->items[5]) : NULL;
    if (fault != NULL) {
        return refuse(&r, "%s", fault);
    }
    if (has_metadata) {
        TRY(check_metadata(&r, args->items[n_plain]));
    }
    t->file = src->file;
    TRY(read_extent(&r, &rec, &s, t));
    t->storage = place_number(src, t, number);
    return RT_OK;
}

void torch_unused_records(const torch_source *src, size_t *n, uint64_t *n_bytes)
{
    *n = 0;
    *n_bytes = 0;
    for (size_t i = 0; i < src->records.n; i++) {
        if (!strmap_has(src->stored_by_key, src->records.at[i].key)) {
            *n += 1;
            *n_bytes += src->records.at[i].n_bytes;
        }
    }
}
