/* Value operations: `with lit = hf * a + b in f32`, normalised to right = left*mul +
 * add; and `cast lit f32`. */
#include <string.h>

#include "mapping/check.h"
#include "tensor/dtype.h"

/* mul * x + add, for the other layout's name x; `has` tells whether x occurs at all. */
typedef struct affine {
    double mul, add;
} affine;

static bool bad_op(check *ck, const expr *e, const char *why, const char *help)
{
    diag *dg = complain(ck, "bad-op", e->at, "%s", why);
    diag_help(dg, "%s", help);
    return false;
}

static bool affine_of(check *ck, const expr *e, const char *x, affine *out);

static bool affine_binary(check *ck, const expr *e, const char *x, affine *out)
{
    affine p, q;
    if (!affine_of(ck, e->kid.at[0], x, &p) || !affine_of(ck, e->kid.at[1], x, &q)) {
        return false;
    }
    const bool p_const = !(p.mul < 0 || p.mul > 0), q_const = !(q.mul < 0 || q.mul > 0);
    switch ((int)e->op) {
    case OP_ADD: *out = (affine){p.mul + q.mul, p.add + q.add}; return true;
    case OP_SUB: *out = (affine){p.mul - q.mul, p.add - q.add}; return true;
    case OP_MUL:
        if (p_const || q_const) {
            const double by = p_const ? p.add : q.add;
            const affine *r = p_const ? &q : &p;
            *out = (affine){r->mul * by, r->add * by};
            return true;
        }
        break;
    case OP_DIV:
        if (q_const && (q.add < 0 || q.add > 0)) {
            *out = (affine){p.mul / q.add, p.add / q.add};
            return true;
        }
        break;
    default: break;
    }
    return bad_op(ck, e, "a value operation is a product and a sum with constants",
                  "write it as `A * number + number`, so that it has an inverse");
}

static bool affine_of(check *ck, const expr *e, const char *x, affine *out)
{
    double c;
    if (expr_constant(e, &c)) {
        *out = (affine){0, c};
        return true;
    }
    if (e->kind == EXPR_PATH && strcmp(e->s, x) == 0) {
        *out = (affine){1, 0};
        return true;
    }
    if (e->kind == EXPR_NEG) {
        if (!affine_of(ck, e->kid.at[0], x, out)) {
            return false;
        }
        *out = (affine){-out->mul, -out->add};
        return true;
    }
    if (e->kind == EXPR_BINARY) {
        return affine_binary(ck, e, x, out);
    }
    const char *help =
        arena_printf(ck->a, "the operation may hold `%s` and numbers", x);
    if (e->kind == EXPR_CALL) {
        return bad_op(
            ck, e, "a call is no constant: value operations take numbers only", help);
    }
    if (e->kind == EXPR_PATH) {
        return bad_op(ck, e,
                      arena_printf(ck->a,
                                   "`%s` is no constant: value operations take "
                                   "numbers only",
                                   e->s),
                      help);
    }
    return bad_op(ck, e, "this is no value operation", help);
}

void op_resolve(check *ck, const rule_item *ri, map_rule *r)
{
    if (ri->op == NULL) {
        return;
    }
    unsigned side;
    if (!side_resolve(ck, ri->op_side, ri->op->at, &side)) {
        return;
    }
    affine f;
    if (!affine_of(ck, ri->op, ck->m->layout[1 - side], &f)) {
        return;
    }
    if (!(f.mul < 0 || f.mul > 0) || f.mul - f.mul != 0 || f.add - f.add != 0) {
        bad_op(ck, ri->op,
               arena_printf(ck->a, "the operation doesn't use `%s`",
                            ck->m->layout[1 - side]),
               "a constant tensor is written `const SIDE name [..] = number`");
        return;
    }
    dtype dt = DT_F32;
    if (ri->op_dtype != NULL &&
        (!dtype_parse(ri->op_dtype, &dt) || !dtype_is_float(dt))) {
        bad_op(ck, ri->op,
               arena_printf(ck->a, "`%s` is no type to compute in", ri->op_dtype),
               "write f32 or f64");
        return;
    }
    r->has_op = true;
    r->op_dtype = ri->op_dtype != NULL ? ri->op_dtype : "f32";
    r->mul = side == RIGHT ? f.mul : 1 / f.mul;
    r->add = side == RIGHT ? f.add : 0.0 - f.add / f.mul; /* no -0 */
}

void casts_resolve(check *ck, const rule_item *ri, map_rule *r)
{
    for (size_t i = 0; i < ri->casts.n; i++) {
        const cast_clause *c = &ri->casts.at[i];
        unsigned side;
        dtype dt;
        if (!side_resolve(ck, c->side, c->at, &side)) {
            continue;
        }
        if (!dtype_parse(c->dtype, &dt) || !dtype_is_float(dt)) {
            diag *dg =
                complain(ck, "bad-op", c->at, "`%s` is no type to cast to", c->dtype);
            diag_help(dg, "write f16, bf16, f32 or f64");
            continue;
        }
        r->cast[side] = dt;
    }
}
