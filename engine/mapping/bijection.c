/* The bijection test: a rule's two sides have the same atoms. */
#include <string.h>

#include "base/near.h"
#include "mapping/check.h"

static bool has_label(const atom *x, const char *label)
{
    for (size_t i = 0; i < x->labels.n; i++) {
        if (strcmp(x->labels.at[i], label) == 0) {
            return true;
        }
    }
    return false;
}

static bool check_axis_twice(check *ck, const map_rule *r, const atom *x)
{
    for (size_t i = 0; i < x->axes.n; i++) {
        for (size_t k = i + 1; k < x->axes.n; k++) {
            if (x->axes.at[i] != x->axes.at[k]) {
                continue;
            }
            const char *name = atom_axis_name(ck->m, r->captures.at, x->axes.at[i]);
            diag *dg = complain(ck, "axis-twice", x->tensor->dims->at,
                                "axis `%s` stands twice in %s of rule `%s`", name,
                                atom_labels_shown(ck->a, x), r->name);
            diag_note(dg, "its axes are %s",
                      atom_axes_shown(ck->a, ck->m, r->captures.at, x));
            diag_help(
                dg,
                "another axis of equal size needs a name of its own: `axis %s2 = %s`",
                name, name);
            return false;
        }
    }
    return true;
}

static bool check_label_twice(check *ck, const map_rule *r, const atom *x)
{
    for (size_t i = 1; i < x->labels.n; i++) {
        if (strcmp(x->labels.at[i - 1], x->labels.at[i]) == 0) {
            complain(ck, "label-twice", x->tensor->dims->at,
                     "label `%s` stands within itself in rule `%s`", x->labels.at[i],
                     r->name);
            return false;
        }
    }
    return true;
}

static bool check_atom_twice(check *ck, const map_rule *r, const atom_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        for (size_t k = i + 1; k < list->n; k++) {
            const atom *x = &list->at[i], *y = &list->at[k];
            if (!atom_same_labels(x, y) || !atom_same_axes(x, y)) {
                continue;
            }
            diag *dg = complain(ck, "atom-twice", y->tensor->at,
                                "%s stands twice on one side of rule `%s`",
                                atom_labels_shown(ck->a, y), r->name);
            diag_label(dg, x->tensor->at, "here too");
            diag_note(dg, "its axes are %s",
                      atom_axes_shown(ck->a, ck->m, r->captures.at, x));
            diag_help(dg, "give the two different labels");
            return false;
        }
    }
    return true;
}

/* The side that a one-way rule only writes. */
static bool is_written_only(const map_rule *r, unsigned side)
{
    return r->arrow == (side == RIGHT ? RULE_LEFT_TO_RIGHT : RULE_RIGHT_TO_LEFT);
}

/* Atoms of one side; false when something is wrong within the side already. */
static bool side_atoms(check *ck, const map_rule *r, unsigned side, atom_list *out)
{
    bool good = true;
    for (size_t i = 0; i < r->tensors[side].n; i++) {
        const map_tensor *t = &r->tensors[side].at[i];
        if (!atoms_of(ck->a, t, r->captures.at, out)) {
            complain(ck, "bad-dim", t->dims->at,
                     "the sums multiply out to more than %d parts", ATOMS_MAX);
            return false;
        }
    }
    for (size_t i = 0; good && i < out->n; i++) {
        good = check_label_twice(ck, r, &out->at[i]) &&
               check_axis_twice(ck, r, &out->at[i]);
    }
    /* what is only written may hold the same elements twice */
    return good && (is_written_only(r, side) || check_atom_twice(ck, r, out));
}

/* Take the atoms of a part out of the list; false: it has none. */
static bool take_part(atom_list *list, const char *label)
{
    size_t n = 0;
    for (size_t i = 0; i < list->n; i++) {
        if (!has_label(&list->at[i], label)) {
            list->at[n++] = list->at[i];
        }
    }
    const bool any = n < list->n;
    list->n = n;
    return any;
}

/* What a clause declares for one side needs no partner.  On a clause for the wrong side
 * the part is taken from the other one: it is complained of once. */
