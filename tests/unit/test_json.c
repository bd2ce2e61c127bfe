/* JSON: what is refused, exact numerals, and printing as Python does. */
#include <math.h>

#include "base/json.h"
#include "check.h"

static value *parse(arena *a, const char *text, const char **why)
{
    *why = NULL;
    return json_parse(a, text, strlen(text), why);
}

static void test_refused(arena *a)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "line 1: not valid JSON"},
        {"{\"a\":\n1,}", "line 2: not valid JSON"},
        {"[1 2]", "line 1: not valid JSON"},
        {"{} {}", "line 1: not valid JSON"},
        {"[1],", "line 1: not valid JSON"},
        {"{\"a\" 1}", "line 1: not valid JSON"},
        {"[1:2]", "line 1: not valid JSON"},
        {"{1: 2}", "line 1: not valid JSON"},
        {"[\"a\"", "line 1: not valid JSON"},
        {"{\"a\": 1, \"b\": 2, \"a\": 3}", "the key \"a\" stands twice"},
        {"{\"\\u0061\": 1, \"a\": 3}", "the key \"a\" stands twice"},
        {"[01]", "line 1: malformed number"},
        {"\n[-]", "line 2: malformed number"},
        {"[1.]", "line 1: malformed number"},
        {"[1e]", "line 1: malformed number"},
        {"[.5]", "line 1: unknown word"},
        {"[+1]", "line 1: unknown word"},
        {"[0x10]", "line 1: unknown word"},
        {"[nan]", "line 1: unknown word"},
        {"[True]", "line 1: unknown word"},
        {"[-Inf]", "line 1: unknown word"},
        {"[truely]", "line 1: unknown word"},
        {"\xef\xbb\xbf{}", "line 1: unknown word"},
        {"[1]\f", "line 1: unknown word"},
        {"['a']", "line 1: unknown word"},
        {"[\"a\tb\"]", "line 1: a control character in a text"},
        {"[\"a\nb\"]", "line 1: a control character in a text"},
        {"[\"abc", "line 1: a text without its closing quote"},
        {"[\"abc\\", "line 1: unknown escape in a text"},
        {"[\"\\x41\"]", "line 1: unknown escape in a text"},
        {"[\"\\u00g0\"]", "line 1: \\u without four hex digits"},
        {"[\"\\u0000\"]", "line 1: a NUL character in a text"},
        {"[\"\\ud800\"]", "line 1: half of a surrogate pair"},
        {"[\"\\ud800\\u0041\"]", "line 1: half of a surrogate pair"},
        {"[\"\\udc00\"]", "line 1: half of a surrogate pair"},
        {"[\"\xff\"]", "line 1: a byte that is not UTF-8"},
        {"[\"\xc0\xaf\"]", "line 1: a byte that is not UTF-8"},
        {"]", "line 1: a closing bracket too many"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *why;
        CHECK(parse(a, cases[i].text, &why) == NULL);
        CHECK_STR(why, cases[i].why);
    }
    const char *why = NULL;
    CHECK(json_parse(a, "[1]\0", 4, &why) == NULL);
}

static const char *nested(arena *a, size_t depth)
{
    buf b = {.arena = a};
    for (size_t i = 0; i < depth; i++) {
        buf_add(&b, "[");
    }
    for (size_t i = 0; i < depth; i++) {
        buf_add(&b, "]");
    }
    return buf_str(&b);
}

static void test_depth(arena *a)
{
    const char *why;
    CHECK(parse(a, nested(a, 64), &why) != NULL);
    CHECK(parse(a, nested(a, 65), &why) == NULL);
    CHECK_STR(why, "line 1: nested more than 64 deep");
    CHECK(parse(a, nested(a, 100000), &why) == NULL);
}

