/* fallocate(2) and renameat2(2) have no POSIX form: posix_fallocate() writes zeros
 * where the file system cannot reserve, which doubles the I/O on network disks. */
#define _GNU_SOURCE

#include "checkpoint/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/strmap.h"

#define COPY_BYTES       ((size_t)256 * 1024)
#define MAX_NAME_CLASHES 100

typedef enum item_kind { ITEM_SIZED, ITEM_TEXT, ITEM_COPY } item_kind;
typedef enum item_state { ITEM_PLANNED, ITEM_TEMPORARY, ITEM_PUBLISHED } item_state;

typedef struct publish_item {
    item_kind kind;
    item_state state;
    const char *name;
    const char *temp_name; /* set by begin */
    uint64_t n_bytes;      /* ITEM_SIZED, ITEM_TEXT */
    const char *text;      /* ITEM_TEXT */
    const char *from_path; /* ITEM_COPY */
    int fd;
} publish_item;

/* A file of an earlier output on its way out. */
typedef struct set_aside {
    const char *name, *temp_name;
} set_aside;

struct publish {
    arena *arena;
    VEC(publish_item) items;
    VEC(const char *) inputs;    /* paths that must not be replaced */
    VEC(const char *) stale;     /* names that go when the items come */
    VEC(set_aside) aside;        /* older files, until the new ones stand */
    VEC(const char *) made_dirs; /* outermost first */
    const char *dir;
    int dir_fd;
    bool force;
};

publish *publish_new(arena *a)
{
    publish *p = NEW(a, publish);
    p->arena = a;
    p->dir = ".";
    p->dir_fd = -1;
    return p;
}

static size_t add_item(publish *p, publish_item item)
{
    item.fd = -1;
    vec_push(p->arena, &p->items, item);
    return p->items.n - 1;
}

size_t publish_add_sized(publish *p, const char *name, uint64_t n_bytes)
{
    return add_item(
        p, (publish_item){.kind = ITEM_SIZED, .name = name, .n_bytes = n_bytes});
}

void publish_add_text(publish *p, const char *name, const char *text, size_t n_bytes)
{
    add_item(p, (publish_item){.kind = ITEM_TEXT,
                               .name = arena_strdup(p->arena, name),
                               .text = arena_strndup(p->arena, text, n_bytes),
                               .n_bytes = n_bytes});
}

void publish_add_copy(publish *p, const char *name, const char *from_path)
{
    add_item(p, (publish_item){.kind = ITEM_COPY,
                               .name = arena_strdup(p->arena, name),
                               .from_path = arena_strdup(p->arena, from_path)});
}

void publish_add_input(publish *p, const char *path)
{
    vec_push(p->arena, &p->inputs, arena_strdup(p->arena, path));
}

void publish_add_stale(publish *p, const char *name)
{
    vec_push(p->arena, &p->stale, arena_strdup(p->arena, name));
}

int publish_fd(const publish *p, size_t item)
{
    return p->items.at[item].fd;
}

const char *publish_path(const publish *p, size_t item)
{
    return path_join(p->arena, p->dir, p->items.at[item].name);
}

rt_status publish_failed(context *cx, const char *what, const char *path, int errnum)
{
    diag *dg = diag_report(cx->diags, SEV_ERROR, "cannot-write", NOWHERE,
                           "cannot %s '%s': %s", what, path, strerror(errnum));
    if (errnum == ENOSPC || errnum == EDQUOT) {
        diag_help(dg, "free space there, or name another directory");
    }
    return RT_FILE;
}

/* mkdir -p, remembering what was made so that abort can take it back. */
static int make_dirs(publish *p, const char *dir)
{
    char *path = arena_strdup(p->arena, dir);
    for (size_t i = 1; path[0] != '\0'; i++) {
        const char end = path[i];
        if (end != '/' && end != '\0') {
            continue;
        }
        path[i] = '\0';
        if (mkdir(path, 0777) == 0) {
            vec_push(p->arena, &p->made_dirs, arena_strdup(p->arena, path));
        } else {
            const int errnum = errno;
            if (!dir_exists(path)) {
                return errnum == EEXIST ? ENOTDIR : errnum;
            }
        }
        path[i] = end;
        if (end == '\0') {
            return 0;
        }
    }
    return ENOENT;
}

