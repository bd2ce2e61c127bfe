/* plan/claim.h -- which tensors each rule takes: the instances of a mapping's rules.
 *
 * An instance fixes the captures that both sides' names share.  On the side that is
 * read it lists, for each tensor template and each value of the captures that only this
 * side has, the tensor that was found.
 */
#ifndef RT_PLAN_CLAIM_H
#define RT_PLAN_CLAIM_H

#include "plan/captures.h"
#include "plan/stage.h"

#define NOT_THERE SIZE_MAX

typedef struct instance {
    const map_rule *rule;
    const map_tensor
        *from; /* read: the rule's own, or those of the rule it is tied to */
    size_t n_from;
    const map_scale *scale; /* read along with the one tensor, or NULL */
    int64_t *numbers;       /* by capture */
    const char **words;
    size_t *found;         /* [template][combination]: index of the stage tensor; the
                              scale's behind those of `from` */
    size_t n_combinations; /* of the captures that only the read side has */
    bool tied;             /* made from the tensor it is tied to */
} instance;

typedef struct claims {
    VEC(instance) at;
    bool *taken; /* by stage tensor */
} claims;

/* Templates that are read: those of `from`, and the scale. */
size_t instance_n_read(const instance *x);
const map_name *instance_name(const instance *x, size_t t);

/* Which guarded parts of the rule's sums are there: by part id, or NULL: all (learn.c).
 */
RT_NODISCARD rt_status instance_parts(context *cx, const values *v, const instance *x,
                                      bool **part_on);

/* What the names and the headers tell of sizes (learn.c), put into v: of axes that only
 * numbers in names run over; of all axes, when the instances are found. */
void learn_ranges(context *cx, const stage *in, values *v);
RT_NODISCARD rt_status learn_shapes(context *cx, const stage *in, values *v,
                                    const claims *found);

/* Tensors that `drop` lines name (drops.c): taken, and accounted for. */
RT_NODISCARD rt_status claim_drops(context *cx, const stage *in, const values *v,
                                   bool *taken, account *acc);

/* Constant tensors of the side that is read (constants.c): taken, and to be checked. */
void claim_constants(context *cx, const stage *in, const values *v, bool *taken,
                     account *acc);

/* Tensors of 8-bit floats that no rule took in a layout that has scales (scales.c):
 * taken, and their scales are missing, or they have no rule. */
void claim_unscaled(context *cx, const stage *in, const values *v, bool *taken,
                    account *acc);

/* Find all instances; fills the account's missing, drops and unmapped names (`rest`
 * takes what is left, then unmapped stays empty).  Header shapes are told to `v`. */
RT_NODISCARD rt_status claim_all(context *cx, const stage *in, values *v, claims *out,
                                 account *acc);

#endif
