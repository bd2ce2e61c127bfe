/* A mapping as stable text: one line for each name, each rule with its atoms and class.
 */
#include "grammar/parse.h"
#include "mapping/check.h"
#include "mapping/names.h"

static void print_reads(buf *out, const mapping *m, const expr *const read[2],
                        const expr *free)
{
    for (unsigned s = LEFT; s <= RIGHT; s++) {
        if (read[s] != NULL) {
            buf_printf(out, "  %s: %s", side_shown(m, s),
                       expr_shown(out->arena, read[s]));
        }
    }
    if (free != NULL) {
        buf_printf(out, "  is: %s", expr_shown(out->arena, free));
    }
    buf_add(out, "\n");
}

static void print_sizes(buf *out, const mapping *m)
{
    for (size_t i = 0; i < m->axes.n; i++) {
        const map_axis *ax = &m->axes.at[i];
        buf_printf(out, "axis %s", ax->name);
        for (size_t k = 0; k < ax->primes.n; k++) {
            buf_printf(out, "%s%s", k == 0 ? " = " : " * ",
                       m->axes.at[ax->primes.at[k]].name);
        }
        buf_add(out, ax->declared ? "" : "  (from shapes)");
        print_reads(out, m, ax->read, ax->size);
    }
    for (size_t i = 0; i < m->values.n; i++) {
        buf_printf(out, "value %s", m->values.at[i].name);
        print_reads(out, m, m->values.at[i].read, m->values.at[i].is);
    }
    for (size_t i = 0; i < m->choices.n; i++) {
        const map_choice *c = &m->choices.at[i];
        buf_printf(out, "choice %s =", c->name);
        for (size_t k = 0; k < c->texts.n; k++) {
            buf_printf(out, c->of_roots ? "%s %s" : "%s \"%s\"", k > 0 ? " |" : "",
                       c->texts.at[k]);
        }
        buf_add(out, "\n");
    }
}

static void print_guards(buf *out, const expr_list *guards)
{
    for (size_t i = 0; i < guards->n; i++) {
        buf_printf(out, "  when %s\n", expr_shown(out->arena, guards->at[i]));
    }
}

static void print_tensor(buf *out, const mapping *m, const map_capture *captures,
                         const char *lead, const map_tensor *t)
{
    buf_printf(out, "  %s %s ", lead, name_show(out->arena, m, &t->name));
    if (t->label != NULL) {
        buf_printf(out, "%s: ", t->label);
    }
    dims_show(out, m, t->dims);
    if (t->same_in != UINT32_MAX) {
        buf_printf(out, " same in {%s}", captures[t->same_in].name);
    }
    buf_add(out, "\n");
}

static void print_atoms(buf *out, const mapping *m, const map_rule *r)
{
    atom_list atoms = {0};
    for (size_t i = 0; i < r->tensors[LEFT].n; i++) {
        if (!atoms_of(out->arena, &r->tensors[LEFT].at[i], r->captures.at, &atoms)) {
            return;
        }
    }
    for (size_t i = 0; i < atoms.n; i++) {
        buf_printf(out, "  atom");
        for (size_t k = 0; k < atoms.at[i].labels.n; k++) {
            buf_printf(out, " %s:", atoms.at[i].labels.at[k]);
        }
        buf_printf(out, " {%s}\n",
                   atom_axes_shown(out->arena, m, r->captures.at, &atoms.at[i]));
    }
}

static void print_one_sided(buf *out, const mapping *m, const map_rule *r)
{
    static const char *const words[] = {
        [PART_ONLY] = "only", [PART_SLICE] = "slice", [PART_PAD] = "pad"};
    for (size_t i = 0; i < r->one_sided.n; i++) {
        const map_one_sided *o = &r->one_sided.at[i];
        buf_printf(out, "  %s %s %s", words[o->kind], side_shown(m, o->side), o->label);
        if (o->kind == PART_PAD) {
            buf_printf(out, " with %g", o->fill);
        }
        buf_add(out, o->keep ? " keep\n" : "\n");
    }
}

