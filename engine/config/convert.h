/* config/convert.h -- the config of the other layout, from the same equations.
 *
 * A target field comes from the first of: --set; an equation (over the source config,
 * or sizes solved from shapes); the row of the named-model table for the target's
 * layout; the target-layout config carried beside the source; the declared default
 * (said). `soft` equations yield to the row, as does `config rest` with what a step
 * before had guessed.  A row is vetoed by any size or hard equation that disagrees with
 * it.
 */
#ifndef RT_CONFIG_CONVERT_H
#define RT_CONFIG_CONVERT_H

#include "config/values.h"

typedef enum field_source {
    FROM_SET,
    FROM_EQUATION,
    FROM_ROW,
    FROM_CARRIED,
    FROM_DEFAULT
} field_source;

typedef struct field_report {
    const char *field; /* "rope_base", "rope_scaling.factor" */
    field_source from;
    exactness class_of;
    bool guessed;     /* by a soft equation or a default: the next table knows better */
    const char *text; /* "hf.rope_theta = 10000.0", "row TinyLlama/...", ... */
} field_report;

typedef struct config_result {
    value *record; /* the target's config */
    VEC(field_report) fields;
    VEC(const char *) lossy; /* what `->` rows lose, in sentences */
} config_result;

typedef struct config_request {
    const value *carried; /* the target's config found beside the source, or NULL */
    const value *row; /* fields of the named model in the target's layout, or NULL */
    const char *row_name;      /* for messages */
    const config_result *made; /* how the source's config came about, or NULL: read */
    const value *set; /* record of --set NAME=VALUE for target fields, or NULL */
} config_request;

/* Convert; RT_MISMATCH when an equation or table has no answer (slug "no-row" shows the
 * value), when the target contradicts itself, or a required field has no source. */
RT_NODISCARD rt_status config_convert(context *cx, const values *from, unsigned to_side,
                                      const config_request *req, config_result **out);

/* Does this side's `detect` hold?  1 yes, 0 no, -1 the side has no detect line. */
int config_detect(context *cx, const mapping *m, unsigned side, const value *config,
                  bool (*has_tensor)(void *who, const template *t), void *who);

/* Does a condition over bare fields, as in a `detect` line, hold of this side's config?
 */
bool config_fits(context *cx, const mapping *m, unsigned side, const value *config,
                 const expr *e);

/* Rows of the named-model table (rules/models.json, embedded): {layout, name, org,
 * repo, family, fields}. */
typedef struct model_row {
    const char *layout, *name,
        *repo; /* "lit", "tiny-llama-1.1b", "TinyLlama/TinyLlama-..." */
    const char *family;
    const value *fields;
} model_row;
RT_NODISCARD rt_status models_load(context *cx, const model_row **rows, size_t *n);
/* The one row of `layout` that a name fits: exact config name, repo id, or the repo's
 * last part (letter case ignored); NULL when none or several. */
const model_row *models_find(const model_row *rows, size_t n, const char *layout,
                             const char *name);

#endif
