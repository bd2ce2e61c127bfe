/* job/build.h -- a job being built: what its files share. */
#ifndef RT_JOB_BUILD_H
#define RT_JOB_BUILD_H

#include "job/detect.h"
#include "job/job.h"

typedef struct builder {
    context *cx;
    const job_options *opt;
    job *j;
    const mapping *const *all; /* families */
    size_t n_all, n_given;
    const mapping *const *merges;
    size_t n_merges;
    config_list configs;
    const model_row *rows;
    size_t n_rows;
    evidence ev;
    const stage *at;    /* the stage reached */
    const char *layout; /* its layout */
    value *config;      /* its config, or NULL */
    const char *config_path;
    const char *fallback; /* layout to take where names tell none that a family fits */
} builder;

/* Load the rule files, given ones and embedded ones (source.c). */
RT_NODISCARD rt_status builder_start(context *cx, const job_options *opt, builder *b);
/* Open the source, its configs and side-car; find its layout (source.c). */
RT_NODISCARD rt_status builder_open(builder *b, const char *path);
/* Is the layout reached another than this one, in files of the same names?  One with
 * scales is none: its rules are for all families. */
bool builder_is_variant(const builder *b, const char *of);
/* The config of the mapping's other side, made from that of side `from`; NULL: it
 * cannot be said there (own_form.c). */
value *config_across(context *cx, const mapping *m, unsigned from, const value *config,
                     const char *path);
/* A config as its layout writes it, though it may have the form of another layout that
 * calls its own the same; said in a note.  Where that cannot be, the config as it is,
 * with a warning (own_form.c). */
value *config_in_own_form(builder *b, const char *layout, value *config,
                          const char *path);
/* Go from the present layout to `to`, one mapping after another (steps.c). */
RT_NODISCARD rt_status builder_walk(builder *b, const char *to);
/* Open an adapter, the file or its directory, and find its merge rules (adapter.c). */
RT_NODISCARD rt_status builder_open_adapter(builder *b, const char *path,
                                            checkpoint **opened, const mapping **m);
/* The layout of the source once its scales are multiplied in (steps.c). */
const char *builder_plain_layout(const builder *b);
/* The plan of the stage reached: dtypes, aliases (job.c). */
RT_NODISCARD rt_status builder_finish(builder *b);
/* What knows outputs by their numbers, aliases and the lines of a merge: set anew when
 * one is left out (job.c). */
void job_number(context *cx, job *j);

void builder_note(builder *b, const char *text);
/* What goes wrong while building is kept in the job, so that an audit can show the
 * rest. */
void builder_keep_status(builder *b, rt_status status);

/* Look through the adapter's numbers before anything is written: some are not finite
 * (RT_MISMATCH), or they change nothing (a warning); survey.c. */
RT_NODISCARD rt_status job_survey_adapter(context *cx, job *j);

#endif
