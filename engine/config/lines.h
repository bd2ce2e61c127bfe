/* config/lines.h -- the lines of a rule file that relate the two configs: axes, values,
 * equations, tables, constants; what each of them writes on the target's side, and
 * whether a config of that side agrees with it.
 */
#ifndef RT_CONFIG_LINES_H
#define RT_CONFIG_LINES_H

#include "config/convert.h"
#include "config/eval.h"

typedef enum line_kind {
    LINE_AXIS,
    LINE_VALUE,
    LINE_EQUATION,
    LINE_TABLE,
    LINE_CONST,
} line_kind;

typedef struct line {
    line_kind kind;
    where at;
    bool soft;
    uint32_t id;    /* LINE_AXIS, LINE_VALUE */
    const item *it; /* others */
} line;

typedef struct field_write {
    const char *path; /* the spelling that is written */
    const value *val; /* typed; NULL: the field must be absent */
    const line *by;
    exactness class_of;
    const char *text; /* where it comes from */
    bool kept; /* the carried config says the same in its own way: do not write */
} field_write;

typedef struct conversion {
    context *cx;
    const values *from;
    unsigned to;
    const config_request *req;
    values *view; /* from, with config[to] set to the record that is asked about */
    const value *latest; /* the target as far as it is known: carried, then as built */
    VEC(line) lines;     /* in the order of the file, axes and values first */
    VEC(field_write) writes;
    VEC(const char *) lossy;
    bool used_latest; /* a condition was decided by the target itself */
} conversion;

/* All lines of the mapping. */
void lines_collect(conversion *c);
/* Add what the line writes to c->writes.  RT_MISMATCH: no row, a type that does not
 * fit, an undecided condition, two sides that disagree. */
RT_NODISCARD rt_status line_write(conversion *c, const line *l, bool kept);
/* Does a config of the target's side agree?  1, 0, or -1: it does not say. */
int line_holds(conversion *c, const line *l, const value *record);
/* Can the line write anything on the target's side? */
bool line_writes(conversion *c, const line *l);
/* "axis c = 2048, hf.hidden_size = 2048 (config.json)", for messages. */
const char *line_show(conversion *c, const line *l);
/* The value of an expression with the target seen as `record` (NULL: not at all). */
const value *conversion_eval(conversion *c, const expr *e, const value *record,
                             const char **why);
/* A condition over the source, else over the target as far as it is known. */
int conversion_holds(conversion *c, const expr *e);
/* Type x for the field and add it to c->writes. */
RT_NODISCARD rt_status conversion_write(conversion *c, const line *l, const char *path,
                                        const value *x, exactness class_of,
                                        const char *text, bool kept);

#endif
