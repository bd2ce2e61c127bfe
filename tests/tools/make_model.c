/* make_model -- a Llama-shaped model with random weights, as transformers stores it,
 * and a LoRA adapter for it, as Lit-GPT stores it.  For the demo, the tests and the
 * benchmarks.
 *
 *     make_model DIR [NAME=NUMBER]...       config.json and model.safetensors (bf16)
 *     make_model --adapter DIR [NAME=NUMBER]...   lit_model.pth.lora,
 * hyperparameters.yaml
 *
 * NAME: layers hidden heads groups ffn vocab head_dim rank seed shards.  Defaults are a
 * tiny model with a size of its own for each axis; tinyllama=1 sets TinyLlama-1.1B's
 * sizes.
 */
#include <libdeflate.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "checkpoint/output.h"

typedef struct sizes {
    uint64_t layers, hidden, heads, groups, ffn, vocab, head_dim, rank, seed, shards;
} sizes;

static const struct {
    const char *name;
    size_t offset;
} names[] = {
    {"layers", offsetof(sizes, layers)},     {"hidden", offsetof(sizes, hidden)},
    {"heads", offsetof(sizes, heads)},       {"groups", offsetof(sizes, groups)},
    {"ffn", offsetof(sizes, ffn)},           {"vocab", offsetof(sizes, vocab)},
    {"head_dim", offsetof(sizes, head_dim)}, {"rank", offsetof(sizes, rank)},
    {"seed", offsetof(sizes, seed)},         {"shards", offsetof(sizes, shards)},
};

static bool set_size(sizes *s, const char *arg)
{
    const char *eq = strchr(arg, '=');
    if (eq == NULL) {
        return false;
    }
    if (strcmp(arg, "tinyllama=1") == 0) {
        *s = (sizes){22, 2048, 32, 4, 5632, 32000, 64, s->rank, s->seed, s->shards};
        return true;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strlen(names[i].name) == (size_t)(eq - arg) &&
            strncmp(names[i].name, arg, (size_t)(eq - arg)) == 0) {
            const uint64_t n = strtoull(eq + 1, NULL, 10);
            memcpy((char *)s + names[i].offset, &n, sizeof n);
            return true;
        }
    }
    return false;
}

/* ---- random bf16 --------------------------------------------------------------- */

static uint64_t next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Magnitudes between 2^-9 and 2^-5, either sign: about what trained weights look like.
 */
static void fill(uint16_t *to, size_t n, uint64_t *state)
{
    for (size_t i = 0; i < n; i += 4) {
        const uint64_t r = next(state);
        for (size_t k = 0; k < 4 && i + k < n; k++) {
            const uint16_t x = (uint16_t)(r >> (16 * k));
            to[i + k] = (uint16_t)((x & 0x8000u) | (0x3b00u + (x & 0x01ffu)));
        }
    }
}

/* ---- tensors ------------------------------------------------------------------- */

typedef struct model {
    context cx;
    VEC(output_tensor) t;
} model;

static void add(model *m, const char *name, uint64_t rows, uint64_t columns)
{
    output_tensor t = {.name = name,
                       .dt = DT_BF16,
                       .rank = columns > 0 ? 2 : 1,
                       .shape = {rows, columns},
                       .alias_of = -1};
    vec_push(m->cx.arena, &m->t, t);
}

