/* reprint -- read a text and print its value in another form, for Python to judge:
 *
 *     reprint json|yaml json|compact|yaml < TEXT
 */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/yaml.h"

static char *read_all(arena *a, FILE *from, size_t *n_bytes)
{
    buf b = {.arena = a};
    char chunk[4096];
    size_t n;
    while ((n = fread(chunk, 1, sizeof chunk, from)) > 0) {
        buf_add_n(&b, chunk, n);
    }
    *n_bytes = b.n;
    return buf_str(&b);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        (void)fprintf(stderr, "usage: reprint json|yaml json|compact|yaml < TEXT\n");
        return 2;
    }
    arena *a = arena_new();
    size_t n_bytes;
    const char *text = read_all(a, stdin, &n_bytes), *why = NULL;
    const bool from_json = strcmp(argv[1], "json") == 0;
    const value *v = from_json ? json_parse(a, text, n_bytes, &why)
                               : yaml_parse(a, text, n_bytes, &why);
    buf out = {.arena = a};
    if (v == NULL) {
        (void)fprintf(stderr, "%s\n", why);
    } else if (strcmp(argv[2], "yaml") == 0) {
        yaml_print(&out, v);
    } else if (strcmp(argv[2], "json") == 0) {
        json_print(&out, v);
    } else {
        json_print_compact(&out, v);
    }
    (void)fwrite(buf_str(&out), 1, out.n, stdout);
    const int status = v == NULL;
    arena_free(a);
    return status;
}
