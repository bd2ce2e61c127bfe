/* The operations of the pickle machine that build containers and calls. */
#include <string.h>

#include "checkpoint/pickle_machine.h"

static pickle_node **copy_items(machine *m, pickle_node *const *items, uint32_t n)
{
    pickle_node **copy = NEW_N(m->arena, pickle_node *, n);

    memcpy(copy, items, n * sizeof(pickle_node *));
    return copy;
}

/* Add n items to the growing array at *to. */
static bool add_items(machine *m, pickle_node ***to, uint32_t *n_to, uint32_t *cap,
                      pickle_node *const *items, uint32_t n)
{
    if (n == 0) {
        return true;
    }
    if (*n_to > UINT32_MAX / 4 || n > UINT32_MAX / 4) {
        return machine_fail(m, "a container grows too large");
    }
    if (*n_to + n > *cap) {
        /* Exactly, the first time: most containers are filled by one operation. */
        *cap = *n_to == 0 ? n : (*n_to + n) * 2;
        pickle_node **grown = NEW_N(m->arena, pickle_node *, *cap);
        if (*n_to > 0) {
            memcpy(grown, *to, *n_to * sizeof(pickle_node *));
        }
        *to = grown;
    }
    memcpy(*to + *n_to, items, n * sizeof(pickle_node *));
    *n_to += n;
    return true;
}

static bool add_to_node(machine *m, pickle_node *target, pickle_node *const *items,
                        uint32_t n)
{
    if (target->kind != PICKLE_CALL) {
        return add_items(m, &target->items, &target->n, &target->cap, items, n);
    }
    return add_items(m, &target->call->items, &target->call->n, &target->call->cap,
                     items, n);
}

static bool is_open_call(const pickle_node *node)
{
    return node->kind == PICKLE_CALL && pickle_name_is_open((pickle_name)node->name);
}

bool build_tuple(machine *m, uint32_t n)
{
    pickle_node *items[3];

    for (uint32_t i = n; i-- > 0;) {
        items[i] = machine_pop(m);
        if (items[i] == NULL) {
            return false;
        }
    }
    pickle_node *node = machine_node(m, PICKLE_TUPLE);
    if (node == NULL) {
        return false;
    }
    node->items = copy_items(m, items, n);
    node->n = n;
    return machine_push(m, node);
}

bool build_marked(machine *m, pickle_kind kind)
{
    pickle_node **items;
    uint32_t n;

    if (!machine_pop_mark(m, &items, &n)) {
        return false;
    }
    if (kind == PICKLE_DICT && n % 2 != 0) {
        return machine_fail(m, "a dict has a key without a value");
    }
    pickle_node *node = machine_node(m, kind);
    return node != NULL && add_to_node(m, node, items, n) && machine_push(m, node);
}

/* The items of an operation: those above the mark, or the one at the top. */
static bool take_items(machine *m, bool is_marked, uint32_t n_single,
                       pickle_node ***items, uint32_t *n)
{
    if (is_marked) {
        return machine_pop_mark(m, items, n);
    }
    for (uint32_t i = 0; i < n_single; i++) {
        if (machine_pop(m) == NULL) {
            return false;
        }
    }
    *items = m->stack.at + m->stack.n; /* just popped: still there */
    *n = n_single;
    return true;
}

bool build_append(machine *m, bool is_marked)
{
    pickle_node **items, *target;
    uint32_t n;

    if (!take_items(m, is_marked, 1, &items, &n) || (target = machine_top(m)) == NULL) {
        return false;
    }
    const bool is_list = target->kind == PICKLE_LIST ||
                         (is_open_call(target) && target->name != NAME_ORDERED_DICT);
    return is_list ? add_to_node(m, target, items, n)
                   : machine_fail(m, "something is appended to %s",
                                  pickle_describe(m->arena, target));
}

bool build_set_items(machine *m, bool is_marked)
{
    pickle_node **items, *target;
    uint32_t n;

    if (!take_items(m, is_marked, 2, &items, &n) || (target = machine_top(m)) == NULL) {
        return false;
    }
    if (n % 2 != 0) {
        return machine_fail(m, "a dict has a key without a value");
    }
    return target->kind == PICKLE_DICT || is_open_call(target)
               ? add_to_node(m, target, items, n)
               : machine_fail(m, "a key is set in %s",
                              pickle_describe(m->arena, target));
}

bool build_add_items(machine *m)
{
    pickle_node **items, *target;
    uint32_t n;

    if (!machine_pop_mark(m, &items, &n) || (target = machine_top(m)) == NULL) {
        return false;
    }
    return target->kind == PICKLE_SET || is_open_call(target)
               ? add_to_node(m, target, items, n)
               : machine_fail(m, "something is added to %s",
                              pickle_describe(m->arena, target));
}

