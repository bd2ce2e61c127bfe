/* plan/unmerge_account.c -- what an adapter does besides adding products: modules and
 * biases stored whole, rows of the vocabulary.  A layout of factors has no place for
 * it, and an adapter without it would be another one -- but for copies of the base's
 * own tensors, which trainers store beside factors of an embedding or a head. */
#include <string.h>

#include "plan/unmerge.h"

enum { MAX_NAMES = 20 };

static void mark(bool *used, uint32_t src)
{
    if (src != NO_SOURCE) {
        used[src] = true;
    }
}

static void mark_piece(const plan *p, const piece *from, bool *used)
{
    mark(used, from->src);
    for (unsigned i = 0; i < from->n_steps; i++) {
        const step *s = &from->steps[i];
        if (s->kind == STEP_NORM) {
            mark(used, p->norms.at[s->t.b]->magnitude);
        } else if (step_has_operand(s)) {
            mark(used, s->t.b);
            mark(used, s->t.a);
        }
    }
}

/* By number: the sources that the tensors of a stage are made of. */
static bool *sources_of(context *cx, const plan *p, const stage *s)
{
    bool *used = NEW_N(cx->arena, bool, p->sources.n + 1);
    for (size_t i = 0; i < s->tensors.n; i++) {
        const piece_list *l = &s->tensors.at[i].pieces;
        for (size_t k = 0; k < l->n; k++) {
            mark_piece(p, &l->at[k], used);
        }
    }
    return used;
}

rt_status unmerge_refuse(context *cx, const char *const *names, size_t n,
                         const char *layout)
{
    diag *dg = diag_report(cx->diags, SEV_ERROR, "cannot-carry", NOWHERE,
                           "%zu tensor%s of the adapter cannot be converted to '%s': "
                           "only products of two factors can",
                           n, n == 1 ? "" : "s", layout);
    note_folded(cx, dg, names, n, MAX_NAMES);
    diag_help(dg, "merge the adapter into its base and convert the result");
    return RT_MISMATCH;
}

/* Does the line put this tensor of the adapter in the place of the base's? */
static bool is_replacement(const job_merge_line *l, const char *name)
{
    return l->replaces && strcmp(l->factors[0], name) == 0;
}

/* It is not lost if what it replaces is the same; false: it replaces nothing. */
static bool ask_data(context *cx, const job_merge_line *lines, size_t n,
                     const char *name, condition_list *out)
{
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        const job_merge_line *l = &lines[i];
        if (is_replacement(l, name)) {
            const condition c = {.kind = CONDITION_IDLE,
                                 .name = name,
                                 .other = l->target,
                                 .pieces = l->is,
                                 .others = l->was};
            vec_push(cx->arena, out, c);
            any = true;
        }
    }
    return any;
}

rt_status unmerge_account(context *cx, const plan *p, const stage *merged,
                          const job_merge_line *lines, size_t n_lines,
                          const char *layout, unmerged *made)
{
    const bool *before = sources_of(cx, p, merged),
               *after = sources_of(cx, p, made->factors);
    VEC(const char *) lost = {0};
    for (size_t i = 0; i < p->sources.n; i++) {
        const plan_source *s = &p->sources.at[i];
        if (s->of_adapter && before[i] && !after[i] &&
            !ask_data(cx, lines, n_lines, s->t->name, &made->conditions)) {
            vec_push(cx->arena, &lost, s->t->name);
        }
    }
    return lost.n == 0 ? RT_OK : unmerge_refuse(cx, lost.at, lost.n, layout);
}
