#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "checkpoint/bad_file.h"
#include "checkpoint/bytes_le.h"
#include "checkpoint/open_parts.h"
#include "checkpoint/torch_source.h"

#define RESAVE "load it with torch.load(..., weights_only=True) and torch.save it again"
#define UNPACK "unpack it first"

/* Formats that are known and not read, by the bytes at a place. */
static const struct {
    size_t at, n;
    const char *magic, *what, *help;
} refused[] = {
    {0, 4, "GGUF", "a GGUF file", "take the safetensors files that it was made from"},
    {257, 5, "ustar", "a tar archive (also the oldest format of torch)", RESAVE},
    {0, 4, "PK\5\6", "an empty zip archive", NULL},
    {0, 8, "\x89HDF\r\n\x1a\n", "an HDF5 file", "take the model's safetensors files"},
    {0, 6, "\x93NUMPY", "a numpy array", NULL},
    {0, 15, "version https:/", "a Git LFS pointer, not the file itself",
     "fetch the content with: git lfs pull"},
    {0, 9, "<!DOCTYPE", "an HTML page", "the download failed; try it again"},
    {0, 5, "<html", "an HTML page", "the download failed; try it again"},
    {0, 2, "\x1f\x8b", "a gzip file", UNPACK},
    {0, 4, "\x28\xb5\x2f\xfd", "a zstd file", UNPACK},
    {0, 6,
     "\xfd"
     "7zXZ\0",
     "an xz file", UNPACK},
    {0, 2, "\x80\x02", "a bare pickle, no zip archive of torch.save", RESAVE},
    {0, 2, "\x80\x03", "a bare pickle, no zip archive of torch.save", RESAVE},
    {0, 2, "\x80\x04", "a bare pickle, no zip archive of torch.save", RESAVE},
    {0, 2, "\x80\x05", "a bare pickle, no zip archive of torch.save", RESAVE},
};

static bool has_ending(const char *path, const char *ending)
{
    const size_t n = strlen(path), n_ending = strlen(ending);

    return n >= n_ending && strcmp(path + n - n_ending, ending) == 0;
}

/* A length that the file has, and an object: the two bytes by which pickles and packed
 * files are known are those of some lengths too. */
static bool is_surely_safetensors(const unsigned char *head, size_t n, uint64_t n_bytes)
{
    return n > 8 && head[8] == '{' && le64(head) <= n_bytes - 8;
}

/* Which format the content has.  A name never decides, except between two complaints.
 */
static rt_status sniff(context *cx, inventory *inv, inventory_file *f)
{
    unsigned char head[264] = {0};
    const size_t n = f->n_bytes < sizeof head ? (size_t)f->n_bytes : sizeof head;

    const int err = pread_all(f->fd, head, n, 0);
    if (err != 0) {
        return bad_file(cx, f->path, NULL, "cannot read: %s", strerror(err));
    }
    if (n == 0) {
        return bad_file(cx, f->path, "the download or copy failed; try it again",
                        "the file is empty");
    }
    const bool is_named_st = has_ending(f->path, ".safetensors");
    const bool is_zip = n >= 4 && memcmp(head, "PK\3\4", 4) == 0;
    if (is_zip || torch_stream_begin(head, n) > 0) {
        f->format = is_zip ? FORMAT_TORCH : FORMAT_TORCH_STREAM;
        if (is_named_st) {
            inventory_note(cx, inv, f->path,
                           "it is named .safetensors, but is a file of "
                           "torch.save and is read as such");
        }
        return RT_OK;
    }
    const bool is_sure = is_surely_safetensors(head, n, f->n_bytes);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0] && !is_sure; i++) {
        if (refused[i].at + refused[i].n <= n &&
            memcmp(head + refused[i].at, refused[i].magic, refused[i].n) == 0) {
            return bad_file(cx, f->path, refused[i].help, "it is %s", refused[i].what);
        }
    }
    const bool is_st = n > 8 && head[8] != '\0' && strchr("{ \t\r\n", head[8]) != NULL;
    if (!is_st && !is_named_st) {
        return bad_file(cx, f->path,
                        "read are safetensors files and what torch.save writes",
                        "its content is of no known format");
    }
    f->format = FORMAT_SAFETENSORS;
    if (!is_named_st) {
        inventory_note(cx, inv, f->path,
                       "by its content it is a safetensors file and is read as such");
    }
    return RT_OK;
}

/* The file lies below root when all links are followed. */
static rt_status check_root(context *cx, const char *path, const char *root)
{
    char *real = realpath(path, NULL), *real_root = realpath(root, NULL);
    const size_t n = real_root != NULL ? strlen(real_root) : 0;
    const bool is_below = real != NULL && real_root != NULL &&
                          strncmp(real, real_root, n) == 0 && real[n] == '/';

    free(real);
    free(real_root);
    return is_below
               ? RT_OK
               : bad_file(cx, path, NULL, "it is a link that leads out of %s", root);
}

static rt_status cannot_open(context *cx, const char *path, int err)
{
    return bad_file(cx, path,
                    err == EMFILE ? "allow more open files: ulimit -n 4096" : NULL,
                    "cannot open: %s", strerror(err));
}

rt_status open_weights_file(context *cx, inventory *inv, const char *path,
                            const char *root, const char *part)
{
    inventory_file f = {.path = path, .part = part};
    struct stat st;

    if (root != NULL) {
        TRY(check_root(cx, path, root));
    }
    /* Without O_NONBLOCK a pipe would wait for its writer. */
    f.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (f.fd < 0) {
        return cannot_open(cx, path, errno);
    }
    const uint32_t number = (uint32_t)inv->files.n;
    vec_push(cx->arena, &inv->files, f); /* closed by inventory_close from here on */
    if (fstat(f.fd, &st) != 0) {
        return cannot_open(cx, path, errno);
    }
    if (!S_ISREG(st.st_mode)) {
        return bad_file(cx, path, NULL, "it is no regular file");
    }
    inv->files.at[number].n_bytes = (uint64_t)st.st_size;
    TRY(sniff(cx, inv, &inv->files.at[number]));
    TRY(inv->files.at[number].format == FORMAT_SAFETENSORS
            ? safetensors_read(cx, inv, number)
            : torch_read(cx, inv, number));
    if (fstat(f.fd, &st) != 0 ||
        (uint64_t)st.st_size != inv->files.at[number].n_bytes) {
        return bad_file(cx, path, "wait until it is written",
                        "it changed while it was read");
    }
    return RT_OK;
}
