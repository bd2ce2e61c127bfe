#include "base/file_name.h"

#include <string.h>

bool file_name_fits(arena *a, const file_name *f, const char *name, const char **digits)
{
    const size_t n = strlen(name), n_text = strlen(f->text);
    *digits = NULL;
    if (f->behind == NULL) {
        return strcmp(name, f->text) == 0;
    }
    const size_t n_behind = strlen(f->behind);
    if (n <= n_text + n_behind || strncmp(name, f->text, n_text) != 0 ||
        strcmp(name + n - n_behind, f->behind) != 0) {
        return false;
    }
    const char *number = name + n_text;
    const size_t n_digits = n - n_text - n_behind;
    const bool padded = number[0] == '0' && n_digits > 1;
    if (strspn(number, "0123456789") < n_digits || n_digits < f->width ||
        n_digits > 9 || (padded && n_digits > f->width)) {
        return false;
    }
    *digits = arena_strndup(a, number, n_digits);
    return true;
}

const char *file_name_fill(arena *a, const file_name *f, const char *digits)
{
    return f->behind == NULL ? f->text
                             : arena_printf(a, "%s%s%s", f->text, digits, f->behind);
}

const char *file_name_show(arena *a, const file_name *f)
{
    const char *width = f->width > 0 ? arena_printf(a, ":0%u", f->width) : "";
    return file_name_fill(a, f, arena_printf(a, "{%s%s}", f->capture, width));
}

bool file_name_same(const file_name *x, const file_name *y)
{
    if (strcmp(x->text, y->text) != 0 || (x->behind == NULL) != (y->behind == NULL)) {
        return false;
    }
    return x->behind == NULL ||
           (strcmp(x->behind, y->behind) == 0 && x->width == y->width &&
            strcmp(x->capture, y->capture) == 0);
}
