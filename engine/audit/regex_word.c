#include "audit/regex_word.h"

#include <string.h>

typedef struct speller {
    const char *at; /* the rest of the pattern */
    buf out;
} speller;

static void take_back(buf *b, size_t n)
{
    if (b->n > n) {
        b->n = n;
        b->p[n] = '\0';
    }
}

static void spell_alternatives(speller *sp);

/* "(...)"; what looks around or is a condition spells nothing. */
static void spell_group(speller *sp)
{
    const size_t before = sp->out.n;
    bool is_text = true;
    sp->at++;
    if (*sp->at == '?') {
        is_text = sp->at[1] == ':';
        sp->at += is_text ? 2 : 1;
    }
    spell_alternatives(sp);
    sp->at += *sp->at == ')';
    if (!is_text) {
        take_back(&sp->out, before);
    }
}

static void spell_escape(speller *sp)
{
    sp->at++;
    const char c = *sp->at;
    if (c != '\0') {
        sp->at++;
        buf_add_n(&sp->out, c == 'd' ? "1" : c == 'w' ? "w" : &c, 1);
    }
}

/* "[abc]": a; of "[^...]" some letter, which may be none of it. */
static void spell_class(speller *sp)
{
    sp->at++;
    if (*sp->at == '^') {
        buf_add(&sp->out, "x");
    } else if (*sp->at == '\\') {
        spell_escape(sp);
    } else if (*sp->at != '\0') {
        buf_add_n(&sp->out, sp->at++, 1);
    }
    while (*sp->at != '\0' && *sp->at != ']') {
        sp->at += *sp->at == '\\' && sp->at[1] != '\0' ? 2 : 1;
    }
    sp->at += *sp->at == ']';
}

/* What stands behind an item that was spelled from `before` on. */
static void spell_count(speller *sp, size_t before)
{
    if (*sp->at == '?' || *sp->at == '*') {
        take_back(&sp->out, before);
    }
    while (*sp->at != '\0' && strchr("?*+", *sp->at) != NULL) {
        sp->at++;
    }
}

static void spell_item(speller *sp)
{
    const size_t before = sp->out.n;
    switch (*sp->at) {
    case '(': spell_group(sp); break;
    case '[': spell_class(sp); break;
    case '\\': spell_escape(sp); break;
    case '^':
    case '$': sp->at++; break;
    default: buf_add_n(&sp->out, *sp->at == '.' ? "x" : sp->at, 1); sp->at++;
    }
    spell_count(sp, before);
}

/* Up to the end, or the ')' of the group. */
static void spell_alternatives(speller *sp)
{
    size_t end = sp->out.n;
    bool first = true;
    for (; *sp->at != '\0' && *sp->at != ')'; sp->at += *sp->at == '|') {
        while (*sp->at != '\0' && *sp->at != ')' && *sp->at != '|') {
            spell_item(sp);
        }
        end = first ? sp->out.n : end;
        first = false;
        take_back(&sp->out, end);
    }
}

const char *regex_word(arena *a, const char *pattern, const regex *re)
{
    speller sp = {.at = pattern, .out = {.arena = a}};
    spell_alternatives(&sp);
    const char *word = buf_str(&sp.out);
    return *word != '\0' && *sp.at == '\0' && regex_match(a, re, word, NULL, 0) ? word
                                                                                : NULL;
}