static void leave_one_sided(check *ck, const map_rule *r, unsigned side,
                            atom_list all[2])
{
    atom_list *list = &all[side];
    for (size_t p = 0; p < r->one_sided.n; p++) {
        const map_one_sided *o = &r->one_sided.at[p];
        if (o->side != side) {
            continue;
        }
        if (!take_part(list, o->label) && r->tensors[side].n > 0) {
            diag *dg =
                complain(ck, "label-missing", o->at, "rule `%s` has no part `%s` on %s",
                         r->name, o->label, side_shown(ck->m, side));
            diag_label(dg, r->tensors[side].at[0].dims->at, "its dims");
            if (take_part(&all[1 - side], o->label)) {
                diag_help(dg, "it stands on %s: write that side here",
                          side_shown(ck->m, 1 - side));
            }
        }
    }
}

static bool is_in(const atom *x, const atom_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        if (atom_same_labels(x, &list->at[i]) && atom_same_axes(x, &list->at[i])) {
            return true;
        }
    }
    return false;
}

/* Axes of x that y lacks, as text; NULL: none. */
static const char *extra_axes(check *ck, const map_rule *r, const atom *x,
                              const atom *y)
{
    buf b = {.arena = ck->a};
    for (size_t i = 0; i < x->axes.n; i++) {
        if (!atom_has_axis(y, x->axes.at[i])) {
            buf_printf(&b, "%s%s", b.n > 0 ? " " : "",
                       atom_axis_name(ck->m, r->captures.at, x->axes.at[i]));
        }
    }
    return b.n > 0 ? buf_str(&b) : NULL;
}

/* An axis that no line declares and the other side lacks may be a misspelled one. */
static bool help_axis(check *ck, const map_rule *r, diag *dg, const atom *x,
                      const atom *y)
{
    for (size_t i = 0; i < x->axes.n; i++) {
        const uint32_t axis = x->axes.at[i];
        if (atom_has_axis(y, axis) || (axis & ATOM_CAPTURE) != 0 ||
            ck->m->axes.at[axis].declared) {
            continue;
        }
        const char *name = ck->m->axes.at[axis].name;
        for (size_t k = 0; k < y->axes.n; k++) {
            const char *other = atom_axis_name(ck->m, r->captures.at, y->axes.at[k]);
            if (near_name(name, &other, 1) != NULL) {
                diag_help(dg, "no line declares the axis `%s`: did you mean `%s`?",
                          name, other);
                return true;
            }
        }
    }
    return false;
}

static void complain_axes(check *ck, const map_rule *r, const atom *x, const atom *y)
{
    const char *more[2] = {extra_axes(ck, r, x, y), extra_axes(ck, r, y, x)};
    const atom *both[2] = {x, y};
    diag *dg = complain(ck, "atoms-differ", x->tensor->dims->at,
                        "%s of rule `%s` has other axes on the two sides",
                        atom_labels_shown(ck->a, x), r->name);
    diag_label(dg, y->tensor->dims->at, "the other side");
    for (unsigned s = LEFT; s <= RIGHT; s++) {
        diag_note(dg, "%s: %s%s%s%s", side_shown(ck->m, s),
                  atom_axes_shown(ck->a, ck->m, r->captures.at, both[s]),
                  more[s] != NULL ? " (only here: " : "",
                  more[s] != NULL ? more[s] : "", more[s] != NULL ? ")" : "");
    }
    for (size_t i = 0; i < r->captures.n; i++) {
        const map_capture *c = &r->captures.at[i];
        const uint32_t axis =
            c->axis != NO_AXIS ? c->axis : (ATOM_CAPTURE | (uint32_t)i);
        if (atom_has_axis(x, axis) != atom_has_axis(y, axis)) {
            diag_help(dg,
                      "`{%s}` in a name is an axis too: it must stand on both sides; "
                      "one text "
                      "for the whole checkpoint is a `choice`",
                      c->name);
            return;
        }
    }
    if (x->tensor->dims->only_out != y->tensor->dims->only_out) {
        diag_help(dg,
                  "a bias has no dims I, and only one side says by an arrow which they "
                  "are: write `[O <- I]` on both");
        return;
    }
    if (!help_axis(ck, r, dg, x, y) && !help_axis(ck, r, dg, y, x)) {
        diag_help(dg,
                  "axes are equal by name, not by size: write the same ones on both "
                  "sides");
    }
}

