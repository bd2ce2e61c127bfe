/* Config files of the layouts, the table of named models, and the shipped rule files.
 */
#include <unistd.h>

#include "base/file.h"
#include "base/yaml.h"
#include "config/layouts.h"
#include "config_kit.h"

static void put_file(const kit *k, const char *dir, const char *name, const char *text)
{
    FILE *f = fopen(path_join(k->a, dir, name), "wb");
    if (CHECK(f != NULL)) {
        CHECK(fputs(text, f) >= 0);
        CHECK(fclose(f) == 0);
    }
}

static const layout_table *embedded(kit *k)
{
    const layout_table *l = NULL;
    CHECK_INT(layouts_load(&k->cx, NULL, 0, &l), RT_OK);
    return l;
}

static void test_files(void)
{
    kit k = kit_begin();
    const char *tmp = getenv("TMPDIR");
    char *dir = arena_printf(k.a, "%s/config-XXXXXX", tmp != NULL ? tmp : "/tmp");
    value *record = NULL;
    const char *path = NULL;
    char **names = NULL;
    size_t n = 0;
    const layout_table *known = embedded(&k);
    if (!CHECK(mkdtemp(dir) != NULL)) {
        return;
    }
    CHECK_INT(config_load(&k.cx, layout_of(known, "hf"), dir, &record, &path), RT_OK);
    CHECK(record == NULL && path == NULL);
    put_file(&k, dir, "config.json", "{\"a\": 1}");
    put_file(&k, dir, "model_config.yaml", "a: 2\n");
    CHECK_INT(config_load(&k.cx, layout_of(known, "hf5"), dir, &record, &path), RT_OK);
    CHECK_STR(kit_show(&k, record), "{\"a\": 1}");
    CHECK_INT(config_load(&k.cx, layout_of(known, "lit"), dir, &record, &path), RT_OK);
    CHECK_STR(kit_show(&k, record), "{\"a\": 2}");
    CHECK_STR(path_base(path), "model_config.yaml");
    CHECK_INT(config_load(&k.cx, layout_of(known, "lit-legacy"), dir, &record, &path),
              RT_OK);
    CHECK_STR(kit_show(&k, record), "{\"a\": 2}"); /* interleaved, under today's name */
    put_file(&k, dir, "lit_config.json", "{\"a\": 3}");
    CHECK_INT(config_load(&k.cx, layout_of(known, "lit-legacy"), dir, &record, &path),
              RT_OK);
    CHECK_STR(kit_show(&k, record), "{\"a\": 3}");
    put_file(&k, dir, "config.json", "[1]");
    CHECK_INT(config_load(&k.cx, layout_of(known, "hf"), dir, &record, &path), RT_FILE);
    put_file(&k, dir, "config.json", "{\"a\": ");
    CHECK_INT(config_load(&k.cx, layout_of(known, "hf"), dir, &record, &path), RT_FILE);
    CHECK(diags_has(k.cx.diags, "bad-config"));
    CHECK_INT(config_load_file(&k.cx, path_join(k.a, dir, "none.json"), &record),
              RT_FILE);
    CHECK(diags_has(k.cx.diags, "unreadable"));
    CHECK(dir_list(k.a, dir, &names, &n) == 0);
    for (size_t i = 0; i < n; i++) {
        CHECK(remove(path_join(k.a, dir, names[i])) == 0);
    }
    CHECK(rmdir(dir) == 0);
    kit_end(&k);
}

static void test_text(void)
{
    kit k = kit_begin();
    size_t n_bytes = 0;
    const value *record = kit_json(&k, "{\"norm_eps\": 1e-5, \"bias\": null}");
    CHECK(strstr(config_text(k.a, "config.json", record, &n_bytes), "\"bias\": null") !=
          NULL);
    const layout_table *known = embedded(&k);
    const layout_files *legacy = layout_of(known, "lit-legacy");
    CHECK(config_is_file_name(known, "config.json"));
    CHECK(config_is_file_name(known, "adapter_config.json"));
    CHECK(!config_is_file_name(known, "tokenizer.json"));
    CHECK(config_is_file_of(layout_of(known, "lora-lit"), "hyperparameters.yaml"));
    CHECK(config_is_file_of(legacy, "model_config.yaml"));
    CHECK(!config_is_file_of(layout_of(known, "lit"), "lit_config.json"));
    CHECK(config_is_file_of(layout_of(known, "none such"), "config.json"));
    const value *old = kit_json(&k, "{\"_norm_class\": \"RMSNorm\"}"),
                *later = kit_json(&k, "{\"norm_class_name\": \"RMSNorm\"}");
    CHECK_STR(config_file_for(&k.cx, legacy, old), "lit_config.json");
    CHECK_STR(config_file_for(&k.cx, legacy, record), "lit_config.json"); /* no mark */
    CHECK_STR(config_file_for(&k.cx, legacy, later), "model_config.yaml");
    CHECK_STR(config_text(k.a, "model_config.yaml", later, &n_bytes),
              "norm_class_name: RMSNorm\n");
    const char *yaml = config_text(k.a, "model_config.yaml", record, &n_bytes);
    CHECK_INT(strlen(yaml), n_bytes);
    CHECK(strstr(yaml, "norm_eps: 1.0e-05") != NULL);
    kit_end(&k);
}

