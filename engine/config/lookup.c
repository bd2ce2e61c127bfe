/* config/lookup.c -- lookup(record, name): the first key, in the order of the file,
 * that is the name or its dotted end, as a regular expression; PEFT's
 * re.match(rf"(.*\.)?({key})$", name).  Which keys were found is remembered. */
#include <string.h>

#include "base/regex.h"
#include "config/learned.h"

/* The name, or its end behind a dot; NULL: *why (may be NULL) tells. */
static const regex *key_pattern(arena *a, const char *key, const char **why)
{
    const char *ignored;
    size_t at_byte = 0;
    return regex_new(a, arena_printf(a, "^(.*\\.)?(%s)$", key), "",
                     why != NULL ? why : &ignored, &at_byte);
}

static lookup_table *table_of(evaluation *ev, const expr *of, const value *record)
{
    arena *a = ev->cx->arena;
    const char *field = expr_text(a, of);
    lookup_table_list *all = &ev->v->learned->lookups;
    for (size_t i = 0; i < all->n; i++) {
        if (strcmp(all->at[i]->field, field) == 0 && all->at[i]->record == record) {
            return all->at[i];
        }
    }
    lookup_table *t = NEW(a, lookup_table);
    *t = (lookup_table){.field = field, .record = record};
    t->keys = NEW_N(a, const regex *, record->members.n + 1);
    t->is_found = NEW_N(a, bool, record->members.n + 1);
    for (size_t i = 0; i < record->members.n; i++) {
        const char *key = record->members.at[i].key, *why = NULL;
        t->keys[i] = key_pattern(a, key, &why);
        if (t->keys[i] == NULL) {
            ev->why = arena_printf(a, "the pattern \"%s\" is wrong: %s", key, why);
            return NULL;
        }
    }
    vec_push(a, all, t);
    return t;
}

const value *eval_lookup(evaluation *ev, const expr *of, const value *record,
                         const value *name)
{
    const value *first = NULL;
    const char *first_key = NULL;
    if (record->kind != V_RECORD || name->kind != V_STRING) {
        return NULL;
    }
    lookup_table *t = table_of(ev, of, record);
    if (t == NULL) {
        return UNKNOWN;
    }
    for (size_t i = 0; i < record->members.n; i++) {
        const value_member *m = &record->members.at[i];
        if (!regex_search(t->keys[i], name->s)) {
            continue;
        }
        t->is_found[i] = true;
        if (first == NULL) {
            first = m->val;
            first_key = m->key;
        } else if (t->twice == NULL && !value_equal(first, m->val)) {
            t->twice = name->s;
            t->twice_keys[0] = first_key;
            t->twice_keys[1] = m->key;
        }
    }
    if (first == NULL) {
        ev->why = arena_printf(ev->cx->arena, "no pattern fits %s", name->s);
    }
    return first;
}

const char *lookup_key(arena *a, const value *record, const value *name)
{
    const bool can = record != NULL && record->kind == V_RECORD && name != NULL &&
                     name->kind == V_STRING;
    for (size_t i = 0; can && i < record->members.n; i++) {
        const regex *key = key_pattern(a, record->members.at[i].key, NULL);
        if (key != NULL && regex_search(key, name->s)) {
            return record->members.at[i].key;
        }
    }
    return NULL;
}

static void warn_unfound(context *cx, const lookup_table *t)
{
    enum { MAX_NOTES = 8 };
    VEC(const char *) names = {0};
    for (size_t i = 0; i < t->record->members.n; i++) {
        if (!t->is_found[i]) {
            vec_push(cx->arena, &names, t->record->members.at[i].key);
        }
    }
    if (names.n == 0) {
        return;
    }
    diag *dg = diag_report(cx->diags, SEV_WARNING, "pattern-unused", NOWHERE,
                           "%zu of the %zu patterns of %s fit%s no name", names.n,
                           t->record->members.n, t->field, names.n == 1 ? "s" : "");
    for (size_t i = 0; i < names.n && i < MAX_NOTES; i++) {
        diag_note(dg, "%s", names.at[i]);
    }
    diag_help(dg, "a pattern is a name, its end behind a dot, or a regular expression "
                  "of either; what it was meant for got the usual value");
}

void values_warn_of_lookups(context *cx, const values *v)
{
    for (size_t i = 0; i < v->learned->lookups.n; i++) {
        const lookup_table *t = v->learned->lookups.at[i];
        warn_unfound(cx, t);
        if (t->twice == NULL) {
            continue;
        }
        diag *dg = diag_report(
            cx->diags, SEV_WARNING, "pattern-twice", NOWHERE,
            "two patterns of %s with different values fit %s: '%s' and '%s'", t->field,
            t->twice, t->twice_keys[0], t->twice_keys[1]);
        diag_help(dg,
                  "the first in the file counts, which sorts them; was it the first "
                  "in training?");
    }
}
