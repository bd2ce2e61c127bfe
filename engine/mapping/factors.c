/* Terms of an update: its factors multiplied out, and whether they fit the target. */
#include <string.h>

#include "mapping/check.h"

#define MAX_TENSORS 8

typedef struct terms {
    check *ck;
    const map_update *u;
    const map_tensor *tensor[MAX_TENSORS];
    atom_list atoms[MAX_TENSORS]; /* of each factor */
    const atom *pick[MAX_TENSORS];
    size_t n;
    atom_list target;
    bool failed;
} terms;

/* ---- labels -------------------------------------------------------------------------
 */

static bool in_one_sum(const map_dim *d, const char *x, const char *y)
{
    bool has_x = false, has_y = false;
    for (size_t i = 0; i < d->parts.n; i++) {
        has_x = has_x || strcmp(d->parts.at[i].label, x) == 0;
        has_y = has_y || strcmp(d->parts.at[i].label, y) == 0;
        if (in_one_sum(d->parts.at[i].body, x, y)) {
            return true;
        }
    }
    for (size_t i = 0; i < d->kids.n; i++) {
        if (in_one_sum(d->kids.at[i], x, y)) {
            return true;
        }
    }
    return has_x && has_y;
}

/* Two labels that are alternatives of one sum, in any tensor of the update. */
static bool are_alternatives(const terms *t, const char *x, const char *y)
{
    if (strcmp(x, y) == 0) {
        return false;
    }
    for (size_t k = 0; k <= t->n; k++) {
        const map_tensor *mt = k < t->n ? t->tensor[k] : &t->u->target;
        for (size_t i = 0; i < mt->dims->all.n; i++) {
            if (in_one_sum(mt->dims->all.at[i], x, y)) {
                return true;
            }
        }
    }
    return false;
}

static bool join(const terms *t, const atom *x, const atom *y)
{
    for (size_t i = 0; i < x->labels.n; i++) {
        for (size_t k = 0; k < y->labels.n; k++) {
            if (are_alternatives(t, x->labels.at[i], y->labels.at[k])) {
                return false;
            }
        }
    }
    return true;
}

/* The labels of all picked atoms, as an atom without axes. */
static atom joined_labels(const terms *t)
{
    atom all = {.tensor = t->tensor[0]};
    for (size_t k = 0; k < t->n; k++) {
        for (size_t i = 0; i < t->pick[k]->labels.n; i++) {
            const char *label = t->pick[k]->labels.at[i];
            size_t at = 0;
            while (at < all.labels.n && strcmp(all.labels.at[at], label) < 0) {
                at++;
            }
            if (at < all.labels.n && strcmp(all.labels.at[at], label) == 0) {
                continue;
            }
            vec_push(t->ck->a, &all.labels, label);
            for (size_t j = all.labels.n - 1; j > at; j--) {
                all.labels.at[j] = all.labels.at[j - 1];
            }
            all.labels.at[at] = label;
        }
    }
    return all;
}

/* ---- one term
 * ------------------------------------------------------------------------ */

static const char *axis_name(const terms *t, uint32_t axis)
{
    return atom_axis_name(t->ck->m, t->u->captures.at, axis);
}

static size_t n_factors_with(const terms *t, uint32_t axis)
{
    size_t n = 0;
    for (size_t k = 0; k < t->n; k++) {
        n += atom_has_axis(t->pick[k], axis) ? 1 : 0;
    }
    return n;
}

static void check_axes(terms *t, const atom *target)
{
    check *ck = t->ck;
    for (size_t i = 0; i < target->axes.n; i++) {
        /* `each` runs over names: a word of the name is no axis of the sum. */
        const bool is_word = t->u->each != NULL && (target->axes.at[i] & ATOM_CAPTURE);
        if (!is_word && n_factors_with(t, target->axes.at[i]) == 0) {
            diag *dg =
                complain(ck, "axis-uncovered", t->u->target.at,
                         "axis `%s` of the target is in no factor of update `%s`",
                         axis_name(t, target->axes.at[i]), t->u->name);
            diag_help(dg, "nothing is repeated along an axis: a factor has to hold it");
            t->failed = true;
            return;
        }
    }
    for (size_t k = 0; k < t->n; k++) {
        for (size_t i = 0; i < t->pick[k]->axes.n; i++) {
            const uint32_t axis = t->pick[k]->axes.at[i];
            const size_t n = n_factors_with(t, axis);
            if (atom_has_axis(target, axis) || n == 2) {
                continue;
            }
            diag *dg =
                complain(ck, "axis-unsummed", t->tensor[k]->at,
                         "axis `%s` is in %s factor%s of update `%s` and not in its "
                         "target",
                         axis_name(t, axis), n == 1 ? "one" : "more than two",
                         n == 1 ? "" : "s", t->u->name);
            diag_label(dg, t->u->target.at, "the target");
            diag_help(
                dg,
                "an axis that the target lacks is summed: it stands in two factors");
            t->failed = true;
            return;
        }
    }
}

static void check_term(terms *t)
{
    check *ck = t->ck;
    const atom labels = joined_labels(t);
    for (size_t i = 0; i < t->target.n && !t->failed; i++) {
        const atom *x = &t->target.at[i];
        if (t->target.n == 1 && x->labels.n == 0) {
            check_axes(t, x); /* a target without parts takes the sum of all terms */
            return;
        }
        if (atom_same_labels(x, &labels)) {
            check_axes(t, x);
            return;
        }
    }
    diag *dg = complain(
        ck, "label-missing", t->u->target.at, "the target of update `%s` lacks %s%s",
        t->u->name, labels.labels.n > 0 ? "" : "a part without label, which is what ",
        labels.labels.n > 0 ? atom_labels_shown(ck->a, &labels) : "the factors make");
    for (size_t k = 0; k < t->n; k++) {
        diag_label(dg, t->tensor[k]->dims->at, "a factor");
    }
    diag_help(dg, "the labels of the factors together name one part of the target");
    t->failed = true;
}

