/* Dims: names to prime axes, composites to products, parts numbered; and their text. */
#include <string.h>

#include "mapping/check.h"

static void declare_dim(check *ck, const dim *d)
{
    if (d->kind == DIM_AXIS) {
        axis_need(ck, d->name, d->at);
    }
    for (size_t i = 0; i < d->kids.n; i++) {
        declare_dim(ck, d->kids.at[i]);
    }
    for (size_t i = 0; i < d->parts.n; i++) {
        declare_dim(ck, d->parts.at[i].body);
    }
}

static void declare_list(check *ck, const dim_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        declare_dim(ck, list->at[i]);
    }
}

void dims_declare(check *ck, const dims *d)
{
    if (d != NULL) {
        declare_list(ck, &d->batch);
        declare_list(ck, &d->left);
        declare_list(ck, &d->right);
    }
}

/* ---- resolving ----------------------------------------------------------------- */

static const map_dim *resolve(check *ck, rule_scope *scope, const dim *d);

static const map_dim *axis_dim(check *ck, uint32_t axis, where at)
{
    map_dim *md = NEW(ck->a, map_dim);
    *md = (map_dim){.kind = DIM_AXIS, .at = at, .axis = axis};
    return md;
}

static const map_dim *resolve_axis(check *ck, const dim *d)
{
    const uint32_t id = axis_need(ck, d->name, d->at);
    const map_axis *ax = &ck->m->axes.at[id];
    if (ax->primes.n == 0) {
        return axis_dim(ck, id, d->at);
    }
    map_dim *md = NEW(ck->a, map_dim);
    *md = (map_dim){.kind = DIM_PRODUCT, .at = d->at, .axis = NO_AXIS};
    for (size_t i = 0; i < ax->primes.n; i++) {
        vec_push(ck->a, &md->kids, axis_dim(ck, ax->primes.at[i], d->at));
    }
    return md;
}

static void resolve_part(check *ck, rule_scope *scope, const dim_part *p, map_dim *into)
{
    map_part mp = {.at = p->at, .label = p->label, .when = p->when};
    mp.id = scope->n_parts++;
    mp.body = resolve(ck, scope, p->body);
    vec_push(ck->a, &into->parts, mp);
}

/* A product within a product is one product: row-major order is associative. */
static void add_kid(check *ck, map_dim *md, const map_dim *kid)
{
    if (kid->kind != DIM_PRODUCT) {
        vec_push(ck->a, &md->kids, kid);
        return;
    }
    for (size_t i = 0; i < kid->kids.n; i++) {
        vec_push(ck->a, &md->kids, kid->kids.at[i]);
    }
}

static const map_dim *resolve(check *ck, rule_scope *scope, const dim *d)
{
    if (d->kind == DIM_AXIS) {
        return resolve_axis(ck, d);
    }
    map_dim *md = NEW(ck->a, map_dim);
    *md = (map_dim){.kind = d->kind, .at = d->at, .axis = NO_AXIS};
    if (d->kind == DIM_INT && d->size != 1) {
        diag *dg =
            complain(ck, "bad-dim", d->at, "only 1 can stand as a number in dims");
        diag_help(dg, "give the size a name: `axis NAME = %lld`", (long long)d->size);
    }
    for (size_t i = 0; i < d->kids.n; i++) {
        add_kid(ck, md, resolve(ck, scope, d->kids.at[i]));
    }
    for (size_t i = 0; i < d->parts.n; i++) {
        resolve_part(ck, scope, &d->parts.at[i], md);
    }
    return md;
}

static void resolve_list(check *ck, rule_scope *scope, const dim_list *list,
                         map_dims *into)
{
    for (size_t i = 0; i < list->n; i++) {
        vec_push(ck->a, &into->all, resolve(ck, scope, list->at[i]));
    }
}

const map_dims *dims_resolve(check *ck, rule_scope *scope, const dims *d, bool only_out)
{
    map_dims *md = NEW(ck->a, map_dims);
    md->at = d->at;
    md->any = d->any;
    md->n_batch = (uint32_t)d->batch.n;
    resolve_list(ck, scope, &d->batch, md);
    if (only_out && d->arrow != ARROW_NONE) {
        const dim_list *out = d->arrow == ARROW_OUT_IN ? &d->left : &d->right;
        md->n_left = (uint32_t)out->n;
        md->only_out = true;
        resolve_list(ck, scope, out, md);
        return md;
    }
    md->arrow = d->arrow;
    md->n_left = (uint32_t)d->left.n;
    resolve_list(ck, scope, &d->left, md);
    resolve_list(ck, scope, &d->right, md);
    return md;
}

