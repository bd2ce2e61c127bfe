#include "audit/show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/near.h"

const char *show_bytes(arena *a, uint64_t n_bytes)
{
    static const char *const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
    if (n_bytes < 1000) {
        return show_count(a, n_bytes, "byte");
    }
    double x = (double)n_bytes / 1000;
    size_t u = 0;
    while (x >= 999.5 && u + 1 < sizeof units / sizeof *units) {
        x /= 1000;
        u++;
    }
    return arena_printf(a, x < 9.95 ? "%.1f %s" : "%.0f %s", x, units[u]);
}

const char *show_count(arena *a, uint64_t n, const char *noun)
{
    return arena_printf(a, "%llu %s%s", (unsigned long long)n, noun, n == 1 ? "" : "s");
}

const char *show_dtype(arena *a, dtype dt)
{
    if (dt >= DT_COUNT) {
        return "?";
    }
    char *text = arena_strdup(a, dtype_st_name(dt));
    for (char *p = text; *p != '\0'; p++) {
        *p = *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p;
    }
    return text;
}

const char *show_place(arena *a, where at)
{
    unsigned line, column;
    if (at.src == NULL) {
        return "";
    }
    source_line_column(at.src, at.lo, &line, &column);
    return arena_printf(a, "%s:%u", path_base(at.src->path), line);
}

void show_names(buf *out, const char *indent, const char *const *names, size_t n,
                size_t max)
{
    folded *f = NULL;
    const size_t n_folded = fold_names(out->arena, names, n, &f);
    for (size_t i = 0; i < n_folded && i < max; i++) {
        buf_printf(out, "%s%s\n", indent, f[i].text);
    }
    if (n_folded > max) {
        buf_printf(out, "%sand %zu more\n", indent, n_folded - max);
    }
}

void note_complaints(arena *a, diag *dg, const diags *d)
{
    enum { MAX_LINES = 16 };
    char *text = NULL;
    size_t n_bytes = 0;
    FILE *f = open_memstream(&text, &n_bytes);
    if (f == NULL) {
        return;
    }
    diags_print_text(d, f, false);
    if (fclose(f) == 0) {
        const char *line = arena_strdup(a, text);
        for (unsigned n = 0; *line != '\0' && n < MAX_LINES; n++) {
            const size_t n_line = strcspn(line, "\n");
            diag_note(dg, "%.*s", (int)n_line, line);
            line += n_line + (line[n_line] != '\0');
        }
    }
    free(text);
}

void put_text(arena *a, value *record, const char *key, const char *text)
{
    value_set(a, record, key, text == NULL ? value_null(a) : value_string(a, text));
}

void put_count(arena *a, value *record, const char *key, uint64_t n)
{
    value_set(a, record, key, value_int(a, (int64_t)n));
}

void put_float(arena *a, value *record, const char *key, double x)
{
    value_set(a, record, key, value_float(a, x));
}

void put_bool(arena *a, value *record, const char *key, bool b)
{
    value_set(a, record, key, value_bool(a, b));
}

void put_shape(arena *a, value *record, const char *key, const uint64_t *shape,
               unsigned rank)
{
    value *list = value_list(a);
    for (unsigned i = 0; i < rank; i++) {
        vec_push(a, &list->items, value_int(a, (int64_t)shape[i]));
    }
    value_set(a, record, key, list);
}

void put_texts(arena *a, value *record, const char *key, const char *const *texts,
               size_t n)
{
    value *list = value_list(a);
    for (size_t i = 0; i < n; i++) {
        vec_push(a, &list->items, value_string(a, texts[i]));
    }
    value_set(a, record, key, list);
}

void put_place(arena *a, value *record, where at)
{
    unsigned line, column;
    if (at.src != NULL) {
        source_line_column(at.src, at.lo, &line, &column);
        put_text(a, record, "path", at.src->path);
        put_count(a, record, "line", line);
    }
}

uint64_t plan_tensor_bytes(const plan_tensor *t)
{
    uint64_t n_bytes = 0;
    return dtype_bytes(t->dt, t->n_elems, &n_bytes) ? n_bytes : 0;
}