static void test_numbers(arena *a)
{
    const char *why;
    const value *v =
        parse(a,
              "[9007199254740993, -9223372036854775808, 9223372036854775808,"
              " 1e-5, 1.50, 0, -0, 1E400, NaN, -Infinity, Infinity]",
              &why);
    if (!CHECK(v != NULL && v->items.n == 11)) {
        return;
    }
    value *const *at = v->items.at;
    CHECK(at[0]->kind == V_INT && at[0]->i == 9007199254740993);
    CHECK(at[1]->kind == V_INT && at[1]->i == INT64_MIN);
    CHECK(at[2]->kind == V_FLOAT && at[2]->f == 0x1p63);
    CHECK_STR(at[2]->s, "9223372036854775808");
    CHECK(at[3]->kind == V_FLOAT && at[3]->f == 1e-5);
    CHECK_STR(at[3]->s, "1e-5");
    CHECK_STR(at[4]->s, "1.50");
    CHECK(at[5]->kind == V_INT && at[6]->kind == V_INT && at[6]->i == 0);
    CHECK(isinf(at[7]->f));
    CHECK(isnan(at[8]->f) && at[9]->f == -(double)INFINITY && isinf(at[10]->f));
    buf b = {.arena = a};
    json_print_compact(&b, v);
    CHECK_STR(buf_str(&b),
              "[9007199254740993, -9223372036854775808, 9223372036854775808,"
              " 1e-5, 1.50, 0, 0, 1E400, NaN, -Infinity, Infinity]");
}

/* Numbers are matched with the tree by their order, so digits elsewhere must not count.
 */
static void test_number_order(arena *a)
{
    const char *why;
    const value *v =
        parse(a, "{\"1\": \"2\", \"a\": [3, {\"NaN\": 4.0}, \"5\\\"6\", 7]}", &why);
    CHECK_STR(value_show(a, v),
              "{\"1\": \"2\", \"a\": [3, {\"NaN\": 4.0}, \"5\\\"6\", 7]}");
}

static void test_texts(arena *a)
{
    const char *why;
    const value *v =
        parse(a, "\"\\u00e9 \\ud83d\\ude00 \\n\\t\\/\\\\ \xe2\x82\xac \\u007f\"", &why);
    CHECK_STR(v->s, "\xc3\xa9 \xf0\x9f\x98\x80 \n\t/\\ \xe2\x82\xac \x7f");
    CHECK_STR(value_show(a, v),
              "\"\\u00e9 \\ud83d\\ude00 \\n\\t/\\\\ \\u20ac \\u007f\"");
    CHECK_STR(value_show(a, value_string(a, "a\xff"
                                            "b\x01")),
              "\"a\\ufffdb\\u0001\"");
}

static void test_printing(arena *a)
{
    const char *text = "{\n"
                       "  \"a\": [\n"
                       "    1,\n"
                       "    {\n"
                       "      \"b\": null\n"
                       "    }\n"
                       "  ],\n"
                       "  \"c\": {},\n"
                       "  \"d\": [],\n"
                       "  \"e\": true\n"
                       "}\n";
    const char *why;
    const value *v = parse(a, text, &why);
    buf b = {.arena = a};
    json_print(&b, v);
    CHECK_STR(buf_str(&b), text);
}

/* An index file has a key for each tensor; quadratic work would show here. */
static void test_many_keys(arena *a)
{
    enum { N = 100000 };
    buf b = {.arena = a};
    for (int i = 0; i < N; i++) {
        buf_printf(&b, "%c\"model.layers.%d.weight\": %d", i == 0 ? '{' : ',', i, i);
    }
    buf_add(&b, "}");
    const char *why;
    const value *v = parse(a, buf_str(&b), &why);
    CHECK(v != NULL && v->members.n == N && v->members.at[N - 1].val->i == N - 1);
    b.n--;
    buf_add(&b, ",\"model.layers.77777.weight\": 0}");
    CHECK(parse(a, buf_str(&b), &why) == NULL);
    CHECK_STR(why, "the key \"model.layers.77777.weight\" stands twice");
}

int main(void)
{
    arena *a = arena_new();
    test_refused(a);
    test_depth(a);
    test_numbers(a);
    test_number_order(a);
    test_texts(a);
    test_printing(a);
    test_many_keys(a);
    arena_free(a);
    return CHECK_RESULT();
}
