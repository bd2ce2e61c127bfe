/* Prefixes that wrapping modules leave in names: `_orig_mod.` of torch.compile, before
 * any component; `module.` of DDP and FSDP and `_forward_module.` of Lightning, before
 * all names of a checkpoint or none.
 */
#include <string.h>

#include "checkpoint/bad_file.h"
#include "checkpoint/open_parts.h"

static const char compiled[] = "_orig_mod.";
static const char *const wrappers[] = {"_forward_module.", "module."};

/* The name without any `_orig_mod.` at the start of a component. */
static const char *without_compiled(arena *a, const char *name)
{
    const size_t n = sizeof compiled - 1;

    if (strstr(name, compiled) == NULL) {
        return name;
    }
    char *copy = arena_strdup(a, name), *to = copy;
    for (const char *from = name; *from != '\0';) {
        const bool at_start = from == name || from[-1] == '.' || from[-1] == '/';
        if (at_start && strncmp(from, compiled, n) == 0) {
            from += n;
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
    return *copy != '\0' ? copy : name;
}

/* Remove the prefix from all names if all have it, and more. */
static bool remove_wrapper(inventory *inv, const char *prefix)
{
    const size_t n = strlen(prefix);

    for (size_t i = 0; i < inv->tensors.n; i++) {
        const char *name = inv->tensors.at[i].name;
        if (strncmp(name, prefix, n) != 0 || name[n] == '\0') {
            return false;
        }
    }
    for (size_t i = 0; i < inv->tensors.n; i++) {
        inv->tensors.at[i].name += n;
    }
    return inv->tensors.n > 0;
}

static rt_status index_again(context *cx, inventory *inv, const char **before)
{
    inv->by_name = strmap_new(cx->arena);
    for (size_t i = 0; i < inv->tensors.n; i++) {
        const tensor_info *t = &inv->tensors.at[i];
        uint64_t other = 0;
        if (strmap_add(inv->by_name, t->name, i)) {
            continue;
        }
        (void)strmap_get(inv->by_name, t->name, &other);
        return bad_file(
            cx, inv->files.at[t->file].path, NULL,
            "tensors %s and %s are both %s without the prefixes of wrapping "
            "modules",
            before[other], before[i], t->name);
    }
    return RT_OK;
}

rt_status unwrap_names(context *cx, inventory *inv)
{
    const char **before = NEW_N(cx->arena, const char *, inv->tensors.n + 1);
    size_t n_compiled = 0;
    bool is_wrapped = false;

    for (size_t i = 0; i < inv->tensors.n; i++) {
        tensor_info *t = &inv->tensors.at[i];
        before[i] = t->name;
        t->name = without_compiled(cx->arena, t->name);
        n_compiled += t->name != before[i];
    }
    if (n_compiled > 0) {
        inventory_note(cx, inv, inv->files.at[0].path,
                       "the prefix %s of torch.compile is removed from %zu names",
                       compiled, n_compiled);
    }
    for (size_t w = 0; w < sizeof wrappers / sizeof wrappers[0]; w++) {
        while (remove_wrapper(inv, wrappers[w])) {
            inventory_note(cx, inv, inv->files.at[0].path,
                           "the prefix %s of all names is removed", wrappers[w]);
            is_wrapped = true;
        }
    }
    return n_compiled > 0 || is_wrapped ? index_again(cx, inv, before) : RT_OK;
}
