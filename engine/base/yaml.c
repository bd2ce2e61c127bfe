/* base/yaml.c -- YAML text to values and back over libyaml's events; see yaml.h.
 *
 * libyaml and PyYAML's own emitter are the same design by the same author, so the
 * layout (indentation, folding, choice of quotes) comes out alike once both are told
 * the same thing about each scalar: whether it would read back as text if plain.
 */
#include "base/yaml.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/strmap.h"
#include "base/utf8.h"
#include "base/yaml_scalar.h"

enum { MAX_DEPTH = 64 };

typedef struct reader {
    arena *a;
    yaml_parser_t parser;
    const yaml_scalars *known;
    const char *why;
} reader;

static void complain(reader *r, const yaml_mark_t *mark, const char *what)
{
    if (r->why == NULL) {
        r->why = arena_printf(r->a, "line %zu: %s", mark->line + 1, what);
    }
}

static bool next_event(reader *r, yaml_event_t *event)
{
    if (yaml_parser_parse(&r->parser, event) != 0) {
        return true;
    }
    const char *problem = r->parser.problem;
    complain(r, &r->parser.problem_mark, problem == NULL ? "not valid YAML" : problem);
    return false;
}

static bool is_decorated(const yaml_event_t *e)
{
    switch (e->type) {
    case YAML_SCALAR_EVENT: return e->data.scalar.anchor || e->data.scalar.tag;
    case YAML_SEQUENCE_START_EVENT:
        return e->data.sequence_start.anchor || e->data.sequence_start.tag;
    case YAML_MAPPING_START_EVENT:
        return e->data.mapping_start.anchor || e->data.mapping_start.tag;
    case YAML_ALIAS_EVENT: return true;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: break;
    }
    return false;
}

static const char *scalar_text(reader *r, const yaml_event_t *e)
{
    const size_t n_bytes = e->data.scalar.length;
    if (memchr(e->data.scalar.value, '\0', n_bytes) != NULL) {
        complain(r, &e->start_mark, "a NUL character in a text");
        return NULL;
    }
    return arena_strndup(r->a, (const char *)e->data.scalar.value, n_bytes);
}

static value *read_value(reader *r, const yaml_event_t *e, unsigned depth);

static value *read_sequence(reader *r, unsigned depth)
{
    value *list = value_list(r->a);
    for (;;) {
        yaml_event_t e;
        if (!next_event(r, &e)) {
            return NULL;
        }
        if (e.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&e);
            return list;
        }
        value *item = read_value(r, &e, depth + 1);
        yaml_event_delete(&e);
        if (item == NULL) {
            return NULL;
        }
        vec_push(r->a, &list->items, item);
    }
}

/* The key of a mapping: its spelling, whatever type YAML would give it. */
static const char *read_key(reader *r, const yaml_event_t *e, strmap *seen)
{
    if (e->type != YAML_SCALAR_EVENT || is_decorated(e)) {
        complain(r, &e->start_mark, "a key that is not a plain text");
        return NULL;
    }
    const char *key = scalar_text(r, e);
    if (key == NULL) {
        return NULL;
    }
    if (strcmp(key, "<<") == 0 && e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
        complain(r, &e->start_mark, "merge keys (<<) are not read");
        return NULL;
    }
    if (!strmap_add(seen, key, 0)) {
        buf shown = {.arena = r->a};
        utf8_add_safe(&shown, key, strlen(key));
        complain(r, &e->start_mark,
                 arena_printf(r->a, "the key \"%s\" stands twice", buf_str(&shown)));
        return NULL;
    }
    return key;
}

static value *read_mapping(reader *r, unsigned depth)
{
    value *record = value_record(r->a);
    strmap *seen = strmap_new(r->a);
    for (;;) {
        yaml_event_t e;
        if (!next_event(r, &e)) {
            return NULL;
        }
        if (e.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&e);
            return record;
        }
        const char *key = read_key(r, &e, seen);
        yaml_event_delete(&e);
        if (key == NULL || !next_event(r, &e)) {
            return NULL;
        }
        value *v = read_value(r, &e, depth + 1);
        yaml_event_delete(&e);
        if (v == NULL) {
            return NULL;
        }
        vec_push(r->a, &record->members, ((value_member){key, v}));
    }
}

