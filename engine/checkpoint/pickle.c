#include "checkpoint/pickle.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "checkpoint/bad_file.h"
#include "checkpoint/bytes_le.h"
#include "checkpoint/pickle_machine.h"

#define MAX_MARKS 10000u /* Python's own writer is recursive and stops near 1000 */
#define SLAB      512u

/* Opcodes, by the names of CPython's pickle.py. */
enum {
    OP_MARK = '(',
    OP_STOP = '.',
    OP_POP = '0',
    OP_POP_MARK = '1',
    OP_DUP = '2',
    OP_BINFLOAT = 'G',
    OP_BININT = 'J',
    OP_BININT1 = 'K',
    OP_BININT2 = 'M',
    OP_NONE = 'N',
    OP_BINPERSID = 'Q',
    OP_REDUCE = 'R',
    OP_BINSTRING = 'T',
    OP_SHORT_BINSTRING = 'U',
    OP_BINUNICODE = 'X',
    OP_BINBYTES = 'B',
    OP_SHORT_BINBYTES = 'C',
    OP_APPEND = 'a',
    OP_APPENDS = 'e',
    OP_BUILD = 'b',
    OP_GLOBAL = 'c',
    OP_DICT = 'd',
    OP_EMPTY_DICT = '}',
    OP_EMPTY_LIST = ']',
    OP_EMPTY_TUPLE = ')',
    OP_BINGET = 'h',
    OP_LONG_BINGET = 'j',
    OP_LIST = 'l',
    OP_BINPUT = 'q',
    OP_LONG_BINPUT = 'r',
    OP_SETITEM = 's',
    OP_SETITEMS = 'u',
    OP_TUPLE = 't',
    OP_PROTO = 0x80,
    OP_NEWOBJ = 0x81,
    OP_TUPLE1 = 0x85,
    OP_TUPLE2 = 0x86,
    OP_TUPLE3 = 0x87,
    OP_NEWTRUE = 0x88,
    OP_NEWFALSE = 0x89,
    OP_LONG1 = 0x8a,
    OP_LONG4 = 0x8b,
    OP_SHORT_BINUNICODE = 0x8c,
    OP_BINUNICODE8 = 0x8d,
    OP_BINBYTES8 = 0x8e,
    OP_EMPTY_SET = 0x8f,
    OP_ADDITEMS = 0x90,
    OP_FROZENSET = 0x91,
    OP_NEWOBJ_EX = 0x92,
    OP_STACK_GLOBAL = 0x93,
    OP_MEMOIZE = 0x94,
    OP_FRAME = 0x95,
    OP_BYTEARRAY8 = 0x96,
};

/* ---- stack, marks, nodes ---- */

bool machine_fail(machine *m, const char *fmt, ...)
{
    if (m->why == NULL) {
        va_list ap;
        va_start(ap, fmt);
        m->why = arena_vprintf(m->arena, fmt, ap);
        va_end(ap);
    }
    return false;
}

pickle_node *machine_node(machine *m, pickle_kind kind)
{
    if (++m->n_nodes > m->max_values) {
        machine_fail(m, "more values than its size can honestly hold");
        return NULL;
    }
    if (m->n_slab == 0) {
        m->slab = NEW_N(m->arena, pickle_node, SLAB);
        m->n_slab = SLAB;
    }
    pickle_node *node = m->slab++;
    m->n_slab--;
    node->kind = (uint8_t)kind;
    return node;
}

bool machine_push(machine *m, pickle_node *node)
{
    if (node == NULL) {
        return false;
    }
    if (m->stack.n >= m->max_height) {
        return machine_fail(m, "the stack grows too high");
    }
    vec_push(m->arena, &m->stack, node);
    return true;
}

static size_t floor_of_stack(const machine *m)
{
    return m->marks.n > 0 ? m->marks.at[m->marks.n - 1] : 0;
}

pickle_node *machine_top(machine *m)
{
    if (m->stack.n <= floor_of_stack(m)) {
        machine_fail(m, "the stack is empty");
        return NULL;
    }
    return m->stack.at[m->stack.n - 1];
}

pickle_node *machine_pop(machine *m)
{
    pickle_node *node = machine_top(m);

    m->stack.n -= node != NULL;
    return node;
}

static bool push_mark(machine *m)
{
    if (m->marks.n == MAX_MARKS) {
        return machine_fail(m, "more than %u open marks", MAX_MARKS);
    }
    vec_push(m->arena, &m->marks, m->stack.n);
    return true;
}

