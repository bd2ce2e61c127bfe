/* The table of commands. */
#include <string.h>

#include "base/near.h"
#include "cli/command.h"

#define RULES (OPTION(RULES) | OPTION(FROM) | OPTION(TO))
#define READ  (RULES | OPTION(DEQUANTIZE))
#define WRITE (OPTION(FORCE) | OPTION(ROUND) | OPTION(SEED))

#define EXITS_PLAN                                                                     \
    "  0  done\n"                                                                      \
    "  2  the command line is wrong\n"                                                 \
    "  3  a rule file is wrong\n"                                                      \
    "  4  rules and checkpoint disagree; nothing is written\n"                         \
    "  5  a file is missing, damaged or cannot be written\n"                           \
    "  128+n  ended by signal n (interrupt: 130); partial files are removed\n"
#define EXITS_WRITE                                                                    \
    "  1  --strict, and there are warnings; nothing is written\n" EXITS_PLAN

static const command commands[] = {
    {"convert", "SRC DST", 2, 2, READ | WRITE, cmd_convert,
     "write a checkpoint in another layout",
     "retensor convert --rules llama --from hf --to lit checkpoints/TinyLlama out",
     "Reads headers and config, plans every output tensor, then streams the data. DST "
     "is a\n"
     "directory; it gets weights, config, and what goes along (tokenizer, generation "
     "and\n"
     "prompt files, the source's config). Family and layout are detected when not "
     "given.\n"
     "SRC is a directory, a weights file, an index, or org/name in the local hub "
     "cache.\n",
     EXITS_WRITE},
    {"merge", "BASE ADAPTER DST", 3, 3,
     READ | WRITE | OPTION(WEIGHT) | OPTION(ALSO) | OPTION(REPORT), cmd_merge,
     "add an adapter to its base",
     "retensor merge checkpoints/TinyLlama out/lora/final out/merged",
     "The result is the base plus scale * B * A, rounded once. It keeps the base's "
     "layout\n"
     "and dtype unless --to or --dtype say otherwise. Scale and rank come from the\n"
     "adapter's config or from --set lora_alpha=16 and the like. With --also the base "
     "gets\n"
     "the exact sum of several, each with a weight: first ADAPTER, then in the order "
     "given.\n"
     "--report: how much of each update rounding keeps, and the effective rank of its "
     "factors\n"
     "(of experts in one tensor: of all together); above a total rank of 512 it is "
     "left "
     "out.\n",
     EXITS_WRITE},
    {"adapter", "ADAPTER DST", 2, 2, READ | WRITE | OPTION(BASE), cmd_adapter,
     "write an adapter in another layout, without merging it",
     "retensor adapter --to lora-peft --base checkpoints/TinyLlama out/lora/final "
     "out/peft",
     "The factors follow the equations of the base's family: fused projections become "
     "one\n"
     "pair of factors for each part, or blocks of one pair. DoRA's magnitudes go along "
     "to "
     "layouts\n"
     "that have them for the same elements. --to names the adapter's layout\n"
     "(lora-peft, lora-lit, lora-mlx, lora-torchtune; or peft, lit, mlx, torchtune).\n",
     EXITS_WRITE},
    {"audit", "SRC", 1, 1, READ | OPTION(LINTS), cmd_audit,
     "account for every tensor and config field",
     "retensor audit --rules falcon checkpoints/falcon-7b",
     "Reads headers only: says what was found, the sizes and where they come from, "
     "which\n"
     "rule takes what, and what is dropped, tied, unmapped, missing or contradicts.\n"
     "Without --to the other layout of the family is the one that is planned for.\n",
     "  0  every name is accounted for and nothing contradicts\n"
     "  1  something is unmapped, missing or contradicts; or --strict and lints\n"
     "  2  the command line is wrong\n"
     "  3  a rule file is wrong\n"
     "  4  no family fits\n"
     "  5  a file is missing or damaged\n"},
    {"verify", "A B", 2, 2, READ | OPTION(ADAPTER), cmd_verify,
     "compare two checkpoints, of one layout or of two; or a base and its merge",
     "retensor verify checkpoints/TinyLlama out",
     "A is planned into the layout of B and compared with B byte by byte as it "
     "streams;\n"
     "nothing is written. The first difference of a tensor is shown by its place. "
     "Where "
     "the\n"
     "dtypes differ, A's values are compared as they would be written in B's, with a "
     "warning.\n"
     "With --adapter: is B the base A with the adapter merged, whoever merged it? For "
     "each\n"
     "update the scale at which it is in B is fitted by least squares of B - A, and "
     "compared\n"
     "with the scale of the adapter's config; `residual` is what the fit leaves, over "
     "what\n"
     "rounding to B's dtype leaves (about 1; up to 2 where the merge rounded several "
     "times).\n"
     "All other tensors are compared as above. A scale that no config says is found.\n",
     "  0  all tensors are equal; with --adapter: all updates are merged at the "
     "declared\n"
     "     scale, but for rounding, and nothing else is changed\n"
     "  1  they differ; or --strict, and there are warnings\n"
     "  2, 3, 4, 5 as for convert\n"},
    {"plan", "SRC", 1, 1, READ, cmd_plan,
     "show how each output tensor is made, without reading data",
     "retensor plan --to lit checkpoints/TinyLlama",
     "One line for each output tensor: what is done, name, dtype, shape, sources, "
     "rule.\n"
     "What depends on data is shown as a condition with both outcomes.\n",
     EXITS_PLAN},
    {"explain", "SRC TENSOR", 2, 2, READ, cmd_explain,
     "show the rule, the equation in numbers and the rows of one tensor",
     "retensor explain checkpoints/TinyLlama model.layers.0.self_attn.q_proj.weight",
     "TENSOR is a name in the source or in the target layout.\n", EXITS_PLAN},
    {"inspect", "SRC", 1, 1, OPTION(CHECKSUMS), cmd_inspect,
     "list the tensors of a checkpoint: names, dtypes, shapes, places",
     "retensor inspect checkpoints/TinyLlama/lit_model.pth",
     "Knows no rules. With --json: {tensors: [{name, dtype, shape, file, offset}], "
     "format,\n"
     "notes, n_bytes}; offsets in bytes from the beginning of the file.\n"
     "Only headers are read, but with --checksums: torch's archives have a CRC-32 of "
     "each "
     "storage.\n",
     "  0  done\n  1  bytes are not those that were saved\n  2  the command line is "
     "wrong\n  5  a file is missing or damaged\n"},
    {"suggest", "A B", 2, 2, OPTION(FROM) | OPTION(TO), cmd_suggest,
     "draft a rule file from one model in two layouts",
     "retensor suggest checkpoints/TinyLlama out >draft.rules",
     "Names that differ in numbers are folded; tensors are paired by their bytes, as "
     "they\n"
     "stand, transposed, or as rows of one another, else by shape and name, which the "
     "draft\n"
     "says. --from and --to name the two layouts (default: detected, or a and b). An "
     "author\n"
     "reads the draft, adds what it leaves open, and lets `check` and `verify` prove "
     "it.\n",
     "  0  done\n  2  the command line is wrong\n  4  an index without shards\n"
     "  5  a file is missing or damaged\n"},
    {"check", "RULEFILE...", 1, 4096, OPTION(VERBOSE) | OPTION(SARIF) | OPTION(LINTS),
     cmd_check, "prove rule files, run the tests in them, probe every rule",
     "retensor check rules/llama.rules",
     "Beyond the proof, each rule moves a small model whose sizes are distinct primes, "
     "in\n"
     "both directions, and every element is compared with a second, slow evaluation.\n"
     "--lints says what no shape can tell apart in any model; --strict makes that an "
     "error.\n",
     "  0  all good\n  1  a test or the probe fails; or --strict and lints\n  3  a "
     "rule file is wrong\n"},
    {"fmt", "RULEFILE...", 1, 4096, OPTION(CHECK), cmd_fmt,
     "bring rule files into canonical form, in place", "retensor fmt rules/llama.rules",
     "`-` reads standard input and writes standard output.\n",
     "  0  done\n  1  --check, and a file is not canonical\n  3  a rule file is wrong\n"
     "  5  a file is missing or cannot be written\n"},
    {"families", "[NAME...]", 0, 4096, 0, cmd_families,
     "list the families that are built in", "retensor families mistral",
     "The layouts of each; indented below it what it answers to: model_types, and the\n"
     "models that are known by name, as repository ids. NAME is a family, a "
     "model_type\n"
     "or a model: those that serve it.\n",
     "  0  done\n  1  no family serves NAME\n"},
    {"download", "[ORG/NAME]", 0, 1, OPTION(REPO_ID), cmd_download,
     "as the script: repository ids; a model's place in the hub cache",
     "retensor download --repo_id TinyLlama/TinyLlama-1.1B-Chat-v1.0",
     "Without a repository: the list of those that are known. With one: the directory "
     "in\n"
     "the local hub cache. Nothing is fetched, a message says how to.\n",
     "  0  done\n  5  it is not in the cache\n"},
    {"convert_hf_checkpoint", "", 0, 0,
     OPTION(CHECKPOINT_DIR) | OPTION(MODEL_NAME) | OPTION(DEBUG_MODE) | OPTION(RULES) |
         OPTION(TO) | OPTION(DEQUANTIZE),
     cmd_convert_hf_checkpoint, "as the script: hf to lit-legacy, in place",
     "retensor convert_hf_checkpoint --checkpoint_dir checkpoints/TinyLlama",
     "Writes lit_model.pth and lit_config.json into the directory of the source.\n",
     EXITS_WRITE},
    {"convert_lit_checkpoint", "", 0, 0,
     OPTION(CHECKPOINT_PATH) | OPTION(OUTPUT_PATH) | OPTION(CONFIG_PATH) |
         OPTION(RULES) | OPTION(FROM),
     cmd_convert_lit_checkpoint,
     "as the script: lit or lit-legacy to one file of hf names",
     "retensor convert_lit_checkpoint --checkpoint_path lit_model.pth --output_path "
     "model.bin --config_path lit_config.json",
     "Writes the one file; its directory must exist or is made.\n", EXITS_WRITE},
    {"merge_lora", "[DIR]", 0, 1,
     OPTION(CHECKPOINT_DIR) | OPTION(LORA_PATH) | OPTION(OUT_DIR) | OPTION(PRETRAINED) |
         OPTION(PRECISION) | OPTION(LORA_R) | OPTION(LORA_ALPHA) |
         OPTION(LORA_DROPOUT) | OPTION(LORA_QUERY) | OPTION(LORA_KEY) |
         OPTION(LORA_VALUE) | OPTION(LORA_PROJECTION) | OPTION(LORA_MLP) |
         OPTION(LORA_HEAD) | OPTION(RULES),
     cmd_merge_lora, "as the script: merge a Lit-GPT adapter",
     "retensor merge_lora --checkpoint_dir base --lora_path "
     "lit_model_lora_finetuned.pth "
     "--out_dir merged",
     "With DIR alone: a directory of today's finetune_lora, merged in place; the base "
     "is\n"
     "the one that its hyperparameters.yaml names, or --pretrained_checkpoint_dir.\n"
     "Without a config of the adapter its rank is 8 and its alpha 16, as in the "
     "script.\n",
     EXITS_WRITE},
    {"convert_to_litgpt", "[DIR]", 0, 1,
     OPTION(CHECKPOINT_DIR) | OPTION(MODEL_NAME) | OPTION(DEBUG_MODE) | OPTION(RULES) |
         OPTION(DEQUANTIZE),
     cmd_convert_to_litgpt, "as litgpt's command: hf to lit, in place",
     "retensor convert_to_litgpt checkpoints/TinyLlama/TinyLlama-1.1B-Chat-v1.0",
     "Writes lit_model.pth and model_config.yaml into the directory of the source.\n",
     EXITS_WRITE},
    {"convert_from_litgpt", "[DIR OUT]", 0, 2,
     OPTION(CHECKPOINT_DIR) | OPTION(OUTPUT_DIR) | OPTION(RULES),
     cmd_convert_from_litgpt, "as litgpt's command: lit to hf names",
     "retensor convert_from_litgpt out/finetuned out/hf",
     "Writes OUT/model.pth, and config.json and what goes along where OUT is still "
     "empty.\n",
     EXITS_WRITE},
    {"convert_pretrained_checkpoint", "[DIR OUT]", 0, 2,
     OPTION(CHECKPOINT_DIR) | OPTION(OUTPUT_DIR) | OPTION(RULES) | OPTION(FORCE),
     cmd_convert_pretrained_checkpoint,
     "as litgpt's command: training state to weights",
     "retensor convert_pretrained_checkpoint out/pretrain/final out/weights",
     "Takes the model out of a training checkpoint, wrapper prefixes removed.\n",
     EXITS_WRITE},
};
enum { N_COMMANDS = sizeof commands / sizeof *commands, N_OWN = 12 };