static void pick_from(terms *t, size_t k)
{
    if (k == t->n) {
        check_term(t);
        return;
    }
    for (size_t i = 0; i < t->atoms[k].n && !t->failed; i++) {
        bool fits = true;
        for (size_t j = 0; j < k; j++) {
            fits = fits && join(t, t->pick[j], &t->atoms[k].at[i]);
        }
        if (fits) {
            t->pick[k] = &t->atoms[k].at[i];
            pick_from(t, k + 1);
        }
    }
}

/* ---- the update
 * ------------------------------------------------------------------------ */

static bool axes_once(terms *t, const atom_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        const atom *x = &list->at[i];
        for (size_t k = 0; k < x->axes.n; k++) {
            for (size_t j = k + 1; j < x->axes.n; j++) {
                if (x->axes.at[k] == x->axes.at[j]) {
                    complain(t->ck, "axis-twice", x->tensor->dims->at,
                             "axis `%s` stands twice in %s of update `%s`",
                             axis_name(t, x->axes.at[k]),
                             atom_labels_shown(t->ck->a, x), t->u->name);
                    return false;
                }
            }
        }
    }
    return true;
}

static bool take_atoms(terms *t, const map_tensor *mt, atom_list *out)
{
    if (!atoms_of(t->ck->a, mt, t->u->captures.at, out)) {
        complain(t->ck, "bad-dim", mt->dims->at,
                 "the sums multiply out to too many parts");
        return false;
    }
    return axes_once(t, out);
}

/* Axes of `x` that `y` lacks. */
static size_t axes_beyond(const atom *x, const atom *y)
{
    size_t n = 0;
    for (size_t i = 0; i < x->axes.n; i++) {
        n += atom_has_axis(y, x->axes.at[i]) ? 0 : 1;
    }
    return n;
}

/* `:=` of rows: the factor has the target's axes, but for the rows of each. */
static void check_rows(terms *t)
{
    const atom_list *f = &t->atoms[0];
    if (t->n != 1 || f->n != 1 || t->target.n != 1 ||
        axes_beyond(&f->at[0], &t->target.at[0]) != 1 ||
        axes_beyond(&t->target.at[0], &f->at[0]) != 1) {
        diag *dg = complain(t->ck, "axis-unsummed", t->u->at,
                            "rows are replaced by a tensor that has other rows and "
                            "else the target's axes");
        diag_help(dg,
                  "for example base w [v c] := adapter x [t c] rows = adapter.rows");
    }
}

static void check_norm(terms *t)
{
    atom_list m = {0};
    if (!take_atoms(t, t->u->norm, &m)) {
        return;
    }
    if (m.n != 1 || t->target.n != 1 || axes_beyond(&m.at[0], &t->target.at[0]) != 0 ||
        m.at[0].axes.n == t->target.at[0].axes.n) {
        complain(t->ck, "axis-unsummed", t->u->norm->at,
                 "norms are of some axes of the target, over the others");
    }
}

/* `[...]` on both sides: a tensor is replaced as it is. */
static bool check_any(check *ck, const map_update *u)
{
    bool any = u->target.dims->any, all = any && u->replace && u->factors.n == 1;
    for (size_t i = 0; i < u->factors.n; i++) {
        const map_tensor *f = u->factors.at[i].tensor;
        any = any || (f != NULL && f->dims->any);
        all = all && f != NULL && f->dims->any;
    }
    if (any && !all) {
        complain(ck, "bad-dim", u->at,
                 "`[...]` stands on both sides of `:=`, or on none");
    }
    return any;
}

/* What replaces a tensor is one tensor, as it is. */
static bool check_replacement(check *ck, const map_update *u)
{
    if (!u->replace || (u->factors.n == 1 && u->factors.at[0].tensor != NULL)) {
        return true;
    }
    diag *dg = complain(ck, "bad-replace", u->at,
                        "`:=` takes one tensor of the adapter; update `%s` has a "
                        "product",
                        u->name);
    diag_help(dg, "a product is added: `+=`");
    return false;
}

void update_check(check *ck, const map_update *u)
{
    if (!check_replacement(ck, u) || check_any(ck, u)) {
        return;
    }
    terms *t = NEW(ck->a, terms);
    t->ck = ck;
    t->u = u;
    for (size_t i = 0; i < u->factors.n; i++) {
        if (u->factors.at[i].tensor == NULL) {
            continue;
        }
        if (t->n == MAX_TENSORS) {
            complain(ck, "axis-unsummed", u->at,
                     "an update has at most %d tensors as factors", MAX_TENSORS);
            return;
        }
        t->tensor[t->n] = u->factors.at[i].tensor;
        if (!take_atoms(t, t->tensor[t->n], &t->atoms[t->n])) {
            return;
        }
        t->n++;
    }
    if (!take_atoms(t, &u->target, &t->target)) {
        return;
    }
    if (u->rows != NULL) {
        check_rows(t);
        return;
    }
    pick_from(t, 0);
    if (u->norm != NULL) {
        check_norm(t);
    }
}