bool machine_pop_mark(machine *m, pickle_node ***items, uint32_t *n)
{
    if (m->marks.n == 0) {
        return machine_fail(m, "there is no mark");
    }
    const size_t height = m->marks.at[--m->marks.n];
    *n = (uint32_t)(m->stack.n - height);
    *items = m->stack.at + height;
    m->stack.n = height;
    return true;
}

/* ---- operands ---- */

/* The next n bytes, or NULL when the pickle is shorter. */
static const unsigned char *take(machine *m, uint64_t n)
{
    if (n > (uint64_t)(m->end - m->at)) {
        m->is_cut = true;
        machine_fail(m, "%" PRIu64 " bytes should follow, but only %zu are left", n,
                     (size_t)(m->end - m->at));
        return NULL;
    }
    const unsigned char *p = m->at;
    m->at += n;
    return p;
}

/* A little-endian number of 1, 2, 4 or 8 bytes. */
static bool take_number(machine *m, unsigned n_bytes, uint64_t *out)
{
    const unsigned char *p = take(m, n_bytes);
    if (p == NULL) {
        return false;
    }
    *out = n_bytes == 1   ? p[0]
           : n_bytes == 2 ? le16(p)
           : n_bytes == 4 ? le32(p)
                          : le64(p);
    return true;
}

static bool push_int(machine *m, int64_t i)
{
    if (i >= 0 && i < 256) {
        return machine_push(m, &m->small_ints[i]);
    }
    pickle_node *node = machine_node(m, PICKLE_INT);
    if (node != NULL) {
        node->i = i;
    }
    return machine_push(m, node);
}

static bool op_int(machine *m, unsigned n_bytes)
{
    uint64_t n;

    if (!take_number(m, n_bytes, &n)) {
        return false;
    }
    return push_int(m, n_bytes == 4 ? (int32_t)(uint32_t)n : (int64_t)n);
}

/* A whole number in two's complement of any length. */
static bool op_long(machine *m, unsigned n_length)
{
    uint64_t n, bits = 0;

    if (!take_number(m, n_length, &n)) {
        return false;
    }
    if (n_length == 4 && n > INT32_MAX) {
        return machine_fail(m, "a negative length");
    }
    const unsigned char *p = take(m, n);
    if (p == NULL) {
        return false;
    }
    if (n > 8) {
        return machine_push(m, machine_node(m, PICKLE_BIG));
    }
    for (uint64_t i = 0; i < 8; i++) {
        const unsigned char sign = n > 0 && p[n - 1] >= 0x80 ? 0xFF : 0;
        bits |= (uint64_t)(i < n ? p[i] : sign) << (8 * i);
    }
    return push_int(m, (int64_t)bits);
}

static bool op_text(machine *m, pickle_kind kind, unsigned n_length)
{
    uint64_t n = 0;
    const unsigned char *p = take_number(m, n_length, &n) ? take(m, n) : NULL;
    pickle_node *node = p != NULL ? machine_node(m, kind) : NULL;

    if (node != NULL) {
        node->text = (const char *)p;
        node->n = (uint32_t)n;
    }
    return machine_push(m, node);
}

static bool op_float(machine *m)
{
    return take(m, 8) != NULL && machine_push(m, machine_node(m, PICKLE_FLOAT));
}

static bool op_frame(machine *m)
{
    uint64_t n;

    if (!take_number(m, 8, &n)) {
        return false;
    }
    m->is_cut = n > (uint64_t)(m->end - m->at);
    return !m->is_cut || machine_fail(m, "a frame is longer than what is left");
}

/* Two lines: module and name. */
static bool op_global(machine *m)
{
    const unsigned char *parts[2];
    size_t n[2];

    for (int i = 0; i < 2; i++) {
        parts[i] = m->at;
        const unsigned char *newline = memchr(m->at, '\n', (size_t)(m->end - m->at));
        if (newline == NULL) {
            m->is_cut = true;
            return machine_fail(m, "the name of a global has no end");
        }
        n[i] = (size_t)(newline - m->at);
        m->at = newline + 1;
    }
    return build_global(m, (const char *)parts[0], n[0], (const char *)parts[1], n[1]);
}

/* ---- memo ---- */

static bool memo_put(machine *m, uint64_t i)
{
    pickle_node *node = machine_top(m);
    if (node == NULL) {
        return false;
    }
    if (i > m->n_ops + 4096) { /* Python numbers them from 0; others leave gaps */
        return machine_fail(m, "memo %" PRIu64 " is out of order", i);
    }
    while (m->memo.n <= i) {
        vec_push(m->arena, &m->memo, NULL);
    }
    m->memo.at[i] = node;
    return true;
}