static value *read_value(reader *r, const yaml_event_t *e, unsigned depth)
{
    if (is_decorated(e)) {
        complain(r, &e->start_mark, "anchors, aliases and tags are not read");
        return NULL;
    }
    if (depth > MAX_DEPTH) {
        complain(r, &e->start_mark, "nested more than 64 deep");
        return NULL;
    }
    if (e->type == YAML_SEQUENCE_START_EVENT) {
        return read_sequence(r, depth);
    }
    if (e->type == YAML_MAPPING_START_EVENT) {
        return read_mapping(r, depth);
    }
    if (e->type != YAML_SCALAR_EVENT) {
        complain(r, &e->start_mark, "not valid YAML");
        return NULL;
    }
    const char *text = scalar_text(r, e);
    if (text == NULL) {
        return NULL;
    }
    if (e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE) {
        return value_string(r->a, text);
    }
    value *v = yaml_scalar_value(r->a, r->known, text);
    if (v->kind == V_FLOAT && !isfinite(v->f)) {
        v->line = e->start_mark.line + 1;
    }
    return v;
}

/* Take the next event if it is of the type. */
static bool expect(reader *r, yaml_event_type_t type, const char *otherwise)
{
    yaml_event_t e;
    if (!next_event(r, &e)) {
        return false;
    }
    const bool as_expected = e.type == type;
    if (!as_expected) {
        complain(r, &e.start_mark, otherwise);
    }
    yaml_event_delete(&e);
    return as_expected;
}

static value *read_stream(reader *r)
{
    yaml_event_t e;
    if (!expect(r, YAML_STREAM_START_EVENT, "not valid YAML") || !next_event(r, &e)) {
        return NULL;
    }
    const yaml_event_type_t first = e.type;
    yaml_event_delete(&e);
    if (first == YAML_STREAM_END_EVENT) {
        return value_null(r->a);
    }
    if (!next_event(r, &e)) {
        return NULL;
    }
    value *v = read_value(r, &e, 1);
    yaml_event_delete(&e);
    if (v == NULL || !expect(r, YAML_DOCUMENT_END_EVENT, "not valid YAML") ||
        !expect(r, YAML_STREAM_END_EVENT, "more than one document")) {
        return NULL;
    }
    return v;
}

value *yaml_parse(arena *a, const char *text, size_t n_bytes, const char **why)
{
    reader r = {.a = a, .known = yaml_scalars_new(a)};
    if (yaml_parser_initialize(&r.parser) == 0) {
        *why = "out of memory";
        return NULL;
    }
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, n_bytes);
    value *v = read_stream(&r);
    yaml_parser_delete(&r.parser);
    if (v == NULL) {
        *why = r.why;
    }
    return v;
}

typedef struct writer {
    buf *out;
    yaml_emitter_t emitter;
    const yaml_scalars *known;
} writer;

static int write_bytes(void *out, unsigned char *bytes, size_t n_bytes)
{
    buf_add_n(out, bytes, n_bytes);
    return 1;
}

/* libyaml takes the event over.  All that could fail here is its memory. */
static void emit(writer *w, yaml_event_t *event)
{
    (void)yaml_emitter_emit(&w->emitter, event);
}

static void write_scalar(writer *w, const char *text, bool plain_is_right)
{
    yaml_event_t e;
    unsigned char *bytes = (unsigned char *)arena_strdup(w->out->arena, text);
    if (yaml_scalar_event_initialize(&e, NULL, NULL, bytes, (int)strlen(text),
                                     plain_is_right, 1, YAML_ANY_SCALAR_STYLE) != 0) {
        emit(w, &e);
    }
}

