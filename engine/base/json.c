/* base/json.c -- JSON text to values and back; see json.h.
 *
 * cJSON builds the tree, but it alone would be too kind: it takes control characters
 * for white space and "01" for a number, keeps duplicate keys, and turns every number
 * into a double.  So the text first goes through a scanner of its tokens (json_scan.c)
 * that refuses what JSON does not allow and notes where each number stands.  cJSON
 * keeps the order of the text, so the n-th number node is the n-th number token, and
 * its exact value is read from the token.
 */
#include "base/json.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_scan.h"
#include "base/strmap.h"

/* Few members are compared with each other, many go through a map. */
enum { FEW_MEMBERS = 8 };

typedef struct reader {
    arena *a;
    const char *text;
    size_t n_bytes;
    const json_tokens *tokens;
    size_t next_number;
    const char *why;
} reader;

static value *read_number(reader *r)
{
    const json_number *token = &r->tokens->numbers.at[r->next_number++];
    const char *text = arena_strndup(r->a, token->p, token->n_bytes);
    if (token->is_whole) {
        errno = 0;
        const long long i = strtoll(text, NULL, 10);
        if (errno == 0) {
            return value_int(r->a, i);
        }
    }
    value *v = value_float(r->a, strtod(text, NULL));
    v->s = text;
    if (!isfinite(v->f)) {
        v->line = json_line(r->text, r->n_bytes, (size_t)(token->p - r->text));
    }
    return v;
}

/* The key of `item` against those before it in its object. */
static bool is_new_key(const value *record, strmap **seen, arena *a, const char *key)
{
    const size_t n = record->members.n;
    if (n < FEW_MEMBERS) {
        return value_get(record, key) == NULL;
    }
    if (*seen == NULL) {
        *seen = strmap_new(a);
        for (size_t i = 0; i < n; i++) {
            (void)strmap_add(*seen, record->members.at[i].key, i);
        }
    }
    return strmap_add(*seen, key, n);
}

static value *read_node(reader *r, const cJSON *node);

static value *read_object(reader *r, const cJSON *node)
{
    value *record = value_record(r->a);
    strmap *seen = NULL;
    for (const cJSON *item = node->child; item != NULL; item = item->next) {
        const char *key = arena_strdup(r->a, item->string);
        if (!is_new_key(record, &seen, r->a, key)) {
            buf shown = {.arena = r->a};
            json_print_string(&shown, key);
            r->why = arena_printf(r->a, "the key %s stands twice", buf_str(&shown));
            return NULL;
        }
        value *v = read_node(r, item);
        if (v == NULL) {
            return NULL;
        }
        vec_push(r->a, &record->members, ((value_member){key, v}));
    }
    return record;
}

static value *read_array(reader *r, const cJSON *node)
{
    value *list = value_list(r->a);
    for (const cJSON *item = node->child; item != NULL; item = item->next) {
        value *v = read_node(r, item);
        if (v == NULL) {
            return NULL;
        }
        vec_push(r->a, &list->items, v);
    }
    return list;
}

static value *read_node(reader *r, const cJSON *node)
{
    if (cJSON_IsObject(node)) {
        return read_object(r, node);
    }
    if (cJSON_IsArray(node)) {
        return read_array(r, node);
    }
    if (cJSON_IsString(node)) {
        return value_string(r->a, arena_strdup(r->a, node->valuestring));
    }
    if (cJSON_IsNumber(node)) {
        return read_number(r);
    }
    return cJSON_IsBool(node) ? value_bool(r->a, cJSON_IsTrue(node)) : value_null(r->a);
}

value *json_parse(arena *a, const char *text, size_t n_bytes, const char **why)
{
    json_tokens tokens = {0};
    if (!json_scan(a, text, n_bytes, &tokens, why)) {
        return NULL;
    }
    const char *end = tokens.text;
    cJSON *tree = cJSON_ParseWithLengthOpts(tokens.text, n_bytes + 1, &end, true);
    if (tree == NULL) {
        *why = json_complaint(a, text, n_bytes, (size_t)(end - tokens.text),
                              "not valid JSON");
        return NULL;
    }
    reader r = {.a = a, .text = text, .n_bytes = n_bytes, .tokens = &tokens};
    value *v = read_node(&r, tree);
    cJSON_Delete(tree);
    if (v == NULL) {
        *why = r.why;
    }
    return v;
}
