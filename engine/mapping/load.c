/* Rule files by name or path: embedded ones and those on disk. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/embedded.h"
#include "base/file.h"
#include "grammar/parse.h"
#include "mapping/check.h"
#include "mapping/model_type.h"

#define MAX_RULE_BYTES (16u << 20)

static bool ends_with(const char *s, const char *end)
{
    const size_t n = strlen(s), k = strlen(end);
    return n >= k && strcmp(s + n - k, end) == 0;
}

static bool is_rules(const embedded_file *f)
{
    return ends_with(f->name, ".rules");
}

static const source *embedded_source(arena *a, const embedded_file *f)
{
    source *src = NEW(a, source);
    *src = (source){arena_printf(a, "rules/%s", f->name), f->text, f->n_bytes};
    return src;
}

static bool is_embedded(const source *src)
{
    for (size_t i = 0; i < n_embedded_rules; i++) {
        if (src->text == embedded_rules[i].text) {
            return true;
        }
    }
    return false;
}

/* NULL and *err when the file can't be read. */
static const source *disk_source(arena *a, const char *path, int *err)
{
    source *src = NEW(a, source);
    char *text;
    src->path = arena_strdup(a, path);
    *err = file_read(a, path, MAX_RULE_BYTES, &text, &src->n_bytes);
    src->text = text;
    return *err == 0 ? src : NULL;
}

/* A file answers to its stem, `_` and `-` being one. */
static bool is_stem(const char *file, const char *name)
{
    size_t i = 0;
    for (; name[i] != '\0'; i++) {
        const char x = file[i] == '_' ? '-' : file[i],
                   y = name[i] == '_' ? '-' : name[i];
        if (x != y) {
            return false;
        }
    }
    return strcmp(file + i, ".rules") == 0;
}

static const embedded_file *embedded_find(const char *name)
{
    for (size_t i = 0; i < n_embedded_rules; i++) {
        if (strcmp(embedded_rules[i].name, name) == 0 ||
            is_stem(embedded_rules[i].name, name)) {
            return &embedded_rules[i];
        }
    }
    return NULL;
}

/* A family may be called otherwise than its file: look at the headers. */
static const ast_file *embedded_by_header(context *cx, const char *name)
{
    const context quiet = {cx->arena, diags_new(cx->arena)};
    for (size_t i = 0; i < n_embedded_rules; i++) {
        const ast_file *file;
        context each = quiet;
        if (is_rules(&embedded_rules[i]) &&
            rules_parse(&each, embedded_source(cx->arena, &embedded_rules[i]), &file) ==
                RT_OK &&
            file->name != NULL && strcmp(file->name, name) == 0) {
            return file;
        }
    }
    return NULL;
}

/* A model_type for which one embedded family detects itself. */
static const ast_file *embedded_by_model_type(context *cx, const char *name)
{
    const ast_file *found = NULL;
    context quiet = {cx->arena, diags_new(cx->arena)};
    for (size_t i = 0; i < n_embedded_rules; i++) {
        const ast_file *file;
        word_list words = {0};
        if (!is_rules(&embedded_rules[i]) ||
            rules_parse(&quiet, embedded_source(cx->arena, &embedded_rules[i]),
                        &file) != RT_OK) {
            continue;
        }
        for (size_t k = 0; k < file->items.n; k++) {
            if (file->items.at[k]->kind == ITEM_DETECT) {
                model_types_of(cx->arena, file->items.at[k]->u.detect.is, &words);
            }
        }
        if (model_types_have(&words, name)) {
            if (found != NULL) {
                return NULL; /* several: the name does not choose */
            }
            found = file;
        }
    }
    return found;
}

/* ---- use and include
 * ------------------------------------------------------------------ */