static rt_status check_names(context *cx, const publish *p)
{
    strmap *seen = strmap_new(p->arena);
    for (size_t i = 0; i < p->items.n; i++) {
        const char *name = p->items.at[i].name;
        const bool is_plain = name[0] != '\0' && strchr(name, '/') == NULL &&
                              strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
        if (!is_plain || !strmap_add(seen, name, i)) {
            diag_report(cx->diags, SEV_ERROR, "output-name", NOWHERE,
                        is_plain ? "two output files are named '%s'"
                                 : "'%s' cannot be the name of an output file",
                        name);
            return RT_BUG;
        }
    }
    return RT_OK;
}

/* By whatever name: also a link to an input is left alone. */
static bool is_input(const publish *p, const char *path)
{
    for (size_t i = 0; i < p->inputs.n; i++) {
        if (file_is_same(p->inputs.at[i], path)) {
            return true;
        }
    }
    return false;
}

/* The name of an item is free, or stands for something that may be replaced. */
static rt_status check_free(context *cx, const publish *p, size_t i)
{
    struct stat st;
    const char *path = publish_path(p, i);
    if (fstatat(p->dir_fd, p->items.at[i].name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno == ENOENT ? RT_OK : publish_failed(cx, "write", path, errno);
    }
    if (S_ISDIR(st.st_mode)) {
        return publish_failed(cx, "replace", path, EISDIR);
    }
    if (is_input(p, path)) {
        diag *dg = diag_report(cx->diags, SEV_ERROR, "output-is-input", NOWHERE,
                               "'%s' is read by this job and is never written", path);
        diag_help(dg, "name another directory");
        return RT_FILE;
    }
    if (!p->force) {
        diag *dg = diag_report(cx->diags, SEV_ERROR, "output-exists", NOWHERE,
                               "'%s' exists already", path);
        diag_help(dg, "name another directory, or replace it with --force");
        return RT_FILE;
    }
    return RT_OK;
}

static rt_status check_all_free(context *cx, const publish *p)
{
    rt_status status = RT_OK;
    for (size_t i = 0; i < p->items.n; i++) {
        const rt_status each = check_free(cx, p, i);
        status = each != RT_OK ? each : status;
    }
    return status;
}

/* A stale partial file of a dead process with our number is stepped around. */
static int create_temporary(publish *p, publish_item *item)
{
    for (int clash = 0; clash < MAX_NAME_CLASHES; clash++) {
        item->temp_name = clash == 0 ? arena_printf(p->arena, ".%s.partial-%ld",
                                                    item->name, (long)getpid())
                                     : arena_printf(p->arena, ".%s.partial-%ld.%d",
                                                    item->name, (long)getpid(), clash);
        item->fd = openat(p->dir_fd, item->temp_name,
                          O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (item->fd >= 0) {
            item->state = ITEM_TEMPORARY;
            return 0;
        }
        if (errno != EEXIST) {
            break;
        }
    }
    return errno;
}

/* Reserve the space now; where that is not possible, at least set the size. */
static int reserve(int fd, uint64_t n_bytes)
{
    if (n_bytes == 0) {
        return 0;
    }
    int result = 0;
    do {
        result = fallocate(fd, 0, 0, (off_t)n_bytes);
    } while (result != 0 && errno == EINTR);
    if (result == 0) {
        return 0;
    }
    if (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL) {
        return errno;
    }
    return ftruncate(fd, (off_t)n_bytes) == 0 ? 0 : errno;
}

static int copy_bytes(int from_fd, int to_fd, char *chunk)
{
    for (uint64_t at = 0;;) {
        const ssize_t got = read(from_fd, chunk, COPY_BYTES);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got == 0 ? 0 : errno;
        }
        const int errnum = pwrite_all(to_fd, chunk, (size_t)got, at);
        if (errnum != 0) {
            return errnum;
        }
        at += (uint64_t)got;
    }
}

static rt_status fill_copy(context *cx, const publish *p, size_t i)
{
    const publish_item *item = &p->items.at[i];
    /* O_NONBLOCK: opening a pipe that took the file's place must not hang. */
    const int from_fd = open(item->from_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (from_fd < 0) {
        return publish_failed(cx, "read", item->from_path, errno);
    }
    struct stat st;
    int errnum = fstat(from_fd, &st) != 0 ? errno : 0;
    if (errnum == 0 && !S_ISREG(st.st_mode)) {
        errnum = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
    }
    if (errnum == 0) {
        errnum = copy_bytes(from_fd, item->fd, arena_alloc(p->arena, COPY_BYTES));
    }
    (void)close(from_fd);
    if (errnum == 0) {
        return RT_OK;
    }
    return publish_failed(cx, arena_printf(p->arena, "copy '%s' to", item->from_path),
                          publish_path(p, i), errnum);
}

static rt_status make_item(context *cx, publish *p, size_t i)
{
    publish_item *item = &p->items.at[i];
    int errnum = create_temporary(p, item);
    if (errnum != 0) {
        return publish_failed(cx, "create", publish_path(p, i), errnum);
    }
    switch (item->kind) {
    case ITEM_SIZED: errnum = reserve(item->fd, item->n_bytes); break;
    case ITEM_TEXT:
        errnum = pwrite_all(item->fd, item->text, (size_t)item->n_bytes, 0);
        break;
    case ITEM_COPY: return fill_copy(cx, p, i);
    }
    if (errnum == 0) {
        return RT_OK;
    }
    return publish_failed(
        cx, arena_printf(p->arena, "reserve %" PRIu64 " bytes for", item->n_bytes),
        publish_path(p, i), errnum);
}

static rt_status begin_all(context *cx, publish *p)
{
    TRY(check_names(cx, p));
    const int errnum = make_dirs(p, p->dir);
    if (errnum != 0) {
        return publish_failed(cx, "create the directory", p->dir, errnum);
    }
    p->dir_fd = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (p->dir_fd < 0) {
        return publish_failed(cx, "open the directory", p->dir, errno);
    }
    TRY(check_all_free(cx, p));
    for (size_t i = 0; i < p->items.n; i++) {
        TRY(make_item(cx, p, i));
    }
    return RT_OK;
}

rt_status publish_begin(context *cx, publish *p, const char *dir, bool force)
{
    p->dir = arena_strdup(p->arena, dir);
    p->force = force;
    const rt_status status = begin_all(cx, p);
    if (status != RT_OK) {
        publish_abort(p);
    }
    return status;
}

/* Close too can report that bytes did not reach the disk (network file systems). */
static rt_status flush_all(context *cx, publish *p, bool sync)
{
    for (size_t i = 0; i < p->items.n; i++) {
        publish_item *item = &p->items.at[i];
        int errnum = sync && fsync(item->fd) != 0 ? errno : 0;
        if (close(item->fd) != 0 && errnum == 0 && errno != EINTR) {
            errnum = errno;
        }
        item->fd = -1;
        if (errnum != 0) {
            return publish_failed(cx, "write", publish_path(p, i), errnum);
        }
    }
    return RT_OK;
}

static int rename_item(const publish *p, const publish_item *item)
{
    if (!p->force) {
        /* Never replace what came into being since begin, where the system can tell. */
        if (renameat2(p->dir_fd, item->temp_name, p->dir_fd, item->name,
                      RENAME_NOREPLACE) == 0) {
            return 0;
        }
        if (errno != EINVAL && errno != ENOSYS) {
            return errno;
        }
    }
    return renameat(p->dir_fd, item->temp_name, p->dir_fd, item->name) == 0 ? 0 : errno;
}

static int sync_dir(const char *path)
{
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return errno;
    }
    /* EINVAL: this file system keeps no such promise for directories. */
    const int errnum = fsync(fd) != 0 && errno != EINVAL ? errno : 0;
    (void)close(fd);
    return errnum;
}

/* The names are as durable as the bytes: the directory, and those above it that were
 * made for it, go to disk as well. */
static rt_status sync_dirs(context *cx, const publish *p)
{
    int errnum = sync_dir(p->dir);
    for (size_t i = 0; i < p->made_dirs.n && errnum == 0; i++) {
        errnum = sync_dir(path_dir(p->arena, p->made_dirs.at[i]));
    }
    return errnum == 0 ? RT_OK : publish_failed(cx, "flush", p->dir, errnum);
}

/* An older file steps aside under a name that nobody takes for a result.  Nothing of
 * that name: nothing to do. */
static int set_one_aside(publish *p, const char *name)
{
    const set_aside old = {
        name, arena_printf(p->arena, ".%s.replaced-%ld", name, (long)getpid())};
    struct stat st;
    if (fstatat(p->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISDIR(st.st_mode)) {
        return EISDIR; /* came into being since begin */
    }
    if (renameat(p->dir_fd, name, p->dir_fd, old.temp_name) != 0) {
        return errno == ENOENT ? 0 : errno;
    }
    vec_push(p->arena, &p->aside, old);
    return 0;
}

/* With `force` an older output goes as a whole, before the first new name appears: at
 * no moment does the directory hold files of two models under final names. */
static rt_status set_older_aside(context *cx, publish *p)
{
    for (size_t i = 0; p->force && i < p->items.n + p->stale.n; i++) {
        const char *name =
            i < p->items.n ? p->items.at[i].name : p->stale.at[i - p->items.n];
        const int errnum = set_one_aside(p, name);
        if (errnum != 0) {
            return publish_failed(cx, "replace", path_join(p->arena, p->dir, name),
                                  errnum);
        }
    }
    return RT_OK;
}

static rt_status commit_all(context *cx, publish *p, bool sync)
{
    TRY(flush_all(cx, p, sync));
    TRY(set_older_aside(cx, p));
    for (size_t i = 0; i < p->items.n; i++) {
        publish_item *item = &p->items.at[i];
        const int errnum = rename_item(p, item);
        if (errnum != 0) {
            return publish_failed(cx, "publish", publish_path(p, i), errnum);
        }
        item->state = ITEM_PUBLISHED;
    }
    return sync ? sync_dirs(cx, p) : RT_OK;
}

static void close_dir(publish *p)
{
    if (p->dir_fd >= 0) {
        (void)close(p->dir_fd);
        p->dir_fd = -1;
    }
}

rt_status publish_commit(context *cx, publish *p, bool sync)
{
    const rt_status status = commit_all(cx, p, sync);
    if (status != RT_OK) {
        publish_abort(p);
        return status;
    }
    for (size_t i = 0; i < p->aside.n; i++) {
        (void)unlinkat(p->dir_fd, p->aside.at[i].temp_name, 0);
    }
    p->aside.n = 0;
    close_dir(p);
    p->made_dirs.n = 0; /* they stay */
    return RT_OK;
}

/* Without an open directory no file was made: not begun, or committed, or aborted. */
void publish_abort(publish *p)
{
    for (size_t i = 0; i < p->items.n && p->dir_fd >= 0; i++) {
        publish_item *item = &p->items.at[i];
        if (item->fd >= 0) {
            (void)close(item->fd);
            item->fd = -1;
        }
        if (item->state != ITEM_PLANNED) {
            const bool is_final = item->state == ITEM_PUBLISHED;
            (void)unlinkat(p->dir_fd, is_final ? item->name : item->temp_name, 0);
            item->state = ITEM_PLANNED;
        }
    }
    for (size_t i = 0; i < p->aside.n && p->dir_fd >= 0; i++) {
        (void)renameat(p->dir_fd, p->aside.at[i].temp_name, p->dir_fd,
                       p->aside.at[i].name);
    }
    p->aside.n = 0;
    close_dir(p);
    for (size_t i = p->made_dirs.n; i-- > 0;) {
        (void)rmdir(p->made_dirs.at[i]); /* not when others put files there */
    }
    p->made_dirs.n = 0;
}
