/* config/fields.h -- fields of a config record by path: spellings, types, what absence
 * means.
 *
 * A path in a rule file is LAYOUT.key.key or ROOT.key, ROOT being a `choice` of config
 * roots; in merge files `base.` and `adapter.` name the sides too.  Resolved, it is a
 * side and the keys ("rope_parameters.rope_theta"); "" is the whole record.
 */
#ifndef RT_CONFIG_FIELDS_H
#define RT_CONFIG_FIELDS_H

#include "config/eval.h"

/* False: the text does not begin with a layout or a root. */
bool field_resolve(const values *v, arena *a, const char *text, unsigned *side,
                   const char **path);
/* The same for the path of EXPR_PATH, or the list of EXPR_INDEX. */
bool field_of_expr(const values *v, arena *a, const expr *e, unsigned *side,
                   const char **path);

const value *record_at(const value *record, const char *path);
/* Set (x is copied) or, with NULL, remove; records in between are made. */
void record_put(arena *a, value *record, const char *path, const value *x);

/* As read through `spelled`, `field` types and defaults; element-wise defaults are in
 * field_element.  NULL: absent; UNKNOWN: no config of that side. */
const value *field_read(evaluation *ev, unsigned side, const char *path);
/* Element i of the list, or its `field A[l] = E` default. */
const value *field_element(evaluation *ev, unsigned side, const char *path, int64_t i);
/* Does a `field` line say what the absence of the field means? */
bool field_has_default(const values *v, arena *a, unsigned side, const char *path);

/* The spelling to write, and the others of its group. */
const char *field_spelling(const values *v, arena *a, unsigned side, const char *path);
void field_remove_spellings(const values *v, arena *a, unsigned side, const char *path,
                            value *record);

/* x as a `type`; false: it cannot be.  Null is of every type. */
bool value_coerce(arena *a, const char *type, const value *x, const value **out);
/* The declared type of a field, or NULL. */
const char *field_type(const values *v, arena *a, unsigned side, const char *path);
/* x as the field `path` and the typed fields below it want it, numerals respelled; NULL
 * and *bad (a path) when a type does not fit. */
const value *field_typed(const values *v, arena *a, unsigned side, const char *path,
                         const value *x, const char **bad);

/* Which alternative of each root choice of `side` holds for this record. */
void field_choose_roots(const mapping *m, unsigned side, const value *record,
                        uint32_t *choice);

/* The name that messages give a field: "hf.rope_theta". */
const char *field_name(const values *v, arena *a, unsigned side, const char *path);

#endif