/* The order in which a directory is searched: what is made of the other comes first. */
static void test_weights(void)
{
    kit k = kit_begin();
    const layout_table *known = embedded(&k);
    const file_name_list any = layouts_weights(k.a, known, NULL);
    const file_name_list hf = layouts_weights(k.a, known, "hf");
    CHECK_STR(any.at[0].text, "lit_model.pth");
    CHECK_STR(any.at[1].text, "model.safetensors");
    CHECK_STR(hf.at[0].text, "model.safetensors");
    CHECK_STR(hf.at[3].text, "lit_model.pth");
    CHECK_INT(hf.n, any.n);
    kit_end(&k);
}

static void test_models(void)
{
    static const value fields = {.kind = V_RECORD};
    static const model_row rows[] = {
        {"lit", "small-1b", "Org/Small-1B-hf", "llama", &fields},
        {"lit", "Small-1B-v2", "Org/Small-1B-v2", "llama", &fields},
        {"lit", "twin", "A/Twin-x", "llama", &fields},
        {"lit", "twin-2", "B/Twin-x", "llama", &fields},
        {"old", "small-1b", "Org/Small-1B-hf", "llama", &fields},
    };
    const size_t n = sizeof rows / sizeof rows[0];
    CHECK(models_find(rows, n, "lit", "small-1b") == &rows[0]);
    CHECK(models_find(rows, n, "lit", "SMALL-1B") == &rows[0]);
    CHECK(models_find(rows, n, "lit", "org/small-1b-HF") == &rows[0]);
    CHECK(models_find(rows, n, "lit", "small-1b-hf") == &rows[0]);
    CHECK(models_find(rows, n, "lit", "Twin-x") == NULL); /* two: no one */
    CHECK(models_find(rows, n, "lit", "none") == NULL);
    CHECK(models_find(rows, n, "old", "small-1b") == &rows[4]);

    kit k = kit_begin();
    const model_row *all = NULL;
    size_t n_all = 0;
    CHECK_INT(models_load(&k.cx, &all, &n_all), RT_OK);
    for (size_t i = 0; i < n_all; i++) { /* every name and repository finds one row */
        CHECK(models_find(all, n_all, all[i].layout, all[i].name) == &all[i]);
    }
    kit_end(&k);
}

/* ---- the shipped families, there and back ------------------------------------------
 */

static const struct {
    const char *family, *config;
} shipped[] = {
    {"llama",
     "{\"model_type\": \"llama\", \"hidden_size\": 64, \"num_hidden_layers\": 2, "
     "\"num_attention_heads\": 8, \"num_key_value_heads\": 2, \"intermediate_size\": "
     "96, "
     "\"vocab_size\": 100, \"max_position_embeddings\": 128, \"rms_norm_eps\": 1e-5, "
     "\"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 8.0, "
     "\"low_freq_factor\": 1.0, "
     "\"high_freq_factor\": 4.0, \"original_max_position_embeddings\": 64}, "
     "\"eos_token_id\": [1, 2]}"},
    {"llama",
     "{\"model_type\": \"mistral\", \"hidden_size\": 64, \"num_hidden_layers\": 2, "
     "\"num_attention_heads\": 8, \"intermediate_size\": 96, \"vocab_size\": 100, "
     "\"max_position_embeddings\": 32768}"},
    {"falcon", "{\"model_type\": \"RefinedWeb\", \"hidden_size\": 64, \"n_layer\": 2, "
               "\"n_head\": 8, "
               "\"n_head_kv\": 2, \"vocab_size\": 100}"},
    {"falcon",
     "{\"model_type\": \"falcon\", \"hidden_size\": 71, \"num_hidden_layers\": 2, "
     "\"num_attention_heads\": 71, \"num_kv_heads\": 71, \"multi_query\": true, "
     "\"vocab_size\": 100, \"new_decoder_architecture\": false}"},
};

static void test_shipped(void)
{
    for (size_t i = 0; i < sizeof shipped / sizeof shipped[0]; i++) {
        kit k = kit_begin();
        unsigned hf = 0;
        values *v = NULL, *w = NULL;
        config_result *lit = NULL, *back = NULL;
        const value *config = kit_json(&k, shipped[i].config);
        const config_request none = {0}, carried = {.carried = config};
        bool good = CHECK(mapping_load(&k.cx, shipped[i].family, &k.m) == RT_OK) &&
                    CHECK(mapping_side(k.m, "hf", &hf));
        good =
            good && CHECK(config_detect(&k.cx, k.m, hf, config, NULL, NULL) == 1) &&
            CHECK(values_read(&k.cx, k.m, hf, config, "config.json", &v) == RT_OK) &&
            CHECK(values_demand(&k.cx, v) == RT_OK) &&
            CHECK(config_convert(&k.cx, v, 1 - hf, &none, &lit) == RT_OK) &&
            CHECK(config_detect(&k.cx, k.m, 1 - hf, lit->record, NULL, NULL) == 1) &&
            CHECK(values_read(&k.cx, k.m, 1 - hf, lit->record, "lit", &w) == RT_OK) &&
            CHECK(values_demand(&k.cx, w) == RT_OK) &&
            CHECK(config_convert(&k.cx, w, hf, &carried, &back) == RT_OK);
        if (good) {
            /* what the source did not change comes back as it was */
            CHECK_STR(kit_show(&k, back->record), kit_show(&k, config));
            for (size_t a = 0; a < k.m->axes.n; a++) {
                CHECK_INT(w->size[a], v->size[a]);
            }
            for (size_t f = 0; f < k.m->values.n; f++) {
                CHECK(value_equal(w->fact[f], v->fact[f]));
            }
        }
        kit_print(&k);
        kit_end(&k);
    }
}

int main(void)
{
    test_files();
    test_text();
    test_weights();
    test_models();
    test_shipped();
    return CHECK_RESULT();
}
