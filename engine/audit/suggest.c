/* The first step of a draft: names that differ in whole numbers become groups. */
#include "audit/suggest.h"

#include <stdlib.h>
#include <string.h>

#include "audit/suggest_parts.h"
#include "grammar/parse.h"

enum { MAX_DIGITS = 9 };

typedef struct member {
    const tensor_info *t;
    uint64_t numbers[GROUP_MAX_HOLES];
} member;
typedef VEC(member) member_list;

typedef struct bucket {
    group g;
    member_list members;
} bucket;

static bool is_number(const char *part, size_t n_bytes)
{
    return n_bytes > 0 && n_bytes <= MAX_DIGITS && (part[0] != '0' || n_bytes == 1) &&
           strspn(part, "0123456789") >= n_bytes;
}

/* A name as literals around its first numbers, at most n_holes of them. */
static void take_apart(arena *a, unsigned n_holes, group *g, member *m)
{
    buf literal = {.arena = a}, text = {.arena = a};
    for (const char *part = m->t->name;; part++) {
        const size_t n_bytes = strcspn(part, ".");
        if (g->n_holes < n_holes && is_number(part, n_bytes)) {
            m->numbers[g->n_holes] = strtoull(part, NULL, 10);
            g->literals[g->n_holes++] = buf_str(&literal);
            literal = (buf){.arena = a};
            buf_add(&text, "{}");
        } else {
            buf_add_n(&literal, part, n_bytes);
            buf_add_n(&text, part, n_bytes);
        }
        part += n_bytes;
        if (*part == '\0') {
            break;
        }
        buf_add(&literal, ".");
        buf_add(&text, ".");
    }
    g->literals[g->n_holes] = buf_str(&literal);
    g->text = buf_str(&text);
    const char *dot = strrchr(g->text, '.');
    g->parent = dot == NULL ? "" : arena_strndup(a, g->text, (size_t)(dot - g->text));
}

static bool same_kind(const tensor_info *t, const tensor_info *u)
{
    return t->dt == u->dt && t->rank == u->rank &&
           memcmp(t->shape, u->shape, t->rank * sizeof t->shape[0]) == 0;
}

/* The ranges of the numbers.  False unless the tensors are alike and have all numbers
 * of the ranges; names are distinct, so the count tells. */
static bool fill_ranges(bucket *b)
{
    group *g = &b->g;
    uint64_t n_expected = 1;
    for (size_t i = 0; i < b->members.n; i++) {
        const member *m = &b->members.at[i];
        for (unsigned h = 0; h < g->n_holes; h++) {
            const uint64_t k = m->numbers[h];
            g->lo[h] = i == 0 || k < g->lo[h] ? k : g->lo[h];
            g->end[h] = k + 1 > g->end[h] ? k + 1 : g->end[h];
        }
        if (!same_kind(b->members.at[0].t, m->t)) {
            return false;
        }
    }
    for (unsigned h = 0; h < g->n_holes; h++) {
        if (__builtin_mul_overflow(n_expected, g->end[h] - g->lo[h], &n_expected)) {
            return false;
        }
    }
    return n_expected == b->members.n;
}

static void find_ends(bucket *b)
{
    for (size_t i = 0; i < b->members.n; i++) {
        const member *m = &b->members.at[i];
        bool is_first = true, is_last = true;
        for (unsigned h = 0; h < b->g.n_holes; h++) {
            is_first = is_first && m->numbers[h] == b->g.lo[h];
            is_last = is_last && m->numbers[h] + 1 == b->g.end[h];
        }
        b->g.first = is_first ? m->t : b->g.first;
        b->g.last = is_last ? m->t : b->g.last;
    }
}

/* What is ragged, or not of one shape, is folded again with one number less. */
static void fold(arena *a, const member_list *members, unsigned n_holes,
                 group_list *out)
{
    strmap *by_text = strmap_new(a);
    VEC(bucket) buckets = {0};
    for (size_t i = 0; i < members->n; i++) {
        bucket b = {0};
        member m = {.t = members->at[i].t};
        uint64_t at;
        take_apart(a, n_holes, &b.g, &m);
        if (!strmap_get(by_text, b.g.text, &at)) {
            at = buckets.n;
            strmap_set(by_text, b.g.text, at);
            vec_push(a, &buckets, b);
        }
        vec_push(a, &buckets.at[at].members, m);
    }
    for (size_t i = 0; i < buckets.n; i++) {
        bucket *b = &buckets.at[i];
        if (fill_ranges(b)) {
            find_ends(b);
            vec_push(a, out, b->g);
        } else {
            fold(a, &b->members, b->g.n_holes - 1, out);
        }
    }
}

void suggest_fold(arena *a, const inventory *inv, group_list *out)
{
    member_list all = {0};
    for (size_t i = 0; i < inv->tensors.n; i++) {
        vec_push(a, &all, ((member){.t = &inv->tensors.at[i]}));
    }
    fold(a, &all, GROUP_MAX_HOLES, out);
}

static rt_status needs_shapes(context *cx, const checkpoint *c)
{
    for (size_t i = 0; i < c->inv->tensors.n; i++) {
        if (!c->inv->tensors.at[i].has_shape) {
            diag *dg = diag_report(cx->diags, SEV_ERROR, "names-only", NOWHERE,
                                   "%s is an index without its shards: it tells no "
                                   "shapes",
                                   c->weights);
            diag_help(dg, "fetch the shards; a draft is made from names and shapes");
            return RT_MISMATCH;
        }
    }
    return RT_OK;
}

rt_status suggest_rules(context *cx, const suggest_side side[2], buf *out)
{
    suggestion s = {.cx = cx, .side = side};
    for (unsigned k = 0; k < 2; k++) {
        TRY(needs_shapes(cx, side[k].from));
        suggest_fold(cx->arena, side[k].from->inv, &s.groups[k]);
    }
    TRY(suggest_match(&s));
    buf text = {.arena = cx->arena};
    suggest_draft(&s, &text);
    source *src = NEW(cx->arena, source);
    const ast_file *file = NULL;
    *src = (source){"<draft>", buf_str(&text), text.n};
    TRY(rules_parse(cx, src, &file));
    rules_format(out, file);
    return RT_OK;
}
