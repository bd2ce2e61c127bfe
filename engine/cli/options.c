/* The table of options, and the parser that reads by it. */
#include "cli/options.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/near.h"
#include "tensor/dtype.h"

typedef enum option_kind {
    KIND_FLAG,  /* bool */
    KIND_BOOL,  /* the same, but the word behind it may say true or false */
    KIND_TEXT,  /* const char * */
    KIND_LIST,  /* the list of rules */
    KIND_SET,   /* NAME=VALUE */
    KIND_FIELD, /* VALUE of the field whose name the option bears */
    KIND_DTYPE,
    KIND_ROUND,
    KIND_FORMAT,
    KIND_BYTES, /* uint64_t; 64M, 5GB */
    KIND_COUNT, /* uint64_t */
    KIND_WHEN,
    KIND_WEIGHT,
    KIND_ALSO, /* PATH or PATH=WEIGHT */
} option_kind;

typedef struct option_row {
    const char *name, *arg; /* "--rules", "R"; NULL: a flag */
    option_kind kind;
    size_t at; /* offset in struct options */
    const char *help;
} option_row;

#define AT(member) offsetof(options, member)
static const option_row rows[OPT_COUNT] = {
    [OPT_RULES] =
        {"--rules", "R", KIND_LIST, 0,
         "a family's name or a rule file; may be repeated (default: detected)"},
    [OPT_FROM] = {"--from", "L", KIND_TEXT, AT(from),
                  "layout of the source (default: detected)"},
    [OPT_TO] = {"--to", "L", KIND_TEXT, AT(to), "layout to write: hf, lit, lit-legacy"},
    [OPT_CHECKPOINT_DIR] = {"--checkpoint_dir", "DIR", KIND_TEXT, AT(checkpoint_dir),
                            "directory of the checkpoint"},
    [OPT_MODEL_NAME] = {"--model_name", "NAME", KIND_TEXT, AT(model_name),
                        "name of the model's config (default: from the config file)"},
    [OPT_CHECKPOINT_PATH] = {"--checkpoint_path", "FILE", KIND_TEXT,
                             AT(checkpoint_path), "weights to read"},
    [OPT_OUTPUT_PATH] = {"--output_path", "FILE", KIND_TEXT, AT(output_path),
                         "file to write"},
    [OPT_CONFIG_PATH] = {"--config_path", "FILE", KIND_TEXT, AT(config_path),
                         "config of the weights (default: beside them)"},
    [OPT_REPO_ID] = {"--repo_id", "ORG/NAME", KIND_TEXT, AT(repo_id),
                     "repository of the model"},
    [OPT_LORA_PATH] = {"--lora_path", "FILE", KIND_TEXT, AT(lora_path),
                       "adapter weights"},
    [OPT_BASE] = {"--base", "BASE", KIND_TEXT, AT(base),
                  "checkpoint that the adapter was trained on; its headers are read"},
    [OPT_ADAPTER] = {"--adapter", "ADAPTER", KIND_TEXT, AT(adapter),
                     "A is a base and B what a merge of this adapter made of it"},
    [OPT_OUT_DIR] = {"--out_dir", "DIR", KIND_TEXT, AT(out_dir), "directory to write"},
    [OPT_OUTPUT_DIR] = {"--output_dir", "DIR", KIND_TEXT, AT(output_dir),
                        "directory to write"},
    [OPT_PRETRAINED] =
        {"--pretrained_checkpoint_dir", "DIR", KIND_TEXT, AT(pretrained_checkpoint_dir),
         "directory of the base (default: as hyperparameters.yaml says)"},
    [OPT_PRECISION] = {"--precision", "P", KIND_TEXT, AT(precision),
                       "bf16-true, 16-true, 32-true, 64-true: dtype of the result"},
    [OPT_LORA_R] = {"--lora_r", "N", KIND_FIELD, 0, "rank of the adapter"},
    [OPT_LORA_ALPHA] = {"--lora_alpha", "N", KIND_FIELD, 0,
                        "alpha; the scale is alpha / rank"},
    [OPT_LORA_DROPOUT] = {"--lora_dropout", "P", KIND_FIELD, 0,
                          "accepted, means nothing here"},
    [OPT_LORA_QUERY] = {"--lora_query", "BOOL", KIND_FIELD, 0, "queries were adapted"},
    [OPT_LORA_KEY] = {"--lora_key", "BOOL", KIND_FIELD, 0, "keys were adapted"},
    [OPT_LORA_VALUE] = {"--lora_value", "BOOL", KIND_FIELD, 0, "values were adapted"},
    [OPT_LORA_PROJECTION] = {"--lora_projection", "BOOL", KIND_FIELD, 0,
                             "the projection behind the attention was adapted"},
    [OPT_LORA_MLP] = {"--lora_mlp", "BOOL", KIND_FIELD, 0, "the MLP was adapted"},
    [OPT_LORA_HEAD] = {"--lora_head", "BOOL", KIND_FIELD, 0, "the head was adapted"},
    [OPT_DEBUG_MODE] = {"--debug_mode", "[BOOL]", KIND_BOOL, AT(debug_mode),
                        "print the plan as well"},
    [OPT_LINTS] = {"--lints", NULL, KIND_FLAG, AT(lints),
                   "warn of what the shapes of this model cannot tell apart"},
    [OPT_WEIGHT] = {"--weight", "W", KIND_WEIGHT, 0,
                    "of ADAPTER: its updates times W (default: 1)"},
    [OPT_ALSO] = {"--also", "ADAPTER[=W]", KIND_ALSO, 0,
                  "another adapter to add, times W; may be repeated"},
    [OPT_REPORT] = {"--report", NULL, KIND_FLAG, AT(report),
                    "measure every updated tensor and print the table"},
    [OPT_CHECK] = {"--check", NULL, KIND_FLAG, AT(check),
                   "write nothing; end with 1 when a file is not canonical"},
    [OPT_CHECKSUMS] = {"--checksums", NULL, KIND_FLAG, AT(checksums),
                       "read all stored bytes and compare their checksums, where a "
                       "file has them"},
    [OPT_VERBOSE] = {"--verbose", NULL, KIND_FLAG, AT(verbose),
                     "print the rules as they were understood"},
    [OPT_SARIF] = {"--sarif", NULL, KIND_FLAG, AT(sarif),
                   "the messages on stdout, for code scanners (SARIF 2.1.0)"},
    [OPT_FORCE] =
        {"--force", NULL, KIND_FLAG, AT(force),
         "write into a directory that is not empty, over files of these names"},
    [OPT_DEQUANTIZE] = {"--dequantize", NULL, KIND_FLAG, AT(dequantize),
                        "multiply the scales of a quantised source in: plain weights, "
                        "of twice the size"},
    [OPT_SET] = {"--set", "NAME=VALUE", KIND_SET, 0,
                 "a field of the target's or an adapter's config, or the number of its "
                 "files; JSON or text; repeatable"},
    [OPT_DTYPE] = {"--dtype", "T", KIND_DTYPE, AT(dtype),
                   "cast floating tensors: float32, bfloat16, float16, float64"},
    [OPT_ROUND] = {"--round", "MODE", KIND_ROUND, AT(round),
                   "nearest, stochastic, or stepwise: after every operation, in the "
                   "adapter's type, as litgpt merges"},
    [OPT_SEED] = {"--seed", "N", KIND_COUNT, AT(seed), "of stochastic rounding"},
    [OPT_FORMAT] = {"--format", "F", KIND_FORMAT, AT(format),
                    "safetensors or torch (default: as the layout has it)"},
    [OPT_SHARD_SIZE] =
        {"--shard-size", "N", KIND_BYTES, AT(shard_bytes),
         "bytes of a shard at most: 5GB, 500MB, 64MiB (default: hf 5GB)"},
    [OPT_THREADS] = {"--threads", "N", KIND_COUNT, AT(threads),
                     "worker threads (default: one for each processor)"},
    [OPT_MEMORY] = {"--memory", "N", KIND_BYTES, AT(memory_bytes),
                    "bytes for buffers: 64M (default: 32MiB)"},
    [OPT_NO_SYNC] = {"--no-sync", NULL, KIND_FLAG, AT(no_sync),
                     "publish without waiting for the disk"},
    [OPT_DRY_RUN] = {"--dry-run", NULL, KIND_FLAG, AT(dry_run),
                     "plan from headers alone, print the plan, write nothing"},
    [OPT_STRICT] = {"--strict", NULL, KIND_FLAG, AT(strict),
                    "warnings are answers of no: exit code 1, nothing written"},
    [OPT_JSON] = {"--json", NULL, KIND_FLAG, AT(json),
                  "a report for programs on stdout, one message a line on stderr"},
    [OPT_HTML] = {"--html", NULL, KIND_FLAG, AT(html), "the same report as a page"},
    [OPT_QUIET] = {"--quiet", NULL, KIND_FLAG, AT(quiet), "say nothing but errors"},
    [OPT_COLOR] = {"--color", "WHEN", KIND_WHEN, AT(color),
                   "auto, always or never (default: auto)"},
    [OPT_PROGRESS] = {"--progress", "WHEN", KIND_WHEN, AT(progress),
                      "auto, always or never (default: auto, on terminals)"},
    [OPT_HELP] = {"--help", NULL, KIND_FLAG, AT(help), "print this and end"},
    [OPT_VERSION] = {"--version", NULL, KIND_FLAG, AT(version),
                     "print the version and end"},
};

