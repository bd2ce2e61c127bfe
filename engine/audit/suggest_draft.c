/* The last step of a draft: pairs become rules, what is left becomes remarks. */
#include <string.h>

#include "audit/show.h"
#include "audit/suggest_draft.h"

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_name_char(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_';
}

/* A label made of a text; never the same twice in `used`. */
static const char *label_of(arena *a, strmap *used, const char *text)
{
    buf b = {.arena = a};
    if (!is_letter(text[0])) {
        buf_add(&b, "t_");
    }
    for (const char *p = text; *p != '\0'; p++) {
        buf_add_n(&b, is_name_char(*p) ? p : "_", 1);
    }
    const char *label = buf_str(&b);
    for (unsigned k = 2; !strmap_add(used, label, 1); k++) {
        label = arena_printf(a, "%s_%u", buf_str(&b), k);
    }
    return label;
}

/* ---- rules --------------------------------------------------------------------- */

/* The dotted part number `at` of a text. */
static const char *part_at(arena *a, const char *text, unsigned at)
{
    for (; at > 0 && *text != '\0'; at--) {
        text += strcspn(text, ".");
        text += *text == '.' ? 1 : 0;
    }
    return arena_strndup(a, text, strcspn(text, "."));
}

/* Labels of parts: the first part of their names in which all differ. */
static void label_parts(arena *a, const pair *p, const char *labels[PAIR_MAX_PARTS])
{
    strmap *used = NULL;
    for (unsigned at = 0; at < 64; at++) {
        strmap *seen = strmap_new(a);
        bool distinct = true;
        for (unsigned k = 0; k < p->n_parts; k++) {
            labels[k] = part_at(a, p->parts[k]->text, at);
            distinct =
                distinct && labels[k][0] != '\0' && strmap_add(seen, labels[k], 1);
        }
        if (distinct) {
            break;
        }
    }
    used = strmap_new(a);
    for (unsigned k = 0; k < p->n_parts; k++) {
        labels[k] = label_of(a, used, labels[k]);
    }
}

/* What a rule is called: the end of its name, behind the prefix of its block. */
static const char *rule_label(draft *d, const pair *p, size_t n_prefix)
{
    const char *name = draft_name(d, p->side == 1 ? p->one : p->parts[0]) + n_prefix;
    const size_t n = strlen(name);
    const bool is_weight = n > 7 && strcmp(name + n - 7, ".weight") == 0;
    buf b = {.arena = d->a};
    for (size_t i = 0; i < n - (is_weight ? 7 : 0); i++) {
        if (name[i] == '{') {
            i += strcspn(name + i, "}") + (name[i + strcspn(name + i, "}")] ? 1 : 0);
        } else {
            buf_add_n(&b, name + i, 1);
        }
    }
    return label_of(d->a, d->labels, buf_str(&b));
}

static void add_parts(draft *d, const pair *p, const char *const *labels,
                      size_t n_prefix)
{
    for (unsigned k = 0; k < p->n_parts; k++) {
        const group *g = p->parts[k];
        buf_printf(d->out, "  %s", draft_name(d, g) + n_prefix);
        if (p->n_parts > 1) {
            buf_printf(d->out, " %s:", labels[k]);
        }
        buf_printf(d->out, " %s\n", draft_dims(d, g->first, NULL, false));
    }
}

static void add_one(draft *d, const pair *p, const char *const *labels, size_t n_prefix)
{
    buf rows = {.arena = d->a};
    for (unsigned k = 0; k < p->n_parts && p->n_parts > 1; k++) {
        buf_printf(&rows, "%s%s: %s", k == 0 ? "(" : " | ", labels[k],
                   draft_dim(d, p->parts[k]->first, 0));
    }
    buf_add(&rows, p->n_parts > 1 ? ")" : "");
    /* Dims of a turned tensor are named by those of the other side. */
    const tensor_info *t = p->transposed ? p->parts[0]->first : p->one->first;
    buf_printf(d->out, "  %s %s\n", draft_name(d, p->one) + n_prefix,
               draft_dims(d, t, p->n_parts > 1 ? buf_str(&rows) : NULL, p->transposed));
}

