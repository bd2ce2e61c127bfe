/* The check from outside: tests/check/pass_*.rules give the mapping of pass_*.map, and
 * fail_*.rules exactly the complaints of fail_*.err (`test_mapping --update` writes
 * both). Every slug of the check has a failing case.  The rule files of rules/ pass. */
#include <stdlib.h>
#include <unistd.h>

#include "base/embedded.h"
#include "base/file.h"
#include "check.h"
#include "grammar/parse.h"
#include "mapping/mapping.h"

#define MAX_GOLDEN (16u << 20)

static bool update;

static const char *printed(arena *a, const diags *d)
{
    char *shown = NULL;
    size_t n_shown = 0;
    FILE *to = open_memstream(&shown, &n_shown);
    if (!CHECK(to != NULL)) {
        return "";
    }
    diags_print_text(d, to, false);
    (void)fclose(to);
    const char *text = arena_strndup(a, shown, n_shown);
    free(shown);
    return text;
}

/* Compare with the golden file, or write it. */
static void check_golden(arena *a, const char *path, const char *got)
{
    if (update) {
        FILE *to = fopen(path, "wb");
        if (CHECK(to != NULL)) {
            CHECK(fputs(got, to) >= 0);
            CHECK(fclose(to) == 0);
        }
        return;
    }
    char *want;
    size_t n;
    if (CHECK(file_read(a, path, MAX_GOLDEN, &want, &n) == 0)) {
        const bool same = strcmp(got, want) == 0;
        check_that(same, path, 1, "the text is as in the golden file");
        if (!same) {
            (void)fprintf(stderr, "--- got ---\n%s--- expected ---\n%s", got, want);
        }
    }
}

static const char *beside(arena *a, const char *file, const char *extension)
{
    return arena_printf(a, "%.*s%s", (int)(strlen(file) - strlen(".rules")), file,
                        extension);
}

static void check_pass(const char *file)
{
    arena *a = arena_new();
    context cx = {a, diags_new(a)};
    const mapping *m = NULL;
    const rt_status st = mapping_load(&cx, file, &m);
    if (!check_that(st == RT_OK && m != NULL, file, 1, "the file is accepted")) {
        diags_print_text(cx.diags, stderr, false);
    } else {
        buf b = {.arena = a};
        mapping_print(&b, m);
        check_golden(a, beside(a, file, ".map"), buf_str(&b));
    }
    arena_free(a);
}

static void check_fail(const char *file, buf *said)
{
    arena *a = arena_new();
    context cx = {a, diags_new(a)};
    const mapping *m = NULL;
    CHECK_INT(mapping_load(&cx, file, &m), RT_RULES);
    CHECK(m == NULL);
    const char *text = printed(a, cx.diags);
    check_golden(a, beside(a, file, ".err"), text);
    buf_add(said, text);
    arena_free(a);
}

static bool is_case(const char *name, const char *prefix)
{
    const size_t n = strlen(name), k = strlen(".rules");
    return strncmp(name, prefix, strlen(prefix)) == 0 && n > k &&
           strcmp(name + n - k, ".rules") == 0;
}

static void check_slugs(arena *a, const char *said)
{
    static const char *const slugs[] = {
        "alternatives-differ",
        "atom-twice",
        "atoms-differ",
        "axis-twice",
        "axis-uncovered",
        "axis-unsummed",
        "bad-choice",
        "bad-dim",
        "bad-each",
        "bad-op",
        "bad-regex",
        "capture-kind",
        "capture-product",
        "cycle",
        "defined-twice",
        "field-twice",
        "guard-one-side",
        "guard-side",
        "label-missing",
        "label-twice",
        "name-twice",
        "names-overlap",
        "no-field",
        "no-header",
        "no-such-file",
        "not-constant",
        "range-differs",
        "rest-twice",
        "row-width",
        "rule-twice",
        "sides-differ",
        "too-many-captures",
        "two-sides",
        "unbound-capture",
        "unknown-name",
        "unknown-rule",
        "wrong-kind",
    };
    for (size_t i = 0; i < sizeof slugs / sizeof slugs[0]; i++) {
        const char *shown = arena_printf(a, "[%s]", slugs[i]);
        check_that(strstr(said, shown) != NULL, "tests/check", 1, shown);
    }
}

static void check_goldens(void)
{
    arena *a = arena_new();
    char **names;
    size_t n;
    buf said = {.arena = a};
    if (CHECK(dir_list(a, ".", &names, &n) == 0)) {
        for (size_t i = 0; i < n; i++) {
            if (is_case(names[i], "pass_")) {
                check_pass(names[i]);
            } else if (is_case(names[i], "fail_")) {
                check_fail(names[i], &said);
            }
        }
        check_slugs(a, buf_str(&said));
    }
    arena_free(a);
}

/* ---- small things -----------------------------------------------------------------
 */

