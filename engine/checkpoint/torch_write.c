#include "checkpoint/torch_write.h"

#include <string.h>

#include "base/crc32.h"
#include "base/file.h"
#include "checkpoint/pickle_write.h"

#define BYTEORDER_TEXT "little"
#define VERSION_TEXT   "3\n"

enum { MEMBER_PICKLE, MEMBER_BYTEORDER, MEMBER_FIRST_DATA };

/* "lit_model.pth" -> "lit_model": the folder inside, as torch.save names it. */
static const char *folder_name(arena *a, const char *of_file)
{
    const char *dot = strrchr(of_file, '.');
    const size_t n = dot == NULL ? strlen(of_file) : (size_t)(dot - of_file);
    return n == 0 ? "archive" : arena_strndup(a, of_file, n);
}

void torch_layout(context *cx, output_tensor *tensors, const size_t *which, size_t n,
                  size_t *keys, const char *of_file, const char *wrap, torch_file *out)
{
    arena *a = cx->arena;
    const char *folder = folder_name(a, of_file);
    *out = (torch_file){.pickle.arena = a};
    for (size_t i = 0; i < n; i++) {
        if (tensors[which[i]].alias_of < 0) {
            keys[which[i]] = out->stored.n;
            vec_push(a, &out->stored, which[i]);
        }
    }
    for (size_t i = 0; i < n; i++) {
        const int64_t target = tensors[which[i]].alias_of;
        if (target >= 0) {
            keys[which[i]] = keys[target];
        }
    }
    pickle_state_dict(&out->pickle, tensors, which, n, keys, wrap);
    zip_add(a, &out->zip, arena_printf(a, "%s/data.pkl", folder), out->pickle.n);
    zip_add(a, &out->zip, arena_printf(a, "%s/byteorder", folder),
            strlen(BYTEORDER_TEXT));
    for (size_t k = 0; k < out->stored.n; k++) {
        output_tensor *t = &tensors[out->stored.at[k]];
        const size_t member = zip_add(
            a, &out->zip, arena_printf(a, "%s/data/%zu", folder, k), t->n_bytes);
        t->offset = out->zip.members.at[member].data_at;
    }
    zip_add(a, &out->zip, arena_printf(a, "%s/version", folder), strlen(VERSION_TEXT));
    out->n_bytes = out->zip.end + zip_directory_bytes(&out->zip);
}

static int write_member(const zip_member *m, int fd, buf *scratch, const void *data)
{
    scratch->n = 0;
    zip_local_header(m, scratch);
    if (data != NULL) {
        buf_add_n(scratch, data, (size_t)m->n_bytes);
    }
    return pwrite_all(fd, scratch->p, scratch->n, m->header_at);
}

int torch_write_head(arena *a, torch_file *f, int fd)
{
    buf scratch = {.arena = a};
    zip_member *m = f->zip.members.at;
    m[MEMBER_PICKLE].crc32 = crc32_of(f->pickle.p, f->pickle.n);
    m[MEMBER_BYTEORDER].crc32 = crc32_of(BYTEORDER_TEXT, strlen(BYTEORDER_TEXT));
    const int errnum = write_member(&m[MEMBER_PICKLE], fd, &scratch, f->pickle.p);
    if (errnum != 0) {
        return errnum;
    }
    return write_member(&m[MEMBER_BYTEORDER], fd, &scratch, BYTEORDER_TEXT);
}

int torch_write_tail(arena *a, torch_file *f, int fd, const uint32_t *crc32)
{
    buf scratch = {.arena = a};
    zip_member *data = &f->zip.members.at[MEMBER_FIRST_DATA];
    for (size_t k = 0; k < f->stored.n; k++) {
        data[k].crc32 = crc32[f->stored.at[k]];
        const int errnum = write_member(&data[k], fd, &scratch, NULL);
        if (errnum != 0) {
            return errnum;
        }
    }
    zip_member *version = &data[f->stored.n];
    version->crc32 = crc32_of(VERSION_TEXT, strlen(VERSION_TEXT));
    const int errnum = write_member(version, fd, &scratch, VERSION_TEXT);
    if (errnum != 0) {
        return errnum;
    }
    buf directory = {.arena = a};
    zip_directory(&f->zip, &directory);
    return pwrite_all(fd, directory.p, directory.n, f->zip.end);
}
