/* Atoms: sums multiplied out, compared, shown. */
#include <string.h>

#include "mapping/check.h"

/* ---- multiplying out ------------------------------------------------------------ */

static void add_label(arena *a, atom *x, const char *label)
{
    size_t i = x->labels.n;
    vec_push(a, &x->labels, label);
    while (i > 0 && strcmp(x->labels.at[i - 1], label) > 0) {
        x->labels.at[i] = x->labels.at[i - 1];
        i--;
    }
    x->labels.at[i] = label;
}

static atom copy_atom(arena *a, const atom *x)
{
    atom y = {.left_at = x->left_at, .right_at = x->right_at, .tensor = x->tensor};
    for (size_t i = 0; i < x->labels.n; i++) {
        vec_push(a, &y.labels, x->labels.at[i]);
    }
    for (size_t i = 0; i < x->axes.n; i++) {
        vec_push(a, &y.axes, x->axes.at[i]);
    }
    return y;
}

/* Multiply each atom of the list by a dim. */
static bool times_dim(arena *a, atom_list *list, const map_dim *d)
{
    if (d->kind == DIM_AXIS) {
        for (size_t i = 0; i < list->n; i++) {
            vec_push(a, &list->at[i].axes, d->axis);
        }
    }
    for (size_t i = 0; i < d->kids.n; i++) {
        if (!times_dim(a, list, d->kids.at[i])) {
            return false;
        }
    }
    if (d->kind != DIM_SUM) {
        return true;
    }
    atom_list sum = {0};
    for (size_t k = 0; k < d->parts.n; k++) {
        atom_list part = {0};
        for (size_t i = 0; i < list->n; i++) {
            atom x = copy_atom(a, &list->at[i]);
            add_label(a, &x, d->parts.at[k].label);
            vec_push(a, &part, x);
        }
        if (!times_dim(a, &part, d->parts.at[k].body) || sum.n + part.n > ATOMS_MAX) {
            return false;
        }
        for (size_t i = 0; i < part.n; i++) {
            vec_push(a, &sum, part.at[i]);
        }
    }
    *list = sum;
    return true;
}

/* Before dim i is multiplied in: do the dims left or right of the arrow begin? */
static void note_groups(const map_dims *d, size_t i, atom_list *list)
{
    for (size_t k = 0; k < list->n; k++) {
        atom *x = &list->at[k];
        x->left_at = i == d->n_batch ? x->axes.n : x->left_at;
        x->right_at = i == d->n_batch + d->n_left ? x->axes.n : x->right_at;
    }
}

bool atoms_of(arena *a, const map_tensor *t, const map_capture *captures,
              atom_list *out)
{
    atom x = {.tensor = t};
    atom_list list = {0};
    if (t->label != NULL) {
        add_label(a, &x, t->label);
    }
    for (size_t i = 0; i < t->name.segs.n; i++) {
        const uint32_t c = t->name.segs.at[i].capture;
        if (c == UINT32_MAX || c == t->same_in) {
            continue; /* replicas hold the same elements: no axis of the data */
        }
        const uint32_t axis =
            captures[c].axis != NO_AXIS ? captures[c].axis : (ATOM_CAPTURE | c);
        if (!atom_has_axis(&x, axis)) { /* `{l}` twice in a name is one axis */
            vec_push(a, &x.axes, axis);
        }
    }
    vec_push(a, &list, x);
    for (size_t i = 0; i < t->dims->all.n; i++) {
        note_groups(t->dims, i, &list);
        if (!times_dim(a, &list, t->dims->all.at[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < list.n; i++) {
        vec_push(a, out, list.at[i]);
    }
    return out->n <= ATOMS_MAX;
}

/* ---- comparing ------------------------------------------------------------------ */

bool atom_same_labels(const atom *x, const atom *y)
{
    if (x->labels.n != y->labels.n) {
        return false;
    }
    for (size_t i = 0; i < x->labels.n; i++) {
        if (strcmp(x->labels.at[i], y->labels.at[i]) != 0) {
            return false;
        }
    }
    return true;
}

bool atom_has_axis(const atom *x, uint32_t axis)
{
    for (size_t i = 0; i < x->axes.n; i++) {
        if (x->axes.at[i] == axis) {
            return true;
        }
    }
    return false;
}

/* As sets; no axis stands twice (that is complained of before). */
bool atom_same_axes(const atom *x, const atom *y)
{
    for (size_t i = 0; i < x->axes.n; i++) {
        if (!atom_has_axis(y, x->axes.at[i])) {
            return false;
        }
    }
    return x->axes.n == y->axes.n;
}

const char *atom_axis_name(const mapping *m, const map_capture *captures, uint32_t axis)
{
    return (axis & ATOM_CAPTURE) != 0 ? captures[axis & ~ATOM_CAPTURE].name
                                      : m->axes.at[axis].name;
}

const char *atom_axes_shown(arena *a, const mapping *m, const map_capture *captures,
                            const atom *x)
{
    buf b = {.arena = a};
    for (size_t i = 0; i < x->axes.n; i++) {
        buf_printf(&b, "%s%s", i > 0 ? " " : "",
                   atom_axis_name(m, captures, x->axes.at[i]));
    }
    return x->axes.n > 0 ? buf_str(&b) : "(one element)";
}

const char *atom_labels_shown(arena *a, const atom *x)
{
    if (x->labels.n == 0) {
        return "the tensor";
    }
    buf b = {.arena = a};
    buf_add(&b, "part `");
    for (size_t i = 0; i < x->labels.n; i++) {
        buf_printf(&b, "%s%s", i > 0 ? " " : "", x->labels.at[i]);
    }
    buf_add(&b, "`");
    return buf_str(&b);
}
