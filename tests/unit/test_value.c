/* Values: equality, truth, copies, and the spelling of floats. */
#include <float.h>
#include <math.h>

#include "base/value.h"
#include "check.h"

static void test_equality(arena *a)
{
    const int64_t big = 9007199254740993; /* 2^53 + 1, no double */
    CHECK(value_equal(value_int(a, 3), value_float(a, 3.0)));
    CHECK(!value_equal(value_int(a, 3), value_float(a, 3.5)));
    CHECK(!value_equal(value_int(a, big), value_float(a, 9007199254740992.0)));
    CHECK(!value_equal(value_int(a, INT64_MAX), value_float(a, 0x1p63)));
    CHECK(!value_equal(value_int(a, 0), value_float(a, NAN)));
    CHECK(value_equal(NULL, NULL));
    CHECK(!value_equal(NULL, value_null(a)) && !value_equal(value_null(a), NULL));
    CHECK(!value_equal(value_bool(a, true), value_int(a, 1)));
    CHECK(value_equal(value_string(a, "x"), value_string(a, "x")));

    value *p = value_record(a), *q = value_record(a);
    value_set(a, p, "x", value_int(a, 1));
    value_set(a, p, "y", value_null(a));
    value_set(a, q, "y", value_null(a));
    CHECK(!value_equal(p, q));
    value_set(a, q, "x", value_int(a, 2));
    CHECK(!value_equal(p, q));
    value_set(a, q, "x", value_float(a, 1));
    CHECK(value_equal(p, q));
    value_remove(q, "y");
    value_set(a, q, "z", value_null(a));
    CHECK(!value_equal(p, q));

    value *list = value_list(a);
    vec_push(a, &list->items, p);
    const value *copy = value_copy(a, list);
    CHECK(value_equal(list, copy) && copy->items.at[0] != p);
    CHECK(!value_equal(list, value_list(a)));
}

static void test_records(arena *a)
{
    value *r = value_record(a);
    CHECK(value_get(r, "x") == NULL && value_get(NULL, "x") == NULL);
    CHECK(value_get(value_int(a, 1), "x") == NULL);
    value_set(a, r, "x", value_int(a, 1));
    value_set(a, r, "y", value_int(a, 2));
    value_set(a, r, "x", value_int(a, 3));
    CHECK_INT(r->members.n, 2);
    CHECK_INT(value_get(r, "x")->i, 3);
    value_remove(r, "x");
    value_remove(r, "x");
    CHECK_INT(r->members.n, 1);
    CHECK_STR(r->members.at[0].key, "y");
}

static void test_truth(arena *a)
{
    CHECK(!value_truth(NULL) && !value_truth(value_null(a)));
    CHECK(!value_truth(value_bool(a, false)) && value_truth(value_bool(a, true)));
    CHECK(!value_truth(value_int(a, 0)) && value_truth(value_int(a, -1)));
    CHECK(!value_truth(value_float(a, 0)) && value_truth(value_float(a, 0.1)));
    CHECK(!value_truth(value_string(a, "")) && value_truth(value_string(a, "0")));
    CHECK(!value_truth(value_list(a)) && !value_truth(value_record(a)));
}

static void test_show(arena *a)
{
    value *r = value_record(a);
    value_set(a, r, "x", value_float(a, 1e-5));
    value_set(a, r, "y", value_string(a, "a\"b"));
    CHECK_STR(value_show(a, r), "{\"x\": 1e-05, \"y\": \"a\\\"b\"}");
    CHECK_STR(value_show(a, NULL), "absent");
    CHECK_STR(value_kind_name(V_INT), "whole number");
}

static void test_floats(arena *a)
{
    static const struct {
        double f;
        const char *repr; /* as Python prints it */
    } cases[] = {
        {0.0, "0.0"},
        {-0.0, "-0.0"},
        {1.0, "1.0"},
        {10000.0, "10000.0"},
        {0.1, "0.1"},
        {0.30000000000000004, "0.30000000000000004"},
        {1e-5, "1e-05"},
        {1.5e-5, "1.5e-05"},
        {1e-4, "0.0001"},
        {0.00012345, "0.00012345"},
        {0.02, "0.02"},
        {9.999999747378752e-06, "9.999999747378752e-06"},
        {1e15, "1000000000000000.0"},
        {123456789012345680.0, "1.2345678901234568e+17"},
        {9007199254740993.0, "9007199254740992.0"},
        {1e16, "1e+16"},
        {1e22, "1e+22"},
        {1e100, "1e+100"},
        {DBL_MAX, "1.7976931348623157e+308"},
        {5e-324, "5e-324"},
        {-2.5, "-2.5"},
        {1234.5678, "1234.5678"},
        {(double)INFINITY, "inf"},
        {(double)-INFINITY, "-inf"},
        {(double)NAN, "nan"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_STR(float_repr(a, cases[i].f), cases[i].repr);
    }
}

int main(void)
{
    arena *a = arena_new();
    test_equality(a);
    test_records(a);
    test_truth(a);
    test_show(a);
    test_floats(a);
    arena_free(a);
    return CHECK_RESULT();
}
