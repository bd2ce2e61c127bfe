/* base/fold.c -- folding of long lists of names into ranges; see near.h.
 *
 * A name is literals around whole numbers: "model.layers.3.mlp" has one number.
 * Names with the same literals form a group.  The tuples of numbers of a group are
 * sorted and taken apart from the left: the values of the first number whose
 * remainders fold to the same list share that list.  So a ragged set falls into
 * several exact pieces, and nothing is said that is not there.
 */
#include "base/near.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/strmap.h"

enum { MAX_NUMBERS = 6, MAX_DIGITS = 18 };

typedef struct tuple {
    uint64_t at[MAX_NUMBERS];
} tuple;

typedef struct group {
    size_t n_numbers;
    const char *literals[MAX_NUMBERS + 1]; /* before, between and behind the numbers */
    VEC(tuple) tuples;
} group;

typedef VEC(folded) folded_list;

/* A part between dots that is a numeral without needless zeroes. */
static bool is_whole_number(const char *part, size_t n_bytes)
{
    if (n_bytes == 0 || n_bytes > MAX_DIGITS || (part[0] == '0' && n_bytes > 1)) {
        return false;
    }
    for (size_t i = 0; i < n_bytes; i++) {
        if (part[i] < '0' || part[i] > '9') {
            return false;
        }
    }
    return true;
}

/* Take a name apart.  `key` tells its group from all others: the literals, and which
 * parts were numbers. */
static void take_apart(arena *a, const char *name, group *g, tuple *t, const char **key)
{
    buf shape = {.arena = a}, literal = {.arena = a}, places = {.arena = a};
    size_t i_part = 0;
    for (const char *part = name;; i_part++) {
        const size_t n_bytes = strcspn(part, ".");
        if (g->n_numbers < MAX_NUMBERS && is_whole_number(part, n_bytes)) {
            t->at[g->n_numbers] = strtoull(part, NULL, 10);
            g->literals[g->n_numbers++] = buf_str(&literal);
            literal = (buf){.arena = a};
            buf_printf(&places, "%zu,", i_part);
        } else {
            buf_add_n(&literal, part, n_bytes);
            buf_add_n(&shape, part, n_bytes);
        }
        if (part[n_bytes] == '\0') {
            break;
        }
        buf_add(&literal, ".");
        buf_add(&shape, ".");
        part += n_bytes + 1;
    }
    g->literals[g->n_numbers] = buf_str(&literal);
    *key = arena_printf(a, "%s%s", buf_str(&places), buf_str(&shape));
}

static int by_numbers(const void *x, const void *y)
{
    const tuple *s = x, *t = y;
    for (size_t i = 0; i < MAX_NUMBERS; i++) {
        if (s->at[i] != t->at[i]) {
            return s->at[i] < t->at[i] ? -1 : 1;
        }
    }
    return 0;
}

/* "7", "{0..3}", "{0..3,5}" for ascending values. */
static void add_ranges(buf *b, const uint64_t *values, size_t n)
{
    if (n == 1) {
        buf_printf(b, "%llu", (unsigned long long)values[0]);
        return;
    }
    buf_add(b, "{");
    for (size_t i = 0; i < n;) {
        size_t last = i;
        while (last + 1 < n && values[last + 1] == values[last] + 1) {
            last++;
        }
        buf_printf(b, "%s%llu", i > 0 ? "," : "", (unsigned long long)values[i]);
        if (last > i) {
            buf_printf(b, "..%llu", (unsigned long long)values[last]);
        }
        i = last + 1;
    }
    buf_add(b, "}");
}

/* Values of one number whose remainders are the same list of texts. */
typedef struct family {
    VEC(uint64_t) values;
    folded_list rest; /* n summed over the values */
} family;

typedef VEC(family) family_list;

static void join_family(arena *a, strmap *by_rest, family_list *families, uint64_t v,
                        const folded_list *rest)
{
    buf text = {.arena = a};
    for (size_t i = 0; i < rest->n; i++) {
        buf_printf(&text, "%s\n", rest->at[i].text);
    }
    uint64_t at;
    if (!strmap_get(by_rest, buf_str(&text), &at)) {
        at = families->n;
        vec_push(a, families, ((family){.rest = *rest}));
        strmap_set(by_rest, buf_str(&text), at);
    } else {
        for (size_t i = 0; i < rest->n; i++) {
            families->at[at].rest.at[i].n += rest->at[i].n;
        }
    }
    vec_push(a, &families->at[at].values, v);
}

/* Fold tuples [lo, hi), which agree before `depth`; texts start at literal `depth`. */
static folded_list fold_tuples(arena *a, const group *g, size_t lo, size_t hi,
                               size_t depth)
{
    folded_list out = {0};
    if (depth == g->n_numbers) {
        vec_push(a, &out, ((folded){g->literals[depth], hi - lo}));
        return out;
    }
    strmap *by_rest = strmap_new(a);
    family_list families = {0};
    for (size_t i = lo; i < hi;) {
        const uint64_t v = g->tuples.at[i].at[depth];
        size_t end = i;
        while (end < hi && g->tuples.at[end].at[depth] == v) {
            end++;
        }
        const folded_list rest = fold_tuples(a, g, i, end, depth + 1);
        join_family(a, by_rest, &families, v, &rest);
        i = end;
    }
    for (size_t f = 0; f < families.n; f++) {
        const family *fam = &families.at[f];
        for (size_t i = 0; i < fam->rest.n; i++) {
            buf text = {.arena = a};
            buf_add(&text, g->literals[depth]);
            add_ranges(&text, fam->values.at, fam->values.n);
            buf_add(&text, fam->rest.at[i].text);
            vec_push(a, &out, ((folded){buf_str(&text), fam->rest.at[i].n}));
        }
    }
    return out;
}

size_t fold_names(arena *a, const char *const *names, size_t n, folded **out)
{
    strmap *by_key = strmap_new(a);
    VEC(group) groups = {0};
    for (size_t i = 0; i < n; i++) {
        group g = {0};
        tuple t = {{0}};
        const char *key;
        take_apart(a, names[i], &g, &t, &key);
        uint64_t at;
        if (!strmap_get(by_key, key, &at)) {
            at = groups.n;
            strmap_set(by_key, key, at);
            vec_push(a, &groups, g);
        }
        vec_push(a, &groups.at[at].tuples, t);
    }
    folded_list all = {0};
    for (size_t i = 0; i < groups.n; i++) {
        const group *g = &groups.at[i];
        qsort(g->tuples.at, g->tuples.n, sizeof *g->tuples.at, by_numbers);
        const folded_list some = fold_tuples(a, g, 0, g->tuples.n, 0);
        for (size_t k = 0; k < some.n; k++) {
            vec_push(a, &all, some.at[k]);
        }
    }
    *out = all.at;
    return all.n;
}