static void add_rule(draft *d, const pair *p, const size_t n_prefix[2])
{
    const char *labels[PAIR_MAX_PARTS] = {NULL};
    label_parts(d->a, p, labels);
    if (p->note != NULL) {
        buf_printf(d->out, "# %s\n", p->note);
    }
    buf_printf(d->out, "%s:\n", rule_label(d, p, n_prefix[1]));
    for (unsigned side = 0; side < 2; side++) {
        buf_add(d->out, side == 0 ? "" : "<->\n");
        if (side == p->side) {
            add_one(d, p, labels, n_prefix[side]);
        } else {
            add_parts(d, p, labels, n_prefix[side]);
        }
    }
}

/* ---- blocks -------------------------------------------------------------------- */

/* The beginning of a name up to its first capture and the dot behind it; "": none. */
static const char *prefix_of(draft *d, const group *g)
{
    const char *name = draft_name(d, g), *end = strchr(name, '}');
    return end == NULL || end[1] != '.'
               ? ""
               : arena_strndup(d->a, name, (size_t)(end + 2 - name));
}

/* The prefix that all parts have, or "". */
static const char *prefix_on(draft *d, const pair *p, unsigned side)
{
    if (side == p->side) {
        return prefix_of(d, p->one);
    }
    const char *prefix = prefix_of(d, p->parts[0]);
    for (unsigned k = 1; k < p->n_parts; k++) {
        prefix = strcmp(prefix, prefix_of(d, p->parts[k])) == 0 ? prefix : "";
    }
    return prefix;
}

static const char *block_of(draft *d, const pair *p)
{
    const char *left = prefix_on(d, p, 0), *right = prefix_on(d, p, 1);
    return left[0] == '\0' || right[0] == '\0'
               ? ""
               : arena_printf(d->a, "%s <-> %s", left, right);
}

static void add_rules(draft *d, const char *block)
{
    for (size_t i = 0; i < d->s->pairs.n; i++) {
        const pair *p = &d->s->pairs.at[i];
        if (strcmp(block_of(d, p), block) == 0) {
            const bool inside = block[0] != '\0';
            const size_t n[2] = {inside ? strlen(prefix_on(d, p, 0)) : 0,
                                 inside ? strlen(prefix_on(d, p, 1)) : 0};
            add_rule(d, p, n);
        }
    }
}

static void add_blocks(draft *d)
{
    add_rules(d, "");
    for (size_t i = 0; i < d->s->pairs.n; i++) {
        const char *block = block_of(d, &d->s->pairs.at[i]);
        if (block[0] != '\0' && strmap_add(d->blocks, block, 1)) {
            buf_printf(d->out, "\nunder %s {\n", block);
            add_rules(d, block);
            buf_add(d->out, "}\n");
        }
    }
}

/* ---- the whole ----------------------------------------------------------------- */

/* What has no partner, ready to become a rule: nothing is dropped unasked. */
static void add_rest(draft *d)
{
    for (unsigned side = 0; side < 2; side++) {
        for (size_t i = 0; i < d->s->groups[side].n; i++) {
            const group *g = &d->s->groups[side].at[i];
            if (g->taken) {
                continue;
            }
            buf_printf(d->out, "\n# %s has no partner: %s %s", d->s->side[side].layout,
                       draft_name(d, g),
                       show_shape(d->a, g->first->shape, g->first->rank));
            if (g->same_as != NULL) {
                buf_printf(d->out, "\n#   the same bytes as %s of %s: tied, perhaps",
                           draft_name(d, g->same_as), d->s->side[1 - side].layout);
            }
            buf_printf(d->out, "\n#   drop %s %s because \"...\"\n",
                       d->s->side[side].layout, draft_name(d, g));
        }
    }
}

void suggest_draft(suggestion *s, buf *out)
{
    draft d = {.s = s, .a = s->cx->arena, .out = out};
    size_t n_doubts = 0;
    d.labels = strmap_new(d.a);
    d.blocks = strmap_new(d.a);
    draft_axes(&d);
    for (size_t i = 0; i < s->pairs.n; i++) {
        n_doubts += s->pairs.at[i].note != NULL ? 1 : 0;
    }
    buf_printf(out,
               "# A draft from two checkpoints: %zu of %s are proved by their bytes.\n"
               "# Sizes that agree by chance, and which side of a matrix is the input "
               "(`<-`), are yours to look at.\n"
               "family draft : %s <-> %s\n\n",
               s->pairs.n - n_doubts, show_count(d.a, s->pairs.n, "rule"),
               s->side[0].layout, s->side[1].layout);
    draft_add_axes(&d);
    add_blocks(&d);
    add_rest(&d);
}
