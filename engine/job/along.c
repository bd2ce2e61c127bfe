/* Tokenizer and prompt files, configs, an index, the side-car's facts. */
#include "job/along.h"

#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "config/fields.h"

#define MAX_BYTES (64u << 20)

static bool ends_with(const char *s, const char *end)
{
    const size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

/* Tokenizer, generation and prompt files, known by name, and configs of models. */
static bool is_carried(const layout_table *l, const char *name)
{
    static const char *const starts[] = {"tokenizer",           "vocab",
                                         "merges.txt",          "special_tokens_map",
                                         "added_tokens",        "generation_config",
                                         "chat_template",       "prompt",
                                         "preprocessor_config", "processor_config"};
    if (ends_with(name, ".index.json")) {
        return false;
    }
    for (size_t i = 0; i < l->at.n; i++) {
        if (!l->at.at[i].of_adapters && config_is_file_of(&l->at.at[i], name)) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        if (strncmp(name, starts[i], strlen(starts[i])) == 0) {
            return true;
        }
    }
    return ends_with(name, ".model") || ends_with(name, ".tiktoken") ||
           ends_with(name, ".jinja");
}

static const char *config_name(context *cx, const job *j, const run_options *opt)
{
    return opt->config_name != NULL
               ? opt->config_name
               : config_file_for(cx, layout_of(j->layouts, j->to), j->config);
}

static void carry_one(context *cx, job *j, const char *name, const char *path,
                      output *o)
{
    size_t n;
    if (j->changed != NULL && strcmp(name, j->changed_file) == 0) {
        const char *text = config_text(cx->arena, name, j->changed, &n);
        output_add_text(o, name, text, n);
    } else {
        output_add_copy(o, name, path);
    }
    vec_push(cx->arena, &j->carry, path);
}

static rt_status carry(context *cx, job *j, const run_options *opt, const char *dst,
                       output *o)
{
    char **names;
    size_t n;
    if (dir_list(cx->arena, j->src->dir, &names, &n) != 0) {
        return RT_OK; /* a lone file has nothing beside it */
    }
    const char *own = j->config != NULL ? config_name(cx, j, opt) : NULL;
    for (size_t i = 0; i < n; i++) {
        const char *path = path_join(cx->arena, j->src->dir, names[i]);
        const bool written = own != NULL && strcmp(names[i], own) == 0;
        const bool side_car = strncmp(names[i], "retensor-kept.", 14) == 0 &&
                              strcmp(j->from, j->to) == 0 && j->kept.n == 0;
        const char *there = path_join(cx->arena, dst, names[i]);
        const bool is_there =
            file_is_same(path, there) || (opt->spare && file_exists(there));
        if ((side_car || is_carried(j->layouts, names[i])) && !written && !is_there &&
            file_exists(path)) {
            carry_one(cx, j, names[i], path, o);
        }
    }
    return RT_OK;
}

/* The type that most of the weights have, or DT_COUNT. */
static unsigned usual_dtype(const job *j)
{
    uint64_t bytes[DT_COUNT] = {0};
    unsigned most = DT_COUNT;
    for (size_t i = 0; i < j->plan.tensors.n; i++) {
        const plan_tensor *t = &j->plan.tensors.at[i];
        if (t->dt < DT_COUNT && dtype_is_float(t->dt)) {
            bytes[t->dt] += t->n_elems;
            most =
                most == DT_COUNT || bytes[t->dt] > bytes[most] ? (unsigned)t->dt : most;
        }
    }
    return most;
}

/* What a config says of the weights' type holds of those that are written; a config
 * that was made says it too. */
static void put_dtype(context *cx, job *j)
{
    const map_files *files = layout_of(j->layouts, j->to)->files;
    const unsigned usual = usual_dtype(j);
    if (usual == DT_COUNT || files->dtype.n == 0) {
        return;
    }
    const value *said = value_string(cx->arena, dtype_torch_name((dtype)usual));
    bool is_said = false;
    for (size_t i = 0; i < files->dtype.n; i++) {
        const value *old = record_at(j->config, files->dtype.at[i]);
        if (old != NULL && old->kind == V_STRING) {
            record_put(cx->arena, j->config, files->dtype.at[i], said);
            is_said = true;
        }
    }
    if (!is_said && j->config_is_made) {
        record_put(cx->arena, j->config, files->dtype.at[0], said);
    }
}

/* A config that stands there is the user's, who hears of it when it is another one. */
static bool is_spared(context *cx, const run_options *opt, const char *path,
                      const char *text, size_t n)
{
    char *old;
    size_t n_old = 0;
    if (!opt->spare || !file_exists(path)) {
        return false;
    }
    if (file_read(cx->arena, path, MAX_BYTES, &old, &n_old) != 0 || n_old != n ||
        memcmp(old, text, n) != 0) {
        diag *dg = diag_report(cx->diags, SEV_WARNING, "config-kept", NOWHERE,
                               "'%s' is kept, though another one would go with these "
                               "weights",
                               path);
        diag_help(dg, "remove it and convert again to have the other one");
    }
    return true;
}

static void add_config(context *cx, job *j, const run_options *opt, const char *dst,
                       output *o)
{
    size_t n;
    if (j->config == NULL) {
        return;
    }
    put_dtype(cx, j);
    const char *name = config_name(cx, j, opt);
    const char *text = config_text(cx->arena, name, j->config, &n);
    if (!is_spared(cx, opt, path_join(cx->arena, dst, name), text, n)) {
        output_add_text(o, name, text, n);
    }
}

static bool stands(context *cx, const char *dst, const char *name)
{
    return file_exists(path_join(cx->arena, dst, name));
}

/* transformers finds weights of any name by an index; not where it would find others
 * first, or an index of others stands. */
static void add_index(context *cx, const job *j, const char *dst, output *o)
{
    const file_name_list *usual = &layout_of(j->layouts, j->to)->files->weights;
    const char *own = output_file_name(o, 0), *index = NULL;
    char *old;
    size_t n;
    for (size_t i = 0; i < usual->n && index == NULL; i++) {
        const char *name = usual->at[i].text;
        const char *its_index = arena_printf(cx->arena, "%s.index.json", name);
        const bool is_torch = !ends_with(name, ".safetensors");
        if (strcmp(own, name) == 0 || stands(cx, dst, name) ||
            (!is_torch && stands(cx, dst, its_index))) {
            return;
        }
        index = is_torch ? its_index : NULL;
    }
    const char *quoted = arena_printf(cx->arena, "\"%s\"", own);
    if (index != NULL && (!stands(cx, dst, index) ||
                          (file_read(cx->arena, path_join(cx->arena, dst, index),
                                     MAX_BYTES, &old, &n) == 0 &&
                           strstr(old, quoted) != NULL))) {
        output_add_index(o, index);
    }
}

static void add_side_car(context *cx, const job *j, output *o)
{
    if (j->stored.n > 0 && strcmp(j->from, j->to) != 0) {
        value *v = value_record(cx->arena), *list = value_list(cx->arena);
        for (size_t i = 0; i < j->stored.n; i++) {
            vec_push(cx->arena, &list->items, value_string(cx->arena, j->stored.at[i]));
        }
        value_set(cx->arena, v, "stored", list);
        buf b = {.arena = cx->arena};
        json_print(&b, v);
        output_add_text(o, "retensor-kept.json", buf_str(&b), b.n);
    }
}

rt_status along_add(context *cx, job *j, const run_options *opt, const char *dst,
                    output *o)
{
    if (!j->is_adapter) {
        TRY(carry(cx, j, opt, dst, o));
    }
    add_config(cx, j, opt, dst, o);
    add_side_car(cx, j, o);
    if (opt->index && output_n_files(o) == 1) {
        add_index(cx, j, dst, o);
    }
    return RT_OK;
}
