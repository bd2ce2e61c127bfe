/* Suggestions and folding of lists of names. */
#include "base/near.h"
#include "check.h"

#define COUNT(x) (sizeof(x) / sizeof *(x))

static void test_near(void)
{
    static const char *const names[] = {"convert", "merge", "verify", "audit", "plan"};
    CHECK_STR(near_name("convret", names, COUNT(names)), "convert");
    CHECK_STR(near_name("vrify", names, COUNT(names)), "verify");
    CHECK_STR(near_name("audit", names, COUNT(names)), "audit");
    CHECK_STR(near_name("inspect", names, COUNT(names)), NULL);
    CHECK_STR(near_name("", names, COUNT(names)), NULL);
    CHECK_STR(near_name("plan", names, 0), NULL);

    static const char *const short_names[] = {"hf", "x"};
    CHECK_STR(near_name("hg", short_names, 2), "hf");
    CHECK_STR(near_name("y", short_names, 2), NULL);

    char vast[500];
    memset(vast, 'a', sizeof vast - 1);
    vast[sizeof vast - 1] = '\0';
    const char *vast_names[] = {vast};
    CHECK_STR(near_name(vast, vast_names, 1), NULL);
    CHECK_STR(near_name("a", vast_names, 1), NULL);
}

/* "text xN" of each piece, a line each. */
static const char *fold(arena *a, const char *const *names, size_t n)
{
    folded *pieces;
    const size_t n_pieces = fold_names(a, names, n, &pieces);
    buf b = {.arena = a};
    for (size_t i = 0; i < n_pieces; i++) {
        buf_printf(&b, "%s x%zu\n", pieces[i].text, pieces[i].n);
    }
    return buf_str(&b);
}

static void test_fold(arena *a)
{
    static const char *const one[] = {"model.norm.weight"};
    CHECK_STR(fold(a, one, 1), "model.norm.weight x1\n");
    CHECK_STR(fold(a, one, 0), "");

    static const char *const layers[] = {"m.10.w", "head",  "m.2.w", "m.0.w",
                                         "m.1.w",  "m.1.b", "m.5.w", "m.3.w"};
    CHECK_STR(fold(a, layers, COUNT(layers)),
              "m.{0..3,5,10}.w x6\nhead x1\nm.1.b x1\n");

    /* Leading zeroes, signs and numbers inside of words are spelling, not numbers. */
    static const char *const odd[] = {"m.01.w", "m.02.w", "h3.x",
                                      "h4.x",   "a.-1",   "a.-2"};
    CHECK_STR(fold(a, odd, COUNT(odd)),
              "m.01.w x1\nm.02.w x1\nh3.x x1\nh4.x x1\na.-1 x1\na.-2 x1\n");

    static const char *const ends[] = {"0.x", "1.x", "x.0", "x.1", "7", "8"};
    CHECK_STR(fold(a, ends, COUNT(ends)), "{0..1}.x x2\nx.{0..1} x2\n{7..8} x2\n");

    static const char *const twice[] = {"m.1.w", "m.1.w", "m.2.w"};
    CHECK_STR(fold(a, twice, COUNT(twice)), "m.{1..2}.w x3\n");
}

static void test_fold_many(arena *a)
{
    const char *names[32 * 8];
    size_t n = 0;
    for (int e = 7; e >= 0; e--) {
        for (int l = 0; l < 32; l++) {
            names[n++] = arena_printf(a, "l.%d.experts.%d.w", l, e);
        }
    }
    CHECK_STR(fold(a, names, n), "l.{0..31}.experts.{0..7}.w x256\n");
    /* Without l.0.experts.7 it is no longer one product. */
    CHECK_STR(fold(a, names + 1, n - 1),
              "l.0.experts.{0..6}.w x7\nl.{1..31}.experts.{0..7}.w x248\n");
}

/* A name of numbers only, and two that hide as one another. */
static void test_fold_strange(arena *a)
{
    static const char *const deep[] = {"1.2.3.4.5.6.7.8", "1.2.3.4.5.6.7.9"};
    CHECK_STR(fold(a, deep, 2), "1.2.3.4.5.6.7.8 x1\n1.2.3.4.5.6.7.9 x1\n");
    static const char *const alike[] = {".1", "1.", "..", "999999999999999999",
                                        "1000000000000000000"};
    CHECK_STR(fold(a, alike, COUNT(alike)),
              ".1 x1\n1. x1\n.. x1\n999999999999999999 x1\n1000000000000000000 x1\n");
}

int main(void)
{
    arena *a = arena_new();
    test_near();
    test_fold(a);
    test_fold_many(a);
    test_fold_strange(a);
    arena_free(a);
    return CHECK_RESULT();
}
