/* checkpoint/pickle_machine.h -- the state of the machine, shared by pickle.c (the
 * loop, numbers, text, stack and memo) and pickle_build.c (containers and calls).
 *
 * Every operation returns false after leaving its complaint in `why`.
 */
#ifndef RT_CHECKPOINT_PICKLE_MACHINE_H
#define RT_CHECKPOINT_PICKLE_MACHINE_H

#include <stdbool.h>

#include "base/strmap.h"
#include "checkpoint/pickle.h"

typedef struct machine {
    arena *arena;
    const unsigned char *begin, *at, *end;
    VEC(pickle_node *) stack;
    VEC(size_t) marks;       /* heights of the stack */
    VEC(pickle_node *) memo; /* NULL: not set */
    uint64_t n_ops, n_nodes;
    uint64_t max_values, max_height; /* budgets of nodes and of the stack */
    strmap *globals;                 /* "module name" -> index into known */
    VEC(pickle_node *) known;
    pickle_node *none, *yes, *no, *empty_tuple, *small_ints; /* 0..255 */
    pickle_node *slab;                                       /* n_slab unused nodes */
    size_t n_slab;
    pickle *out;
    bool is_cut; /* it failed because the bytes ended */
    const char *why;
} machine;

bool machine_fail(machine *m, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

pickle_node *machine_node(machine *m, pickle_kind kind); /* NULL: over budget */
bool machine_push(machine *m, pickle_node *node); /* NULL is passed on as failure */
pickle_node *machine_pop(machine *m);             /* NULL: nothing above the mark */
pickle_node *machine_top(machine *m);             /* likewise */
/* Take the topmost mark away: what stood above it is *items, n of them, and gone. */
bool machine_pop_mark(machine *m, pickle_node ***items, uint32_t *n);

/* pickle_build.c */
bool build_tuple(machine *m, uint32_t n);
bool build_marked(machine *m, pickle_kind kind); /* TUPLE, LIST, DICT, FROZENSET */
bool build_append(machine *m, bool is_marked);
bool build_set_items(machine *m, bool is_marked);
bool build_add_items(machine *m);
bool build_global(machine *m, const char *module, size_t n_module, const char *name,
                  size_t n_name);
bool build_stack_global(machine *m);
bool build_call(machine *m, bool is_new, bool has_keywords);
bool build_state(machine *m);
bool build_stored(machine *m);

#endif
