/* The arrows of a rule's two sides: a part that both say to be a linear map goes one
 * way.
 */
#include "mapping/check.h"

/* Is the axis in the dims O (1) or I (-1) of a linear map, or in neither (0)? */
static int role_of(const atom *x, uint32_t axis)
{
    const arrow_kind arrow = x->tensor->dims->arrow;
    for (size_t i = x->left_at; arrow != ARROW_NONE && i < x->axes.n; i++) {
        if (x->axes.at[i] == axis) {
            return (i < x->right_at) == (arrow == ARROW_OUT_IN) ? 1 : -1;
        }
    }
    return 0;
}

/* The same part as a map from c to i and as one from i to c: what follows the arrow, an
 * adapter or a scale, would change sides on the way. */
static bool check_roles(check *ck, const map_rule *r, const atom *x, const atom *y)
{
    for (size_t i = x->left_at; i < x->axes.n; i++) {
        const uint32_t axis = x->axes.at[i];
        if (role_of(x, axis) * role_of(y, axis) >= 0) {
            continue;
        }
        const char *name = atom_axis_name(ck->m, r->captures.at, axis);
        diag *dg = complain(ck, "arrows-differ", x->tensor->dims->at,
                            "%s of rule `%s` maps from axis `%s` on one side and to it "
                            "on the other",
                            atom_labels_shown(ck->a, x), r->name, name);
        diag_label(dg, y->tensor->dims->at, "the other side");
        diag_help(dg,
                  "an arrow points from the inputs to the outputs, however they are "
                  "stored: `[o <- i]` and `[i -> o]` are the same map");
        return false;
    }
    return true;
}

void arrows_check(check *ck, const map_rule *r, const atom_list side[2])
{
    for (size_t i = 0; i < side[LEFT].n; i++) {
        for (size_t k = 0; k < side[RIGHT].n; k++) {
            const atom *x = &side[LEFT].at[i], *y = &side[RIGHT].at[k];
            if (atom_same_labels(x, y) && atom_same_axes(x, y) &&
                !check_roles(ck, r, x, y)) {
                return;
            }
        }
    }
}
