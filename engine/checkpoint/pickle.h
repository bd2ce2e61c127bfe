/* checkpoint/pickle.h -- Python pickles, read by a machine that calls nothing.
 *
 * A pickle is a program for a stack machine whose REDUCE and BUILD call whatever the
 * file names.  Here they build nodes: the result is a graph of what the file *says*
 * ("call torch._utils._rebuild_tensor_v2 with these arguments"), and the few names that
 * matter are recognised by readers of that graph.  No name is ever looked up anywhere.
 *
 * Protocols 2 to 5, the binary opcodes.  Refused: the text opcodes of protocols 0 and
 * 1, INST, OBJ, EXT, PERSID, out-of-band buffers, bytes behind STOP.  (CPython,
 * Lib/pickletools.py describes the opcodes.)
 *
 * The graph may share nodes and have cycles (lists, dicts and calls may hold
 * themselves): whoever walks it goes down a fixed number of levels, never "until the
 * leaves".  Text points into the given bytes and is not NUL-terminated.
 *
 * Memory: the arena's, bounded by a fixed multiple of the number of bytes read.
 */
#ifndef RT_CHECKPOINT_PICKLE_H
#define RT_CHECKPOINT_PICKLE_H

#include "base/status.h"
#include "checkpoint/pickle_names.h"
#include "diag/diag.h"

typedef enum pickle_kind {
    PICKLE_NONE,
    PICKLE_BOOL,   /* i: 0 or 1 */
    PICKLE_INT,    /* i */
    PICKLE_BIG,    /* a whole number that does not fit 64 bits */
    PICKLE_FLOAT,  /* not kept */
    PICKLE_STRING, /* text, n bytes */
    PICKLE_BYTES,  /* text, n bytes */
    PICKLE_TUPLE,  /* items, n */
    PICKLE_LIST,   /* items, n */
    PICKLE_SET,    /* items, n */
    PICKLE_DICT,   /* items, n: key, value, key, value ... */
    PICKLE_GLOBAL, /* text: "torch._utils._rebuild_tensor_v2"; name: recognised */
    PICKLE_CALL,   /* call; name: that of the callee */
    PICKLE_STORED, /* items[0]: what the persistent id is made of */
} pickle_kind;

typedef struct pickle_node pickle_node;
typedef struct pickle_call {
    const pickle_node *callee; /* a global, or another call */
    const pickle_node *args;   /* a tuple */
    const pickle_node *state;  /* of BUILD, or NULL */
    bool is_new;               /* NEWOBJ: callee.__new__(callee, *args) */
    pickle_node **items;       /* of SETITEMS (pairs) or APPENDS, by a dict's or ... */
    uint32_t n, cap;           /* ... a list's subclass */
} pickle_call;

struct pickle_node {
    uint8_t kind; /* pickle_kind */
    uint8_t name; /* pickle_name of a global, or of a call's callee */
    uint8_t dt;   /* dtype of NAME_STORAGE and NAME_DTYPE */
    uint32_t n, cap;
    union {
        int64_t i;
        const char *text;
        pickle_node **items;
        pickle_call *call;
    };
};

typedef struct pickle {
    const pickle_node *root;
    VEC(const char *) others;          /* globals that are not recognised, each once */
    VEC(const pickle_node *) storages; /* PICKLE_STORED nodes, in the file's order */
} pickle;

/* Read `bytes`, from file `path` (for complaints). */
RT_NODISCARD rt_status pickle_read(context *cx, const char *path, const char *bytes,
                                   size_t n_bytes, pickle *out);

/* Read the pickle that `bytes` begin with, *n_used of them.  When it is sound but goes
 * on behind the last of them, *n_used is 0 and nothing is said. */
RT_NODISCARD rt_status pickle_read_first(context *cx, const char *path,
                                         const char *bytes, size_t n_bytes, pickle *out,
                                         size_t *n_used);

/* Is it this text? */
bool pickle_is_text(const pickle_node *node, const char *text);

/* How a node is called in a message: "text", "a list", "the result of os.system". */
const char *pickle_describe(arena *a, const pickle_node *node);

#endif
