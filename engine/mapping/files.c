/* `files` lines: what the files of a layout are called; and that every name of a layout
 * of numbered files says in which of them it stands. */
#include <string.h>

#include "grammar/parse.h"
#include "mapping/check.h"

static void bad_name(check *ck, const template *t, const char *why)
{
    buf text = {.arena = ck->a};
    template_print(&text, t);
    diag *dg = complain(ck, "bad-file-name", t->at, "`%s` is no name of a file: %s",
                        buf_str(&text), why);
    diag_help(dg, "files stand in one directory: model.safetensors, part.{t:02}.pth");
}

/* Text with one number in it at most. */
static bool name_of(check *ck, const template *t, file_name *out)
{
    *out = (file_name){.text = ""};
    for (size_t i = 0; i < t->segs.n; i++) {
        const segment *s = &t->segs.at[i];
        if (s->kind == SEG_TEXT && out->behind == NULL) {
            out->text = s->text;
        } else if (s->kind == SEG_TEXT) {
            out->behind = s->text;
        } else if (s->kind != SEG_NAME || s->shift != 0 || s->lo != NULL ||
                   s->hi != NULL || out->behind != NULL) {
            bad_name(ck, t, "its only hole may be one number, such as {t:02}");
            return false;
        } else {
            out->behind = "";
            out->capture = s->name;
            out->width = s->width;
        }
    }
    const char *end = out->behind != NULL ? out->behind : out->text;
    const size_t n = strlen(end);
    if (strchr(out->text, '/') != NULL || strchr(end, '/') != NULL ||
        (n > 0 && end[n - 1] == '.')) {
        bad_name(ck, t, "it has a '/', or ends in a dot");
        return false;
    }
    return true;
}

static bool numbered_alike(const file_name *x, const file_name *y)
{
    if (x->capture == NULL || y->capture == NULL) {
        return x->capture == y->capture;
    }
    return x->width == y->width && strcmp(x->capture, y->capture) == 0;
}

static void take_weights(check *ck, const files_item *fi, map_files *f)
{
    for (size_t i = 0; i < fi->weights.n; i++) {
        const template *t = fi->weights.at[i];
        file_name name;
        if (!name_of(ck, t, &name)) {
            continue;
        }
        if (name.behind != NULL && (ck->m->is_merge || fi->shard_bytes > 0)) {
            bad_name(ck, t,
                     ck->m->is_merge ? "the layouts of a merge have one file each"
                                     : "its tensors tell the file, not a size");
        }
        if (f->weights.n > 0 && !numbered_alike(&f->weights.at[0], &name)) {
            bad_name(ck, t, "of several all are numbered, and alike, or none");
        }
        vec_push(ck->a, &f->weights, name);
    }
}

static void take_configs(check *ck, const files_item *fi, map_files *f)
{
    const name_scope scope = {.fields = true};
    for (size_t i = 0; i < fi->configs.n; i++) {
        const config_file *c = &fi->configs.at[i];
        file_name name;
        if (!name_of(ck, c->name, &name)) {
            continue;
        }
        if (name.behind != NULL) {
            bad_name(ck, c->name, "a config is one file");
        }
        if (c->when != NULL) {
            expr_check(ck, c->when, &scope);
        }
        const map_config_file file = {name.text, c->when};
        vec_push(ck->a, &f->configs, file);
    }
}

static void take_dtype(check *ck, const files_item *fi, map_files *f)
{
    for (size_t i = 0; i < fi->dtype.n; i++) {
        const expr *e = fi->dtype.at[i];
        if (e->kind == EXPR_PATH) {
            vec_push(ck->a, &f->dtype, e->s);
            continue;
        }
        diag *dg = complain(ck, "bad-dtype-field", e->at,
                            "the type of the weights is no element of a list");
        diag_help(dg, "name the field as it stands in the config: torch_dtype");
    }
}

static void take_line(check *ck, const item *it, const block_scope *b,
                      const origin *from)
{
    const files_item *fi = &it->u.files;
    unsigned side;
    (void)b;
    (void)from;
    if (it->kind != ITEM_FILES || !side_resolve(ck, fi->side, it->at, &side)) {
        return;
    }
    const map_files *old = ck->m->files[side];
    if (old != NULL) {
        if (strcmp(old->at.src->path, it->at.src->path) != 0 ||
            old->at.lo != it->at.lo) {
            diag *dg = complain(ck, "files-twice", it->at,
                                "the files of `%s` are named twice", fi->side);
            diag_label(dg, old->at, "first here");
            diag_help(dg, "leave one of the lines out");
        }
        return; /* a fragment may be included on two ways */
    }
    map_files *f = NEW(ck->a, map_files);
    *f = (map_files){.at = it->at, .shard_bytes = (uint64_t)fi->shard_bytes};
    take_weights(ck, fi, f);
    take_configs(ck, fi, f);
    take_dtype(ck, fi, f);
    ck->m->files[side] = f;
}

/* ---- numbered files ------------------------------------------------------------ */

const file_name *files_numbered(const map_files *f)
{
    return f != NULL && f->weights.n > 0 && f->weights.at[0].behind != NULL
               ? &f->weights.at[0]
               : NULL;
}

/* `{t:02}/` at the start of a name. */
static bool has_file_part(const map_name *n, const map_capture *captures,
                          const file_name *f)
{
    if (n->segs.n < 2) {
        return false;
    }
    const name_seg *s = &n->segs.at[0];
    return s->kind == NAME_CAPTURE && s->width == f->width && s->shift == 0 &&
           strcmp(captures[s->capture].name, f->capture) == 0 &&
           n->segs.at[1].kind == NAME_TEXT && n->segs.at[1].text[0] == '/' &&
           captures[s->capture].axis != NO_AXIS;
}

static void check_name(check *ck, const map_name *n, const map_capture *captures,
                       const file_name *f)
{
    if (has_file_part(n, captures, f)) {
        return;
    }
    const char *width = f->width > 0 ? arena_printf(ck->a, ":0%u", f->width) : "";
    diag *dg = complain(ck, "no-file-part", n->at,
                        "the name does not begin with the number of its file");
    diag_help(dg, "write {%s%s}/NAME, where %s is an axis: the files are called %s",
              f->capture, width, f->capture, file_name_show(ck->a, f));
}

static void check_parts(check *ck, unsigned side, const map_files *files)
{
    const mapping *m = ck->m;
    const file_name *f = files_numbered(files);
    for (size_t i = 0; f != NULL && i < m->rules.n; i++) {
        for (size_t t = 0; t < m->rules.at[i].tensors[side].n; t++) {
            check_name(ck, &m->rules.at[i].tensors[side].at[t].name,
                       m->rules.at[i].captures.at, f);
        }
    }
    for (size_t i = 0; f != NULL && i < m->makes.n; i++) {
        if (m->makes.at[i].side == side) {
            check_name(ck, &m->makes.at[i].name, m->makes.at[i].captures.at, f);
        }
    }
    if (f != NULL && m->rest) {
        diag *dg = complain(ck, "no-file-part", m->rest_at,
                            "`rest` has no place in numbered files");
        diag_label(dg, files->at, "named here");
        diag_help(dg, "write a rule for each name");
    }
}

void files_check(check *ck)
{
    walk_items(ck, take_line);
    for (unsigned side = LEFT; side <= RIGHT; side++) {
        check_parts(ck, side, ck->m->files[side]);
    }
}
