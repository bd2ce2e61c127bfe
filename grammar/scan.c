#include <string.h>

#include "grammar/scan.h"

void scan_comment(parse_state *ps, where at)
{
    uint32_t indent = 0;
    uint32_t hi = at.hi;
    while (hi > at.lo && strchr(" \t\r", ps->src->text[hi - 1]) != NULL &&
           ps->src->text[hi - 1] != '\0') {
        hi--;
    }
    const comment c = {
        .at = {at.src, at.lo, hi},
        .text = arena_strndup(ps->arena, ps->src->text + at.lo, hi - at.lo),
        .own_line = first_on_line(ps->src, at.lo, &indent),
    };
    vec_push(ps->arena, &ps->file->comments, c);
}

void scan_open(parse_state *ps, bool hole, where at)
{
    vec_push(ps->arena, &ps->open, ((open_brace){hole, at}));
    ps->n_holes += hole;
}

bool scan_close(parse_state *ps)
{
    if (ps->open.n == 0) {
        return false;
    }
    const bool hole = ps->open.at[--ps->open.n].hole;
    ps->n_holes -= hole;
    return hole;
}

void scan_drop_holes(parse_state *ps)
{
    size_t first = ps->open.n;
    while (ps->n_holes > 0) {
        ps->n_holes -= ps->open.at[--first].hole;
    }
    ps->open.n = first;
    if (ps->skipping) { /* something inside of it was reported */
        return;
    }
    diag *dg = diag_report(ps->cx->diags, SEV_ERROR, "syntax", ps->open.at[first].at,
                           "the hole has no '}' on its line");
    diag_help(dg, "a '{' right behind a name opens a hole; before a set, a record or a "
                  "block stands a blank");
}

/* The byte behind a string or regular expression that begins at i; n when it is open.
 */
static uint32_t skip_quoted(const source *src, uint32_t i)
{
    const char quote = src->text[i];
    const uint32_t n = (uint32_t)src->n_bytes;
    for (i++; i < n && src->text[i] != '\n'; i++) {
        if (src->text[i] == '\\') {
            i++;
        } else if (src->text[i] == quote) {
            return i + 1;
        }
    }
    return n;
}

bool scan_leads_name(const source *src, uint32_t from)
{
    const uint32_t n = (uint32_t)src->n_bytes;
    const char *t = src->text;
    bool ellipsis = false;
    uint32_t i = from;
    /* Ends at the next brace, so that every byte is looked at once in all. */
    while (i < n && strchr("{}\n#", t[i]) == NULL) {
        if (t[i] == '"' || (t[i] == '/' && i > from && t[i - 1] == ':')) {
            i = skip_quoted(src, i);
            continue;
        }
        ellipsis = ellipsis || (i + 2 < n && memcmp(t + i, "...", 3) == 0);
        i++;
    }
    if (i >= n || t[i] != '}') {
        return false;
    }
    static const char glue[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                               "0123456789_./{";
    return ellipsis || (i + 1 < n && memchr(glue, t[i + 1], sizeof glue - 1) != NULL);
}

const char *scan_string(parse_state *ps, const char *text, size_t n_bytes)
{
    buf out = {.arena = ps->arena};
    for (size_t i = 1; i + 1 < n_bytes; i++) {
        if ((unsigned char)text[i] < 32 || text[i] == 127) {
            return NULL;
        }
        i += text[i] == '\\';
        buf_add_n(&out, text + i, 1);
    }
    return buf_str(&out);
}

bool first_on_line(const source *src, uint32_t byte, uint32_t *indent)
{
    uint32_t lo = byte;
    while (lo > 0 && (src->text[lo - 1] == ' ' || src->text[lo - 1] == '\t')) {
        lo--;
    }
    *indent = byte - lo;
    return lo == 0 || src->text[lo - 1] == '\n';
}
