/* YAML: scalars as PyYAML's safe_load takes them, and dumps as its yaml.dump. */
#include <math.h>

#include "base/yaml.h"
#include "check.h"

static value *parse(arena *a, const char *text, const char **why)
{
    *why = NULL;
    return yaml_parse(a, text, strlen(text), why);
}

static void test_scalars(arena *a)
{
    static const struct {
        const char *text, *shown; /* as JSON */
    } cases[] = {
        {"", "null"},
        {"~", "null"},
        {"null", "null"},
        {"NULL", "null"},
        {"nULL", "\"nULL\""},
        {"true", "true"},
        {"Yes", "true"},
        {"on", "true"},
        {"OFF", "false"},
        {"no", "false"},
        {"y", "\"y\""},
        {"'true'", "\"true\""},
        {"\"1\"", "\"1\""},
        {"12", "12"},
        {"-12", "-12"},
        {"+1_000", "1000"},
        {"010", "8"},
        {"08", "\"08\""},
        {"0x1F", "31"},
        {"0b101", "5"},
        {"1:30", "90"},
        {"0o17", "\"0o17\""},
        {"1.5", "1.5"},
        {"1.", "1.0"},
        {".5", "0.5"},
        {"1e-5", "\"1e-5\""},
        {"1e5", "\"1e5\""},
        {"1.0e5", "\"1.0e5\""},
        {"1.0e-05", "1e-05"},
        {"1.0e+5", "100000.0"},
        {"+1.5", "1.5"},
        {"-.5", "\"-.5\""},
        {".inf", "Infinity"},
        {"-.INF", "-Infinity"},
        {".NaN", "NaN"},
        {"1:30.5", "90.5"},
        {"2024-01-31", "\"2024-01-31\""},
        {"9223372036854775808", "9223372036854775808"},
        {"a b", "\"a b\""},
        {"# nothing", "null"},
        {"[1, a, {b: c}]", "[1, \"a\", {\"b\": \"c\"}]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *why;
        const value *v = parse(a, cases[i].text, &why);
        CHECK_STR(value_show(a, v), cases[i].shown);
    }
}

static void test_refused(arena *a)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"a: &x 1\nb: *x", "line 1: anchors, aliases and tags are not read"},
        {"a: !!python/object:os.system x",
         "line 1: anchors, aliases and tags are not read"},
        {"a: 1\n<<: {b: 2}", "line 2: merge keys (<<) are not read"},
        {"a: 1\nb: 2\na: 3", "line 3: the key \"a\" stands twice"},
        {"? [a]\n: 1", "line 1: a key that is not a plain text"},
        {"a: 1\n---\nb: 2", "line 2: more than one document"},
        {"a: \"\\0\"", "line 1: a NUL character in a text"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *why;
        CHECK(parse(a, cases[i].text, &why) == NULL);
        CHECK_STR(why, cases[i].why);
    }
    static const char *const broken[] = {"a: [1",   "a: b: c", "\tx: 1",
                                         "a: \xff", "{",       "'"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        const char *why;
        CHECK(parse(a, broken[i], &why) == NULL && why != NULL);
    }
    buf deep = {.arena = a};
    for (int i = 0; i < 65; i++) {
        buf_add(&deep, "[");
    }
    const char *why;
    CHECK(parse(a, buf_str(&deep), &why) == NULL);
    CHECK_STR(why, "line 1: nested more than 64 deep");
}

/* What yaml.dump writes for a configuration must come back to the byte. */
static void test_round_trip(arena *a)
{
    const char *text = "attention_logit_softcapping: null\n"
                       "bias: false\n"
                       "empty_list: []\n"
                       "empty_map: {}\n"
                       "hf_config:\n"
                       "  name: TinyLlama-1.1B-Chat-v1.0\n"
                       "  org: TinyLlama\n"
                       "lists:\n"
                       "- 1\n"
                       "- - 2\n"
                       "  - x: 1\n"
                       "    y: 2\n"
                       "- a\n"
                       "name: tiny-llama-1.1b\n"
                       "norm_eps: 1.0e-05\n"
                       "odd:\n"
                       "- ''\n"
                       "- 'true'\n"
                       "- '12'\n"
                       "- '1.0'\n"
                       "- 1e-5\n"
                       "- '2024-01-31'\n"
                       "- '- x'\n"
                       "- 'a: b'\n"
                       "- it's\n"
                       "- \"tab\\there\"\n"
                       "- \"\\xE9\"\n"
                       "rope_base: 10000\n"
                       "theta: 10000.0\n"
                       "tiny: 9.999999747378752e-06\n"
                       "vast: 1.0e+16\n";
    const char *why;
    const value *v = parse(a, text, &why);
    buf out = {.arena = a};
    if (CHECK(v != NULL)) {
        yaml_print(&out, v);
        CHECK_STR(buf_str(&out), text);
    }
}

static void test_printing(arena *a)
{
    value *r = value_record(a);
    value_set(a, r, "z", value_float(a, (double)NAN));
    value_set(a, r, "b", value_float(a, -(double)INFINITY));
    value_set(a, r, "1", value_string(a, "bad\xff"));
    value_set(a, r, "Z", value_string(a, "yes"));
    buf out = {.arena = a};
    yaml_print(&out, r);
    CHECK_STR(buf_str(&out), "'1': bad\\xff\nZ: 'yes'\nb: -.inf\nz: .nan\n");
}

int main(void)
{
    arena *a = arena_new();
    test_scalars(a);
    test_refused(a);
    test_round_trip(a);
    test_printing(a);
    arena_free(a);
    return CHECK_RESULT();
}
