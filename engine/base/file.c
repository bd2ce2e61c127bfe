/* base/file.c -- small files, folders and positioned I/O; see file.h. */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One write fills page-cache blocks of up to its own size.  In a virtual machine the
 * host takes large free blocks back, and writes of 256 KiB or more into new files were
 * seen to take up to five times as long there; elsewhere they gain little. */
enum { WRITE_BYTES = 128 * 1024 };

/* Read up to n_bytes; the file may have grown or shrunk since it was measured. */
static int read_some(int fd, char *to, size_t n_bytes, size_t *n_read)
{
    *n_read = 0;
    while (*n_read < n_bytes) {
        const ssize_t n = read(fd, to + *n_read, n_bytes - *n_read);
        if (n == 0) {
            break;
        }
        if (n < 0 && errno != EINTR) {
            return errno;
        }
        *n_read += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static int read_open(arena *a, int fd, uint64_t max_bytes, char **text, size_t *n_bytes)
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return errno;
    }
    if (S_ISDIR(st.st_mode)) {
        return EISDIR;
    }
    if (!S_ISREG(st.st_mode)) {
        return EINVAL;
    }
    if ((uint64_t)st.st_size > max_bytes || (uint64_t)st.st_size >= SIZE_MAX) {
        return EFBIG;
    }
    char *p = arena_alloc(a, (size_t)st.st_size + 1);
    const int err = read_some(fd, p, (size_t)st.st_size, n_bytes);
    if (err != 0) {
        return err;
    }
    p[*n_bytes] = '\0';
    *text = p;
    return 0;
}

int file_read(arena *a, const char *path, uint64_t max_bytes, char **text,
              size_t *n_bytes)
{
    /* O_NONBLOCK: opening a fifo that nobody writes must not hang. */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return errno;
    }
    const int err = read_open(a, fd, max_bytes, text, n_bytes);
    (void)close(fd);
    return err;
}

bool file_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

bool dir_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool is_one(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

bool file_is_same(const char *a, const char *b)
{
    struct stat sa, sb;
    return (stat(a, &sa) == 0 && stat(b, &sb) == 0 && is_one(&sa, &sb)) ||
           (lstat(a, &sa) == 0 && lstat(b, &sb) == 0 && is_one(&sa, &sb));
}

static int by_bytes(const void *x, const void *y)
{
    return strcmp(*(char *const *)x, *(char *const *)y);
}

int dir_list(arena *a, const char *path, char ***names, size_t *n)
{
    DIR *dir = opendir(path);
    if (dir == NULL) {
        return errno;
    }
    VEC(char *) found = {0};
    const struct dirent *e;
    errno = 0;
    while ((e = readdir(dir)) != NULL) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            vec_push(a, &found, arena_strdup(a, e->d_name));
        }
        errno = 0;
    }
    const int err = errno;
    (void)closedir(dir);
    if (err != 0) {
        return err;
    }
    if (found.n > 0) {
        qsort(found.at, found.n, sizeof *found.at, by_bytes);
    }
    *names = found.at;
    *n = found.n;
    return 0;
}

const char *path_join(arena *a, const char *dir, const char *name)
{
    const size_t n = strlen(dir);
    if (n == 0 || name[0] == '/') {
        return arena_strdup(a, name);
    }
    return arena_printf(a, "%s%s%s", dir, dir[n - 1] == '/' ? "" : "/", name);
}

const char *path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

const char *path_dir(arena *a, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL) {
        return ".";
    }
    return slash == path ? "/" : arena_strndup(a, path, (size_t)(slash - path));
}

int pread_all(int fd, void *to, size_t n_bytes, uint64_t offset)
{
    char *p = to;
    while (n_bytes > 0) {
        const ssize_t n = pread(fd, p, n_bytes, (off_t)offset);
        if (n == 0) {
            return ENODATA;
        }
        if (n < 0) {
            if (errno == EINTR) {
                continue;
            }
            return errno;
        }
        p += n;
        n_bytes -= (size_t)n;
        offset += (uint64_t)n;
    }
    return 0;
}

int pwrite_all(int fd, const void *from, size_t n_bytes, uint64_t offset)
{
    const char *p = from;
    while (n_bytes > 0) {
        const size_t most = n_bytes < WRITE_BYTES ? n_bytes : WRITE_BYTES;
        const ssize_t n = pwrite(fd, p, most, (off_t)offset);
        if (n < 0) {
            if (errno == EINTR) {
                continue;
            }
            return errno;
        }
        p += n;
        n_bytes -= (size_t)n;
        offset += (uint64_t)n;
    }
    return 0;
}
