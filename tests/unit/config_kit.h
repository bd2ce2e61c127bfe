/* config_kit.h -- rule text and config text in, values and converted configs out. */
#ifndef RT_TESTS_UNIT_CONFIG_KIT_H
#define RT_TESTS_UNIT_CONFIG_KIT_H

#include <stdlib.h>

#include "base/json.h"
#include "check.h"
#include "config/convert.h"
#include "grammar/parse.h"

typedef struct kit {
    context cx;
    arena *a;
    const mapping *m;
    config_result *result; /* of the last good conversion */
} kit;

static inline kit kit_begin(void)
{
    arena *a = arena_new();
    return (kit){.cx = {a, diags_new(a)}, .a = a};
}

static inline void kit_end(kit *k)
{
    arena_free(k->a);
}

static inline void kit_print(const kit *k)
{
    diags_print_text(k->cx.diags, stderr, false);
}

/* A mapping from the text of a rule file; the header line is added. */
static inline const mapping *kit_rules(kit *k, const char *text)
{
    const char *header =
        strncmp(text, "merge", 5) == 0 ? "" : "family t : hf <-> lit\n";
    source *src = NEW(k->a, source);
    const ast_file *file = NULL;
    src->path = "t.rules";
    src->text = arena_printf(k->a, "%s%s", header, text);
    src->n_bytes = strlen(src->text);
    k->m = NULL;
    if (!CHECK(rules_parse(&k->cx, src, &file) == RT_OK) ||
        !CHECK(mapping_check(&k->cx, file, &k->m) == RT_OK)) {
        kit_print(k);
        exit(1);
    }
    return k->m;
}

static inline value *kit_json(const kit *k, const char *text)
{
    const char *why = NULL;
    value *v = json_parse(k->a, text, strlen(text), &why);
    if (!CHECK(v != NULL)) {
        (void)fprintf(stderr, "    %s in %s\n", why, text);
        exit(1);
    }
    return v;
}

static inline const char *kit_show(const kit *k, const value *v)
{
    buf b = {.arena = k->a};
    if (v == NULL) {
        return "absent";
    }
    json_print_compact(&b, v);
    return buf_str(&b);
}

/* Values of one side; the status must be as expected. */
static inline values *kit_read(kit *k, unsigned side, const char *config,
                               rt_status want)
{
    values *v = NULL;
    const rt_status got =
        values_read(&k->cx, k->m, side, config == NULL ? NULL : kit_json(k, config),
                    "config.json", &v);
    CHECK_INT(got, want);
    if (got != want) {
        kit_print(k);
    }
    return v;
}

static inline int64_t kit_size(const kit *k, const values *v, const char *axis)
{
    return v->size[mapping_axis(k->m, axis)];
}

static inline const value *kit_fact(const kit *k, const values *v, const char *name)
{
    uint64_t id = 0;
    return CHECK(strmap_get(k->m->value_by_name, name, &id)) ? v->fact[id] : NULL;
}

/* The target's config as one line of JSON, or the first error's place in the table of
 * slugs: "no-row", ...; "failed" when none of the usual ones. */
static inline const char *kit_convert(kit *k, unsigned from, const char *config,
                                      const config_request *req)
{
    static const char *const slugs[] = {"no-row",     "config-contradicts",
                                        "field-type", "undecided-guard",
                                        "no-source",  "refused"};
    values *v = NULL;
    rt_status status =
        values_read(&k->cx, k->m, from, kit_json(k, config), "config.json", &v);
    k->result = NULL;
    if (status == RT_OK) {
        status = config_convert(&k->cx, v, 1 - from, req, &k->result);
    }
    for (size_t i = 0; status != RT_OK && i < sizeof slugs / sizeof slugs[0]; i++) {
        if (diags_has(k->cx.diags, slugs[i])) {
            diags_clear(k->cx.diags);
            CHECK_INT(status, RT_MISMATCH);
            return slugs[i];
        }
    }
    if (status != RT_OK) {
        kit_print(k);
        return "failed";
    }
    return kit_show(k, k->result->record);
}

static inline const field_report *kit_field(const kit *k, const char *name)
{
    for (size_t i = 0; k->result != NULL && i < k->result->fields.n; i++) {
        if (strcmp(k->result->fields.at[i].field, name) == 0) {
            return &k->result->fields.at[i];
        }
    }
    return NULL;
}

#define TO_LIT(k, config) kit_convert((k), LEFT, (config), NULL)
#define TO_HF(k, config)  kit_convert((k), RIGHT, (config), NULL)

#endif
