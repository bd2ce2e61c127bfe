/* audit/probe_atoms.h -- where every element of one side lies, by its atom and indices.
 *
 * Key of an atom: its rule, its labels, the words in its name, and the set of its axes,
 * captures of the name included.  Below a key, a dense table by the indices of the axes
 * gives tensor and position.
 */
#ifndef RT_AUDIT_PROBE_ATOMS_H
#define RT_AUDIT_PROBE_ATOMS_H

#include "audit/expected.h"
#include "audit/slow.h"

typedef struct atom_place {
    uint32_t tensor; /* number in the list, from 1; 0: nowhere */
    int64_t at;      /* element of the tensor */
} atom_place;

typedef struct atom_table {
    unsigned n;
    uint32_t axis[SLOW_MAX_AXES];
    const int64_t *size;
    atom_place *places;
} atom_table;

typedef struct atom_index atom_index;
atom_index *atom_index_of(context *cx, const values *v, const expected_list *list,
                          const bool *skip);

/* Visit every element of a tensor: its position, its index for every axis, and the
 * place of its atom in the index of the other side (NULL: no such atom there) with its
 * labels. */
typedef void (*atom_visit)(void *who, int64_t at, const int64_t *index,
                           const atom_place *other, const slow_atom *atom);
void atoms_visit(context *cx, const values *v, const expected *e,
                 const atom_index *other, atom_visit visit, void *who);

#endif
