#include "audit/probe_atoms.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/strmap.h"

struct atom_index {
    strmap *by_key;
    VEC(atom_table) tables;
};

static int by_number(const void *x, const void *y)
{
    const uint32_t p = *(const uint32_t *)x, q = *(const uint32_t *)y;
    return p < q ? -1 : p > q;
}

/* All axes of an atom of e: those of its dims, and captures of its name.  Replicas are
 * one tensor: the capture that numbers them is no axis of the atom. */
static atom_table table_of(const expected *e, const slow_atom *atom, const values *v)
{
    atom_table t = {.size = v->size};
    for (unsigned i = 0; i < atom->n_axes; i++) {
        t.axis[t.n++] = atom->axis[i];
    }
    for (uint32_t c = 0; c < e->rule->captures.n && t.n < SLOW_MAX_AXES; c++) {
        const map_capture *cap = &e->rule->captures.at[c];
        if (cap->axis != NO_AXIS && c != e->t->same_in && name_uses(&e->t->name, c)) {
            t.axis[t.n++] = cap->axis;
        }
    }
    qsort(t.axis, t.n, sizeof t.axis[0], by_number);
    return t;
}

static const char *key_of(arena *a, const expected *e, const slow_atom *atom,
                          const atom_table *t)
{
    buf b = {.arena = a};
    buf_printf(&b, "%p", (const void *)e->rule);
    for (unsigned i = 0; i < atom->n_labels; i++) {
        buf_printf(&b, " %s", atom->label[i]);
    }
    for (unsigned i = 0; i < t->n; i++) {
        buf_printf(&b, " %u", t->axis[i]);
    }
    /* A range may name no axis: then each of its numbers has atoms of its own. */
    for (uint32_t c = 0; c < e->rule->captures.n; c++) {
        const map_capture *cap = &e->rule->captures.at[c];
        if (cap->axis == NO_AXIS && cap->hi != NULL && name_uses(&e->t->name, c)) {
            buf_printf(&b, " {%" PRId64 "}", e->numbers[c]);
        }
    }
    return buf_str(&b);
}

static size_t table_n(const atom_table *t)
{
    size_t n = 1;
    for (unsigned i = 0; i < t->n; i++) {
        n *= (size_t)t->size[t->axis[i]];
    }
    return n;
}

static size_t table_at(const atom_table *t, const int64_t *index)
{
    size_t at = 0;
    for (unsigned i = 0; i < t->n; i++) {
        at = at * (size_t)t->size[t->axis[i]] + (size_t)index[t->axis[i]];
    }
    return at;
}

/* Indices of the captures in e's name; the others begin at 0. */
static int64_t *first_index(arena *a, const values *v, const expected *e)
{
    int64_t *index = NEW_N(a, int64_t, v->m->axes.n + 1);
    for (uint32_t c = 0; c < e->rule->captures.n; c++) {
        const uint32_t axis = e->rule->captures.at[c].axis;
        if (axis != NO_AXIS && name_uses(&e->t->name, c)) {
            index[axis] = e->numbers[c] - e->lo[c];
        }
    }
    return index;
}

static bool is_empty(const slow_atom *atom, const int64_t *size)
{
    for (unsigned i = 0; i < atom->n_axes; i++) {
        if (size[atom->axis[i]] <= 0) {
            return true;
        }
    }
    return !atom->is_there;
}

static void add_tensor(context *cx, const values *v, const expected *e, uint32_t number,
                       atom_index *x)
{
    slow_choice choice = {0};
    do {
        const slow_atom atom = slow_atom_of(e->t, e->part_on, &choice);
        if (is_empty(&atom, v->size)) {
            continue;
        }
        atom_table t = table_of(e, &atom, v);
        const char *key = key_of(cx->arena, e, &atom, &t);
        uint64_t k;
        if (!strmap_get(x->by_key, key, &k)) {
            k = x->tables.n;
            (void)strmap_add(x->by_key, key, k);
            t.places = NEW_N(cx->arena, atom_place, table_n(&t));
            vec_push(cx->arena, &x->tables, t);
        }
        const atom_table *at = &x->tables.at[k];
        int64_t *index = first_index(cx->arena, v, e);
        do {
            atom_place *p = &at->places[table_at(at, index)];
            if (p->tensor == 0) { /* of replicas the first */
                p->tensor = number;
                p->at = slow_position(e->t, v->size, e->part_on, &choice, index);
            }
        } while (slow_next_index(&atom, v->size, index));
    } while (slow_next(&choice));
}

atom_index *atom_index_of(context *cx, const values *v, const expected_list *list,
                          const bool *skip)
{
    atom_index *x = NEW(cx->arena, atom_index);
    x->by_key = strmap_new(cx->arena);
    for (size_t i = 0; i < list->n; i++) {
        if (!skip[i] && list->at[i].t != NULL) {
            add_tensor(cx, v, &list->at[i], (uint32_t)i + 1, x);
        }
    }
    return x;
}

void atoms_visit(context *cx, const values *v, const expected *e,
                 const atom_index *other, atom_visit visit, void *who)
{
    slow_choice choice = {0};
    do {
        const slow_atom atom = slow_atom_of(e->t, e->part_on, &choice);
        if (is_empty(&atom, v->size)) {
            continue;
        }
        const atom_table t = table_of(e, &atom, v);
        uint64_t k;
        const bool found =
            strmap_get(other->by_key, key_of(cx->arena, e, &atom, &t), &k);
        const atom_table *at = found ? &other->tables.at[k] : NULL;
        int64_t *index = first_index(cx->arena, v, e);
        do {
            visit(who, slow_position(e->t, v->size, e->part_on, &choice, index), index,
                  at == NULL ? NULL : &at->places[table_at(at, index)], &atom);
        } while (slow_next_index(&atom, v->size, index));
    } while (slow_next(&choice));
}
