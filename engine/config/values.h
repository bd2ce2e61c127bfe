/* config/values.h -- the numbers and facts of one model, seen through one mapping.
 *
 * Sources: the config of either side, and equations between header shapes and axes.
 * Sources that are equations must agree; a contradiction shows both, with where each
 * came from.  Absence and defaults follow the file's `field` lines.
 */
#ifndef RT_CONFIG_VALUES_H
#define RT_CONFIG_VALUES_H

#include "base/status.h"
#include "base/value.h"
#include "diag/diag.h"
#include "mapping/mapping.h"

#define SIZE_UNKNOWN (-1)

typedef struct values {
    const mapping *m;
    unsigned side;              /* the side that is read */
    const value *config[2];     /* record of each side, or NULL */
    const char *config_path[2]; /* for messages */
    int64_t *size;              /* by axis id; SIZE_UNKNOWN until known */
    const char **size_from;     /* by axis id: "hf.hidden_size = 2048 (config.json)" */
    uint32_t *choice;           /* by choice id: alternative that holds */
    const value **fact;         /* by value id: evaluated; NULL: unknown */
    /* answers `has TEMPLATE`; NULL: unknown, false */
    bool (*has_tensor)(void *who, const template *t);
    void *who;
    const value
        *modules; /* what `modules()` is: of an adapter that is written; or NULL */
    /* private */
    struct values_learned *learned;
} values;

/* Read all axes and values that the config of `side` tells.  A missing field leaves its
 * axis unknown (shapes may tell it); a contradiction between sources is RT_MISMATCH. */
RT_NODISCARD rt_status values_read(context *cx, const mapping *m, unsigned side,
                                   const value *config, const char *config_path,
                                   values **out);

/* Merge files: the configs of base and adapter together (either may be NULL); `side` is
 * the adapter's. */
RT_NODISCARD rt_status values_read_pair(context *cx, const mapping *m,
                                        const value *base, const char *base_path,
                                        const value *adapter, const char *adapter_path,
                                        values **out);

/* Tell a header fact: tensor `t` of a rule has this shape under these capture values.
 * Call for all tensors, then values_solve(). */
void values_learn(context *cx, values *v, const map_tensor *t, const char *name,
                  const uint64_t *shape, unsigned rank, const bool *part_on);
/* Tell the range of a capture as found in the names: 0..n-1. */
void values_learn_range(context *cx, values *v, uint32_t axis, int64_t n,
                        const char *from);
/* Solve unknown axes from the shapes; report shapes that contradict known ones with the
 * equation, both numbers and their sources, folded over layers (slug
 * "shape-contradicts"; RT_MISMATCH), and axes that stay unknown though a claimed tensor
 * needs them. */
RT_NODISCARD rt_status values_solve(context *cx, values *v);

/* The value of an expression; captures by name (NULL when none).  NULL: absent or not
 * decidable (then *why says what is missing). */
typedef struct binding {
    const map_capture *captures;
    const int64_t *numbers;
    const char *const *words;
    size_t n;
} binding;
const value *values_eval(context *cx, const values *v, const expr *e, const binding *b,
                         const char **why);
/* A guard: 1 holds, 0 does not, -1 cannot be decided (reported, slug
 * "undecided-guard"). */
int values_holds(context *cx, const values *v, const expr *e, const binding *b);
/* The same for n guards: the first that does not hold decides. */
int values_all_hold(context *cx, const values *v, const expr *const *guards, size_t n,
                    const binding *b);

/* A field of a side's record by path, through `spelled` and `field` defaults. */
const value *values_field(context *cx, const values *v, unsigned side,
                          const expr *path);

/* Warn of patterns that no name fitted that was looked up (slug "pattern-unused"), and
 * of two with different values that one name fits ("pattern-twice"). */
void values_warn_of_lookups(context *cx, const values *v);

/* Require/refuse lines and fields that nobody reads: errors "refused" / warnings
 * "unknown-field". */
RT_NODISCARD rt_status values_demand(context *cx, const values *v);

#endif
