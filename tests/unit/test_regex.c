/* Regular expressions: search, whole match, groups, limits, bad patterns. */
#include <malloc.h>

#include "base/regex.h"
#include "check.h"

static const regex *compile(arena *a, const char *pattern, const char *flags)
{
    const char *why = NULL;
    size_t at = 0;
    const regex *re = regex_new(a, pattern, flags, &why, &at);
    CHECK_STR(why, NULL);
    return re;
}

static void test_search(arena *a)
{
    const regex *phi = compile(a, "^phi-[34]", "i");
    CHECK(regex_search(phi, "Phi-4-mini") && regex_search(phi, "phi-3"));
    CHECK(!regex_search(phi, "phi-2") && !regex_search(phi, "x phi-3"));
    CHECK(regex_search(compile(a, "b", ""), "abc"));
    CHECK(!regex_search(compile(a, "B", ""), "abc"));
    CHECK(!regex_search(compile(a, "c$", ""), "abc\n"));
    CHECK(regex_search(compile(a, "^.$", ""), "\xc3\xa9")); /* one character */
}

static void test_match(arena *a)
{
    const char *g[3] = {"", "", ""};
    const regex *re = compile(a, "h(\\d+)(x)?", "");
    CHECK(regex_match(a, re, "h12", g, 3));
    CHECK_STR(g[0], "12");
    CHECK_STR(g[1], NULL);
    CHECK_STR(g[2], NULL);
    CHECK(!regex_match(a, re, "ah12", g, 3));
    CHECK(!regex_match(a, re, "h12y", NULL, 0));
    CHECK(!regex_match(a, re, "h12\n", NULL, 0));
    /* The whole text decides, not the first alternative that fits its beginning. */
    CHECK(regex_match(a, compile(a, "a|ab", ""), "ab", NULL, 0));
}

static void test_limits(arena *a)
{
    char text[65];
    memset(text, 'a', 64);
    text[64] = '\0';
    CHECK(!regex_search(compile(a, "^(a+)+(?=b)\\1$", ""), text));
    CHECK(!regex_search(compile(a, "a", ""), "\xff")); /* no UTF-8: no match */
}

/* What a search needs is given back: tens of kilobytes, for each name that is tried. */
static void test_memory(arena *a)
{
    const regex *re = compile(a, "h(\\d+)(x)?", "");
    const size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    for (int i = 0; i < 1000; i++) {
        CHECK(regex_match(a, re, "h12", NULL, 0) && regex_search(re, "h3"));
    }
    CHECK(mallinfo2().uordblks + mallinfo2().hblkhd < before + 100 * 1000);
}

static void test_bad(arena *a)
{
    const char *why = NULL;
    size_t at = 99;
    CHECK(regex_new(a, "ab(c", "", &why, &at) == NULL);
    CHECK_STR(why, "missing closing parenthesis");
    CHECK_INT(at, 4);
    CHECK(regex_new(a, "a", "x", &why, &at) == NULL);
    CHECK_STR(why, "unknown flag 'x', only 'i' (ignore case) is known");
}

int main(void)
{
    arena *a = arena_new();
    test_search(a);
    test_match(a);
    test_limits(a);
    test_memory(a);
    test_bad(a);
    arena_free(a);
    return CHECK_RESULT();
}