/* No spaces or control characters: such a name names nothing, and could hide in a
 * message. */
static bool is_plain_name(const char *name, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const unsigned char c = (unsigned char)name[i];
        if (c <= ' ' || c == 0x7F) {
            return false;
        }
    }
    return n > 0;
}

bool build_global(machine *m, const char *module, size_t n_module, const char *name,
                  size_t n_name)
{
    char small[256], *key = small;
    const size_t n_key = n_module + 1 + n_name;
    uint64_t i;

    if (!is_plain_name(module, n_module) || !is_plain_name(name, n_name)) {
        return machine_fail(m, "a global without a plain name");
    }
    if (n_key >= sizeof small) {
        key = arena_alloc(m->arena, n_key + 1);
    }
    memcpy(key, module, n_module);
    key[n_module] = ' ';
    memcpy(key + n_module + 1, name, n_name);
    key[n_key] = '\0';
    if (strmap_get(m->globals, key, &i)) {
        return machine_push(m, m->known.at[i]);
    }
    pickle_node *node = machine_node(m, PICKLE_GLOBAL);
    if (node == NULL) {
        return false;
    }
    const char *mod = arena_strndup(m->arena, module, n_module);
    const char *nam = arena_strndup(m->arena, name, n_name);
    dtype dt;
    node->text = arena_printf(m->arena, "%s.%s", mod, nam);
    node->name = (uint8_t)pickle_name_of(mod, nam, &dt);
    node->dt = (uint8_t)dt;
    if (node->name == NAME_OTHER) {
        vec_push(m->arena, &m->out->others, node->text);
    }
    strmap_set(m->globals, arena_strdup(m->arena, key), m->known.n);
    vec_push(m->arena, &m->known, node);
    return machine_push(m, node);
}

bool build_stack_global(machine *m)
{
    const pickle_node *name = machine_pop(m), *module = machine_pop(m);

    if (name == NULL || module == NULL) {
        return false;
    }
    if (name->kind != PICKLE_STRING || module->kind != PICKLE_STRING) {
        return machine_fail(m, "a global is named by something that is no text");
    }
    return build_global(m, module->text, module->n, name->text, name->n);
}

bool build_call(machine *m, bool is_new, bool has_keywords)
{
    const pickle_node *keywords = has_keywords ? machine_pop(m) : NULL;
    const pickle_node *args = machine_pop(m);
    const pickle_node *callee = machine_pop(m);

    if (callee == NULL || args == NULL || (has_keywords && keywords == NULL)) {
        return false;
    }
    /* A persistent id is a class where a module was saved with its code. */
    const bool is_callable =
        callee->kind == PICKLE_GLOBAL || callee->kind == PICKLE_STORED ||
        (callee->kind == PICKLE_CALL && callee->name == NAME_OTHER);
    if (!is_callable) {
        return machine_fail(m, "%s is called", pickle_describe(m->arena, callee));
    }
    if (args->kind != PICKLE_TUPLE ||
        (keywords != NULL && keywords->kind != PICKLE_DICT)) {
        return machine_fail(m, "a call has arguments of the wrong kind");
    }
    pickle_node *node = machine_node(m, PICKLE_CALL);
    if (node == NULL) {
        return false;
    }
    const bool is_plain = callee->kind == PICKLE_GLOBAL && keywords == NULL;
    node->name = is_plain ? callee->name : NAME_OTHER;
    node->call = NEW(m->arena, pickle_call);
    node->call->callee = callee;
    node->call->args = args;
    node->call->is_new = is_new;
    return machine_push(m, node);
}

/* BUILD: obj.__setstate__(state), or obj.__dict__.update(state). */
bool build_state(machine *m)
{
    const pickle_node *state = machine_pop(m);
    pickle_node *target = state != NULL ? machine_top(m) : NULL;

    if (target == NULL) {
        return false;
    }
    if (target->kind != PICKLE_CALL) {
        return machine_fail(m, "a state is given to %s",
                            pickle_describe(m->arena, target));
    }
    target->call->state = state;
    return true;
}

bool build_stored(machine *m)
{
    pickle_node *id = machine_pop(m);
    pickle_node *node = id != NULL ? machine_node(m, PICKLE_STORED) : NULL;

    if (node == NULL) {
        return false;
    }
    node->items = copy_items(m, &id, 1);
    node->n = 1;
    vec_push(m->arena, &m->out->storages, node);
    return machine_push(m, node);
}
