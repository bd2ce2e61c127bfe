/* diag/diag.c -- collecting diagnostics; see diag.h. */
#include "diag/diag.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "diag/diag_record.h"

diags *diags_new(arena *a)
{
    diags *d = NEW(a, diags);
    d->arena = a;
    return d;
}

diag *diag_report(diags *d, severity sev, const char *slug, where at, const char *fmt,
                  ...)
{
    diag *dg = NEW(d->arena, diag);
    dg->arena = d->arena;
    dg->sev = sev;
    dg->slug = slug;
    dg->at = at;
    va_list ap;
    va_start(ap, fmt);
    dg->message = arena_vprintf(d->arena, fmt, ap);
    va_end(ap);
    vec_push(d->arena, &d->all, dg);
    return dg;
}

void diag_label(diag *dg, where at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *text = arena_vprintf(dg->arena, fmt, ap);
    va_end(ap);
    vec_push(dg->arena, &dg->labels, ((diag_place){at, text}));
}

void diag_note(diag *dg, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *text = arena_vprintf(dg->arena, fmt, ap);
    va_end(ap);
    vec_push(dg->arena, &dg->notes, text);
}

void diag_help(diag *dg, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *text = arena_vprintf(dg->arena, fmt, ap);
    va_end(ap);
    vec_push(dg->arena, &dg->helps, text);
}

size_t diags_count(const diags *d, severity sev)
{
    size_t n = 0;
    for (size_t i = 0; i < d->all.n; i++) {
        n += d->all.at[i]->sev == sev;
    }
    return n;
}

bool diags_has(const diags *d, const char *slug)
{
    for (size_t i = 0; i < d->all.n; i++) {
        if (strcmp(d->all.at[i]->slug, slug) == 0) {
            return true;
        }
    }
    return false;
}

void diags_clear(diags *d)
{
    d->all.n = 0;
}

const char *severity_name(severity sev)
{
    switch (sev) {
    case SEV_ERROR: return "error";
    case SEV_WARNING: return "warning";
    case SEV_NOTE: return "note";
    }
    return "error";
}

void source_line_column(const source *src, uint32_t byte, unsigned *line,
                        unsigned *column)
{
    const size_t end = byte < src->n_bytes ? byte : src->n_bytes;
    size_t line_start = 0;
    *line = 1;
    for (size_t i = 0; i < end; i++) {
        if (src->text[i] == '\n') {
            (*line)++;
            line_start = i + 1;
        }
    }
    *column = 1;
    for (size_t i = line_start; i < end; (*column)++) {
        uint32_t c;
        const size_t n = utf8_decode(src->text + i, src->n_bytes - i, &c);
        i += n == 0 ? 1 : n;
    }
}

typedef struct ranked {
    const diag *dg;
    size_t rank; /* of reporting, because qsort is not stable */
} ranked;

static int compare_ranks(const ranked *r, const ranked *s)
{
    return r->rank < s->rank ? -1 : r->rank > s->rank;
}

static int by_place(const void *x, const void *y)
{
    const ranked *r = x, *s = y;
    const where p = r->dg->at, q = s->dg->at;
    if (p.src == NULL || q.src == NULL) {
        const int behind = (p.src == NULL) - (q.src == NULL);
        return behind != 0 ? behind : compare_ranks(r, s);
    }
    const int by_path = strcmp(p.src->path, q.src->path);
    if (by_path != 0) {
        return by_path;
    }
    if (p.lo != q.lo) {
        return p.lo < q.lo ? -1 : 1;
    }
    return compare_ranks(r, s);
}

const diag *const *diags_sorted(arena *a, const diags *d)
{
    const size_t n = d->all.n;
    ranked *order = NEW_N(a, ranked, n);
    const diag **sorted = NEW_N(a, const diag *, n);
    for (size_t i = 0; i < n; i++) {
        order[i] = (ranked){d->all.at[i], i};
    }
    if (n > 1) {
        qsort(order, n, sizeof *order, by_place);
    }
    for (size_t i = 0; i < n; i++) {
        sorted[i] = order[i].dg;
    }
    return sorted;
}
