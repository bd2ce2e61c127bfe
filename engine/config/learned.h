/* config/learned.h -- what values keeps between calls: equations from headers, and what
 * was already said. */
#ifndef RT_CONFIG_LEARNED_H
#define RT_CONFIG_LEARNED_H

#include "base/strmap.h"
#include "config/eval.h"

/* A dimension as a sum of products of prime axes; terms.at[i] lists axis ids, an empty
 * one is 1.  Equal equations of several tensors are one, with all their names. */
typedef struct axis_term {
    VEC(uint32_t) axes;
} axis_term;
typedef struct size_equation {
    const map_dim *dim;
    unsigned index; /* which dimension of the tensor, from 0 */
    VEC(axis_term) terms;
    uint64_t size;
    VEC(const char *) names;
} size_equation;

/* A tensor whose rank, or a dimension that the rules fix at 1, is not as the rules say.
 */
typedef struct misfit {
    const map_tensor *tensor;
    const char *shape; /* "[32000 2048]" */
    VEC(const char *) names;
} misfit;

typedef struct learned_range {
    uint32_t axis;
    int64_t n;
    const char *from;
} learned_range;

typedef struct lookup_table { /* a record that lookup() looked into */
    const char *field;        /* what the rules say of it */
    const value *record;
    const struct regex **keys;
    bool *is_found;    /* by key */
    const char *twice; /* a name that two keys of unlike values fit, or NULL */
    const char *twice_keys[2];
} lookup_table;
typedef VEC(lookup_table *) lookup_table_list;

typedef struct values_learned {
    lookup_table_list lookups;
    VEC(size_equation) equations;
    strmap *equation_by_key;
    VEC(misfit) misfits;
    VEC(learned_range) ranges;
    bool *fact_absent;   /* by value id: evaluated, and no field gives it */
    bool *axis_reported; /* by axis id: a contradiction was said already */
    strmap *undecided;   /* places of guards that were reported */
} values_learned;

/* Evaluate axes and values until nothing new comes out. */
void values_settle(context *cx, values *v);
/* Report axes whose sources contradict each other. */
RT_NODISCARD rt_status values_agree(context *cx, values *v);
/* Set a size once; false when it is already known. */
bool values_set_size(values *v, uint32_t axis, int64_t size, const char *from);
/* The size of a term; SIZE_UNKNOWN when an axis is unknown, the product overflows. */
int64_t term_size(const values *v, const axis_term *t);
/* A plain copy of `v` whose private part may change without touching v's. */
values *values_view(context *cx, const values *v);

#endif
