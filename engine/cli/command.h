/* cli/command.h -- the commands: one table gives the dispatch, the help and the usage.
 *
 * A command returns a status, which becomes the exit code.  Data goes to stdout,
 * messages to stderr; only this folder writes to either.
 */
#ifndef RT_CLI_COMMAND_H
#define RT_CLI_COMMAND_H

#include "base/status.h"
#include "cli/options.h"
#include "diag/diag.h"
#include "job/job.h"

typedef struct session {
    context cx;
    const struct command *command;
    options opt;
    bool color;        /* of messages */
    size_t n_warnings; /* said so far */
} session;

typedef struct command {
    const char *name;
    const char *args; /* "SRC DST" */
    size_t min_args, max_args;
    option_set options; /* besides OPTIONS_EVERYWHERE */
    rt_status (*run)(session *s);
    const char *does;    /* one line for the list of commands */
    const char *example; /* one that works as it stands */
    const char *about;   /* paragraphs of --help */
    const char *exits;   /* exit codes that need a word */
} command;

const command *command_find(const char *name); /* or NULL */
const char *command_near(const char *name);    /* did you mean; or NULL */
/* What `retensor --help` and `retensor COMMAND --help` print. */
void help_program(buf *out);
void help_command(buf *out, const command *c);
/* Five lines at most: what is printed when a command line is wrong. */
void help_usage(buf *out, const command *c);

rt_status cmd_convert(session *s);
rt_status cmd_merge(session *s);
rt_status cmd_adapter(session *s);
rt_status cmd_audit(session *s);
rt_status cmd_verify(session *s);
rt_status cmd_plan(session *s);
rt_status cmd_explain(session *s);
rt_status cmd_inspect(session *s);
rt_status cmd_suggest(session *s);
rt_status cmd_check(session *s);
rt_status cmd_fmt(session *s);
rt_status cmd_families(session *s);
rt_status cmd_download(session *s);
/* Drop-ins: names and options of the scripts that users have in their own. */
rt_status cmd_convert_hf_checkpoint(session *s);
rt_status cmd_convert_lit_checkpoint(session *s);
rt_status cmd_merge_lora(session *s);
rt_status cmd_convert_to_litgpt(session *s);
rt_status cmd_convert_from_litgpt(session *s);
rt_status cmd_convert_pretrained_checkpoint(session *s);

/* ---- session.c: what commands share -------------------------------------------- */

/* Print what was reported so far, and forget it. */
void session_say(session *s);
/* All messages so far as one SARIF log on stdout. */
void session_sarif(session *s);
/* Is the answer a value (--json, --html) and not text?  And its print. */
bool session_wants_value(const session *s);
void session_value(const session *s, buf *out, const value *v);
/* Write to stdout; RT_FILE when that fails. */
RT_NODISCARD rt_status session_print(session *s, const buf *text);
/* Report a wrong command line; returns RT_USAGE. */
rt_status session_usage(session *s, const char *help, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
job_options session_job(const session *s);
/* Open a checkpoint without a job: its weights have the names that embedded rules say.
 */
RT_NODISCARD rt_status session_open(session *s, const char *path, checkpoint **out);
run_options session_run(const session *s);
uint64_t session_memory(const session *s); /* bytes for buffers */

/* ---- write.c: from a planned job to files ---------------------------------------- */

/* Show the plan of a job: plan, and --dry-run of any command. */
RT_NODISCARD rt_status session_plan(session *s, const job *j);

/* Refuse what is wrong with the job, decide, run, and say what was done. */
RT_NODISCARD rt_status session_write(session *s, job *j, run_options *run,
                                     const char *dst);

#endif
