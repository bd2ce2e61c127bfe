/* config/eval.h -- expressions over the values of one model.
 *
 * Evaluation has three outcomes: a value; absence (NULL), which `??` replaces and which
 * is false as a condition; and "cannot be told" (UNKNOWN), which is what an axis
 * without a size, the config of a side that was not read and an unbound variable are.
 * UNKNOWN passes through everything but a branch that does not need it.
 *
 * Names without a dot stand, in this order, for a variable (of a table row, or the
 * index of an element-wise line), a capture, an axis, a value, a choice.
 */
#ifndef RT_CONFIG_EVAL_H
#define RT_CONFIG_EVAL_H

#include "config/values.h"

extern const value value_unknown; /* compared by address, see UNKNOWN */
#define UNKNOWN (&value_unknown)

typedef struct variable {
    const char *name;
    const value *val; /* UNKNOWN: not bound */
} variable;

typedef struct evaluation {
    context *cx;
    const values *v;
    const binding *captures; /* or NULL */
    variable *vars;
    size_t n_vars;
    bool bare; /* names are fields of `bare_side` (detect lines) */
    unsigned bare_side;
    unsigned depth;  /* of defaults that refer to fields with defaults */
    const char *why; /* what is missing, when the answer is NULL or UNKNOWN */
} evaluation;

evaluation evaluation_of(context *cx, const values *v);
variable *evaluation_variable(const evaluation *ev, const char *name);

const value *eval_expr(evaluation *ev, const expr *e);
/* Arithmetic of two present numbers; UNKNOWN on overflow, division by zero, or when
 * they are no numbers. */
const value *eval_arithmetic(evaluation *ev, expr_op op, const value *x,
                             const value *y);
const value *eval_call(evaluation *ev, const expr *e);
/* lookup(record, name), `of` being what the rules say of the record. */
const value *eval_lookup(evaluation *ev, const expr *of, const value *record,
                         const value *name);
/* The key that lookup(record, name) finds, or NULL. */
const char *lookup_key(arena *a, const value *record, const value *name);
/* 1, 0, or -1 when it cannot be told. */
int eval_truth(evaluation *ev, const expr *e);

/* Of `if` the branch that is taken, of `??` the side that is there. */
const expr *eval_branch(evaluation *ev, const expr *e);
/* "hf.num_key_value_heads = 4 (config.json)": the branch that gave the value. */
const char *eval_origin(evaluation *ev, const expr *e, const value *x);
const char *expr_text(arena *a, const expr *e);
/* Which sides' fields does an expression name?  Bit 0: LEFT, bit 1: RIGHT. */
unsigned sides_named(const values *v, const expr *e);
/* Call `visit` for every path in the expression. */
void expr_paths(const expr *e, void (*visit)(void *who, const expr *path), void *who);

/* Take an expression apart towards the one leaf that it holds: *x, the value of the
 * whole, becomes the value of the leaf.  `??` leads to its left.  NULL: not invertible
 * (no leaf, several, or something else than + - * / and `not` around it). */
typedef bool (*leaf_test)(void *who, const expr *e);
const expr *expr_invert(evaluation *ev, const expr *e, leaf_test is_leaf, void *who,
                        const value **x);

#endif