static void add_hf(model *m, const sizes *s)
{
    const uint64_t q = s->heads * s->head_dim, kv = s->groups * s->head_dim;
    add(m, "model.embed_tokens.weight", s->vocab, s->hidden);
    for (unsigned long long l = 0; l < s->layers; l++) {
        const struct {
            const char *name;
            uint64_t rows, columns;
        } each[] = {
            {"input_layernorm", s->hidden, 0},
            {"mlp.down_proj", s->hidden, s->ffn},
            {"mlp.gate_proj", s->ffn, s->hidden},
            {"mlp.up_proj", s->ffn, s->hidden},
            {"post_attention_layernorm", s->hidden, 0},
            {"self_attn.k_proj", kv, s->hidden},
            {"self_attn.o_proj", s->hidden, q},
            {"self_attn.q_proj", q, s->hidden},
            {"self_attn.v_proj", kv, s->hidden},
        };
        for (size_t i = 0; i < sizeof each / sizeof *each; i++) {
            add(m,
                arena_printf(m->cx.arena, "model.layers.%llu.%s.weight", l,
                             each[i].name),
                each[i].rows, each[i].columns);
        }
    }
    add(m, "model.norm.weight", s->hidden, 0);
    add(m, "lm_head.weight", s->vocab, s->hidden);
}

static void add_pair(model *m, const char *module, uint64_t out, uint64_t in,
                     uint64_t rank, uint64_t parts)
{
    add(m, arena_printf(m->cx.arena, "%s.lora_A", module), rank * parts, in);
    add(m, arena_printf(m->cx.arena, "%s.lora_B", module), out, rank);
}

static void add_lora(model *m, const sizes *s)
{
    const uint64_t q = s->heads * s->head_dim, kv = s->groups * s->head_dim;
    add_pair(m, "lm_head", s->vocab, s->hidden, s->rank, 1);
    for (unsigned long long l = 0; l < s->layers; l++) {
        const char *h = arena_printf(m->cx.arena, "transformer.h.%llu.", l);
        add_pair(m, arena_printf(m->cx.arena, "%sattn.qkv", h), q + 2 * kv, s->hidden,
                 s->rank, 3);
        add_pair(m, arena_printf(m->cx.arena, "%sattn.proj", h), s->hidden, q, s->rank,
                 1);
        add_pair(m, arena_printf(m->cx.arena, "%smlp.fc_1", h), s->ffn, s->hidden,
                 s->rank, 1);
        add_pair(m, arena_printf(m->cx.arena, "%smlp.fc_2", h), s->ffn, s->hidden,
                 s->rank, 1);
        add_pair(m, arena_printf(m->cx.arena, "%smlp.proj", h), s->hidden, s->ffn,
                 s->rank, 1);
    }
}

/* ---- files --------------------------------------------------------------------- */

static const char *config_of(arena *a, const sizes *s)
{
    return arena_printf(
        a,
        "{\n  \"architectures\": [\n    \"LlamaForCausalLM\"\n  ],\n  "
        "\"attention_bias\": false,\n"
        "  \"bos_token_id\": 1,\n  \"eos_token_id\": 2,\n  \"head_dim\": %llu,\n"
        "  \"hidden_act\": \"silu\",\n  \"hidden_size\": %llu,\n  "
        "\"initializer_range\": 0.02,\n"
        "  \"intermediate_size\": %llu,\n  \"max_position_embeddings\": 2048,\n"
        "  \"mlp_bias\": false,\n  \"model_type\": \"llama\",\n  "
        "\"num_attention_heads\": %llu,\n"
        "  \"num_hidden_layers\": %llu,\n  \"num_key_value_heads\": %llu,\n"
        "  \"pretraining_tp\": 1,\n  \"rms_norm_eps\": 1e-05,\n  \"rope_scaling\": "
        "null,\n"
        "  \"rope_theta\": 10000.0,\n  \"tie_word_embeddings\": false,\n"
        "  \"torch_dtype\": \"bfloat16\",\n  \"use_cache\": true,\n  \"vocab_size\": "
        "%llu\n}\n",
        (unsigned long long)s->head_dim, (unsigned long long)s->hidden,
        (unsigned long long)s->ffn, (unsigned long long)s->heads,
        (unsigned long long)s->layers, (unsigned long long)s->groups,
        (unsigned long long)s->vocab);
}

