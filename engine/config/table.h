/* config/table.h -- `table A, B { patterns <-> patterns }`: fields related by cases.
 *
 * Rows are tried top down on the side that is read.  Names in patterns are variables,
 * unless they name an axis, value or choice and stand on one side of the row only: then
 * they are constants.  Columns `A[l]` make the table element-wise: it runs once for
 * each index of the axis, other columns staying as they are.
 */
#ifndef RT_CONFIG_TABLE_H
#define RT_CONFIG_TABLE_H

#include "config/eval.h"

typedef enum table_answer {
    TABLE_UNTOLD, /* the columns read are all absent, or cannot be told */
    TABLE_NO_ROW, /* no row fits: `why` shows the values */
    TABLE_FOUND,
} table_answer;

typedef struct table_reading {
    table_answer answer;
    const char *why;       /* TABLE_NO_ROW */
    bool absent;           /* TABLE_NO_ROW: a column that was read is absent */
    const char *shown;     /* "hf.rope_scaling = null": what was read */
    const value **written; /* by column, of the side not read: the value; NULL: absent;
                              UNKNOWN: the row does not say */
    const pattern *
        *by; /* what built them; NULL: several did, of an element-wise table */
    VEC(const table_row *) one_way; /* rows taken that have no way back */
} table_reading;

/* Read the columns of `read_side` from v, find the row, and build the other side's. */
table_reading table_read(context *cx, const values *v, const table_item *t,
                         unsigned read_side);
/* The side of a column by its prefix; an axis in front is left, others are right. */
unsigned table_column_side(const values *v, arena *a, const table_item *t,
                           size_t column);
/* The value of a column as v has it: a whole list for A[l]. */
const value *table_column(evaluation *ev, const expr *column);

/* Patterns; variables are ev->vars.  build: UNKNOWN when a variable is not bound. */
bool pattern_match(evaluation *ev, const pattern *p, const value *x);
const value *pattern_build(evaluation *ev, const pattern *p);
/* Is x what the pattern built, but for keys of which it says nothing (`k?: _`)?  A p of
 * NULL says all. */
bool pattern_holds(arena *a, const pattern *p, const value *built, const value *x);
/* The variables of a row, unbound, after the n_fixed given ones. */
void row_variables(evaluation *ev, const table_row *row, const variable *fixed,
                   size_t n_fixed);

/* The axis that an element-wise expression runs over, or NO_AXIS. */
uint32_t index_axis(const values *v, const expr *e);

#endif
