/* The driver of the check: its passes in their order. */
#include "mapping/check.h"

#include <string.h>

/* Rules in merge files and updates in families: the one mistake of kind. */
static void check_kind(check *ck, const item *it, const block_scope *b,
                       const origin *from)
{
    (void)b;
    (void)from;
    const bool of_family = it->kind == ITEM_RULE || it->kind == ITEM_MAKE ||
                           it->kind == ITEM_TIE || it->kind == ITEM_REST ||
                           it->kind == ITEM_TABLE;
    const bool of_merge = it->kind == ITEM_UPDATE || it->kind == ITEM_EACH ||
                          it->kind == ITEM_SPELLED_NAMES || it->kind == ITEM_TIE_NAMES;
    if (ck->m->is_merge && of_family) {
        diag *dg = complain(ck, "wrong-kind", it->at,
                            "a merge file changes the base by "
                            "updates; this line belongs into a "
                            "family");
        diag_help(dg,
                  "write `name: base T [..] += adapter A [..]`, or begin the file with "
                  "`family`");
    } else if (!ck->m->is_merge && of_merge) {
        diag *dg =
            complain(ck, "wrong-kind", it->at,
                     "a family relates two layouts by rules; updates belong into a "
                     "merge file");
        diag_help(dg,
                  "write `name: A [..] <-> B [..]`, or begin the file with `merge`");
    }
}

static void gather_lines(check *ck, const item *it, const block_scope *b,
                         const origin *from)
{
    mapping *m = ck->m;
    (void)b;
    switch ((int)it->kind) {
    case ITEM_REST:
    case ITEM_CONFIG_REST: {
        bool *rest = it->kind == ITEM_REST ? &m->rest : &m->config_rest;
        if (*rest && from->depth == 0) {
            complain(ck, "rest-twice", it->at, "`%s` stands twice",
                     it->kind == ITEM_REST ? "rest" : "config rest");
        }
        *rest = true;
        if (it->kind == ITEM_REST) {
            m->rest_at = it->at;
        }
        break;
    }
    case ITEM_TEST:
        if (from->depth == 0) { /* those of a used file are run with that file */
            const map_test t = {&it->u.test, it->at};
            vec_push(ck->a, &m->tests, t);
        }
        break;
    default: break;
    }
}

static bool begin(check *ck, context *cx, const ast_file *file)
{
    arena *a = cx->arena;
    mapping *m = NEW(a, mapping);
    *ck = (check){.cx = cx, .a = a, .m = m, .file = file};
    ck->said = strmap_new(a);
    ck->muted = diags_new(a);
    m->name = file->name;
    m->is_merge = file->kind == FILE_MERGE;
    m->layout[LEFT] = file->side[LEFT];
    m->layout[RIGHT] = file->side[RIGHT];
    m->doc = file->doc;
    m->src = file->src;
    m->ast = file;
    m->axis_by_name = strmap_new(a);
    m->value_by_name = strmap_new(a);
    m->choice_by_name = strmap_new(a);
    ck->lets = strmap_new(a);
    ck->names = strmap_new(a);
    ck->rules = strmap_new(a);
    if (file->kind == FILE_FRAGMENT) {
        diag *dg =
            complain(ck, "no-header", file->at,
                     "the file has no `family` or `merge` line, so its sides are "
                     "unknown");
        diag_help(dg,
                  "begin it with `family NAME : hf <-> lit`, or `include` it in a file "
                  "that has a header");
        return false;
    }
    return true;
}

rt_status mapping_check_with(context *cx, const ast_file *file, const item_list *more,
                             const mapping **out)
{
    check ck;
    const size_t before = diags_count(cx->diags, SEV_ERROR);
    const bool begun = begin(&ck, cx, file);
    if (begun) {
        reuse_take(&ck, more);
    }
    /* without a used file everything that it declares would be missed */
    if (begun && !ck.incomplete) {
        walk_items(&ck, check_kind);
        declare_all(&ck);
        walk_items(&ck, gather_lines);
        if (ck.m->is_merge) {
            expand_merge(&ck);
        } else {
            expand_rules(&ck);
            ties_check(&ck);
        }
        drops_check(&ck);
        config_check(&ck);
        words_check(&ck);
        files_check(&ck);
        overlap_check(&ck);
    }
    if (n_errors(&ck) != before) {
        return RT_RULES;
    }
    *out = ck.m;
    return RT_OK;
}

rt_status mapping_check(context *cx, const ast_file *file, const mapping **out)
{
    return mapping_check_with(cx, file, NULL, out);
}