static rt_status write_all(model *m, output *o, const char *dir, uint64_t seed)
{
    enum { CHUNK = 1 << 19 };
    static uint16_t chunk[CHUNK];
    uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
    TRY(output_begin(&m->cx, o, dir, true));
    for (size_t i = 0; i < m->t.n; i++) {
        const output_tensor *t = &m->t.at[i];
        for (uint64_t done = 0; done < t->n_bytes;) {
            const uint64_t n =
                t->n_bytes - done < sizeof chunk ? t->n_bytes - done : sizeof chunk;
            fill(chunk, (size_t)n / 2, &state);
            if (pwrite_all(output_fd(o, t->file), chunk, (size_t)n, t->offset + done) !=
                0) {
                output_abort(o);
                return RT_FILE;
            }
            done += n;
        }
    }
    return RT_OK;
}

/* CRCs of a small torch file: read back what was written. */
static void set_crcs(model *m, output *o)
{
    for (size_t i = 0; i < m->t.n; i++) {
        unsigned char *bytes = arena_alloc(m->cx.arena, (size_t)m->t.at[i].n_bytes + 1);
        if (pread_all(output_fd(o, m->t.at[i].file), bytes, (size_t)m->t.at[i].n_bytes,
                      m->t.at[i].offset) == 0) {
            output_set_crc(o, i,
                           libdeflate_crc32(0, bytes, (size_t)m->t.at[i].n_bytes));
        }
    }
}

static rt_status make(model *m, const sizes *s, bool adapter, const char *dir)
{
    output *o;
    uint64_t total = 0;
    if (adapter) {
        add_lora(m, s);
    } else {
        add_hf(m, s);
    }
    for (size_t i = 0; i < m->t.n; i++) {
        total +=
            2 * m->t.at[i].shape[0] * (m->t.at[i].rank > 1 ? m->t.at[i].shape[1] : 1);
    }
    const output_options opt =
        adapter ? (output_options){.format = FORMAT_TORCH,
                                   .name = "lit_model.pth.lora",
                                   .wrap = "model"}
                : (output_options){.format = FORMAT_SAFETENSORS,
                                   .name = "model.safetensors",
                                   .shard_bytes =
                                       s->shards > 1 ? total / s->shards + 1 : 0};
    TRY(output_plan(&m->cx, &opt, m->t.at, m->t.n, &o));
    const char *text =
        adapter ? arena_printf(m->cx.arena,
                               "lora_alpha: %llu\nlora_dropout: 0.05\nlora_head: true\n"
                               "lora_key: true\nlora_mlp: true\nlora_projection: true\n"
                               "lora_query: true\nlora_r: %llu\nlora_value: true\n",
                               (unsigned long long)(2 * s->rank),
                               (unsigned long long)s->rank)
                : config_of(m->cx.arena, s);
    output_add_text(o, adapter ? "hyperparameters.yaml" : "config.json", text,
                    strlen(text));
    TRY(write_all(m, o, dir, s->seed + adapter));
    if (adapter) {
        set_crcs(m, o);
    }
    return output_commit(&m->cx, o, false);
}

int main(int argc, char **argv)
{
    sizes s = {.layers = 3,
               .hidden = 40,
               .heads = 6,
               .groups = 2,
               .ffn = 56,
               .vocab = 97,
               .head_dim = 10,
               .rank = 4,
               .seed = 1,
               .shards = 1};
    const bool adapter = argc > 1 && strcmp(argv[1], "--adapter") == 0;
    const int first = adapter ? 2 : 1;
    if (argc <= first) {
        fprintf(stderr, "usage: make_model [--adapter] DIR [NAME=NUMBER]...\n");
        return RT_USAGE;
    }
    for (int i = first + 1; i < argc; i++) {
        if (!set_size(&s, argv[i])) {
            fprintf(stderr, "make_model: unknown size '%s'\n", argv[i]);
            return RT_USAGE;
        }
    }
    arena *a = arena_new();
    model m = {.cx = {a, diags_new(a)}};
    const rt_status status = make(&m, &s, adapter, argv[first]);
    diags_print_text(m.cx.diags, stderr, false);
    arena_free(a);
    return (int)status;
}
