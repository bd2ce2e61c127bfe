/* audit/report.h -- the account of a job: what was read, by which rules, what became of
 * every name, and how exact that is.
 */
#ifndef RT_AUDIT_REPORT_H
#define RT_AUDIT_REPORT_H

#include "audit/plan_lines.h"
#include "job/job.h"

typedef struct report_rule { /* of the last mapping: how much of the target it makes */
    const char *name;
    where at;
    size_t n_tensors;
    uint64_t n_bytes;
    exactness class_of;
} report_rule;

typedef struct report_drop { /* dropped names of one reason */
    const char *because;
    bool keep;
    where at;
    VEC(const char *) names;
} report_drop;

typedef struct report {
    const job *j;
    plan_totals totals;
    uint64_t n_bytes_read; /* of all tensors of the source */
    VEC(report_rule) rules;
    VEC(report_drop) drops;
    VEC(const char *) made, unmapped, missing;
    size_t n_ties, n_lossy;
} report;

report report_of(arena *a, const job *j);
void report_text(buf *out, const report *r);
value *report_value(arena *a, const report *r);

/* What a run did: one short paragraph for people. */
void summary_text(buf *out, const job *j, const run_result *done);
value *summary_value(arena *a, const job *j, const run_result *done);
/* The updated tensors of a merge; `stats` by plan tensor, or NULL. */
void merge_text(buf *out, const job *j, const exec_stats *stats);
/* Warn of what the numbers of a merge show: updates that rounding lost, elements that
 * are not finite. */
void merge_warn(context *cx, const job *j, const exec_stats *stats);
value *merge_value(arena *a, const job *j, const exec_stats *stats);

#endif
