#include "checkpoint/pickle_write.h"

#include <stdio.h>
#include <string.h>

#include "checkpoint/put_le.h"

/* Opcodes (CPython, pickletools.py). */
#define OP_PROTO       "\x80"
#define OP_STOP        "."
#define OP_EMPTY_DICT  "}"
#define OP_MARK        "("
#define OP_SETITEM     "s"
#define OP_SETITEMS    "u"
#define OP_EMPTY_TUPLE ")"
#define OP_TUPLE       "t"
#define OP_TUPLE1      "\x85"
#define OP_TUPLE2      "\x86"
#define OP_TUPLE3      "\x87"
#define OP_BINUNICODE  "X"
#define OP_GLOBAL      "c"
#define OP_REDUCE      "R"
#define OP_BINPERSID   "Q"
#define OP_BINGET      "h"
#define OP_BINPUT      "q"
#define OP_BININT1     "K"
#define OP_BININT2     "M"
#define OP_BININT      "J"
#define OP_LONG1       "\x8a"
#define OP_NEWFALSE    "\x89"

#define BATCH 1000 /* items of a dict set at once: bounds a reader's stack */

/* What is said once and recalled afterwards; fewer than 256, so BINGET reaches all. */
enum {
    MEMO_STORAGE,
    MEMO_CPU,
    MEMO_REBUILD_V2,
    MEMO_REBUILD_V3,
    MEMO_ORDERED_DICT,
    MEMO_UNTYPED,
    MEMO_STORAGE_CLASS,                         /* + dtype */
    MEMO_DTYPE = MEMO_STORAGE_CLASS + DT_COUNT, /* + dtype */
    MEMO_COUNT = MEMO_DTYPE + DT_COUNT
};

typedef struct pickler {
    buf *out;
    bool said[MEMO_COUNT];
} pickler;

static void put_word(buf *out, const char *s)
{
    const size_t n = strlen(s);
    buf_add(out, OP_BINUNICODE);
    put_le(out, n, 4);
    buf_add_n(out, s, n);
}

/* Push the memoised object; false when it has to be said first. */
static bool recall(pickler *p, unsigned slot)
{
    if (p->said[slot]) {
        buf_add(p->out, OP_BINGET);
        put_le(p->out, slot, 1);
    }
    return p->said[slot];
}

static void memoise(pickler *p, unsigned slot)
{
    buf_add(p->out, OP_BINPUT);
    put_le(p->out, slot, 1);
    p->said[slot] = true;
}

static void put_known_word(pickler *p, unsigned slot, const char *s)
{
    if (!recall(p, slot)) {
        put_word(p->out, s);
        memoise(p, slot);
    }
}

static void put_global(pickler *p, unsigned slot, const char *module, const char *name)
{
    if (!recall(p, slot)) {
        buf_printf(p->out, OP_GLOBAL "%s\n%s\n", module, name);
        memoise(p, slot);
    }
}

static void put_int(buf *out, uint64_t v)
{
    if (v <= UINT8_MAX) {
        buf_add(out, OP_BININT1);
        put_le(out, v, 1);
    } else if (v <= UINT16_MAX) {
        buf_add(out, OP_BININT2);
        put_le(out, v, 2);
    } else if (v <= INT32_MAX) {
        buf_add(out, OP_BININT);
        put_le(out, v, 4);
    } else {
        /* Two's complement of the least length that keeps the sign bit clear. */
        unsigned n_bytes = 4;
        while (n_bytes < 8 && v >> (8 * n_bytes - 1) != 0) {
            n_bytes++;
        }
        buf_add(out, OP_LONG1);
        put_le(out, n_bytes, 1);
        put_le(out, v, n_bytes);
    }
}

static void put_tuple(buf *out, const uint64_t *v, unsigned n)
{
    static const char *const close[] = {OP_EMPTY_TUPLE, OP_TUPLE1, OP_TUPLE2,
                                        OP_TUPLE3};
    if (n > 3) {
        buf_add(out, OP_MARK);
    }
    for (unsigned i = 0; i < n; i++) {
        put_int(out, v[i]);
    }
    buf_add(out, n > 3 ? OP_TUPLE : close[n]);
}