static const mapping *checked(context *cx, const char *text)
{
    source *src = NEW(cx->arena, source);
    *src = (source){"test.rules", text, strlen(text)};
    const ast_file *file;
    const mapping *m = NULL;
    if (rules_parse(cx, src, &file) == RT_OK && mapping_check(cx, file, &m) != RT_OK) {
        m = NULL;
    }
    return m;
}

static void check_lookup(void)
{
    arena *a = arena_new();
    context cx = {a, diags_new(a)};
    const mapping *m =
        checked(&cx, "family f : hf <-> lit-legacy\n"
                     "axis h = g * r = hf.h\n"
                     "w: a.w [h] <-> b.w [h] with lit-legacy = hf * 4 - 2\n");
    unsigned side = 7;
    if (CHECK(m != NULL)) {
        CHECK(mapping_side(m, "lit-legacy", &side) && side == RIGHT);
        CHECK(!mapping_side(m, "lit", &side));
        const uint32_t h = mapping_axis(m, "h");
        CHECK_INT(m->axes.at[h].primes.n, 2);
        CHECK_INT(m->axes.at[h].primes.at[0], mapping_axis(m, "g"));
        CHECK(!m->axes.at[mapping_axis(m, "r")].declared);
        CHECK(mapping_axis(m, "x") == NO_AXIS);
        CHECK(m->rules.at[0].mul > 3.99 && m->rules.at[0].mul < 4.01);
        CHECK(m->rules.at[0].add > -2.01 && m->rules.at[0].add < -1.99);
        CHECK_STR(exactness_name(m->rules.at[0].class_of[LEFT]), "rounding");
    }
    CHECK(strcmp(exactness_name(EXACT_IF), "exact-if") == 0);
    arena_free(a);
}

/* What reading the right side gives: right = left*mul + add, whichever side is named.
 */
static void check_op_sides(void)
{
    arena *a = arena_new();
    context cx = {a, diags_new(a)};
    const mapping *m =
        checked(&cx, "family f : p <-> q\n"
                     "w: a.w [c] <-> b.w [c] with p = (q - 1) / 2 in f64\n");
    if (CHECK(m != NULL)) {
        CHECK(m->rules.at[0].mul > 1.99 && m->rules.at[0].mul < 2.01);
        CHECK(m->rules.at[0].add > 0.99 && m->rules.at[0].add < 1.01);
        CHECK_STR(m->rules.at[0].op_dtype, "f64");
    }
    arena_free(a);
}

static void check_with_more(void)
{
    arena *a = arena_new();
    context cx = {a, diags_new(a)};
    const char *text =
        "family f : hf <-> lit\nw: a.w [c] <-> b.w [c]\n"
        "reject \"a wrong rule\" with atoms-differ { v: a.v [c] <-> b.v [d] }\n";
    const mapping *m = checked(&cx, text);
    if (CHECK(m != NULL) && CHECK(m->tests.n == 1)) {
        const mapping *none = NULL;
        const test_item *t = m->tests.at[0].ast;
        CHECK_INT(mapping_check_with(&cx, m->ast, &t->items, &none), RT_RULES);
        CHECK(none == NULL);
        CHECK(diags_has(cx.diags, t->slug));
    }
    arena_free(a);
}

static void check_missing(void)
{
    arena *a = arena_new();
    context cx = {a, diags_new(a)};
    const mapping *m = NULL;
    CHECK_INT(mapping_load(&cx, "no-such-family", &m), RT_USAGE);
    CHECK_INT(mapping_load(&cx, "./no_such_file.rules", &m), RT_FILE);
    CHECK(m == NULL);
    CHECK(diags_has(cx.diags, "no-such-file"));
    arena_free(a);
}

static void check_embedded(void)
{
    arena *a = arena_new();
    context cx = {a, diags_new(a)};
    const mapping *const *all;
    size_t n;
    if (!CHECK(mapping_all(&cx, &all, &n) == RT_OK)) {
        diags_print_text(cx.diags, stderr, false);
    }
    for (size_t i = 1; i < n; i++) {
        CHECK(strcmp(all[i - 1]->name, all[i]->name) <= 0);
    }
    for (size_t i = 0; i < n;
         i++) { /* each is found by the name that it gives itself */
        const mapping *m = NULL;
        CHECK_INT(mapping_load(&cx, all[i]->name, &m), RT_OK);
        CHECK(m != NULL && strcmp(m->name, all[i]->name) == 0);
    }
    arena_free(a);
}

int main(int argc, char **argv)
{
    const char *top = getenv("RETENSOR_SOURCE_DIR");
    update = argc > 1 && strcmp(argv[1], "--update") == 0;
    if (!CHECK(chdir(top != NULL ? top : ".") == 0) ||
        !CHECK(chdir("tests/check") == 0)) {
        return CHECK_RESULT();
    }
    check_goldens();
    check_lookup();
    check_op_sides();
    check_with_more();
    check_missing();
    check_embedded();
    return CHECK_RESULT();
}
