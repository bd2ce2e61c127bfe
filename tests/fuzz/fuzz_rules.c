/* Any bytes are a rule file or give errors; what parses has a canonical text that
 * parses again and is its own canonical text. */
#include <stdlib.h>
#include <string.h>

#include "grammar/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static const ast_file *parse(arena *a, const char *text, size_t n_bytes)
{
    context cx = {a, diags_new(a)};
    source *src = NEW(a, source);
    *src = (source){"input.rules", text, n_bytes};
    const ast_file *file = NULL;
    const rt_status status = rules_parse(&cx, src, &file);
    if ((status == RT_OK) != (diags_count(cx.diags, SEV_ERROR) == 0)) {
        abort();
    }
    return status == RT_OK ? file : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    arena *a = arena_new();
    char *text = arena_alloc(a, n_bytes + 1);
    memcpy(text, data, n_bytes);
    const ast_file *file = parse(a, text, n_bytes);
    if (file != NULL) {
        buf once = {.arena = a};
        buf twice = {.arena = a};
        rules_format(&once, file);
        const ast_file *again = parse(a, buf_str(&once), once.n);
        if (again == NULL) {
            abort();
        }
        rules_format(&twice, again);
        if (strcmp(buf_str(&once), buf_str(&twice)) != 0) {
            abort();
        }
    }
    arena_free(a);
    return 0;
}
