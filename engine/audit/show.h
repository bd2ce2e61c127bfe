/* audit/show.h -- numbers, shapes and places as reports write them, and records for
 * JSON.
 *
 * Texts are the arena's or constant.
 */
#ifndef RT_AUDIT_SHOW_H
#define RT_AUDIT_SHOW_H

#include "base/value.h"
#include "diag/diag.h"
#include "plan/plan.h"
#include "tensor/shape.h"

const char *show_bytes(arena *a, uint64_t n_bytes); /* "2.2 GB", "980 bytes" */
const char *show_count(arena *a, uint64_t n,
                       const char *noun);   /* "1 tensor", "3 tensors" */
const char *show_dtype(arena *a, dtype dt); /* "bf16" */
const char *show_place(arena *a, where at); /* "llama.rules:12", "" for no place */
/* Names folded into ranges, one a line behind `indent`; at most `max` lines. */
void show_names(buf *out, const char *indent, const char *const *names, size_t n,
                size_t max);

/* The complaints that a test collected, line by line, as notes of its failure. */
void note_complaints(arena *a, diag *dg, const diags *d);

void put_text(arena *a, value *record, const char *key,
              const char *text); /* NULL: null */
void put_count(arena *a, value *record, const char *key, uint64_t n);
void put_float(arena *a, value *record, const char *key, double x);
void put_bool(arena *a, value *record, const char *key, bool b);
void put_shape(arena *a, value *record, const char *key, const uint64_t *shape,
               unsigned rank);
void put_texts(arena *a, value *record, const char *key, const char *const *texts,
               size_t n);
void put_place(arena *a, value *record,
               where at); /* "path", "line"; nothing for none */

/* Bytes of a tensor of the plan; 0 where the dtype is not known. */
uint64_t plan_tensor_bytes(const plan_tensor *t);

#endif
