/* JSON: what is read prints to a text that reads as the same value. */
#include <stdlib.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    arena *a = arena_new();
    const char *why;
    const value *v = json_parse(a, (const char *)bytes, n_bytes, &why);
    if (v != NULL) {
        buf out = {.arena = a};
        json_print(&out, v);
        if (!value_equal(v, json_parse(a, buf_str(&out), out.n, &why))) {
            abort();
        }
    }
    arena_free(a);
    return 0;
}