static rt_status bad(context *cx, const char *help, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static rt_status bad(context *cx, const char *help, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *text = arena_vprintf(cx->arena, fmt, ap);
    va_end(ap);
    diag *dg = diag_report(cx->diags, SEV_ERROR, "usage", NOWHERE, "%s", text);
    if (help != NULL) {
        diag_help(dg, "%s", help);
    }
    return RT_USAGE;
}

/* ---- values ------------------------------------------------------------------ */

/* "64M", "5GB", "500MB", "64MiB", "1000": K, M, G alone are powers of 1024 (as for
 * memory), with B powers of 1000 (as for files), with iB of 1024. */
static bool bytes_of(const char *text, uint64_t *out)
{
    static const char units[] = "KMGT";
    char *end;
    errno = 0;
    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    uint64_t n = strtoull(text, &end, 10);
    if (errno != 0) {
        return false;
    }
    if (*end != '\0' && *end != 'B' && *end != 'b') {
        const char letter = *end >= 'a' ? (char)(*end - 'a' + 'A') : *end;
        const char *unit = strchr(units, letter);
        const char *rest = end + 1;
        if (unit == NULL) {
            return false;
        }
        const bool decimal = strcmp(rest, "B") == 0 || strcmp(rest, "b") == 0;
        if (!decimal && *rest != '\0' && strcmp(rest, "iB") != 0) {
            return false;
        }
        for (long i = 0; i <= unit - units; i++) {
            if (__builtin_mul_overflow(n, decimal ? 1000u : 1024u, &n)) {
                return false;
            }
        }
    } else if (*end != '\0' && end[1] != '\0') {
        return false;
    }
    *out = n;
    return n > 0;
}

static bool count_of(const char *text, uint64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && *out > 0 &&
           *out <= 4096;
}

static bool round_of(const char *text, rounding *to)
{
    static const char *const names[] = {
        [ROUND_NEAREST] = "nearest",
        [ROUND_STOCHASTIC] = "stochastic",
        [ROUND_STEPWISE] = "stepwise",
    };
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(text, names[i]) == 0) {
            *to = (rounding)i;
            return true;
        }
    }
    return false;
}

