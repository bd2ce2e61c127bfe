/* Config files of the layouts: their names, and text to records and back. */
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/yaml.h"
#include "config/convert.h"

/* Configs are a few kilobytes; the largest seen, with quantisation lists, 2 MB. */
#define MAX_CONFIG_BYTES (64u << 20)

/* A layout's files.  Where it has several they tell eras of it apart, by a field that
 * only the one or the other has: a legacy checkpoint of March to December 2024 has
 * today's file name and today's names of fields. */
typedef struct layout_file {
    const char *name, *mark;
} layout_file;

static const struct {
    const char *layout;
    layout_file file[2];
} files[] = {
    {"lit", {{"model_config.yaml", NULL}}},
    {"lit-legacy",
     {{"lit_config.json", "_norm_class"}, {"model_config.yaml", "norm_class_name"}}},
    {"lora-lit", {{"hyperparameters.yaml", NULL}}},
    {"lora-peft", {{"adapter_config.json", NULL}}},
    {"lora-mlx", {{"adapter_config.json", NULL}}},
    {"lora-torchtune",
     {{"torchtune_config.yaml", "model"}, {"adapter_config.json", "r"}}},
    {"meta", {{"params.json", NULL}}},
    {NULL, {{"config.json", NULL}}},
};

static const layout_file *files_of(const char *layout)
{
    size_t i = 0;
    while (files[i].layout != NULL && strcmp(files[i].layout, layout) != 0) {
        i++;
    }
    return files[i].file;
}

const char *config_file_name(const char *layout, size_t k)
{
    return k < sizeof files->file / sizeof *files->file ? files_of(layout)[k].name
                                                        : NULL;
}

const char *config_file_for(const char *layout, const value *record)
{
    const layout_file *file = files_of(layout);
    for (size_t k = 0; config_file_name(layout, k) != NULL; k++) {
        if (file[k].mark != NULL && value_get(record, file[k].mark) != NULL) {
            return file[k].name;
        }
    }
    return file[0].name;
}

bool config_is_file_of(const char *layout, const char *name)
{
    for (size_t k = 0; config_file_name(layout, k) != NULL; k++) {
        if (strcmp(config_file_name(layout, k), name) == 0) {
            return true;
        }
    }
    return false;
}

bool config_is_file_name(const char *name)
{
    for (size_t i = 0; i + 1 < sizeof files / sizeof *files; i++) {
        if (config_is_file_of(files[i].layout, name)) {
            return true;
        }
    }
    return strcmp(config_file_name("hf", 0), name) == 0;
}

static bool is_yaml(const char *path)
{
    const char *dot = strrchr(path_base(path), '.');
    return dot != NULL && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

rt_status config_load_file(context *cx, const char *path, value **record)
{
    char *text = NULL;
    size_t n_bytes = 0;
    const char *why = NULL;
    const int error = file_read(cx->arena, path, MAX_CONFIG_BYTES, &text, &n_bytes);
    *record = NULL;
    if (error != 0) {
        diag *dg = diag_report(cx->diags, SEV_ERROR, "unreadable", NOWHERE,
                               "%s cannot be read: %s", path, strerror(error));
        diag_help(dg, "check the path and its permissions");
        return RT_FILE;
    }
    const bool yaml = is_yaml(path);
    value *v = yaml ? yaml_parse(cx->arena, text, n_bytes, &why)
                    : json_parse(cx->arena, text, n_bytes, &why);
    if (v != NULL && v->kind == V_RECORD) {
        *record = v;
        return RT_OK;
    }
    diag *dg =
        diag_report(cx->diags, SEV_ERROR, "bad-config", NOWHERE, "%s is no %s: %s",
                    path, yaml ? "YAML record" : "JSON record",
                    v == NULL ? why : "it holds something else");
    diag_help(dg, "the file is damaged; fetch it anew");
    return RT_FILE;
}

rt_status config_load(context *cx, const char *layout, const char *dir, value **record,
                      const char **path)
{
    *record = NULL;
    *path = NULL;
    for (size_t k = 0; config_file_name(layout, k) != NULL; k++) {
        const char *p = path_join(cx->arena, dir, config_file_name(layout, k));
        if (file_exists(p)) {
            *path = p;
            return config_load_file(cx, p, record);
        }
    }
    return RT_OK;
}

const char *config_text(arena *a, const char *name, const value *record,
                        size_t *n_bytes)
{
    buf b = {.arena = a};
    if (is_yaml(name)) {
        yaml_print(&b, record);
    } else {
        json_print(&b, record);
    }
    const char *text = buf_str(&b);
    *n_bytes = b.n;
    return text;
}
