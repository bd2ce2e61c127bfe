/* cli/options.h -- the options of the command line: one table gives the parser, the
 * help and what a command may take.
 *
 *     --name VALUE   --name=VALUE   --flag   --   (what follows are arguments)
 */
#ifndef RT_CLI_OPTIONS_H
#define RT_CLI_OPTIONS_H

#include "base/status.h"
#include "base/value.h"
#include "checkpoint/inventory.h"
#include "diag/diag.h"
#include "job/job.h"
#include "plan/plan.h"

typedef enum when { WHEN_AUTO, WHEN_ALWAYS, WHEN_NEVER } when;

typedef struct options {
    VEC(const char *) rules;
    const char *from, *to;
    value *set; /* record of --set NAME=VALUE, or NULL */
    rounding round;
    uint64_t seed;                      /* of stochastic rounding */
    const char *dtype;                  /* torch's name: "bfloat16" */
    const char *format;                 /* "safetensors", "torch" */
    const char *precision;              /* "bf16-true" */
    uint64_t shard_bytes, memory_bytes; /* 0: the default */
    uint64_t threads;                   /* 0: all processors */
    bool has_weight;
    double weight;        /* of the first adapter */
    VEC(job_addend) also; /* further adapters */
    bool dequantize, no_sync, force, dry_run, json, html, sarif, quiet, strict, help,
        version;
    bool lints, verbose, check, checksums, report, debug_mode;
    when color, progress;
    /* names of the scripts that the drop-ins stand in for */
    const char *checkpoint_dir, *model_name, *checkpoint_path, *output_path,
        *config_path, *base, *adapter, *repo_id, *lora_path, *out_dir, *output_dir,
        *pretrained_checkpoint_dir;
    VEC(const char *) args;
} options;

typedef enum option_id {
    OPT_RULES,
    OPT_FROM,
    OPT_TO,
    OPT_CHECKPOINT_DIR,
    OPT_MODEL_NAME,
    OPT_CHECKPOINT_PATH,
    OPT_OUTPUT_PATH,
    OPT_CONFIG_PATH,
    OPT_REPO_ID,
    OPT_LORA_PATH,
    OPT_BASE,
    OPT_ADAPTER,
    OPT_OUT_DIR,
    OPT_OUTPUT_DIR,
    OPT_PRETRAINED,
    OPT_PRECISION,
    OPT_LORA_R,
    OPT_LORA_ALPHA,
    OPT_LORA_DROPOUT,
    OPT_LORA_QUERY,
    OPT_LORA_KEY,
    OPT_LORA_VALUE,
    OPT_LORA_PROJECTION,
    OPT_LORA_MLP,
    OPT_LORA_HEAD,
    OPT_DEBUG_MODE,
    OPT_LINTS,
    OPT_WEIGHT,
    OPT_ALSO,
    OPT_REPORT,
    OPT_CHECK,
    OPT_CHECKSUMS,
    OPT_VERBOSE,
    OPT_SARIF,
    OPT_FORCE,
    OPT_DEQUANTIZE,
    OPT_SET,
    OPT_DTYPE,
    OPT_ROUND,
    OPT_SEED,
    OPT_FORMAT,
    OPT_SHARD_SIZE,
    OPT_THREADS,
    OPT_MEMORY,
    OPT_NO_SYNC,
    OPT_DRY_RUN,
    OPT_STRICT,
    OPT_JSON,
    OPT_HTML,
    OPT_QUIET,
    OPT_COLOR,
    OPT_PROGRESS,
    OPT_HELP,
    OPT_VERSION,
    OPT_COUNT,
} option_id;

typedef uint64_t option_set; /* bit i: option i */
#define OPTION(id) ((option_set)1 << OPT_##id)

/* Accepted by every command, whether it has a use for them or not. */
#define OPTIONS_EVERYWHERE                                                             \
    (OPTION(SET) | OPTION(DTYPE) | OPTION(FORMAT) | OPTION(SHARD_SIZE) |               \
     OPTION(THREADS) | OPTION(MEMORY) | OPTION(NO_SYNC) | OPTION(DRY_RUN) |            \
     OPTION(STRICT) | OPTION(JSON) | OPTION(HTML) | OPTION(QUIET) | OPTION(COLOR) |    \
     OPTION(PROGRESS) | OPTION(HELP) | OPTION(VERSION))

/* Parse argv[0..n-1] (without program and command).  RT_USAGE with one diagnostic, slug
 * "usage".  Options outside of `taken` are errors, with the nearest name that is in it.
 */
RT_NODISCARD rt_status options_parse(context *cx, option_set taken, int n,
                                     char *const *argv, options *out);
/* The lines of the options in `shown`, as --help prints them. */
void options_help(buf *out, option_set shown);

#endif
