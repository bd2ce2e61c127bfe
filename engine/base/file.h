/* base/file.h -- small files and positioned I/O.  Functions return 0 or an errno. */
#ifndef RT_BASE_FILE_H
#define RT_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

/* Read a regular file whole (at most max_bytes, else EFBIG); adds a NUL. */
int file_read(arena *a, const char *path, uint64_t max_bytes, char **text,
              size_t *n_bytes);
bool file_exists(const char *path); /* a regular file (links followed) */
bool dir_exists(const char *path);
/* Are both names of one file, links followed or not? */
bool file_is_same(const char *a, const char *b);
/* Names of the entries of a directory, without . and .., sorted by bytes. */
int dir_list(arena *a, const char *path, char ***names, size_t *n);
const char *path_join(arena *a, const char *dir, const char *name);
const char *path_base(const char *path);          /* the part behind the last '/' */
const char *path_dir(arena *a, const char *path); /* "." when there is no '/' */

/* All of n_bytes at offset, or an errno; a short file is ENODATA. */
int pread_all(int fd, void *to, size_t n_bytes, uint64_t offset);
int pwrite_all(int fd, const void *from, size_t n_bytes, uint64_t offset);

#endif