const command *command_find(const char *name)
{
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

const char *command_near(const char *name)
{
    const char *names[N_COMMANDS];
    for (size_t i = 0; i < N_COMMANDS; i++) {
        names[i] = commands[i].name;
    }
    return near_name(name, names, N_COMMANDS);
}

/* ---- help -------------------------------------------------------------------- */

static void list_commands(buf *out, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        const char *head =
            arena_printf(out->arena, "%s %s", commands[i].name, commands[i].args);
        buf_printf(out, "  %-30s %s\n", head, commands[i].does);
    }
}

void help_program(buf *out)
{
    buf_add(
        out,
        "retensor converts, merges and audits model checkpoints from rule files.\n\n"
        "  retensor convert --rules llama --from hf --to lit checkpoints/TinyLlama "
        "out\n\n"
        "Commands\n");
    list_commands(out, 0, N_OWN);
    buf_add(out,
            "\nIn place of the scripts of these names (also as links retensor-NAME)\n");
    list_commands(out, N_OWN, N_COMMANDS);
    buf_add(out, "\nOptions of every command\n");
    options_help(out, OPTIONS_EVERYWHERE);
    buf_add(
        out,
        "\nExit codes\n"
        "  0  done            1  the answer is no     2  the command line is wrong\n"
        "  3  bad rules       4  rules and checkpoint disagree\n"
        "  5  file or system  70 a bug in retensor    128+n ended by signal n\n\n"
        "`retensor COMMAND --help` tells more.\n");
}

void help_command(buf *out, const command *c)
{
    buf_printf(out, "retensor %s [options]%s%s -- %s\n\n  %s\n\n%s", c->name,
               c->args[0] == '\0' ? "" : " ", c->args, c->does, c->example, c->about);
    if (c->options != 0) {
        buf_add(out, "\nOptions\n");
        options_help(out, c->options);
    }
    buf_add(out, "\nOptions of every command\n");
    options_help(out, OPTIONS_EVERYWHERE);
    buf_printf(out, "\nExit codes\n%s", c->exits);
}

void help_usage(buf *out, const command *c)
{
    if (c == NULL) {
        buf_add(out, "usage: retensor COMMAND [options] ...\n"
                     "       retensor --help lists commands and options\n");
        return;
    }
    buf_printf(out,
               "usage: retensor %s [options]%s%s\n  e.g. %s\n"
               "       retensor %s --help tells more\n",
               c->name, c->args[0] == '\0' ? "" : " ", c->args, c->example, c->name);
}
