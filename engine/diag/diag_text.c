/* diag/diag_text.c -- diagnostics for people: message, quoted line, carets.
 *
 *     rules/llama.rules:12:10: error: two rules write the same tensor [target-overlap]
 *        12 |     hf "model.norm.weight"
 *           |        ^~~~~~~~~~~~~~~~~~~
 *     rules/llama.rules:29:10: note: also written here
 *           = example: model.norm.weight
 *           = help: delete one of the rules
 *
 * What is quoted is what the file holds, except that tabs become spaces and unsafe
 * characters escapes; the carets are counted in the columns of what was printed.
 */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "diag/diag_record.h"

enum {
    MAX_SHOWN = 20, /* of each severity */
    TAB_COLUMNS = 4,
    MAX_LINE_BYTES = 240, /* longer lines are shown in part */
    BYTES_BEFORE = 60,    /* the caret, in such a part */
};

typedef struct printer {
    buf out;
    bool color;
} printer;

static const char *paint(const printer *p, const char *code)
{
    return p->color ? code : "";
}

#define BOLD  "\x1b[1m"
#define PLAIN "\x1b[0m"

static const char *severity_color(severity sev)
{
    switch (sev) {
    case SEV_ERROR: return "\x1b[1;31m";
    case SEV_WARNING: return "\x1b[1;35m";
    case SEV_NOTE: return "\x1b[1;36m";
    }
    return "";
}

static void add_safe(printer *p, const char *text)
{
    utf8_add_safe(&p->out, text, strlen(text));
}

static unsigned columns_of(const char *text, size_t n_bytes)
{
    unsigned columns = 0;
    for (size_t at = 0; at < n_bytes;) {
        uint32_t c;
        const size_t n = utf8_decode(text + at, n_bytes - at, &c);
        columns += n == 0 ? 1 : utf8_columns(c);
        at += n == 0 ? 1 : n;
    }
    return columns;
}

/* One line of a source as shown, and the columns of the marked bytes in it. */
typedef struct quoted {
    buf text;
    unsigned columns, lo, hi;
} quoted;

static void quote_character(quoted *q, const char *p, size_t n_bytes)
{
    if (*p == '\t') {
        const unsigned n = TAB_COLUMNS - q->columns % TAB_COLUMNS;
        buf_printf(&q->text, "%*s", (int)n, "");
        q->columns += n;
        return;
    }
    const size_t from = q->text.n;
    utf8_add_safe(&q->text, p, n_bytes);
    q->columns += columns_of(q->text.p + from, q->text.n - from);
}

/* Bytes of the line around the marked place; whole unless it is very long. */
static void line_window(const source *src, size_t mark, size_t *lo, size_t *hi)
{
    *lo = mark;
    *hi = mark;
    while (*lo > 0 && src->text[*lo - 1] != '\n') {
        (*lo)--;
    }
    while (*hi < src->n_bytes && src->text[*hi] != '\n') {
        (*hi)++;
    }
    if (*hi > mark && src->text[*hi - 1] == '\r') {
        (*hi)--;
    }
    if (*hi - *lo > MAX_LINE_BYTES) {
        if (mark - *lo > BYTES_BEFORE) {
            *lo = mark - BYTES_BEFORE;
        }
        if (*hi - *lo > MAX_LINE_BYTES) {
            *hi = *lo + MAX_LINE_BYTES;
        }
        while (*lo < mark && ((unsigned char)src->text[*lo] & 0xc0) == 0x80) {
            (*lo)++; /* not into the middle of a character */
        }
    }
}

