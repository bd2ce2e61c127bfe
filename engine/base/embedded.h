/* base/embedded.h -- the rule files that are built into the program.
 *
 * The table is generated from rules/ by engine/embed_rules.cmake, sorted by name.
 */
#ifndef RT_BASE_EMBEDDED_H
#define RT_BASE_EMBEDDED_H

#include <stddef.h>

typedef struct embedded_file {
    const char *name; /* "llama.rules" */
    const char *text; /* a NUL follows it */
    size_t n_bytes;   /* without the NUL */
} embedded_file;

extern const embedded_file embedded_rules[];
extern const size_t n_embedded_rules;

#endif
