/* diag/diag.h -- diagnostics: what the human should know.
 *
 * A diagnostic has a severity, a stable slug ("atoms-differ"), one sentence in the
 * user's words (lower case, no full stop), a place, labelled further places, notes
 * (facts) and a help line (what to do).  They are collected, never printed below cli/.
 */
#ifndef RT_DIAG_DIAG_H
#define RT_DIAG_DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"

/* A text that places point into: a rule file.  Lives as long as its arena. */
typedef struct source {
    const char *path; /* as shown: "rules/llama.rules" */
    const char *text;
    size_t n_bytes;
} source;

/* A place: bytes lo..hi of a source; src NULL means "no place in a text". */
typedef struct where {
    const source *src;
    uint32_t lo, hi;
} where;
#define NOWHERE ((where){0})

typedef enum severity { SEV_ERROR, SEV_WARNING, SEV_NOTE } severity;

typedef struct diag diag;
typedef struct diags diags;

diags *diags_new(arena *a);

/* Report; the result takes labels, notes and help (arena memory; never NULL). */
diag *diag_report(diags *d, severity sev, const char *slug, where at, const char *fmt,
                  ...) __attribute__((format(printf, 5, 6)));
void diag_label(diag *dg, where at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void diag_note(diag *dg, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void diag_help(diag *dg, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

size_t diags_count(const diags *d, severity sev);
/* True when a diagnostic with this slug was reported (tests inside rule files). */
bool diags_has(const diags *d, const char *slug);
void diags_clear(diags *d);

/* Line (from 1) and column (from 1, in characters) of a byte of a source. */
void source_line_column(const source *src, uint32_t byte, unsigned *line,
                        unsigned *column);

/* Render all, sorted by source and place, with caret lines; at most 20 errors, then
 * one line with the number of further ones.  Names are escaped for terminals. */
void diags_print_text(const diags *d, FILE *to, bool color);
void diags_print_json(const diags *d, FILE *to); /* one JSON object a line */
void diags_print_sarif(const diags *d, const char *version, FILE *to);

/* What every stage gets: where memory comes from and where complaints go. */
typedef struct context {
    arena *arena;
    diags *diags;
} context;

#endif
