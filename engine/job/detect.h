/* job/detect.h -- which layout a checkpoint has, and which family it is of.
 *
 * Evidence for the family, in this order: the only candidate; the published side's
 * config (source or carried beside it); the named-model table; the source's own config;
 * names.
 */
#ifndef RT_JOB_DETECT_H
#define RT_JOB_DETECT_H

#include "config/convert.h"
#include "config/layouts.h"
#include "plan/stage.h"

/* The config files found beside a checkpoint, one for each layout that has one. */
typedef struct found_config {
    const char *layout;
    value *record;
    const char *path;
} found_config;
typedef VEC(found_config) config_list;
const found_config *config_of(const config_list *l, const char *layout); /* or NULL */

typedef struct evidence {
    const mapping *const *all; /* candidates, --rules or all embedded; no merge files */
    size_t n_all, n_given;     /* the first n_given are those of --rules */
    const layout_table *layouts;
    const config_list *configs;
    const model_row *rows;
    size_t n_rows;
    const char *model_name; /* or NULL */
} evidence;

/* Answers `has TEMPLATE` for a stage (who: const stage *). */
bool stage_has(void *who, const template *t);

/* The layout of a stage; RT_MISMATCH with the candidates when none fits. */
RT_NODISCARD rt_status detect_layout(context *cx, const evidence *ev, const stage *s,
                                     const char **layout, const char **because);

/* The layout that a user means who says `said`: a published form has variants in files
 * of the same names (hf-vision, hf5), which no one calls by their own name.  Such a one
 * is taken when its `detect ... has` fits, rules lead from it to `said`, and no family
 * of `said` itself accounts for as many names. */
const char *layout_meant(context *cx, const evidence *ev, const stage *s,
                         const char *said);

/* Are the configs of two layouts files of one name? */
bool same_config_file(const layout_table *l, const char *x, const char *y);

/* The mapping between two layouts, read from `from` with this config (may be NULL). */
RT_NODISCARD rt_status detect_family(context *cx, const evidence *ev, const stage *s,
                                     const char *from, const char *to,
                                     const value *config, const mapping **m,
                                     const char **because);

/* A family with this layout on one side, wherever it leads: one of --rules that is not
 * in `taken`, or the only one that detects the layout's own config; or NULL. */
const mapping *detect_any_family(context *cx, const evidence *ev, const stage *s,
                                 const char *layout, const value *config,
                                 const mapping *const *taken, size_t n_taken,
                                 const char **because);

/* The next layout on a shortest way from one layout to another, or NULL. */
const char *next_layout(arena *a, const evidence *ev, const char *from, const char *to);
/* The layout that most families connect with `from`, or NULL. */
const char *usual_target(const evidence *ev, const char *from);
/* Where an audit without --to looks: to the other layout of a family of --rules, of the
 * only family that the config fits, or to the usual one. */
const char *likely_target(context *cx, const evidence *ev, const stage *s,
                          const char *from, const value *config);

#endif
