/* Matching, filling and showing names. */
#include "mapping/names.h"

#include <string.h>

#include "mapping/check.h"

static const char *choice_text(const mapping *m, choice_binding choices, uint32_t id)
{
    return m->choices.at[id].texts.at[choices != NULL ? choices[id] : 0];
}

static void add_number(buf *b, int64_t number, unsigned width)
{
    buf_printf(b, "%0*lld", (int)width, (long long)number);
}

const char *name_fill(arena *a, const mapping *m, const map_name *n,
                      choice_binding choices, const int64_t *numbers,
                      const char *const *words)
{
    buf b = {.arena = a};
    for (size_t i = 0; i < n->segs.n; i++) {
        const name_seg *s = &n->segs.at[i];
        if (s->kind == NAME_TEXT) {
            buf_add(&b, s->text);
        } else if (s->kind == NAME_CHOICE) {
            buf_add(&b, choice_text(m, choices, s->choice));
        } else if (s->is_number) {
            add_number(&b, numbers[s->capture] + s->shift, s->width);
        } else {
            buf_add(&b, words[s->capture]);
        }
    }
    return buf_str(&b);
}

/* ---- matching ------------------------------------------------------------------- */

typedef struct matcher {
    arena *a;
    const mapping *m;
    const map_name *n;
    choice_binding choices;
    struct {
        const char *p;
        size_t n;
        int64_t number;
        bool set;
    } got[MAX_CAPTURES];
} matcher;

static bool match_from(matcher *mt, size_t seg, const char *p);

/* A whole number as it is written in names: no sign, no leading zeros unless `width`.
 */
static bool read_number(const char *p, size_t n, unsigned width, int64_t *out)
{
    int64_t x = 0;
    if (n == 0 || n > 18 || (width == 0 && n > 1 && p[0] == '0') ||
        (width > 0 && (n < width || (n > width && p[0] == '0')))) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9') {
            return false;
        }
        x = x * 10 + (p[i] - '0');
    }
    *out = x;
    return true;
}

/* Bind capture c of segment s to n bytes at p, unless it is bound to something else. */
static bool bind(matcher *mt, const name_seg *s, const char *p, size_t n, bool *fresh)
{
    const uint32_t c = s->capture;
    int64_t number = 0;
    if (s->is_number) {
        if (!read_number(p, n, s->width, &number)) {
            return false;
        }
        number -= s->shift;
        if (number < 0) {
            return false; /* captures count from 0 */
        }
    }
    *fresh = !mt->got[c].set;
    if (!*fresh) {
        return s->is_number ? mt->got[c].number == number
                            : mt->got[c].n == n && memcmp(mt->got[c].p, p, n) == 0;
    }
    mt->got[c].p = p;
    mt->got[c].n = n;
    mt->got[c].number = number;
    mt->got[c].set = true;
    return true;
}

static size_t longest(const name_seg *s, const char *p)
{
    if (s->is_number) {
        return strspn(p, "0123456789");
    }
    return s->kind == NAME_CAPTURE ? strcspn(p, ".") : strlen(p);
}

static bool match_capture(matcher *mt, size_t seg, const char *p)
{
    const name_seg *s = &mt->n->segs.at[seg];
    for (size_t n = longest(s, p); n > 0; n--) {
        bool fresh = false;
        if (s->kind == NAME_REGEX &&
            !regex_match(mt->a, s->re, arena_strndup(mt->a, p, n), NULL, 0)) {
            continue;
        }
        if (bind(mt, s, p, n, &fresh) && match_from(mt, seg + 1, p + n)) {
            return true;
        }
        if (fresh) {
            mt->got[s->capture].set = false;
        }
    }
    return false;
}

static bool match_from(matcher *mt, size_t seg, const char *p)
{
    for (; seg < mt->n->segs.n; seg++) {
        const name_seg *s = &mt->n->segs.at[seg];
        if (s->kind != NAME_TEXT && s->kind != NAME_CHOICE) {
            return match_capture(mt, seg, p);
        }
        const char *text =
            s->kind == NAME_TEXT ? s->text : choice_text(mt->m, mt->choices, s->choice);
        const size_t n = strlen(text);
        if (strncmp(p, text, n) != 0) {
            return false;
        }
        p += n;
    }
    return *p == '\0';
}

bool name_match(arena *a, const mapping *m, const map_name *n, choice_binding choices,
                const map_capture *captures, const char *text, int64_t *numbers,
                const char **words)
{
    matcher mt = {.a = a, .m = m, .n = n, .choices = choices};
    (void)captures; /* each segment knows what its capture may hold */
    if (!match_from(&mt, 0, text)) {
        return false;
    }
    for (size_t i = 0; i < n->segs.n; i++) {
        const uint32_t c = n->segs.at[i].capture;
        if (c != UINT32_MAX) {
            words[c] = arena_strndup(a, mt.got[c].p, mt.got[c].n);
            numbers[c] = mt.got[c].number;
        }
    }
    return true;
}

/* ---- showing -------------------------------------------------------------------- */

static void show_capture(buf *b, const name_seg *s)
{
    buf_printf(b, "{%s", s->name);
    if (s->kind == NAME_PATH) {
        buf_add(b, "...");
    } else if (s->kind == NAME_REGEX) {
        buf_printf(b, ":/%s/", s->text);
    } else if (s->width > 0) {
        buf_printf(b, ":0%u", s->width);
    }
    if (s->shift != 0) {
        buf_printf(b, " %c %lld", s->shift < 0 ? '-' : '+',
                   (long long)(s->shift < 0 ? -s->shift : s->shift));
    }
    if (s->lo != NULL || s->hi != NULL) {
        buf_printf(b, " in %s..%s", s->lo != NULL ? expr_shown(b->arena, s->lo) : "",
                   s->hi != NULL ? expr_shown(b->arena, s->hi) : "");
    }
    buf_add(b, "}");
}

const char *name_show(arena *a, const mapping *m, const map_name *n)
{
    buf b = {.arena = a};
    for (size_t i = 0; i < n->segs.n; i++) {
        const name_seg *s = &n->segs.at[i];
        if (s->kind == NAME_TEXT) {
            buf_add(&b, s->text);
        } else if (s->kind == NAME_CHOICE) {
            buf_printf(&b, "{%s}", m->choices.at[s->choice].name);
        } else {
            show_capture(&b, s);
        }
    }
    return buf_str(&b);
}
