/* job/job.h -- from what a user asks to a closed plan, and its execution.
 *
 *     job_convert, job_merge   open, detect, configure, apply the mappings; reads
 *                              headers only
 *     job_decide               read what tie, pad, const and same-in hang on
 *     job_run                  lay out, stream, publish
 *
 * A job that was planned with complaints can still be shown (audit): job_convert
 * returns RT_OK whenever there is something to show and puts what is wrong into
 * job->status.
 */
#ifndef RT_JOB_JOB_H
#define RT_JOB_JOB_H

#include "checkpoint/open.h"
#include "checkpoint/output.h"
#include "config/convert.h"
#include "config/layouts.h"
#include "exec/exec.h"
#include "plan/merge.h"
#include "plan/stage.h"

typedef struct job_options {
    const char *const *rules; /* --rules: family names or paths */
    size_t n_rules;
    const char *from, *to; /* layouts, or NULL: detected; `to` NULL: audit the source */
    /* --model_name, --set name=: the row of the named-model table */
    const char *model_name;
    const value *set;  /* --set NAME=VALUE record, or NULL */
    size_t n_files;    /* of a target of numbered files, where `set` says none; 0: as
                          many as the source has, if it is of that layout, else one */
    const char *dtype; /* cast floating tensors ("bfloat16"), or NULL */
    bool dequantize;   /* multiply scales in; without it they are refused */
    rounding round;
    uint64_t seed;
    const char *config_path; /* config of the source when not beside it, or NULL */
    /* Weakest source of the adapter's fields, or NULL: only the drop-in merge_lora has
     * defaults, those of its time. */
    const value *adapter_defaults;
    const char *adapter_defaults_of; /* whose they are, for messages */
    bool scale_is_asked; /* of an adapter: one that no config tells counts as 1 */
} job_options;

/* One mapping of the chain, and what it did. */
typedef struct job_step {
    const mapping *m;
    unsigned from; /* side read */
    values *v;
    account *acc;
    config_result *config; /* config written for the other side, or NULL (merge) */
} job_step;

typedef struct job {
    checkpoint *src;             /* base of a merge */
    VEC(checkpoint *) adapters;  /* of a merge, in the order in which they are added */
    const char *from, *to;       /* layouts */
    const layout_table *layouts; /* what their files are called */
    const char *because;  /* how family and layout were found: "config.json says ..." */
    const char *row_name; /* row of the named-model table that was used, or NULL */
    VEC(job_step) steps;
    VEC(job_merge_line) merged;
    struct spectrum *spectra; /* one for each of `merged`; NULL: not asked for */
    VEC(const char *) adapter_unused; /* adapter tensors that nothing takes */
    condition_list conditions;        /* that the adapter's data must meet */
    plan plan;
    stage *first, *last;      /* as read; as written (its tensors are plan.tensors) */
    VEC(plan_tensor) kept;    /* side-car tensors */
    VEC(const char *) stored; /* names to be stored although tied (side-car JSON) */
    const stage *set_aside;   /* what an earlier conversion kept (side-car), or NULL */
    VEC(const char *) was_stored; /* from the side-car JSON beside the source */
    value *config;                /* config of `to`, or NULL */
    bool config_is_made;          /* no config of `to` lay beside the source */
    value *changed; /* a config of another layout, changed by a merge; or NULL */
    const char *changed_file; /* its name */
    VEC(const char *) notes;  /* said to the user: what was taken, assumed, decided */
    VEC(const char *) carry;  /* paths of files that go along */
    rt_status status;         /* RT_OK, or what is wrong with rules and checkpoint */
    bool is_adapter; /* what is written is an adapter: nothing of the base goes along */
    bool decided;
} job;

RT_NODISCARD rt_status job_convert(context *cx, const job_options *opt, const char *src,
                                   job **out);
/* Open a checkpoint and find its layout (`from`), by its names or, where they tell none
 * that a family knows, `fallback` (or NULL); nothing is planned. */
RT_NODISCARD rt_status job_open(context *cx, const job_options *opt, const char *path,
                                const char *fallback, job **out);

typedef struct job_addend { /* an adapter that is added to a base */
    const char *path;
    double weight; /* of all its updates; 1: as it was trained */
} job_addend;

/* The base with n adapters, at least one: each is added to what the ones before it
 * left, and the sum is rounded once. */
RT_NODISCARD rt_status job_merge(context *cx, const job_options *opt, const char *base,
                                 const job_addend *adapters, size_t n, job **out);
typedef struct spectrum { /* of an update's singular values */
    bool is_known;        /* false: it is no product, or one of a rank above 512 */
    double largest;
    double effective_rank; /* exp of the entropy of their shares of their sum */
    double stable_rank;    /* the sum of their squares over the largest square */
} spectrum;
/* Find the spectra of what was merged: reads the adapter. */
RT_NODISCARD rt_status job_spectra(context *cx, job *j);
/* The adapter for another layout, named by its merge file ("lora-peft", or the part of
 * it behind the dash); of the base only headers are read,
 * and what the adapter has a copy of. */
RT_NODISCARD rt_status job_adapter(context *cx, const job_options *opt,
                                   const char *base, const char *adapter, job **out);
RT_NODISCARD rt_status job_decide(context *cx, job *j);

typedef struct run_options {
    bool has_format;
    file_format format;      /* --format; else the layout's own */
    const char *file_name;   /* weights file name, or NULL: the layout's own */
    const char *config_name; /* config file name, or NULL: the one of these fields */
    uint64_t shard_bytes;    /* 0: the layout's own (hf: 5 GB; lit: one file) */
    bool weights_only; /* drop-ins that write one file: no config, nothing carried */
    /* drop-ins: the files are put beside what stands in the directory.  Nothing else
     * there is refused or removed. */
    bool beside;
    bool spare; /* configs and tokenizer files that stand there are kept */
    bool index; /* an index for one file too, so that transformers finds it by any name
                 */
    bool force, sync;
    exec_options exec;
    /* Asked before anything is written (stats NULL) and again, with what was measured,
     * before it is published; false: RT_NO, and nothing stands.  NULL: always true. */
    bool (*go_on)(void *who, const exec_stats *stats);
    void *who;
} run_options;

typedef struct run_result {
    const char *dir;
    VEC(const char *) files; /* names written, weights first */
    uint64_t n_tensors, n_bytes;
    exec_stats *stats; /* by plan tensor; NULL unless exec.measure */
} run_result;

/* May the output go there?  Apart from the inputs, and into an empty place or with
 * `force`; RT_FILE otherwise.  job_run asks it first. */
RT_NODISCARD rt_status job_place(context *cx, const job *j, const run_options *opt,
                                 const char *dst);

RT_NODISCARD rt_status job_run(context *cx, job *j, const run_options *opt,
                               const char *dst, run_result *result);

void job_close(job *j); /* closes files */

#endif
