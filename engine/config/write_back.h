/* config/write_back.h -- make an expression have a value, by writing the fields of a
 * merge file's adapter that it reads.
 *
 * What can be written: a field; `lookup(record, name) ?? rest`, whose rest serves until
 * a name needs another value; the left of a quotient or product; the branch of an `if`
 * that holds; a value's definition.
 */
#ifndef RT_CONFIG_WRITE_BACK_H
#define RT_CONFIG_WRITE_BACK_H

#include "config/values.h"

/* False: the expression cannot have this value beside what is written already. */
bool write_back(context *cx, const values *v, value *config, const expr *e,
                const binding *b, const value *x);
/* The lines `const` and `default` of the adapter's fields that nothing wrote. */
void write_defaults(context *cx, const values *v, value *config);

#endif