static void write_text(writer *w, const char *text)
{
    arena *a = w->out->arena;
    if (utf8_valid_prefix(text, strlen(text)) < strlen(text)) {
        buf safe = {.arena = a}; /* libyaml would refuse the whole document */
        utf8_add_safe(&safe, text, strlen(text));
        text = buf_str(&safe);
    }
    write_scalar(w, text, yaml_scalar_meaning(a, w->known, text) == YAML_TEXT);
}

/* Python's repr, with the dot that YAML 1.1 wants: 1e-05 becomes 1.0e-05. */
static const char *float_text(arena *a, const value *v)
{
    if (isnan(v->f)) {
        return ".nan";
    }
    if (v->s != NULL && strpbrk(v->s, ".eEnN") == NULL) {
        return v->s; /* a whole number too large to be counted */
    }
    if (isinf(v->f)) {
        return v->f < 0 ? "-.inf" : ".inf";
    }
    const char *text = float_repr(a, v->f);
    const char *e = strchr(text, 'e');
    if (e == NULL || strchr(text, '.') != NULL) {
        return text;
    }
    return arena_printf(a, "%.*s.0%s", (int)(e - text), text, e);
}

static int by_key(const void *x, const void *y)
{
    return strcmp(((const value_member *)x)->key, ((const value_member *)y)->key);
}

static void write_value(writer *w, const value *v);

static void write_record(writer *w, const value *v)
{
    arena *a = w->out->arena;
    const size_t n = v->members.n;
    value_member *sorted = NEW_N(a, value_member, n);
    if (n > 0) {
        memcpy(sorted, v->members.at, n * sizeof *sorted);
        qsort(sorted, n, sizeof *sorted, by_key);
    }
    yaml_event_t e;
    (void)yaml_mapping_start_event_initialize(&e, NULL, NULL, 1,
                                              YAML_BLOCK_MAPPING_STYLE);
    emit(w, &e);
    for (size_t i = 0; i < n; i++) {
        write_text(w, sorted[i].key);
        write_value(w, sorted[i].val);
    }
    (void)yaml_mapping_end_event_initialize(&e);
    emit(w, &e);
}

static void write_list(writer *w, const value *v)
{
    yaml_event_t e;
    (void)yaml_sequence_start_event_initialize(&e, NULL, NULL, 1,
                                               YAML_BLOCK_SEQUENCE_STYLE);
    emit(w, &e);
    for (size_t i = 0; i < v->items.n; i++) {
        write_value(w, v->items.at[i]);
    }
    (void)yaml_sequence_end_event_initialize(&e);
    emit(w, &e);
}

static void write_value(writer *w, const value *v)
{
    arena *a = w->out->arena;
    switch (v->kind) {
    case V_NULL: write_scalar(w, "null", true); break;
    case V_BOOL: write_scalar(w, v->b ? "true" : "false", true); break;
    case V_INT: write_scalar(w, arena_printf(a, "%lld", (long long)v->i), true); break;
    case V_FLOAT: write_scalar(w, float_text(a, v), true); break;
    case V_STRING: write_text(w, v->s); break;
    case V_LIST: write_list(w, v); break;
    case V_RECORD: write_record(w, v); break;
    }
}

void yaml_print(buf *out, const value *v)
{
    writer w = {.out = out, .known = yaml_scalars_new(out->arena)};
    if (yaml_emitter_initialize(&w.emitter) == 0) {
        return;
    }
    yaml_emitter_set_output(&w.emitter, write_bytes, out);
    yaml_event_t e;
    (void)yaml_stream_start_event_initialize(&e, YAML_UTF8_ENCODING);
    emit(&w, &e);
    (void)yaml_document_start_event_initialize(&e, NULL, NULL, NULL, 1);
    emit(&w, &e);
    write_value(&w, v);
    (void)yaml_document_end_event_initialize(&e, 1);
    emit(&w, &e);
    (void)yaml_stream_end_event_initialize(&e);
    emit(&w, &e);
    yaml_emitter_delete(&w.emitter);
}