static void print_scale(buf *out, const mapping *m, const map_scale *s)
{
    buf_printf(out, "  times %s %s [", m->layout[s->side],
               name_show(out->arena, m, &s->name));
    for (size_t i = 0; i < s->dims.n; i++) {
        const map_block *b = &s->dims.at[i];
        buf_printf(out, "%s%s", i > 0 ? " " : "",
                   b->axis == NO_AXIS ? "1" : m->axes.at[b->axis].name);
        if (b->by_axis != NO_AXIS) {
            buf_printf(out, "/%s", m->axes.at[b->by_axis].name);
        } else if (b->by != 1) {
            buf_printf(out, "/%lld", (long long)b->by);
        }
    }
    buf_add(out, "]\n");
}

static void print_rule(buf *out, const mapping *m, const map_rule *r)
{
    static const char *const arrows[] = {"<->", "->", "<-"};
    buf_printf(out, "rule %s%s%s%s  %s %s / %s\n", r->name,
               r->alternative != NULL ? "." : "",
               r->alternative != NULL ? r->alternative : "", r->optional ? "?" : "",
               arrows[r->arrow], exactness_name(rule_class(r, LEFT)),
               exactness_name(rule_class(r, RIGHT)));
    for (unsigned s = LEFT; s <= RIGHT; s++) {
        for (size_t i = 0; i < r->tensors[s].n; i++) {
            print_tensor(out, m, r->captures.at, m->layout[s], &r->tensors[s].at[i]);
        }
    }
    print_atoms(out, m, r);
    expr_list guards;
    VEC_SET(guards, r->guards);
    print_guards(out, &guards);
    print_one_sided(out, m, r);
    if (r->has_op) {
        buf_printf(out, "  with %s = %s * %g + %g in %s\n", m->layout[RIGHT],
                   m->layout[LEFT], r->mul, r->add, r->op_dtype);
    }
    if (r->scale != NULL) {
        print_scale(out, m, r->scale);
    }
    for (unsigned s = LEFT; s <= RIGHT; s++) {
        if (r->cast[s] != DT_UNKNOWN) {
            buf_printf(out, "  cast %s %s\n", m->layout[s], dtype_st_name(r->cast[s]));
        }
    }
}

static void print_update(buf *out, const mapping *m, const map_update *u)
{
    buf_printf(out, "update %s%s  %s\n", u->name, u->optional ? "?" : "",
               u->replace ? ":=" : "+=");
    if (u->each != NULL) {
        buf_printf(out, "  each %s ", name_show(out->arena, m, u->each));
        dims_show(out, m, u->each_dims);
        buf_add(out, "\n");
        for (size_t i = 0; i < u->except.n; i++) {
            buf_printf(out, "  except %s\n", name_show(out->arena, m, u->except.at[i]));
        }
    }
    print_tensor(out, m, u->captures.at, "base", &u->target);
    for (size_t i = 0; i < u->factors.n; i++) {
        if (u->factors.at[i].tensor != NULL) {
            print_tensor(out, m, u->captures.at, "adapter", u->factors.at[i].tensor);
        } else {
            buf_printf(out, "  times %s\n",
                       expr_shown(out->arena, u->factors.at[i].scalar));
        }
    }
    if (u->norm != NULL) {
        buf_add(out, "  norm =\n");
        print_tensor(out, m, u->captures.at, "adapter", u->norm);
    }
    if (u->rows != NULL) {
        buf_printf(out, "  rows = %s\n", expr_shown(out->arena, u->rows));
    }
    for (size_t i = 0; i < u->locals.n; i++) {
        buf_printf(out, "  axis %s = %s\n", m->axes.at[u->locals.at[i].axis].name,
                   expr_shown(out->arena, u->locals.at[i].size));
    }
    expr_list guards;
    VEC_SET(guards, u->guards);
    print_guards(out, &guards);
}

