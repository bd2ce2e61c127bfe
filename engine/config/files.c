/* The config files of layouts: which it is, and text to records and back. */
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/yaml.h"
#include "config/convert.h"
#include "config/layouts.h"

/* Configs are a few kilobytes; the largest seen, with quantisation lists, 2 MB. */
#define MAX_CONFIG_BYTES (64u << 20)

bool config_is_file_of(const layout_files *l, const char *name)
{
    for (size_t i = 0; i < l->files->configs.n; i++) {
        if (strcmp(l->files->configs.at[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

bool config_is_file_name(const layout_table *l, const char *name)
{
    bool is = config_is_file_of(&l->none, name);
    for (size_t i = 0; i < l->at.n && !is; i++) {
        is = config_is_file_of(&l->at.at[i], name);
    }
    return is;
}

const char *config_file_for(context *cx, const layout_files *l, const value *record)
{
    for (size_t i = 0; i < l->files->configs.n; i++) {
        const map_config_file *c = &l->files->configs.at[i];
        if (c->when != NULL && config_fits(cx, l->m, l->side, record, c->when)) {
            return c->name;
        }
    }
    return l->files->configs.at[0].name;
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

rt_status config_load(context *cx, const layout_files *l, const char *dir,
                      value **record, const char **path)
{
    *record = NULL;
    *path = NULL;
    for (size_t i = 0; i < l->files->configs.n; i++) {
        const char *p = path_join(cx->arena, dir, l->files->configs.at[i].name);
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
