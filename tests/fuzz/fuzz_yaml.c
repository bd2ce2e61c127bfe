/* YAML: what is read prints to a text that reads as the same value. */
#include <stdlib.h>

#include "base/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    arena *a = arena_new();
    const char *why;
    const value *v = yaml_parse(a, (const char *)bytes, n_bytes, &why);
    if (v != NULL) {
        buf out = {.arena = a};
        yaml_print(&out, v);
        if (!value_equal(v, yaml_parse(a, buf_str(&out), out.n, &why))) {
            abort();
        }
    }
    arena_free(a);
    return 0;
}