const ast_file *find_file(check *ck, const source *beside, const char *name, where at)
{
    /* What travels in the program does not hang on the folder that it runs in. */
    const size_t n_tries = is_embedded(beside) ? 0 : 2;
    const bool has_dir = strchr(beside->path, '/') != NULL;
    const char *dir = path_dir(ck->a, beside->path);
    const char *const tries[2] = {name, arena_printf(ck->a, "%s.rules", name)};
    const source *src = NULL;
    for (size_t i = 0; i < n_tries && src == NULL; i++) {
        const char *path = has_dir ? path_join(ck->a, dir, tries[i]) : tries[i];
        int err;
        if (file_exists(path)) {
            src = disk_source(ck->a, path, &err);
        }
    }
    const embedded_file *f = src == NULL ? embedded_find(name) : NULL;
    if (f != NULL) {
        src = embedded_source(ck->a, f);
    }
    const ast_file *file = NULL;
    if (src != NULL) {
        return rules_parse(ck->cx, src, &file) == RT_OK ? file : NULL;
    }
    file = embedded_by_header(ck->cx, name);
    if (file == NULL) {
        diag *dg = complain(ck, "no-such-file", at, "there is no rule file `%s`", name);
        strmap *known = strmap_new(ck->a);
        const size_t n = strlen(name), n_end = strlen(".rules");
        const bool whole = n > n_end && strcmp(name + n - n_end, ".rules") == 0;
        for (size_t i = 0; i < n_embedded_rules; i++) {
            const char *whole_name = embedded_rules[i].name;
            const size_t keep = strlen(whole_name) - (whole ? 0 : n_end);
            if (is_rules(&embedded_rules[i])) {
                strmap_set(known, arena_strndup(ck->a, whole_name, keep), i);
            }
        }
        diag_note(dg, "it is looked for in `%s`, then among the embedded ones", dir);
        help_near(dg, name, known);
    }
    return file;
}

/* ---- loading
 * --------------------------------------------------------------------------- */

static rt_status load_path(context *cx, const char *path, const ast_file **out)
{
    int err;
    const source *src = disk_source(cx->arena, path, &err);
    if (src == NULL) {
        diag_report(cx->diags, SEV_ERROR, "no-such-file", NOWHERE,
                    "the rule file %s can't be read: %s", path, strerror(err));
        return RT_FILE;
    }
    return rules_parse(cx, src, out);
}

static rt_status load_name(context *cx, const char *name, const ast_file **out)
{
    const embedded_file *f = embedded_find(name);
    if (f != NULL && is_rules(f)) {
        return rules_parse(cx, embedded_source(cx->arena, f), out);
    }
    *out = embedded_by_header(cx, name);
    if (*out == NULL) {
        *out = embedded_by_model_type(cx, name);
    }
    if (*out != NULL) {
        return RT_OK;
    }
    strmap *known = strmap_new(cx->arena);
    for (size_t i = 0; i < n_embedded_rules; i++) {
        if (is_rules(&embedded_rules[i])) {
            const char *file = embedded_rules[i].name;
            strmap_set(known,
                       arena_strndup(cx->arena, file, strlen(file) - strlen(".rules")),
                       i);
        }
    }
    diag *dg = diag_report(cx->diags, SEV_ERROR, "no-such-file", NOWHERE,
                           "there are no rules called `%s`", name);
    diag_note(dg, "a path to a rule file has a '/' or ends in .rules");
    help_near(dg, name, known);
    return RT_USAGE;
}

rt_status mapping_read(context *cx, const char *name_or_path, const ast_file **out)
{
    const bool is_path =
        strchr(name_or_path, '/') != NULL || ends_with(name_or_path, ".rules");
    return is_path ? load_path(cx, name_or_path, out)
                   : load_name(cx, name_or_path, out);
}

rt_status mapping_load(context *cx, const char *name_or_path, const mapping **out)
{
    const ast_file *file = NULL;
    TRY(mapping_read(cx, name_or_path, &file));
    return mapping_check(cx, file, out);
}

static int by_name(const void *x, const void *y)
{
    const mapping *const *p = x, *const *q = y;
    return strcmp((*p)->name, (*q)->name);
}

rt_status mapping_all(context *cx, const mapping *const **out, size_t *n)
{
    const mapping **all = NEW_N(cx->arena, const mapping *, n_embedded_rules + 1);
    rt_status worst = RT_OK;
    *n = 0;
    for (size_t i = 0; i < n_embedded_rules; i++) {
        const ast_file *file;
        if (!is_rules(&embedded_rules[i])) {
            continue;
        }
        rt_status st =
            rules_parse(cx, embedded_source(cx->arena, &embedded_rules[i]), &file);
        if (st == RT_OK && file->kind != FILE_FRAGMENT) {
            st = mapping_check(cx, file, &all[*n]);
            *n += st == RT_OK ? 1 : 0;
        }
        worst = st != RT_OK ? st : worst;
    }
    if (*n > 0) {
        qsort(all, *n, sizeof *all, by_name);
    }
    *out = all;
    return worst;
}
