#include "audit/report_html.h"

static const char head[] =
    "<style>\n"
    "body { font: 14px/1.4 sans-serif; margin: 2em; color: #222; }\n"
    "table { border-collapse: collapse; margin: .3em 0; }\n"
    "th, td { border: 1px solid #ccc; padding: .15em .5em; text-align: left; "
    "vertical-align: top; }\n"
    "th { background: #f2f2f2; }\n"
    "td { font-family: monospace; }\n"
    "</style>\n";

/* Names in checkpoints are hostile input: nothing of them may become markup. */
static void add_text(buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '&': buf_add(out, "&amp;"); break;
        case '<': buf_add(out, "&lt;"); break;
        case '>': buf_add(out, "&gt;"); break;
        case '"': buf_add(out, "&quot;"); break;
        default: buf_add_n(out, text, 1); break;
        }
    }
}

/* "n_bytes_read" as a title: without underscores. */
static void add_title(buf *out, const char *tag, const char *key)
{
    char *text = arena_strdup(out->arena, key);
    for (char *p = text; *p != '\0'; p++) {
        *p = *p == '_' ? ' ' : *p;
    }
    buf_printf(out, "<%s>", tag);
    add_text(out, text);
    buf_printf(out, "</%s>", tag);
}

static void add_value(buf *out, const value *v);

static bool is_table(const value *v)
{
    for (size_t i = 0; i < v->items.n; i++) {
        if (v->items.at[i]->kind != V_RECORD) {
            return false;
        }
    }
    return v->items.n > 0;
}

/* The keys of all rows, in the order in which they come up. */
static value *columns_of(arena *a, const value *rows)
{
    value *columns = value_record(a);
    for (size_t r = 0; r < rows->items.n; r++) {
        const value *row = rows->items.at[r];
        for (size_t m = 0; m < row->members.n; m++) {
            value_set(a, columns, row->members.at[m].key, value_null(a));
        }
    }
    return columns;
}

static void add_table(buf *out, const value *rows)
{
    const value *columns = columns_of(out->arena, rows);
    buf_add(out, "<table>\n<tr>");
    for (size_t c = 0; c < columns->members.n; c++) {
        add_title(out, "th", columns->members.at[c].key);
    }
    buf_add(out, "</tr>\n");
    for (size_t r = 0; r < rows->items.n; r++) {
        buf_add(out, "<tr>");
        for (size_t c = 0; c < columns->members.n; c++) {
            const value *cell =
                value_get(rows->items.at[r], columns->members.at[c].key);
            buf_add(out, "<td>");
            if (cell != NULL) {
                add_value(out, cell);
            }
            buf_add(out, "</td>");
        }
        buf_add(out, "</tr>\n");
    }
    buf_add(out, "</table>\n");
}

static void add_value(buf *out, const value *v)
{
    if (v->kind == V_RECORD) {
        buf_add(out, "<table>\n");
        for (size_t i = 0; i < v->members.n; i++) {
            buf_add(out, "<tr>");
            add_title(out, "th", v->members.at[i].key);
            buf_add(out, "<td>");
            add_value(out, v->members.at[i].val);
            buf_add(out, "</td></tr>\n");
        }
        buf_add(out, "</table>\n");
    } else if (v->kind == V_LIST && is_table(v)) {
        add_table(out, v);
    } else if (v->kind == V_LIST) {
        for (size_t i = 0; i < v->items.n; i++) {
            buf_add(out, i > 0 ? "<br>" : "");
            add_value(out, v->items.at[i]);
        }
    } else if (v->kind == V_STRING) {
        add_text(out, v->s);
    } else if (v->kind != V_NULL) {
        add_text(out, value_show(out->arena, v));
    }
}

/* Plain members first, as one table; then a section for each list and record. */
static void add_sections(buf *out, const value *v)
{
    value *plain = value_record(out->arena);
    for (size_t i = 0; i < v->members.n; i++) {
        const value_member *m = &v->members.at[i];
        if (m->val->kind != V_LIST && m->val->kind != V_RECORD) {
            value_set(out->arena, plain, m->key, m->val);
        }
    }
    add_value(out, plain);
    for (size_t i = 0; i < v->members.n; i++) {
        const value_member *m = &v->members.at[i];
        if ((m->val->kind == V_LIST && m->val->items.n > 0) ||
            m->val->kind == V_RECORD) {
            add_title(out, "h2", m->key);
            buf_add(out, "\n");
            add_value(out, m->val);
        }
    }
}

void report_html(buf *out, const char *title, const value *report)
{
    buf_add(out,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>");
    add_text(out, title);
    buf_add(out, "</title>\n");
    buf_add(out, head);
    add_title(out, "h1", title);
    buf_add(out, "\n");
    if (report->kind == V_RECORD) {
        add_sections(out, report);
    } else {
        add_value(out, report);
    }
    buf_add(out, "</html>\n");
}