static bool op_put(machine *m, unsigned n_bytes)
{
    uint64_t i;

    return take_number(m, n_bytes, &i) && memo_put(m, i);
}

static bool op_get(machine *m, unsigned n_bytes)
{
    uint64_t i;

    if (!take_number(m, n_bytes, &i)) {
        return false;
    }
    if (i >= m->memo.n || m->memo.at[i] == NULL) {
        return machine_fail(m, "memo %" PRIu64 " is not set", i);
    }
    return machine_push(m, m->memo.at[i]);
}

/* ---- the loop ---- */

static bool op_pop(machine *m)
{
    if (m->marks.n > 0 && m->stack.n == m->marks.at[m->marks.n - 1]) {
        m->marks.n--; /* as Python: POP on a mark takes the mark */
        return true;
    }
    return machine_pop(m) != NULL;
}

static bool op_pop_mark(machine *m)
{
    pickle_node **items;
    uint32_t n;

    return machine_pop_mark(m, &items, &n);
}

/* Numbers, text, stack and memo. */
static bool run_simple(machine *m, unsigned op)
{
    switch (op) {
    case OP_NONE: return machine_push(m, m->none);
    case OP_NEWTRUE: return machine_push(m, m->yes);
    case OP_NEWFALSE: return machine_push(m, m->no);
    case OP_BININT: return op_int(m, 4);
    case OP_BININT1: return op_int(m, 1);
    case OP_BININT2: return op_int(m, 2);
    case OP_LONG1: return op_long(m, 1);
    case OP_LONG4: return op_long(m, 4);
    case OP_BINFLOAT: return op_float(m);
    case OP_BINUNICODE: return op_text(m, PICKLE_STRING, 4);
    case OP_SHORT_BINUNICODE: return op_text(m, PICKLE_STRING, 1);
    case OP_BINUNICODE8: return op_text(m, PICKLE_STRING, 8);
    case OP_BINSTRING: return op_text(m, PICKLE_STRING, 4);
    case OP_SHORT_BINSTRING: return op_text(m, PICKLE_STRING, 1);
    case OP_BINBYTES: return op_text(m, PICKLE_BYTES, 4);
    case OP_SHORT_BINBYTES: return op_text(m, PICKLE_BYTES, 1);
    case OP_BINBYTES8:
    case OP_BYTEARRAY8: return op_text(m, PICKLE_BYTES, 8);
    case OP_MARK: return push_mark(m);
    case OP_POP: return op_pop(m);
    case OP_POP_MARK: return op_pop_mark(m);
    case OP_DUP: return machine_push(m, machine_top(m));
    case OP_BINGET: return op_get(m, 1);
    case OP_LONG_BINGET: return op_get(m, 4);
    case OP_BINPUT: return op_put(m, 1);
    case OP_LONG_BINPUT: return op_put(m, 4);
    case OP_MEMOIZE: return memo_put(m, m->memo.n);
    case OP_FRAME: return op_frame(m);
    case OP_PROTO: return machine_fail(m, "a second start of a pickle");
    default: return machine_fail(m, "opcode 0x%02x is not read here", op);
    }
}

/* Containers and calls; the rest is left to run_simple. */
static bool run_op(machine *m, unsigned op)
{
    switch (op) {
    case OP_EMPTY_TUPLE: return machine_push(m, m->empty_tuple);
    case OP_EMPTY_LIST: return machine_push(m, machine_node(m, PICKLE_LIST));
    case OP_EMPTY_DICT: return machine_push(m, machine_node(m, PICKLE_DICT));
    case OP_EMPTY_SET: return machine_push(m, machine_node(m, PICKLE_SET));
    case OP_TUPLE1: return build_tuple(m, 1);
    case OP_TUPLE2: return build_tuple(m, 2);
    case OP_TUPLE3: return build_tuple(m, 3);
    case OP_TUPLE: return build_marked(m, PICKLE_TUPLE);
    case OP_LIST: return build_marked(m, PICKLE_LIST);
    case OP_DICT: return build_marked(m, PICKLE_DICT);
    case OP_FROZENSET: return build_marked(m, PICKLE_SET);
    case OP_APPEND: return build_append(m, false);
    case OP_APPENDS: return build_append(m, true);
    case OP_SETITEM: return build_set_items(m, false);
    case OP_SETITEMS: return build_set_items(m, true);
    case OP_ADDITEMS: return build_add_items(m);
    case OP_GLOBAL: return op_global(m);
    case OP_STACK_GLOBAL: return build_stack_global(m);
    case OP_REDUCE: return build_call(m, false, false);
    case OP_NEWOBJ: return build_call(m, true, false);
    case OP_NEWOBJ_EX: return build_call(m, true, true);
    case OP_BUILD: return build_state(m);
    case OP_BINPERSID: return build_stored(m);
    default: return run_simple(m, op);
    }
}

