/* What all passes of the check share: complaints, the names of sides, the walk over the
 * items of a file. */
#include "mapping/check.h"

#include <string.h>

#include "base/near.h"

diag *complain(check *ck, const char *slug, where at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *text = arena_vprintf(ck->a, fmt, ap);
    va_end(ap);
    /* the alternatives of a rule would repeat what is wrong with all of them */
    const char *key = arena_printf(ck->a, "%s@%s:%u:%s", slug,
                                   at.src != NULL ? at.src->path : "", at.lo, text);
    diags *to = strmap_add(ck->said, key, 1) ? ck->cx->diags : ck->muted;
    return diag_report(to, SEV_ERROR, slug, at, "%s", text);
}

size_t n_errors(const check *ck)
{
    return diags_count(ck->cx->diags, SEV_ERROR);
}

bool side_named(const mapping *m, const char *name, unsigned *side)
{
    static const char *const roles[2] = {"base", "adapter"};
    for (unsigned s = LEFT; s <= RIGHT; s++) {
        if (strcmp(name, m->is_merge ? roles[s] : m->layout[s]) == 0) {
            *side = s;
            return true;
        }
    }
    return false;
}

const char *side_shown(const mapping *m, unsigned side)
{
    if (m->is_merge) {
        return side == LEFT ? "base" : "adapter";
    }
    return m->layout[side];
}

bool side_resolve(check *ck, const char *name, where at, unsigned *side)
{
    /* merge files may say a layout where only one side has it: `drop lora-lit ...` */
    if (side_named(ck->m, name, side) || mapping_side(ck->m, name, side)) {
        return true;
    }
    diag *dg = complain(ck, "unknown-name", at, "`%s` is no side of this file", name);
    diag_help(dg, "the sides are `%s` and `%s`", side_shown(ck->m, LEFT),
              side_shown(ck->m, RIGHT));
    return false;
}

bool help_near(diag *dg, const char *name, const strmap *among)
{
    const char *best = NULL;
    for (size_t i = 0; i < strmap_count(among); i++) {
        /* one at a time keeps this free of a list of pointers */
        const char *key = strmap_key(among, i);
        const char *pair[2] = {key, best};
        const char *near = near_name(name, pair, best != NULL ? 2 : 1);
        best = near != NULL ? near : best;
    }
    if (best != NULL) {
        diag_help(dg, "did you mean `%s`?", best);
    }
    return best != NULL;
}

bool mapping_side(const mapping *m, const char *layout, unsigned *side)
{
    for (unsigned s = LEFT; s <= RIGHT; s++) {
        if (strcmp(layout, m->layout[s]) == 0) {
            *side = s;
            return true;
        }
    }
    return false;
}

uint32_t mapping_axis(const mapping *m, const char *name)
{
    uint64_t id;
    return strmap_get(m->axis_by_name, name, &id) ? (uint32_t)id : NO_AXIS;
}

const char *exactness_name(exactness e)
{
    static const char *const names[] = {
        [EXACT] = "exact",       [EXACT_IF] = "exact-if", [MADE] = "made",
        [ROUNDING] = "rounding", [LOSSY] = "lossy",
    };
    return names[e];
}

/* ---- walking ----------------------------------------------------------------- */

static bool is_removed(const origin *from, const char *name)
{
    for (const origin *o = from; o != NULL; o = o->up) {
        if (o->without != NULL && strmap_has(o->without, name)) {
            return true;
        }
    }
    return false;
}

void walk_list(check *ck, const item_list *list, const block_scope *b,
               const origin *from, item_visit visit)
{
    for (size_t i = 0; i < list->n; i++) {
        const item *it = list->at[i];
        if (it->kind == ITEM_BLOCK) {
            const block_scope inner = {
                b, {it->u.block.left, it->u.block.right}, it->u.block.when};
            walk_list(ck, &it->u.block.items, &inner, from, visit);
        } else if (!(it->kind == ITEM_RULE && is_removed(from, it->u.rule.name)) &&
                   !(it->kind == ITEM_UPDATE && is_removed(from, it->u.update.name))) {
            visit(ck, it, b, from);
        }
    }
}

void walk_items(check *ck, item_visit visit)
{
    for (size_t i = 0; i < ck->items.n; i++) {
        const item *one[1] = {ck->items.at[i].it};
        const item_list list = {one, 1, 1};
        walk_list(ck, &list, NULL, ck->items.at[i].from, visit);
    }
}

const map_rule *mapping_rule(const mapping *m, const char *name)
{
    for (size_t r = 0; r < m->rules.n; r++) {
        if (strcmp(m->rules.at[r].name, name) == 0) {
            return &m->rules.at[r];
        }
    }
    return NULL;
}