static void print_files(buf *out, const char *layout, const map_files *f)
{
    for (size_t i = 0; f != NULL && i < f->weights.n; i++) {
        buf_printf(out, i == 0 ? "files %s %s" : " | %s%s", i == 0 ? layout : "",
                   file_name_show(out->arena, &f->weights.at[i]));
    }
    for (size_t i = 0; f != NULL && i < f->configs.n; i++) {
        const map_config_file *c = &f->configs.at[i];
        buf_printf(out, "%s %s%s%s", i == 0 ? " config" : " |", c->name,
                   c->when != NULL ? " when " : "",
                   c->when != NULL ? expr_shown(out->arena, c->when) : "");
    }
    buf_add(out, f != NULL ? "\n" : "");
}

static void print_others(buf *out, const mapping *m)
{
    expr_list guards;
    for (size_t i = 0; i < m->drops.n; i++) {
        const map_drop *d = &m->drops.at[i];
        buf_printf(out, "drop %s %s%s%s%s\n", side_shown(m, d->side),
                   name_show(out->arena, m, &d->name), d->same != NULL ? " = " : "",
                   d->same != NULL ? d->same : "", d->keep ? "  keep" : "");
        VEC_SET(guards, d->guards);
        print_guards(out, &guards);
    }
    for (size_t i = 0; i < m->spellings.n; i++) {
        const map_spelling *s = &m->spellings.at[i];
        for (size_t k = 0; k < s->names.n; k++) {
            buf_printf(out, "%s%s", k == 0 ? "spelled " : " | ",
                       name_show(out->arena, m, &s->names.at[k]));
        }
        buf_add(out, "\n");
    }
    for (size_t i = 0; i < m->makes.n; i++) {
        const map_make *mk = &m->makes.at[i];
        buf_printf(out, "const %s %s ", side_shown(m, mk->side),
                   name_show(out->arena, m, &mk->name));
        dims_show(out, m, mk->dims);
        buf_printf(out, " = %g\n", mk->value);
        VEC_SET(guards, mk->guards);
        print_guards(out, &guards);
    }
    for (size_t i = 0; i < m->ties.n; i++) {
        const map_tie *t = &m->ties.at[i];
        if (t->rule != NULL) {
            buf_printf(out, "tie %s = %s on %s", t->rule, t->to,
                       side_shown(m, t->side));
        } else {
            buf_printf(out, "tie %s = %s", name_show(out->arena, m, &t->name),
                       name_show(out->arena, m, &t->to_name));
        }
        if (t->by != NULL) {
            buf_printf(out, " by %s", expr_shown(out->arena, t->by));
        }
        buf_add(out, "\n");
    }
    for (unsigned s = LEFT; s <= RIGHT; s++) {
        print_files(out, m->layout[s], m->files[s]);
    }
    buf_add(out, m->rest ? "rest\n" : "");
}

/* As the formatter writes them, those of `use` and `include` too. */
static void print_config(buf *out, const mapping *m)
{
    for (unsigned s = LEFT; s <= RIGHT; s++) {
        for (size_t i = 0; i < m->detect[s].n; i++) {
            buf_printf(out, "detect %s %s\n", side_shown(m, s),
                       expr_shown(out->arena, m->detect[s].at[i]->is));
        }
    }
    for (size_t i = 0; i < m->config_items.n; i++) {
        config_item_print(out, m->config_items.at[i]);
        buf_add(out, "\n");
    }
    buf_add(out, m->config_rest ? "config rest\n" : "");
    buf_printf(out, "%zu tests\n", m->tests.n);
}

void mapping_print(buf *out, const mapping *m)
{
    buf_printf(out, "%s %s : %s %s %s\n", m->is_merge ? "merge" : "family", m->name,
               m->layout[LEFT], m->is_merge ? "+=" : "<->", m->layout[RIGHT]);
    print_sizes(out, m);
    for (size_t i = 0; i < m->rules.n; i++) {
        print_rule(out, m, &m->rules.at[i]);
    }
    for (size_t i = 0; i < m->updates.n; i++) {
        print_update(out, m, &m->updates.at[i]);
    }
    print_others(out, m);
    print_config(out, m);
}
