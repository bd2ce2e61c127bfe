#include "config/layouts.h"

#include <string.h>

#include "grammar/parse.h"

/* What a layout without a line of its own has. */
static map_files *default_files(arena *a)
{
    map_files *f = NEW(a, map_files);
    const file_name weights[] = {{.text = "model.safetensors"},
                                 {.text = "pytorch_model.bin"}};
    const map_config_file config = {.name = "config.json"};
    for (size_t i = 0; i < sizeof weights / sizeof *weights; i++) {
        vec_push(a, &f->weights, weights[i]);
    }
    vec_push(a, &f->configs, config);
    return f;
}

/* ---- the table ----------------------------------------------------------------- */

typedef struct builder {
    context *cx;
    const mapping *const *all;
    size_t n_all;
    layout_table *l;
    strmap *seen; /* names */
} builder;

static const char *when_text(arena *a, const expr *e)
{
    buf text = {.arena = a};
    if (e != NULL) {
        expr_print(&text, e);
    }
    return buf_str(&text);
}

static bool says_same(arena *a, const map_files *x, const map_files *y)
{
    bool same = x->weights.n == y->weights.n && x->configs.n == y->configs.n &&
                x->dtype.n == y->dtype.n && x->shard_bytes == y->shard_bytes;
    for (size_t i = 0; same && i < x->weights.n; i++) {
        same = file_name_same(&x->weights.at[i], &y->weights.at[i]);
    }
    for (size_t i = 0; same && i < x->configs.n; i++) {
        const map_config_file *p = &x->configs.at[i], *q = &y->configs.at[i];
        same = strcmp(p->name, q->name) == 0 &&
               strcmp(when_text(a, p->when), when_text(a, q->when)) == 0;
    }
    for (size_t i = 0; same && i < x->dtype.n; i++) {
        same = strcmp(x->dtype.at[i], y->dtype.at[i]) == 0;
    }
    return same;
}

/* Find the layout's line; a second one must say the same. */
static rt_status find_line(builder *b, layout_files *l)
{
    for (size_t i = 0; i < b->n_all; i++) {
        const mapping *m = b->all[i];
        unsigned side;
        if (!mapping_side(m, l->name, &side) || m->files[side] == NULL) {
            continue;
        }
        if (l->m == NULL) {
            l->m = m;
            l->side = side;
            l->files = m->files[side];
        } else if (!says_same(b->cx->arena, l->files, m->files[side])) {
            diag *dg = diag_report(
                b->cx->diags, SEV_ERROR, "files-differ", l->files->at,
                "the files of layout '%s' have other names in '%s'", l->name, m->name);
            diag_label(dg, m->files[side]->at, "named here");
            diag_help(dg, "a layout is one way to store a model: name another layout "
                          "in the header, or leave this line out");
            return RT_RULES;
        }
    }
    return RT_OK;
}

/* Add a layout behind those that are made from it. */
static rt_status add(builder *b, const char *name, bool of_adapters)
{
    layout_files l = {.name = name, .of_adapters = of_adapters};
    if (!strmap_add(b->seen, name, 1)) {
        return RT_OK;
    }
    for (size_t i = 0; i < b->n_all; i++) {
        const mapping *m = b->all[i];
        if (!m->is_merge && strcmp(m->layout[LEFT], name) == 0) {
            TRY(add(b, m->layout[RIGHT], false));
        }
    }
    TRY(find_line(b, &l));
    l.files = l.m != NULL ? l.files : default_files(b->cx->arena);
    vec_push(b->cx->arena, &b->l->at, l);
    return RT_OK;
}

static rt_status add_all(builder *b)
{
    for (size_t i = 0; i < b->n_all; i++) {
        if (!b->all[i]->is_merge) {
            TRY(add(b, b->all[i]->layout[LEFT], false));
        }
    }
    for (size_t i = 0; i < b->n_all; i++) {
        if (b->all[i]->is_merge) {
            TRY(add(b, b->all[i]->layout[LEFT], false));
            TRY(add(b, b->all[i]->layout[RIGHT], true));
        }
    }
    return RT_OK;
}

rt_status layouts_of(context *cx, const mapping *const *given, size_t n_given,
                     const mapping *const *embedded, size_t n_embedded,
                     const layout_table **out)
{
    layout_table *l = NEW(cx->arena, layout_table);
    const mapping **all = NEW_N(cx->arena, const mapping *, n_given + n_embedded + 1);
    builder b = {cx, all, 0, l, strmap_new(cx->arena)};
    l->none = (layout_files){.name = "", .files = default_files(cx->arena)};
    for (size_t i = 0; i < n_given; i++) {
        all[b.n_all++] = given[i];
    }
    for (size_t i = 0; i < n_embedded; i++) {
        bool again = false;
        for (size_t k = 0; k < n_given; k++) {
            again = again || strcmp(given[k]->name, embedded[i]->name) == 0;
        }
        if (!again) {
            all[b.n_all++] = embedded[i];
        }
    }
    *out = l;
    return add_all(&b);
}

rt_status layouts_load(context *cx, const mapping *const *given, size_t n_given,
                       const layout_table **out)
{
    const mapping *const *all;
    size_t n;
    TRY(mapping_all(cx, &all, &n));
    return layouts_of(cx, given, n_given, all, n, out);
}

const layout_files *layout_of(const layout_table *l, const char *name)
{
    for (size_t i = 0; i < l->at.n; i++) {
        if (strcmp(l->at.at[i].name, name) == 0) {
            return &l->at.at[i];
        }
    }
    return &l->none;
}

/* ---- weights ------------------------------------------------------------------- */

void layout_add_weights(arena *a, const layout_files *l, file_name_list *list)
{
    for (size_t i = 0; i < l->files->weights.n; i++) {
        bool is_new = true;
        for (size_t k = 0; k < list->n; k++) {
            is_new = is_new && !file_name_same(&list->at[k], &l->files->weights.at[i]);
        }
        if (is_new) {
            vec_push(a, list, l->files->weights.at[i]);
        }
    }
}

file_name_list layouts_weights(arena *a, const layout_table *l, const char *first)
{
    file_name_list list = {0};
    if (first != NULL) {
        layout_add_weights(a, layout_of(l, first), &list);
    }
    for (size_t i = 0; i < l->at.n; i++) {
        layout_add_weights(a, &l->at.at[i], &list);
    }
    return list;
}

const char *layouts_configs(arena *a, const layout_table *l)
{
    buf text = {.arena = a};
    strmap *seen = strmap_new(a);
    for (size_t i = l->at.n; i-- > 0;) { /* published layouts first */
        const map_files *f = l->at.at[i].files;
        for (size_t k = 0; !l->at.at[i].of_adapters && k < f->configs.n; k++) {
            if (strmap_add(seen, f->configs.at[k].name, 1)) {
                buf_printf(&text, "%s%s", text.n > 0 ? ", " : "",
                           f->configs.at[k].name);
            }
        }
    }
    return buf_str(&text);
}