static void put_storage(pickler *p, const output_tensor *t, size_t key)
{
    const char *class_name = dtype_torch_storage(t->dt);
    const bool is_typed = class_name[0] != '\0';
    char digits[24];
    (void)snprintf(digits, sizeof digits, "%zu", key);
    buf_add(p->out, OP_MARK);
    put_known_word(p, MEMO_STORAGE, "storage");
    if (is_typed) {
        put_global(p, MEMO_STORAGE_CLASS + (unsigned)t->dt, "torch", class_name);
    } else {
        put_global(p, MEMO_UNTYPED, "torch.storage", "UntypedStorage");
    }
    put_word(p->out, digits);
    put_known_word(p, MEMO_CPU, "cpu");
    put_int(p->out, is_typed ? t->n_bytes / (dtype_bits(t->dt) / 8) : t->n_bytes);
    buf_add(p->out, OP_TUPLE OP_BINPERSID);
}

/* Sizes as torch counts them (its element of a 4-bit type is a pair), and row-major
 * strides, in which an empty dimension counts as one. */
static void torch_shape(const output_tensor *t, uint64_t *size, uint64_t *stride)
{
    uint64_t step = 1;
    for (unsigned d = t->rank; d-- > 0;) {
        const bool is_pairs = d + 1 == t->rank && dtype_bits(t->dt) == 4;
        size[d] = is_pairs ? t->shape[d] / 2 : t->shape[d];
        stride[d] = step;
        step *= size[d] == 0 ? 1 : size[d];
    }
}

static void put_tensor(pickler *p, const output_tensor *t, size_t key)
{
    const bool is_typed = dtype_torch_storage(t->dt)[0] != '\0';
    uint64_t size[RT_MAX_RANK];
    uint64_t stride[RT_MAX_RANK];
    torch_shape(t, size, stride);
    if (is_typed) {
        put_global(p, MEMO_REBUILD_V2, "torch._utils", "_rebuild_tensor_v2");
    } else {
        put_global(p, MEMO_REBUILD_V3, "torch._utils", "_rebuild_tensor_v3");
    }
    buf_add(p->out, OP_MARK);
    put_storage(p, t, key);
    put_int(p->out, 0); /* first element */
    put_tuple(p->out, size, t->rank);
    put_tuple(p->out, stride, t->rank);
    buf_add(p->out, OP_NEWFALSE); /* requires_grad */
    /* Hooks: each tensor gets a dict of its own, readers keep and change it. */
    put_global(p, MEMO_ORDERED_DICT, "collections", "OrderedDict");
    buf_add(p->out, OP_EMPTY_TUPLE OP_REDUCE);
    if (!is_typed) {
        put_global(p, MEMO_DTYPE + (unsigned)t->dt, "torch", dtype_torch_name(t->dt));
    }
    buf_add(p->out, OP_TUPLE OP_REDUCE);
}

void pickle_state_dict(buf *out, const output_tensor *tensors, const size_t *which,
                       size_t n, const size_t *keys, const char *wrap)
{
    pickler p = {.out = out};
    buf_add(out, OP_PROTO "\x02" OP_EMPTY_DICT);
    if (wrap != NULL) {
        put_word(out, wrap);
        buf_add(out, OP_EMPTY_DICT);
    }
    for (size_t i = 0; i < n; i++) {
        if (i % BATCH == 0) {
            buf_add(out, OP_MARK);
        }
        put_word(out, tensors[which[i]].name);
        put_tensor(&p, &tensors[which[i]], keys[which[i]]);
        if (i % BATCH == BATCH - 1 || i + 1 == n) {
            buf_add(out, OP_SETITEMS);
        }
    }
    buf_add(out, wrap != NULL ? OP_SETITEM OP_STOP : OP_STOP);
}