static quoted quote_line(arena *a, where at)
{
    const source *src = at.src;
    const size_t mark = at.lo < src->n_bytes ? at.lo : src->n_bytes;
    size_t lo, hi;
    line_window(src, mark, &lo, &hi);
    quoted q = {.text = {.arena = a}};
    for (size_t i = lo; i < hi;) {
        uint32_t c;
        size_t n = utf8_decode(src->text + i, hi - i, &c);
        n = n == 0 ? 1 : n;
        if (i <= mark) {
            q.lo = q.columns;
        }
        quote_character(&q, src->text + i, n);
        if (i < at.hi) {
            q.hi = q.columns;
        }
        i += n;
    }
    if (mark >= hi) {
        q.lo = q.columns; /* at the end of the line */
    }
    if (q.hi <= q.lo) {
        q.hi = q.lo + 1; /* an empty place still gets its caret */
    }
    return q;
}

static void add_snippet(printer *p, where at, unsigned line, severity sev)
{
    const quoted q = quote_line(p->out.arena, at);
    buf text = q.text;
    buf_printf(&p->out, "%5u | %s\n      | %*s%s^", line, buf_str(&text), (int)q.lo, "",
               paint(p, severity_color(sev)));
    for (unsigned i = q.lo + 1; i < q.hi; i++) {
        buf_add(&p->out, "~");
    }
    buf_printf(&p->out, "%s\n", paint(p, PLAIN));
}

/* "path:12:10: error: message [slug]" and the quoted line, if there is a place. */
static void add_headline(printer *p, where at, severity sev, const char *message,
                         const char *slug)
{
    unsigned line = 0, column = 0;
    if (at.src != NULL) {
        source_line_column(at.src, at.lo, &line, &column);
        buf_add(&p->out, paint(p, BOLD));
        add_safe(p, at.src->path);
        buf_printf(&p->out, ":%u:%u:%s ", line, column, paint(p, PLAIN));
    }
    buf_printf(&p->out, "%s%s:%s ", paint(p, severity_color(sev)), severity_name(sev),
               paint(p, PLAIN));
    add_safe(p, message);
    if (slug != NULL) {
        buf_printf(&p->out, " [%s]", slug);
    }
    buf_add(&p->out, "\n");
    if (at.src != NULL) {
        add_snippet(p, at, line, sev);
    }
}

static void add_facts(printer *p, const diag *dg)
{
    const char *indent = dg->at.src == NULL ? "  " : "      ";
    for (size_t i = 0; i < dg->notes.n; i++) {
        buf_printf(&p->out, "%s= ", indent);
        add_safe(p, dg->notes.at[i]);
        buf_add(&p->out, "\n");
    }
    for (size_t i = 0; i < dg->helps.n; i++) {
        buf_printf(&p->out, "%s= %shelp:%s ", indent, paint(p, BOLD), paint(p, PLAIN));
        add_safe(p, dg->helps.at[i]);
        buf_add(&p->out, "\n");
    }
}

static void add_diag(printer *p, const diag *dg)
{
    add_headline(p, dg->at, dg->sev, dg->message, dg->slug);
    for (size_t i = 0; i < dg->labels.n; i++) {
        add_headline(p, dg->labels.at[i].at, SEV_NOTE, dg->labels.at[i].text, NULL);
    }
    add_facts(p, dg);
}

void diags_print_text(const diags *d, FILE *to, bool color)
{
    arena *a = arena_new();
    printer p = {.out = {.arena = a}, .color = color};
    const diag *const *sorted = diags_sorted(a, d);
    size_t n_met[3] = {0};
    for (size_t i = 0; i < d->all.n; i++) {
        if (n_met[sorted[i]->sev]++ < MAX_SHOWN) {
            add_diag(&p, sorted[i]);
        }
    }
    for (severity sev = SEV_ERROR; sev <= SEV_NOTE; sev++) {
        if (n_met[sev] > MAX_SHOWN) {
            const size_t n_more = n_met[sev] - MAX_SHOWN;
            buf_printf(&p.out, "%s: and %zu more %s%s\n", severity_name(sev), n_more,
                       severity_name(sev), n_more > 1 ? "s" : "");
        }
    }
    (void)fwrite(buf_str(&p.out), 1, p.out.n, to);
    arena_free(a);
}
