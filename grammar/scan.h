/* grammar/scan.h -- the scanner's helpers that are plain C.  Private to grammar/. */
#ifndef RT_GRAMMAR_SCAN_H
#define RT_GRAMMAR_SCAN_H

#include "grammar/parse_state.h"

/* Keep a comment (the place is from '#' to the end of the line). */
void scan_comment(parse_state *ps, where at);

/* Braces: push one, pop one (true: it closes a hole). */
void scan_open(parse_state *ps, bool hole, where at);
bool scan_close(parse_state *ps);
/* A line ended inside of a hole: report it and forget the open holes. */
void scan_drop_holes(parse_state *ps);

/* True when the brace before byte `from` opens the first hole of a name: behind its
 * closing brace the name goes on, or it holds a path capture (`{m...}`). */
bool scan_leads_name(const source *src, uint32_t from);

/* A string without its quotes and escapes; NULL when control characters are in it. */
const char *scan_string(parse_state *ps, const char *text, size_t n_bytes);

/* Nothing but blanks stands before this byte on its line; *indent bytes of them. */
bool first_on_line(const source *src, uint32_t byte, uint32_t *indent);

#endif
