#include <string.h>

#include "grammar/ast_build.h"

/* ---- names ------------------------------------------------------------------- */

template *ast_template(parse_state *ps, where at, const char *text)
{
    template *t = NEW(ps->arena, template);
    t->at = (where){at.src, at.lo, at.lo};
    return text[0] != '\0' ? ast_template_text(ps, at, t, text) : t;
}

template *ast_template_text(parse_state *ps, where at, template *t, const char *text)
{
    const segment s = {.kind = SEG_TEXT, .at = at, .text = text};
    vec_push(ps->arena, &t->segs, s);
    t->at.hi = at.hi;
    return t;
}

template *ast_template_hole(parse_state *ps, where at, template *t, segment hole,
                            where end)
{
    hole.at = at;
    vec_push(ps->arena, &t->segs, hole);
    t->at.hi = end.hi;
    return t;
}

segment ast_hole(parse_state *ps, where at, segment_kind kind, const char *name,
                 const char *regex)
{
    const char *dash = strrchr(name, '-');
    if (dash != NULL && dash[1 + strspn(dash + 1, "0123456789")] == '\0') {
        diag *dg = ast_error(ps, at, "'%s' is one name, not a difference", name);
        diag_help(dg, "write {%.*s - %s} with blanks", (int)(dash - name), name,
                  dash + 1);
    }
    return (segment){.kind = kind, .at = at, .name = name, .text = regex};
}

segment ast_hole_shift(parse_state *ps, where at, const char *name, int64_t shift)
{
    segment s = ast_hole(ps, at, SEG_NAME, name, NULL);
    s.shift = shift;
    return s;
}

segment ast_hole_width(parse_state *ps, where at, const char *name, unsigned width)
{
    segment s = ast_hole(ps, at, SEG_NAME, name, NULL);
    s.width = width;
    return s;
}

segment ast_hole_range(parse_state *ps, where at, const char *name, int64_t shift,
                       segment range)
{
    segment s = ast_hole_shift(ps, at, name, shift);
    s.lo = range.lo;
    s.hi = range.hi;
    if (s.lo == NULL && s.hi == NULL) {
        ast_error(ps, at, "the range of {%s} is open on both ends", name);
    }
    return s;
}

segment ast_hole_alts(parse_state *ps, where at, alternative_list alts)
{
    (void)ps;
    return (segment){.kind = SEG_ALT, .at = at, .alts = alts};
}

alternative ast_alternative(where at, alternative text, bool optional, const expr *when)
{
    text.at = at;
    text.optional = optional;
    text.when = when;
    return text;
}

alternative_list ast_alt(parse_state *ps, alternative_list list, alternative a)
{
    for (size_t i = 0; i < list.n; i++) {
        if (strcmp(list.at[i].text, a.text) == 0 && list.at[i].when == NULL) {
            diag *dg =
                ast_error(ps, a.at, "the alternative '%s' stands here twice", a.text);
            diag_label(dg, list.at[i].at, "first here");
        }
    }
    vec_push(ps->arena, &list, a);
    return list;
}

/* ---- dimensions -------------------------------------------------------------- */

static dim *dim_new(parse_state *ps, where at, dim_kind kind)
{
    dim *d = NEW(ps->arena, dim);
    d->kind = kind;
    d->at = at;
    return d;
}

const dim *ast_dim_axis(parse_state *ps, where at, const char *name)
{
    dim *d = dim_new(ps, at, DIM_AXIS);
    d->name = name;
    return d;
}

const dim *ast_dim_int(parse_state *ps, where at, int64_t size)
{
    dim *d = dim_new(ps, at, DIM_INT);
    d->size = size;
    return d;
}

const dim *ast_dim_product(parse_state *ps, where at, dim_list kids)
{
    dim *d = dim_new(ps, at, DIM_PRODUCT);
    d->kids = kids;
    return d;
}

const dim *ast_dim_sum(parse_state *ps, where at, dim_part_list parts)
{
    dim *d = dim_new(ps, at, DIM_SUM);
    d->parts = parts;
    for (size_t i = 0; i < parts.n; i++) {
        for (size_t k = 0; k < i; k++) {
            if (strcmp(parts.at[i].label, parts.at[k].label) == 0) {
                diag *dg = ast_error(ps, parts.at[i].at,
                                     "the label '%s' stands in this sum twice",
                                     parts.at[i].label);
                diag_label(dg, parts.at[k].at, "first here");
                k = i - 1;
            }
        }
    }
    return d;
}

dim_part ast_dim_part(parse_state *ps, where at, const char *label, dim_list body,
                      const expr *when)
{
    dim *product = dim_new(ps, at, DIM_PRODUCT);
    product->kids = body;
    return (dim_part){.at = at, .label = label, .body = product, .when = when};
}

static void add_all(parse_state *ps, dim_list *to, dim_list from)
{
    for (size_t i = 0; i < from.n; i++) {
        vec_push(ps->arena, to, from.at[i]);
    }
}

const dims *ast_dims(parse_state *ps, where at, dim_group_list groups)
{
    dims *d = NEW(ps->arena, dims);
    d->at = at;
    for (size_t i = 0; i < groups.n; i++) { /* without an arrow, commas only separate */
        add_all(ps, &d->left, groups.at[i]);
    }
    return d;
}

const dims *ast_dims_any(parse_state *ps, where at)
{
    dims *d = NEW(ps->arena, dims);
    *d = (dims){.at = at, .any = true};
    return d;
}

const dims *ast_dims_map(parse_state *ps, where at, dim_group_list left,
                         arrow_kind arrow, dim_list right)
{
    dims *d = NEW(ps->arena, dims);
    d->at = at;
    d->arrow = arrow;
    for (size_t i = 0; i + 1 < left.n; i++) {
        add_all(ps, &d->batch, left.at[i]);
    }
    d->left = left.at[left.n - 1];
    d->right = right;
    return d;
}

/* ---- tensors ----------------------------------------------------------------- */

tensor_ref ast_tensor(where at, const template *name, const char *label, const dims *d,
                      const char *same_in)
{
    return (tensor_ref){
        .at = at, .name = name, .label = label, .dims = d, .same_in = same_in};
}

tensor_ref ast_role(where at, const char *role, tensor_ref t)
{
    t.at = at;
    t.role = role;
    return t;
}
