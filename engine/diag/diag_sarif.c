/* diag/diag_sarif.c -- diagnostics for code scanners: one SARIF 2.1.0 log.
 *
 * A slug becomes a rule of the driver, a diagnostic a result: its notes and help follow
 * the message, its labels are related locations.  Lines and columns count from 1,
 * columns in characters; the end is behind the last character.
 * (OASIS, Static Analysis Results Interchange Format 2.1.0, sections 3.27 to 3.30)
 */
#include "base/json.h"
#include "base/strmap.h"
#include "diag/diag_record.h"

static value *text_object(arena *a, const char *text)
{
    value *v = value_record(a);
    value_set(a, v, "text", value_string(a, text));
    return v;
}

static value *region_value(arena *a, where at)
{
    unsigned line, column;
    value *v = value_record(a);
    source_line_column(at.src, at.lo, &line, &column);
    value_set(a, v, "startLine", value_int(a, line));
    value_set(a, v, "startColumn", value_int(a, column));
    source_line_column(at.src, at.hi > at.lo ? at.hi : at.lo, &line, &column);
    value_set(a, v, "endLine", value_int(a, line));
    value_set(a, v, "endColumn", value_int(a, column));
    return v;
}

static value *location_value(arena *a, where at, const char *message)
{
    value *file = value_record(a), *place = value_record(a), *v = value_record(a);
    value_set(a, file, "uri", value_string(a, at.src->path));
    value_set(a, place, "artifactLocation", file);
    value_set(a, place, "region", region_value(a, at));
    value_set(a, v, "physicalLocation", place);
    if (message != NULL) {
        value_set(a, v, "message", text_object(a, message));
    }
    return v;
}

static const char *whole_text(arena *a, const diag *dg)
{
    buf out = {.arena = a};
    buf_add(&out, dg->message);
    for (size_t i = 0; i < dg->notes.n; i++) {
        buf_printf(&out, "\n%s", dg->notes.at[i]);
    }
    for (size_t i = 0; i < dg->helps.n; i++) {
        buf_printf(&out, "\nhelp: %s", dg->helps.at[i]);
    }
    return buf_str(&out);
}

static value *result_value(arena *a, const diag *dg)
{
    value *v = value_record(a), *at = value_list(a), *related = value_list(a);
    value_set(a, v, "ruleId", value_string(a, dg->slug));
    value_set(a, v, "level", value_string(a, severity_name(dg->sev)));
    value_set(a, v, "message", text_object(a, whole_text(a, dg)));
    if (dg->at.src != NULL) {
        vec_push(a, &at->items, location_value(a, dg->at, NULL));
    }
    for (size_t i = 0; i < dg->labels.n; i++) {
        const diag_place *label = &dg->labels.at[i];
        if (label->at.src != NULL) {
            vec_push(a, &related->items, location_value(a, label->at, label->text));
        }
    }
    value_set(a, v, "locations", at);
    value_set(a, v, "relatedLocations", related);
    return v;
}

static value *rules_value(arena *a, const diag *const *sorted, size_t n)
{
    strmap *seen = strmap_new(a);
    value *rules = value_list(a);
    for (size_t i = 0; i < n; i++) {
        if (strmap_add(seen, sorted[i]->slug, i)) {
            value *rule = value_record(a);
            value_set(a, rule, "id", value_string(a, sorted[i]->slug));
            vec_push(a, &rules->items, rule);
        }
    }
    return rules;
}

void diags_print_sarif(const diags *d, const char *version, FILE *to)
{
    arena *a = arena_new();
    const diag *const *sorted = diags_sorted(a, d);
    value *driver = value_record(a), *tool = value_record(a), *results = value_list(a);
    value *run = value_record(a), *runs = value_list(a), *log = value_record(a);
    buf out = {.arena = a};
    value_set(a, driver, "name", value_string(a, "retensor"));
    value_set(a, driver, "version", value_string(a, version));
    value_set(a, driver, "rules", rules_value(a, sorted, d->all.n));
    value_set(a, tool, "driver", driver);
    for (size_t i = 0; i < d->all.n; i++) {
        vec_push(a, &results->items, result_value(a, sorted[i]));
    }
    value_set(a, run, "tool", tool);
    value_set(a, run, "columnKind", value_string(a, "unicodeCodePoints"));
    value_set(a, run, "results", results);
    vec_push(a, &runs->items, run);
    value_set(a, log, "$schema",
              value_string(a, "https://json.schemastore.org/sarif-2.1.0.json"));
    value_set(a, log, "version", value_string(a, "2.1.0"));
    value_set(a, log, "runs", runs);
    json_print(&out, log);
    (void)fwrite(buf_str(&out), 1, out.n, to);
    arena_free(a);
}
