/* checkpoint/publish.h -- a set of files that appear in a directory all at once, as
 * far as a file system allows.
 *
 *     publish_add_*   names and sizes, or contents; no I/O
 *     publish_begin   directory made if missing; every file under a temporary name
 *                     ".NAME.partial-PID" in it, at its full size
 *     (the owner writes the sized files through publish_fd())
 *     publish_commit  flush to disk if asked, set older files aside, then rename in
 *                     the order of adding; the older files go at the very end
 *     publish_abort   everything that begin made is removed again, older files are
 *                     back
 *
 * Nothing stands under a final name before publish_commit, so a crash, a full disk or
 * a signal leaves at most files whose names say "partial".  Space is reserved at begin
 * with fallocate(2): a disk that is too small says so before any work is done.
 * Memory is the arena's; descriptors are closed by commit and by abort.
 */
#ifndef RT_CHECKPOINT_PUBLISH_H
#define RT_CHECKPOINT_PUBLISH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "diag/diag.h"

typedef struct publish publish;

publish *publish_new(arena *a);

/* Before publish_begin.  Names are plain file names, each given once. */
size_t publish_add_sized(publish *p, const char *name,
                         uint64_t n_bytes); /* its number */
void publish_add_text(publish *p, const char *name, const char *text, size_t n_bytes);
void publish_add_copy(publish *p, const char *name, const char *from_path);
/* A file that is being read: no output takes its name, whatever `force` says. */
void publish_add_input(publish *p, const char *path);

/* A file of an earlier output in the same directory: it goes when the new files come,
 * and stays when they don't.  No-op without `force`, or when it isn't there. */
void publish_add_stale(publish *p, const char *name);

/* An existing final name is an error unless `force`; a directory of that name always
 * is.  On failure nothing is left behind. */
RT_NODISCARD rt_status publish_begin(context *cx, publish *p, const char *dir,
                                     bool force);
int publish_fd(const publish *p, size_t item); /* between begin and commit, else -1 */
const char *publish_path(const publish *p, size_t item); /* final path, for messages */
/* On failure, what was renamed already is removed as well, and what it replaced is
 * put back: no half set remains. */
RT_NODISCARD rt_status publish_commit(context *cx, publish *p, bool sync);
void publish_abort(publish *p);

/* Report that `what` ("create", "write", ...) failed for a path; returns RT_FILE. */
RT_NODISCARD rt_status publish_failed(context *cx, const char *what, const char *path,
                                      int errnum);

#endif
