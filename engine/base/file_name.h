/* base/file_name.h -- names of files that may hold a number: consolidated.{t:02}.pth.
 */
#ifndef RT_BASE_FILE_NAME_H
#define RT_BASE_FILE_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

typedef struct file_name {
    const char *text;    /* the whole name, or what stands before the number */
    const char *behind;  /* what stands behind the number; NULL: there is none */
    const char *capture; /* what rules call the number: "t" */
    unsigned width;      /* its digits, leading zeros included; 0: without any */
} file_name;
typedef VEC(file_name) file_name_list;

/* Does `name` fit?  Then *digits is its number as text, NULL without one. */
bool file_name_fits(arena *a, const file_name *f, const char *name,
                    const char **digits);
/* "consolidated.01.pth" for "01"; the whole name where there is no number. */
const char *file_name_fill(arena *a, const file_name *f, const char *digits);
/* "consolidated.{t:02}.pth", for messages. */
const char *file_name_show(arena *a, const file_name *f);
bool file_name_same(const file_name *x, const file_name *y);

#endif
