#include <string.h>

#include "grammar/format.h"
#include "grammar/parse.h"

static void put_items(lines *l, unsigned indent, const item_list *items);

static void put_test_line(lines *l, unsigned indent, const test_line *t)
{
    buf b = {.arena = l->arena};
    buf_printf(&b, "%s%s ", t->absent ? "absent " : "", t->side);
    if (t->config != NULL) {
        print_expr(&b, t->config);
    } else {
        print_template(&b, t->name);
    }
    if (t->shape != NULL) {
        buf_add(&b, " ");
        print_dims(&b, t->shape);
    }
    lines_put(l, (line_style){indent, indent + FORMAT_HANG, true}, t->at, buf_str(&b));
}

static void put_inside(lines *l, unsigned indent, const item *it)
{
    if (it->kind == ITEM_BLOCK) {
        put_items(l, indent, &it->u.block.items);
    } else if (it->kind == ITEM_EACH) {
        put_items(l, indent, &it->u.each.items);
    } else if (it->kind == ITEM_TABLE) {
        format_rows(l, indent, &it->u.table.rows);
    } else {
        for (size_t i = 0; i < it->u.test.lines.n; i++) {
            put_test_line(l, indent, &it->u.test.lines.at[i]);
        }
        put_items(l, indent, &it->u.test.items);
    }
}

/* A table that its author wrote on one line stays there if it fits, and what has empty
 * braces. */
static bool put_on_one_line(lines *l, unsigned indent, const item *it)
{
    const bool table = it->kind == ITEM_TABLE;
    const char *text = it->at.src->text;
    const bool empty = text[it->brace + strspn(text + it->brace, " \t\r\n")] == '}';
    if ((!table && !empty) || lines_comment_in(l, it->brace, it->at.hi) ||
        (table && memchr(text + it->at.lo, '\n', it->at.hi - it->at.lo) != NULL)) {
        return false;
    }
    buf b = {.arena = l->arena};
    print_item(&b, it);
    buf_add(&b, empty ? " {}" : " {");
    for (size_t i = 0; table && i < it->u.table.rows.n; i++) {
        buf_printf(&b, "%s%s", i == 0 ? " " : "; ",
                   row_text(l, &it->u.table.rows.at[i]));
    }
    buf_add(&b, empty ? "" : " }");
    if (!empty && indent + columns_of(buf_str(&b)) > FORMAT_COLUMNS) {
        return false;
    }
    lines_put(l, (line_style){indent, indent + FORMAT_HANG, true}, it->at, buf_str(&b));
    return true;
}

static void put_braced(lines *l, unsigned indent, const item *it)
{
    buf b = {.arena = l->arena};
    print_item(&b, it);
    buf_add(&b, " {");
    lines_put(l, (line_style){indent, indent + FORMAT_HANG, true},
              (where){it->at.src, it->at.lo, it->brace}, buf_str(&b));
    l->fresh = true;
    put_inside(l, indent + FORMAT_INDENT, it);
    lines_close(l, indent, (where){it->at.src, it->at.hi - 1, it->at.hi});
}

/* An update that is too long begins its term on a line of its own; a term that is too
 * long, each factor. */
static void break_update(char *text, unsigned indent)
{
    char *mark = strpbrk(text, MAY_BREAK);
    if (mark == NULL || indent + columns_of(text) <= FORMAT_COLUMNS) {
        return;
    }
    *mark = MUST_BREAK[0];
    if (indent + FORMAT_HANG + columns_of(mark + 1) <= FORMAT_COLUMNS) {
        return;
    }
    while ((mark = strpbrk(mark, MAY_BREAK)) != NULL) {
        *mark = MUST_BREAK[0];
    }
}

static void put_item(lines *l, unsigned indent, const item *it)
{
    buf b = {.arena = l->arena};
    print_item(&b, it);
    if (it->kind == ITEM_UPDATE) {
        break_update(buf_str(&b), indent);
    }
    lines_put(l, (line_style){indent, indent + FORMAT_HANG, true}, it->at, buf_str(&b));
}

static void put_items(lines *l, unsigned indent, const item_list *items)
{
    rule_columns run = {0};
    for (size_t i = 0; i < items->n; i++) {
        const item *it = items->at[i];
        if (i >= run.end) {
            run = format_run(l, indent, items, i);
        }
        if (it->kind == ITEM_RULE) {
            format_rule(l, &run, it);
        } else if (it->brace == 0) {
            put_item(l, indent, it);
        } else if (!put_on_one_line(l, indent, it)) {
            put_braced(l, indent, it);
        }
    }
}

static void put_header(lines *l, const ast_file *file)
{
    if (file->kind == FILE_FRAGMENT) {
        return;
    }
    buf b = {.arena = l->arena};
    buf_printf(&b, "%s %s : %s %s %s", file->kind == FILE_MERGE ? "merge" : "family",
               file->name, file->side[0], file->kind == FILE_MERGE ? "+=" : "<->",
               file->side[1]);
    if (file->doc != NULL) {
        buf_add(&b, MUST_BREAK);
        print_string(&b, file->doc);
    }
    lines_put(l, (line_style){0, FORMAT_INDENT, true}, file->at, buf_str(&b));
}

void rules_format(buf *out, const ast_file *file)
{
    lines l = {.out = out, .arena = out->arena, .file = file, .fresh = true};
    put_header(&l, file);
    put_items(&l, 0, &file->items);
    lines_end(&l);
}