static bool when_of(const char *text, when *out)
{
    static const char *const names[] = {"auto", "always", "never"};
    for (unsigned i = 0; i < 3; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = (when)i;
            return true;
        }
    }
    return false;
}

/* JSON, or else text; Python's True and False are what scripts pass. */
static value *value_of_text(arena *a, const char *text)
{
    const char *why;
    if (strcmp(text, "True") == 0 || strcmp(text, "False") == 0) {
        return value_bool(a, text[0] == 'T');
    }
    value *v = json_parse(a, text, strlen(text), &why);
    return v != NULL ? v : value_string(a, text);
}

static bool is_bool(const char *text)
{
    static const char *const words[] = {"true", "false", "True", "False"};
    for (unsigned i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(text, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void set_field(context *cx, options *o, const char *name, const char *text)
{
    if (o->set == NULL) {
        o->set = value_record(cx->arena);
    }
    value_set(cx->arena, o->set, name, value_of_text(cx->arena, text));
}

static rt_status take_set(context *cx, options *o, const char *text)
{
    const char *eq = strchr(text, '=');
    if (eq == NULL || eq == text) {
        return bad(cx, "as in --set lora_alpha=16", "--set needs NAME=VALUE, not '%s'",
                   text);
    }
    set_field(cx, o, arena_strndup(cx->arena, text, (size_t)(eq - text)), eq + 1);
    return RT_OK;
}

static rt_status take_dtype(context *cx, const char **to, const char *text)
{
    dtype dt;
    if (!dtype_parse(text, &dt) || !dtype_is_float(dt)) {
        return bad(cx, "float32, bfloat16, float16 or float64",
                   "--dtype: '%s' is no type that tensors can be cast to", text);
    }
    *to = dtype_torch_name(dt);
    return RT_OK;
}

static bool weight_of(const char *text, double *out)
{
    char *end;
    *out = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*out);
}

/* Behind the last '=' stands the weight, so that a path may hold others. */
static rt_status take_also(context *cx, options *o, const char *text)
{
    const char *eq = strrchr(text, '=');
    job_addend a = {.path = text, .weight = 1};
    if (eq != NULL) {
        a.path = arena_strndup(cx->arena, text, (size_t)(eq - text));
    }
    if (a.path[0] == '\0') {
        return bad(cx, "as in --also out/lora/final=0.5",
                   "--also needs a path, not '%s'", text);
    }
    if (eq != NULL && !weight_of(eq + 1, &a.weight)) {
        diag *dg =
            diag_report(cx->diags, SEV_ERROR, "usage", NOWHERE,
                        "--also %s: the weight '%s' is no finite number", text, eq + 1);
        diag_help(dg,
                  "as in --also out/lora/final=0.5; to a path that holds '=' add its "
                  "weight too: --also %s=1",
                  text);
        return RT_USAGE;
    }
    vec_push(cx->arena, &o->also, a);
    return RT_OK;
}

static rt_status take_value(context *cx, const option_row *row, options *o,
                            const char *text)
{
    void *at = (char *)o + row->at;
    bool good = true;
    switch (row->kind) {
    case KIND_FLAG:
    case KIND_BOOL:
        good = is_bool(text);
        *(bool *)at = text[0] == 't' || text[0] == 'T';
        break;
    case KIND_TEXT: *(const char **)at = text; break;
    case KIND_LIST: vec_push(cx->arena, &o->rules, text); break;
    case KIND_SET: return take_set(cx, o, text);
    case KIND_FIELD: set_field(cx, o, row->name + 2, text); break;
    case KIND_DTYPE: return take_dtype(cx, at, text);
    case KIND_ROUND: good = round_of(text, at); break;
    case KIND_FORMAT:
        good = strcmp(text, "safetensors") == 0 || strcmp(text, "torch") == 0;
        *(const char **)at = text;
        break;
    case KIND_BYTES: good = bytes_of(text, at); break;
    case KIND_COUNT: good = count_of(text, at); break;
    case KIND_WHEN: good = when_of(text, at); break;
    case KIND_WEIGHT:
        good = weight_of(text, &o->weight);
        o->has_weight = true;
        break;
    case KIND_ALSO: return take_also(cx, o, text);
    }
    return good ? RT_OK
                : bad(cx, row->help, "%s: '%s' cannot be understood", row->name, text);
}

/* ---- the command line -------------------------------------------------------- */

static rt_status unknown(context *cx, option_set taken, const char *name)
{
    const char *names[OPT_COUNT];
    size_t n = 0;
    for (unsigned i = 0; i < OPT_COUNT; i++) {
        if ((taken >> i & 1) != 0) {
            names[n++] = rows[i].name;
        }
    }
    const char *near = near_name(name, names, n);
    return bad(cx,
               near == NULL ? NULL : arena_printf(cx->arena, "did you mean %s?", near),
               "this command has no option %s", name);
}

static const option_row *find(option_set taken, const char *name, size_t n_bytes)
{
    if (n_bytes == 2 && strncmp(name, "-h", 2) == 0) {
        return &rows[OPT_HELP];
    }
    if (n_bytes == 2 && strncmp(name, "-q", 2) == 0) {
        return &rows[OPT_QUIET];
    }
    for (unsigned i = 0; i < OPT_COUNT; i++) {
        if ((taken >> i & 1) != 0 && strlen(rows[i].name) == n_bytes &&
            memcmp(rows[i].name, name, n_bytes) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

/* What an option without '=' is given: the next word, for flags "true"; NULL: nothing.
 */
static const char *next_text(const option_row *row, int n, char *const *argv, int *i)
{
    const char *next = *i + 1 < n ? argv[*i + 1] : NULL;
    if (row->kind == KIND_FLAG ||
        (row->kind == KIND_BOOL && (next == NULL || !is_bool(next)))) {
        return "true";
    }
    *i += next != NULL;
    return next;
}

rt_status options_parse(context *cx, option_set taken, int n, char *const *argv,
                        options *out)
{
    *out = (options){0};
    bool only_args = false;
    for (int i = 0; i < n; i++) {
        const char *word = argv[i];
        if (only_args || word[0] != '-' || word[1] == '\0') {
            vec_push(cx->arena, &out->args, word);
            continue;
        }
        if (strcmp(word, "--") == 0) {
            only_args = true;
            continue;
        }
        const char *eq = strchr(word, '=');
        const size_t n_bytes = eq == NULL ? strlen(word) : (size_t)(eq - word);
        const option_row *row = find(taken, word, n_bytes);
        if (row == NULL) {
            return unknown(cx, taken, arena_strndup(cx->arena, word, n_bytes));
        }
        if (row->kind == KIND_FLAG && eq != NULL) {
            return bad(cx, NULL, "%s takes no value", row->name);
        }
        const char *text = eq != NULL ? eq + 1 : next_text(row, n, argv, &i);
        if (text == NULL) {
            return bad(cx, row->help, "%s needs a value: %s", row->name, row->arg);
        }
        TRY(take_value(cx, row, out, text));
    }
    return RT_OK;
}

void options_help(buf *out, option_set shown)
{
    for (unsigned i = 0; i < OPT_COUNT; i++) {
        if ((shown >> i & 1) != 0) {
            const char *arg = rows[i].arg == NULL ? "" : rows[i].arg;
            const char *head = arena_printf(out->arena, "%s %s", rows[i].name, arg);
            buf_printf(out, "  %-24s %s\n", head, rows[i].help);
        }
    }
}