/* ---- guards of labels ----------------------------------------------------------- */

typedef struct label_use {
    const char *label;
    const expr *when;
    where at;
} label_use;
typedef VEC(label_use) label_uses;

static void add_use(check *ck, label_uses *uses, const char *label, const expr *when,
                    where at)
{
    for (size_t i = 0; i < uses->n; i++) {
        const label_use *u = &uses->at[i];
        if (strcmp(u->label, label) == 0 && !expr_same(u->when, when)) {
            diag *dg =
                complain(ck, "guard-one-side", at,
                         "label `%s` has a condition here that it lacks elsewhere in "
                         "the rule",
                         label);
            diag_label(dg, u->at, "the other place");
            diag_help(dg, "write the same `when` wherever the label stands");
            return;
        }
    }
    const label_use u = {label, when, at};
    vec_push(ck->a, uses, u);
}

static void add_dim_uses(check *ck, const rule_scope *scope, label_uses *uses,
                         const map_dim *d)
{
    const name_scope names = {
        .captures = &scope->captures, .guard = true, .both = ck->m->is_merge};
    for (size_t i = 0; i < d->kids.n; i++) {
        add_dim_uses(ck, scope, uses, d->kids.at[i]);
    }
    for (size_t i = 0; i < d->parts.n; i++) {
        const map_part *p = &d->parts.at[i];
        if (p->when != NULL) {
            expr_check(ck, p->when, &names);
        }
        add_use(ck, uses, p->label, p->when, p->at);
        add_dim_uses(ck, scope, uses, p->body);
    }
}

void parts_check(check *ck, const rule_scope *scope, const map_tensor *const *tensors,
                 size_t n)
{
    label_uses uses = {0};
    const size_t before = n_errors(ck);
    for (size_t i = 0; i < n && n_errors(ck) == before; i++) {
        if (tensors[i]->label != NULL) {
            add_use(ck, &uses, tensors[i]->label, NULL, tensors[i]->at);
        }
        for (size_t k = 0; k < tensors[i]->dims->all.n; k++) {
            add_dim_uses(ck, scope, &uses, tensors[i]->dims->all.at[k]);
        }
    }
}

/* ---- text ----------------------------------------------------------------------- */

static void show_dim(buf *out, const mapping *m, const map_dim *d, bool bare)
{
    switch (d->kind) {
    case DIM_AXIS: buf_add(out, m->axes.at[d->axis].name); break;
    case DIM_INT: buf_add(out, "1"); break;
    case DIM_PRODUCT:
        buf_add(out, bare ? "" : "(");
        for (size_t i = 0; i < d->kids.n; i++) {
            buf_add(out, i > 0 ? " " : "");
            show_dim(out, m, d->kids.at[i], false);
        }
        buf_add(out, bare ? "" : ")");
        break;
    case DIM_SUM:
        buf_add(out, "(");
        for (size_t i = 0; i < d->parts.n; i++) {
            const map_part *p = &d->parts.at[i];
            buf_printf(out, "%s%s:", i > 0 ? " | " : "", p->label);
            buf_add(out, p->body->kids.n > 0 ? " " : "");
            show_dim(out, m, p->body, true);
            if (p->when != NULL) {
                buf_printf(out, " when %s", expr_shown(out->arena, p->when));
            }
        }
        buf_add(out, ")");
        break;
    }
}

void dims_show(buf *out, const mapping *m, const map_dims *d)
{
    const char *arrow = d->arrow == ARROW_OUT_IN ? " <- " : " -> ";
    buf_add(out, d->any ? "[..." : "[");
    for (uint32_t i = 0; i < d->all.n; i++) {
        if (i == d->n_batch + d->n_left && d->arrow != ARROW_NONE) {
            buf_add(out, arrow);
        } else if (i == d->n_batch && i > 0) {
            buf_add(out, ", ");
        } else if (i > 0) {
            buf_add(out, " ");
        }
        show_dim(out, m, d->all.at[i], false);
    }
    buf_add(out, "]");
}