/* `out` gets what is read of the bytes, by memory of cx. */
static machine machine_for(context *cx, const char *bytes, size_t n_bytes, pickle *out)
{
    const unsigned char *p = (const unsigned char *)bytes;
    machine m = {
        .arena = cx->arena,
        .begin = p,
        .at = p,
        .end = p + n_bytes,
        .max_values = 4096 + n_bytes / 2, /* no value takes less, with its memo */
        .max_height = 4096 + n_bytes,
        .out = out,
        .globals = strmap_new(cx->arena),
        .small_ints = NEW_N(cx->arena, pickle_node, 256),
    };

    *out = (pickle){0};
    m.none = machine_node(&m, PICKLE_NONE);
    vec_push(m.arena, &m.stack, m.none); /* so that it has an address */
    m.stack.n = 0;
    m.yes = machine_node(&m, PICKLE_BOOL);
    m.yes->i = 1;
    m.no = machine_node(&m, PICKLE_BOOL);
    m.empty_tuple = machine_node(&m, PICKLE_TUPLE);
    for (int i = 0; i < 256; i++) {
        m.small_ints[i].kind = PICKLE_INT;
        m.small_ints[i].i = i;
    }
    return m;
}

static bool run(machine *m)
{
    const unsigned char *head = take(m, 2);
    if (head == NULL) {
        return false;
    }
    if (head[0] != OP_PROTO || head[1] < 2 || head[1] > 5) {
        return machine_fail(m, "it does not start as protocol 2 to 5 does");
    }
    for (;;) {
        const unsigned char *op = take(m, 1);
        if (op == NULL) {
            return false;
        }
        if (*op == OP_STOP) {
            break;
        }
        m->n_ops++;
        if (!run_op(m, *op)) {
            return false;
        }
    }
    if (m->marks.n > 0 || m->stack.n != 1) {
        return machine_fail(m, "it ends with %zu values, not one", m->stack.n);
    }
    m->out->root = m->stack.at[0];
    return true;
}

static rt_status not_sound(context *cx, const char *path, const machine *m)
{
    return bad_file(cx, path, "the file is damaged, or no pickle that torch.save wrote",
                    "the pickle is not sound, before byte %zu: %s",
                    (size_t)(m->at - m->begin), m->why);
}

rt_status pickle_read(context *cx, const char *path, const char *bytes, size_t n_bytes,
                      pickle *out)
{
    machine m = machine_for(cx, bytes, n_bytes, out);

    return run(&m) && (m.at == m.end || machine_fail(&m, "bytes stand behind its end"))
               ? RT_OK
               : not_sound(cx, path, &m);
}

rt_status pickle_read_first(context *cx, const char *path, const char *bytes,
                            size_t n_bytes, pickle *out, size_t *n_used)
{
    machine m = machine_for(cx, bytes, n_bytes, out);
    const bool is_read = run(&m);

    *n_used = is_read ? (size_t)(m.at - m.begin) : 0;
    return is_read || m.is_cut ? RT_OK : not_sound(cx, path, &m);
}

bool pickle_is_text(const pickle_node *node, const char *text)
{
    const size_t n = strlen(text);

    return node->kind == PICKLE_STRING && node->n == n &&
           memcmp(node->text, text, n) == 0;
}

const char *pickle_describe(arena *a, const pickle_node *node)
{
    switch ((pickle_kind)node->kind) {
    case PICKLE_NONE: return "None";
    case PICKLE_BOOL: return "a truth value";
    case PICKLE_INT:
    case PICKLE_BIG: return "a whole number";
    case PICKLE_FLOAT: return "a number";
    case PICKLE_STRING: return "text";
    case PICKLE_BYTES: return "bytes";
    case PICKLE_TUPLE: return "a tuple";
    case PICKLE_LIST: return "a list";
    case PICKLE_SET: return "a set";
    case PICKLE_DICT: return "a dict";
    case PICKLE_GLOBAL: return arena_printf(a, "the name %s", node->text);
    case PICKLE_STORED: return "a storage";
    case PICKLE_CALL: break;
    }
    const pickle_node *callee = node->call->callee;
    if (callee->kind != PICKLE_GLOBAL) {
        return "an object";
    }
    return node->call->is_new ? arena_printf(a, "an object of %s", callee->text)
                              : arena_printf(a, "the result of %s", callee->text);
}
