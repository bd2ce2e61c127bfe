/* base/regex.c -- PCRE2 behind a small door; see regex.h. */
#include "base/regex.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* Patterns are short and subjects are names: what needs more steps than this is an
 * accident or an attack, and counts as "does not match". */
enum { MATCH_LIMIT = 200 * 1000, DEPTH_LIMIT = 10 * 1000, HEAP_LIMIT_KIB = 16 * 1024 };

struct regex {
    pcre2_code *search, *whole;
    pcre2_match_context *limits;
    pcre2_general_context *memory;
};

/* PCRE2's memory comes from the arena, so that it ends with it. */
static void *from_arena(PCRE2_SIZE n_bytes, void *a)
{
    return arena_alloc(a, n_bytes);
}

static void leave_to_arena(void *p, void *a)
{
    (void)p;
    (void)a;
}

static bool options_of(arena *a, const char *flags, uint32_t *options, const char **why)
{
    *options = PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_DOLLAR_ENDONLY;
    for (const char *p = flags == NULL ? "" : flags; *p != '\0'; p++) {
        if (*p != 'i') {
            *why = arena_printf(a, "unknown flag '%c', only 'i' (ignore case) is known",
                                *p);
            return false;
        }
        *options |= PCRE2_CASELESS;
    }
    return true;
}

static pcre2_code *compile(arena *a, const char *pattern, uint32_t options,
                           pcre2_compile_context *cc, const char **why, size_t *at_byte)
{
    int error;
    PCRE2_SIZE at;
    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)pattern, strlen(pattern), options, &error, &at, cc);
    if (code == NULL) {
        char text[160] = "bad pattern";
        (void)pcre2_get_error_message(error, (PCRE2_UCHAR *)text, sizeof text);
        *why = arena_strdup(a, text);
        *at_byte = at;
    }
    return code;
}

regex *regex_new(arena *a, const char *pattern, const char *flags, const char **why,
                 size_t *at_byte)
{
    uint32_t options;
    *at_byte = 0;
    if (!options_of(a, flags, &options, why)) {
        return NULL;
    }
    regex *re = NEW(a, regex);
    re->memory = pcre2_general_context_create(from_arena, leave_to_arena, a);
    pcre2_compile_context *cc = pcre2_compile_context_create(re->memory);
    re->search = compile(a, pattern, options, cc, why, at_byte);
    if (re->search == NULL) {
        return NULL;
    }
    const uint32_t whole = options | PCRE2_ANCHORED | PCRE2_ENDANCHORED;
    re->whole = compile(a, pattern, whole, cc, why, at_byte);
    if (re->whole == NULL) {
        return NULL;
    }
    re->limits = pcre2_match_context_create(re->memory);
    pcre2_set_match_limit(re->limits, MATCH_LIMIT);
    pcre2_set_depth_limit(re->limits, DEPTH_LIMIT);
    pcre2_set_heap_limit(re->limits, HEAP_LIMIT_KIB);
    return re;
}

/* Match data is taken from malloc, not from the arena as _create_from_pattern would do
 * with a code that stands there: a search may run many times. */
static pcre2_match_data *run(const pcre2_code *code, const regex *re, const char *text)
{
    uint32_t n_groups = 0;
    (void)pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &n_groups);
    pcre2_match_data *md = pcre2_match_data_create(n_groups + 1, NULL);
    if (md == NULL) {
        return NULL;
    }
    const int rc =
        pcre2_match(code, (PCRE2_SPTR)text, strlen(text), 0, 0, md, re->limits);
    if (rc < 0) {
        pcre2_match_data_free(md);
        return NULL;
    }
    return md;
}

bool regex_search(const regex *re, const char *text)
{
    pcre2_match_data *md = run(re->search, re, text);
    const bool found = md != NULL;
    pcre2_match_data_free(md);
    return found;
}

bool regex_match(arena *a, const regex *re, const char *text, const char **groups,
                 size_t n_groups)
{
    pcre2_match_data *md = run(re->whole, re, text);
    if (md == NULL) {
        return false;
    }
    const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(md);
    const uint32_t n_pairs = pcre2_get_ovector_count(md);
    for (size_t i = 0; i < n_groups; i++) {
        groups[i] = NULL;
        if (i + 1 < n_pairs && ends[2 * (i + 1)] != PCRE2_UNSET) {
            const PCRE2_SIZE lo = ends[2 * (i + 1)], hi = ends[2 * (i + 1) + 1];
            groups[i] = arena_strndup(a, text + lo, hi >= lo ? hi - lo : 0);
        }
    }
    pcre2_match_data_free(md);
    return true;
}
