/* What a comparison found, as text and as a value. */
#include <string.h>

#include "audit/show.h"
#include "audit/verify.h"
#include "base/near.h"

/* The least of the names that a folded one stands for: "x.{0..2,5}.w" -> "x.0.w". */
static const char *first_name(arena *a, const char *text)
{
    buf b = {.arena = a};
    while (*text != '\0') {
        if (*text == '{') {
            const size_t n = strspn(text + 1, "0123456789");
            buf_add_n(&b, text + 1, n);
            text += strcspn(text, "}");
        } else {
            buf_add_n(&b, text, 1);
        }
        text += *text == '\0' ? 0 : 1;
    }
    return buf_str(&b);
}

/* "is", "has" and "differs", of several. */
static const char *of_several(arena *a, const char *what)
{
    static const char *const verbs[][2] = {
        {"is ", "are "}, {"has ", "have "}, {"differs", "differ"}};
    for (unsigned i = 0; i < 3; i++) {
        const size_t n = strlen(verbs[i][0]);
        if (strncmp(what, verbs[i][0], n) == 0) {
            return arena_printf(a, "%s%s", verbs[i][1], what + n);
        }
    }
    return what;
}

static const char *line_text(arena *a, const verify_line *l)
{
    return l->place == NULL ? l->what
                            : arena_printf(a, "%s, first at %s", l->what, l->place);
}

/* One line for all names of which the same is true, as far as they fold. */
static void add_kind(buf *out, const verify_result *r, const strmap *by_name,
                     const char *what, size_t *n_lines, size_t max_lines)
{
    arena *a = out->arena;
    VEC(const char *) names = {0};
    folded *f;
    for (size_t i = 0; i < r->lines.n; i++) {
        if (strcmp(r->lines.at[i].what, what) == 0) {
            vec_push(a, &names, r->lines.at[i].name);
        }
    }
    const size_t n = fold_names(a, names.at, names.n, &f);
    for (size_t i = 0; i < n; i++, ++*n_lines) {
        uint64_t at = 0;
        (void)strmap_get(by_name, first_name(a, f[i].text), &at);
        const verify_line *l = &r->lines.at[at];
        if (*n_lines >= max_lines) {
            continue;
        }
        if (f[i].n == 1) {
            buf_printf(out, "%s %s\n", f[i].text, line_text(a, l));
        } else if (l->place == NULL) {
            buf_printf(out, "%s %s\n", f[i].text, of_several(a, what));
        } else {
            buf_printf(out, "%s %s, the first at %s\n", f[i].text, of_several(a, what),
                       l->place);
        }
    }
}

void verify_text(buf *out, const verify_result *r)
{
    enum { MAX_LINES = 40 };
    arena *a = out->arena;
    strmap *by_name = strmap_new(a), *kinds = strmap_new(a);
    size_t n_lines = 0;
    if (r->is_merge) {
        fit_text(out, r);
    }
    for (size_t i = 0; i < r->lines.n; i++) {
        (void)strmap_add(by_name, r->lines.at[i].name, i);
        (void)strmap_add(kinds, r->lines.at[i].what, i);
    }
    for (size_t i = 0; i < strmap_count(kinds); i++) {
        add_kind(out, r, by_name, strmap_key(kinds, i), &n_lines, MAX_LINES);
    }
    if (n_lines > MAX_LINES) {
        buf_printf(out, "and %zu more lines\n", n_lines - MAX_LINES);
    }
    buf_printf(out, "%s%s equal, %zu different (%s compared)\n",
               r->is_merge ? "beside them " : "", show_count(a, r->n_equal, "tensor"),
               r->lines.n, show_bytes(a, r->n_bytes));
}

value *verify_value(arena *a, const verify_result *r)
{
    value *v = value_record(a), *list = value_list(a), *casts = value_list(a);
    put_bool(a, v, r->is_merge ? "merged" : "equal", verify_holds(r));
    if (r->is_merge) {
        put_float(a, v, "times", r->times);
        put_float(a, v, "residual", r->residual);
        value_set(a, v, "updates", fit_value(a, r));
    }
    put_count(a, v, "n_equal", r->n_equal);
    put_count(a, v, "n_bytes", r->n_bytes);
    for (size_t i = 0; i < r->lines.n; i++) {
        value *one = value_record(a);
        put_text(a, one, "name", r->lines.at[i].name);
        put_text(a, one, "what", line_text(a, &r->lines.at[i]));
        vec_push(a, &list->items, one);
    }
    value_set(a, v, "different", list);
    for (size_t i = 0; i < r->casts.n; i++) {
        value *one = value_record(a);
        put_text(a, one, "from", dtype_st_name(r->casts.at[i].from));
        put_text(a, one, "to", dtype_st_name(r->casts.at[i].to));
        put_count(a, one, "n_tensors", r->casts.at[i].n);
        vec_push(a, &casts->items, one);
    }
    value_set(a, v, "cast", casts);
    return v;
}
