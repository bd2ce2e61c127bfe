#include <string.h>

#include "grammar/format.h"

/* ---- what the source has between pieces -------------------------------------- */

/* The first comment at or behind a byte. */
static size_t comment_from(const lines *l, uint32_t byte)
{
    size_t lo = 0;
    size_t hi = l->file->comments.n;
    while (lo < hi) {
        const size_t mid = lo + (hi - lo) / 2;
        if (l->file->comments.at[mid].at.lo < byte) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

bool lines_comment_in(const lines *l, uint32_t lo, uint32_t hi)
{
    const size_t i = comment_from(l, lo);
    return i < l->file->comments.n && l->file->comments.at[i].at.lo < hi;
}

bool lines_blank_in(const lines *l, uint32_t lo, uint32_t hi)
{
    unsigned newlines = 0;
    for (uint32_t i = lo; i < hi; i++) {
        const char c = l->file->src->text[i];
        newlines = c == '\n' ? newlines + 1 : strchr(" \t\r", c) != NULL ? newlines : 0;
        if (newlines == 2) {
            return true;
        }
    }
    return false;
}

/* ---- comments ---------------------------------------------------------------- */

static void end_line(lines *l)
{
    if (l->open_line) {
        buf_add(l->out, "\n");
    }
    l->open_line = false;
    l->trailed = false;
}

static void blank_before(lines *l, uint32_t byte)
{
    if (!l->fresh && l->pos < byte && lines_blank_in(l, l->pos, byte)) {
        buf_add(l->out, "\n");
    }
    l->fresh = false;
}

/* Blank lines are kept between items, not inside of them. */
static void put_comment(lines *l, const comment *c, unsigned indent, bool blanks)
{
    if (l->open_line && !c->own_line && !l->trailed) {
        buf_printf(l->out, "  %s", c->text);
        l->trailed = true;
    } else {
        end_line(l);
        if (blanks) {
            blank_before(l, c->at.lo);
        }
        buf_printf(l->out, "%*s%s", (int)indent, "", c->text);
        l->open_line = true;
        l->trailed = true;
    }
    l->pos = l->pos < c->at.hi ? c->at.hi : l->pos;
    l->next_comment++;
}

static void put_comments(lines *l, uint32_t before, unsigned indent, bool blanks)
{
    while (l->next_comment < l->file->comments.n &&
           l->file->comments.at[l->next_comment].at.lo < before) {
        put_comment(l, &l->file->comments.at[l->next_comment], indent, blanks);
    }
}

/* Comments inside of a piece: the last of them may stay behind it if it ends a line;
 * those before it move up. */
static const comment *put_inner_comments(lines *l, where at, unsigned indent)
{
    const size_t end = comment_from(l, at.hi);
    const comment_list *all = &l->file->comments;
    while (l->next_comment < end) {
        const comment *c = &all->at[l->next_comment];
        const bool followed = end < all->n && !all->at[end].own_line;
        if (l->next_comment + 1 == end && !c->own_line && !followed) {
            l->next_comment++;
            return c;
        }
        end_line(l);
        put_comment(l, c, indent, false);
    }
    return NULL;
}

/* ---- breaking ---------------------------------------------------------------- */

size_t columns_of(const char *text)
{
    size_t n = 0;
    for (; *text != '\0'; text++) {
        n +=
            ((unsigned char)*text & 0xC0) != 0x80; /* not inside of a UTF-8 character */
    }
    return n;
}

typedef struct filler {
    lines *l;
    line_style style;
    size_t column;
    bool outer; /* the text has breaks of the first level: inner ones hang deeper */
} filler;

/* The marks by level, the strongest first. */
static const char *const levels[] = {MAY_BREAK MUST_BREAK, MAY_INNER, MAY_DEEP};
enum { N_LEVELS = sizeof levels / sizeof levels[0] };

static unsigned hang_of(const filler *f, size_t level)
{
    return f->style.hang + (f->outer && level > 0 ? FORMAT_INDENT : 0);
}

static void break_line(filler *f, size_t level)
{
    const unsigned hang = hang_of(f, level);
    end_line(f->l);
    buf_printf(f->l->out, "%*s", (int)hang, "");
    f->l->open_line = true;
    f->column = hang;
}

/* Columns up to the first place where a text can be broken at all. */
static size_t head_columns(const char *text)
{
    size_t n = 0;
    for (; *text != '\0' &&
           strchr(MAY_BREAK MAY_INNER MAY_DEEP MUST_BREAK, *text) == NULL;
         text++) {
        n += ((unsigned char)*text & 0xC0) != 0x80;
    }
    return n;
}

/* Put the words of a text that the marks of a level separate, as many as a line takes.
 * A word that no line takes is broken at the next level, and ends its line then. */
static void fill(filler *f, char *text, size_t level)
{
    bool must = false;
    bool first = true;
    while (text != NULL) {
        char *next = level < N_LEVELS ? strpbrk(text, levels[level]) : NULL;
        const char mark = next != NULL ? *next : '\0';
        if (next != NULL) {
            *next = '\0';
        }
        const size_t n = columns_of(text);
        const bool too_long =
            (first ? f->column : hang_of(f, level)) + n > FORMAT_COLUMNS;
        if (!first) {
            const size_t need = too_long ? head_columns(text) : n;
            if (must || (too_long && level == 0) ||
                f->column + 1 + need > FORMAT_COLUMNS) {
                break_line(f, level);
            } else {
                buf_add(f->l->out, " ");
                f->column++;
            }
        }
        if (too_long && level + 1 < N_LEVELS) {
            fill(f, text, level + 1);
        } else {
            buf_add(f->l->out, text);
            f->column += n;
        }
        must = mark == MUST_BREAK[0] || (too_long && level == 0);
        first = false;
        text = next != NULL ? next + 1 : NULL;
    }
}

static void put_text(lines *l, line_style style, const char *text)
{
    filler f = {l, style, style.indent, strpbrk(text, levels[0]) != NULL};
    buf_printf(l->out, "%*s", (int)style.indent, "");
    l->open_line = true;
    const size_t from = l->out->n;
    if (strpbrk(text, MUST_BREAK) == NULL &&
        style.indent + columns_of(text) <= FORMAT_COLUMNS) {
        buf_add(l->out, text);
    } else {
        fill(&f, arena_strdup(l->arena, text), 0);
    }
    for (size_t i = from; i < l->out->n; i++) {
        if (strchr(MAY_BREAK MAY_INNER MAY_DEEP, l->out->p[i]) != NULL) {
            l->out->p[i] = ' ';
        }
    }
}

/* ---- lines ------------------------------------------------------------------- */

void lines_put(lines *l, line_style style, where at, const char *text)
{
    put_comments(l, at.lo, style.indent, style.item);
    if (style.item) {
        end_line(l);
        blank_before(l, at.lo);
    }
    const comment *behind = put_inner_comments(l, at, style.indent);
    end_line(l);
    l->fresh = false;
    put_text(l, style, text);
    if (behind != NULL) {
        buf_printf(l->out, "  %s", behind->text);
        l->trailed = true;
    }
    l->pos = l->pos < at.hi ? at.hi : l->pos;
}

void lines_close(lines *l, unsigned indent, where at)
{
    put_comments(l, at.lo, indent + FORMAT_INDENT, true);
    lines_put(l, (line_style){.indent = indent, .hang = indent}, at, "}");
}

void lines_end(lines *l)
{
    put_comments(l, (uint32_t)l->file->src->n_bytes + 1, 0, true);
    end_line(l);
}
