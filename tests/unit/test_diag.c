/* Diagnostics as people and programs see them. */
#include <stdlib.h>

#include "base/json.h"
#include "check.h"
#include "diag/diag.h"

static const char text[] = "family x : hf <-> lit\n"
                           "\n"
                           "    hf \"model.norm.weight\"\n"
                           "\thf\t\"caf\xc3\xa9.weight\" [c]\r\n"
                           "bad \x1b[31m \xff here\n"
                           "the last";
static const source rules = {"rules/x.rules", text, sizeof text - 1};

static where at(const char *what)
{
    const char *p = strstr(text, what);
    CHECK(p != NULL);
    const uint32_t lo = p == NULL ? 0 : (uint32_t)(p - text);
    return (where){&rules, lo, lo + (uint32_t)strlen(what)};
}

typedef enum form { TEXT, COLOR, JSON, SARIF } form;

static const char *print(arena *a, const diags *d, form f)
{
    char *bytes = NULL;
    size_t n = 0;
    FILE *to = open_memstream(&bytes, &n);
    CHECK(to != NULL);
    if (f == JSON) {
        diags_print_json(d, to);
    } else if (f == SARIF) {
        diags_print_sarif(d, "1.2", to);
    } else {
        diags_print_text(d, to, f == COLOR);
    }
    CHECK(fclose(to) == 0);
    const char *copy = arena_strndup(a, bytes, n);
    free(bytes);
    return copy;
}

static void test_full(arena *a)
{
    diags *d = diags_new(a);
    diag *dg = diag_report(d, SEV_ERROR, "target-overlap", at("\"model.norm.weight\""),
                           "two rules write %s", "the same tensor");
    diag_label(dg, at("x : hf"), "also written here");
    diag_label(dg, NOWHERE, "and in the adapter");
    diag_note(dg, "example: %s", "model.norm.weight");
    diag_help(dg, "delete one of the rules");
    const char *want = "rules/x.rules:3:8: error: two rules write the same tensor "
                       "[target-overlap]\n"
                       "    3 |     hf \"model.norm.weight\"\n"
                       "      |        ^~~~~~~~~~~~~~~~~~~\n"
                       "rules/x.rules:1:8: note: also written here\n"
                       "    1 | family x : hf <-> lit\n"
                       "      |        ^~~~~~\n"
                       "note: and in the adapter\n"
                       "      = example: model.norm.weight\n"
                       "      = help: delete one of the rules\n";
    CHECK_STR(print(a, d, TEXT), want);
    CHECK_STR(print(a, d, JSON),
              "{\"severity\": \"error\", \"slug\": \"target-overlap\", "
              "\"message\": \"two rules write the same tensor\", "
              "\"path\": \"rules/x.rules\", \"line\": 3, \"column\": 8, "
              "\"end_line\": 3, \"end_column\": 27, \"labels\": ["
              "{\"message\": \"also written here\", \"path\": \"rules/x.rules\", "
              "\"line\": 1, \"column\": 8, \"end_line\": 1, \"end_column\": 14}, "
              "{\"message\": \"and in the adapter\"}], "
              "\"notes\": [\"example: model.norm.weight\"], "
              "\"help\": [\"delete one of the rules\"]}\n");
}

static void test_nowhere(arena *a)
{
    diags *d = diags_new(a);
    diag *dg = diag_report(d, SEV_WARNING, "no-config", NOWHERE, "there is no config");
    diag_note(dg, "looked in %s", "out\x1b[2J/\xe2\x80\xae.json");
    diag_help(dg, "give --config");
    CHECK_STR(print(a, d, TEXT), "warning: there is no config [no-config]\n"
                                 "  = looked in out\\x1b[2J/\\u{202e}.json\n"
                                 "  = help: give --config\n");
    CHECK_STR(print(a, d, COLOR),
              "\x1b[1;35mwarning:\x1b[0m there is no config [no-config]\n"
              "  = looked in out\\x1b[2J/\\u{202e}.json\n"
              "  = \x1b[1mhelp:\x1b[0m give --config\n");
    CHECK_INT(diags_count(d, SEV_WARNING), 1);
    CHECK_INT(diags_count(d, SEV_ERROR), 0);
    CHECK(diags_has(d, "no-config") && !diags_has(d, "no"));
    diags_clear(d);
    CHECK(!diags_has(d, "no-config"));
    CHECK_STR(print(a, d, TEXT), "");
    CHECK_STR(print(a, d, JSON), "");
}

static const char *snippet(arena *a, where place)
{
    diags *d = diags_new(a);
    (void)diag_report(d, SEV_NOTE, "s", place, "m");
    return print(a, d, TEXT);
}