/* x stands on one side only; y, or NULL, on the other only, and has the same axes. */
static void complain_alone(check *ck, const map_rule *r, const atom *x, unsigned side,
                           const atom *y)
{
    diag *dg =
        complain(ck, "atoms-differ", x->tensor->at, "%s of rule `%s` stands on %s only",
                 atom_labels_shown(ck->a, x), r->name, side_shown(ck->m, side));
    diag_note(dg, "its axes are %s", atom_axes_shown(ck->a, ck->m, r->captures.at, x));
    if (x->labels.n > 0 && y != NULL && y->labels.n > 0) {
        diag_label(dg, y->tensor->at, "%s has the same axes",
                   atom_labels_shown(ck->a, y));
        diag_help(dg, "if the two are one part, give them the same label");
    } else if (x->labels.n > 0) {
        diag_help(
            dg, "write the part on %s too, or declare it: `only %s %s because \"...\"`",
            side_shown(ck->m, 1 - side), side_shown(ck->m, side), x->labels.at[0]);
    } else {
        diag_help(dg, "label the parts on both sides");
    }
}

/* An atom with the labels of x that has no partner of its own among `taken`. */
static const atom *namesake(const atom *x, const atom_list *among,
                            const atom_list *taken)
{
    for (size_t i = 0; i < among->n; i++) {
        if (atom_same_labels(x, &among->at[i]) && !is_in(&among->at[i], taken)) {
            return &among->at[i];
        }
    }
    return NULL;
}

/* The atom of another name that stands on the other side only and has the axes of x:
 * the one of them as far down the list as x, so that each is told of once. */
static const atom *stranger(const atom *x, const atom_list *own, const atom_list *other)
{
    size_t nth = 0;
    for (size_t i = 0; i < own->n && &own->at[i] != x; i++) {
        nth += atom_same_axes(&own->at[i], x) &&
               namesake(&own->at[i], other, own) == NULL && !is_in(&own->at[i], other);
    }
    for (size_t i = 0; i < other->n; i++) {
        const atom *y = &other->at[i];
        if (atom_same_axes(x, y) && !is_in(y, own) && namesake(y, own, other) == NULL &&
            nth-- == 0) {
            return y;
        }
    }
    return NULL;
}

void atoms_check(check *ck, const map_rule *r)
{
    atom_list side[2] = {{0}, {0}};
    const bool left = side_atoms(ck, r, LEFT, &side[LEFT]);
    const bool right = side_atoms(ck, r, RIGHT, &side[RIGHT]);
    if (!left || !right) {
        return;
    }
    leave_one_sided(ck, r, LEFT, side);
    leave_one_sided(ck, r, RIGHT, side);
    arrows_check(ck, r, side);
    for (unsigned s = LEFT; s <= RIGHT; s++) {
        for (size_t i = 0; i < side[s].n; i++) {
            const atom *x = &side[s].at[i];
            if (is_in(x, &side[1 - s]) || is_written_only(r, 1 - s)) {
                continue; /* a one-way rule may leave parts of its source behind */
            }
            const atom *y = namesake(x, &side[1 - s], &side[s]);
            if (y == NULL) {
                const atom *twin = stranger(x, &side[s], &side[1 - s]);
                if (twin == NULL || s == LEFT || r->arrow != RULE_BOTH) {
                    complain_alone(ck, r, x, s, twin);
                }
            } else if (s == LEFT || r->arrow != RULE_BOTH) {
                /* of a `<->` rule it is the same complaint from the right */
                complain_axes(ck, r, s == LEFT ? x : y, s == LEFT ? y : x);
            }
        }
    }
}