/* Tabs, characters of several bytes, escapes, and places at the edges. */
static void test_columns(arena *a)
{
    CHECK_STR(snippet(a, at("[c]")), "rules/x.rules:4:19: note: m [s]\n"
                                     "    4 |     hf  \"caf\xc3\xa9.weight\" [c]\n"
                                     "      |                       ^~~\n");
    CHECK_STR(snippet(a, at("caf\xc3\xa9")),
              "rules/x.rules:4:6: note: m [s]\n"
              "    4 |     hf  \"caf\xc3\xa9.weight\" [c]\n"
              "      |          ^~~~\n");
    CHECK_STR(snippet(a, at("here")), "rules/x.rules:5:13: note: m [s]\n"
                                      "    5 | bad \\x1b[31m \\xff here\n"
                                      "      |                   ^~~~\n");
    const uint32_t end = sizeof text - 1;
    CHECK_STR(snippet(a, (where){&rules, end, end}), "rules/x.rules:6:9: note: m [s]\n"
                                                     "    6 | the last\n"
                                                     "      |         ^\n");
    CHECK_STR(snippet(a, (where){&rules, 0, 0}), "rules/x.rules:1:1: note: m [s]\n"
                                                 "    1 | family x : hf <-> lit\n"
                                                 "      | ^\n");
    /* A place over several lines is marked on its first. */
    CHECK_STR(snippet(a, (where){&rules, 18, end}), "rules/x.rules:1:19: note: m [s]\n"
                                                    "    1 | family x : hf <-> lit\n"
                                                    "      |                   ^~~\n");
    /* The line break itself, and an empty line. */
    CHECK_STR(snippet(a, (where){&rules, 22, 22}), "rules/x.rules:2:1: note: m [s]\n"
                                                   "    2 | \n"
                                                   "      | ^\n");
    const source empty = {"e.rules", "", 0};
    CHECK_STR(snippet(a, (where){&empty, 0, 0}), "e.rules:1:1: note: m [s]\n"
                                                 "    1 | \n"
                                                 "      | ^\n");
}

/* A line of a hostile length is shown in part. */
static void test_long_line(arena *a)
{
    char *line = arena_alloc(a, 100001);
    memset(line, 'x', 100000);
    memcpy(line + 50000, "HERE", 4);
    const source src = {"l.rules", line, 100000};
    const char *shown = snippet(a, (where){&src, 50000, 50004});
    CHECK(strlen(shown) < 600);
    const char *here = strstr(shown, "HERE"), *caret = strstr(shown, "^~~~\n");
    CHECK(here != NULL && caret != NULL);
    const char *first = strstr(shown, "    1 | "), *second = strstr(shown, "      | ");
    CHECK_INT(here - first, caret - second);
}

static void test_order_and_cap(arena *a)
{
    const source other = {"a.rules", "abc\n", 4};
    diags *d = diags_new(a);
    (void)diag_report(d, SEV_ERROR, "n1", NOWHERE, "first without a place");
    (void)diag_report(d, SEV_ERROR, "p3", at("the last"), "third place");
    (void)diag_report(d, SEV_ERROR, "p2", at("family"), "second place");
    (void)diag_report(d, SEV_WARNING, "p2b", at("family"), "second place again");
    (void)diag_report(d, SEV_ERROR, "p1", (where){&other, 1, 2}, "first place");
    (void)diag_report(d, SEV_ERROR, "n2", NOWHERE, "second without a place");
    const char *out = print(a, d, TEXT);
    static const char *const order[] = {"[p1]", "[p2]", "[p2b]",
                                        "[p3]", "[n1]", "[n2]"};
    const char *last = out;
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        const char *p = strstr(out, order[i]);
        CHECK(p != NULL && p >= last);
        last = p;
    }

    diags_clear(d);
    for (int i = 0; i < 1000; i++) {
        (void)diag_report(d, SEV_ERROR, "many", NOWHERE, "error %d", i);
    }
    out = print(a, d, TEXT);
    CHECK(strstr(out, "error 19 ") != NULL && strstr(out, "error 20 ") == NULL);
    CHECK(strstr(out, "\nerror: and 980 more errors\n") != NULL);
    CHECK_INT(diags_count(d, SEV_ERROR), 1000);
}

/* One log, each slug a rule once, places of results and of labels, no place if none. */
static void test_sarif(arena *a)
{
    diags *d = diags_new(a);
    diag *dg = diag_report(d, SEV_ERROR, "target-overlap", at("\"model.norm.weight\""),
                           "two rules write one tensor");
    diag_label(dg, at("x : hf"), "also written here");
    diag_help(dg, "delete one");
    (void)diag_report(d, SEV_WARNING, "target-overlap", NOWHERE, "elsewhere");
    const char *text_of = print(a, d, SARIF), *why = NULL;
    const value *log = json_parse(a, text_of, strlen(text_of), &why);
    if (!CHECK(log != NULL)) {
        return;
    }
    CHECK_STR(value_get(log, "version")->s, "2.1.0");
    const value *run = value_get(log, "runs")->items.at[0];
    const value *driver = value_get(value_get(run, "tool"), "driver");
    CHECK_STR(value_get(driver, "version")->s, "1.2");
    CHECK_INT((int)value_get(driver, "rules")->items.n, 1);
    const value *results = value_get(run, "results");
    CHECK_INT((int)results->items.n, 2);
    CHECK_STR(value_show(a, results->items.at[0]),
              "{\"ruleId\": \"target-overlap\", \"level\": \"error\", "
              "\"message\": {\"text\": \"two rules write one tensor\\nhelp: delete "
              "one\"}, \"locations\": [{\"physicalLocation\": {\"artifactLocation\": "
              "{\"uri\": \"rules/x.rules\"}, \"region\": {\"startLine\": 3, "
              "\"startColumn\": 8, \"endLine\": 3, \"endColumn\": 27}}}], "
              "\"relatedLocations\": [{\"physicalLocation\": {\"artifactLocation\": "
              "{\"uri\": \"rules/x.rules\"}, \"region\": {\"startLine\": 1, "
              "\"startColumn\": 8, \"endLine\": 1, \"endColumn\": 14}}, \"message\": "
              "{\"text\": \"also written here\"}}]}");
    CHECK_INT((int)value_get(results->items.at[1], "locations")->items.n, 0);
}

int main(void)
{
    arena *a = arena_new();
    test_full(a);
    test_nowhere(a);
    test_columns(a);
    test_long_line(a);
    test_order_and_cap(a);
    test_sarif(a);
    arena_free(a);
    return CHECK_RESULT();
}
