/* check: the proof, the file's own tests, the probe. */
#include "audit/lint.h"
#include "audit/probe.h"
#include "audit/rule_tests.h"
#include "audit/show.h"
#include "cli/command.h"
#include "config/layouts.h"

static void add_list(buf *out, const char *head, const char *const *texts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        buf_printf(out, "%s%s", i == 0 ? head : ", ", texts[i]);
    }
    if (n > 0) {
        buf_add(out, "\n");
    }
}

static void tell_text(const session *s, buf *out, const char *path, const mapping *m,
                      size_t n_failed, const probe_result *p)
{
    arena *a = s->cx.arena;
    const size_t n_rules = m->rules.n + m->updates.n;
    if (n_failed + p->n_failed > 0) {
        buf_printf(out, "%s: %s\n", path,
                   show_count(a, n_failed + p->n_failed, "failure"));
        return;
    }
    buf_printf(
        out, "%s: ok (%s, %s, probe of %s: %s in %s)\n", path,
        show_count(a, n_rules, "rule"), show_count(a, m->tests.n, "test"),
        p->n_probed == n_rules ? "all rules" : show_count(a, p->n_probed, "rule"),
        show_count(a, p->n_elems, "element"), show_count(a, p->n_models, "model"));
    if (s->opt.verbose) {
        add_list(out, "  sizes of the probe: ", p->sizes.at, p->sizes.n);
        add_list(out, "  sizes that follow: ", p->forced.at, p->forced.n);
        add_list(out, "  not probed: ", p->not_probed.at, p->not_probed.n);
        mapping_print(out, m);
    }
}

static value *tell_value(arena *a, const char *path, const mapping *m, size_t n_failed,
                         const probe_result *p)
{
    value *v = value_record(a);
    put_text(a, v, "path", path);
    put_text(a, v, "name", m->name);
    put_bool(a, v, "ok", n_failed + p->n_failed == 0);
    put_count(a, v, "n_rules", m->rules.n + m->updates.n);
    put_count(a, v, "n_tests", m->tests.n);
    put_count(a, v, "n_failed", n_failed + p->n_failed);
    put_count(a, v, "n_rules_probed", p->n_probed);
    put_count(a, v, "n_elems_probed", p->n_elems);
    put_count(a, v, "n_models_probed", p->n_models);
    put_texts(a, v, "sizes", p->sizes.at, p->sizes.n);
    put_texts(a, v, "forced", p->forced.at, p->forced.n);
    put_texts(a, v, "not_probed", p->not_probed.at, p->not_probed.n);
    return v;
}

/* A file without a header is text for others: only they know what its names mean. */
static void tell_fragment(const session *s, const char *path, const ast_file *file,
                          buf *out, value *list)
{
    arena *a = s->cx.arena;
    if (!session_wants_value(s)) {
        buf_printf(out,
                   "%s: ok (fragment of %s, checked in the files that include it)\n",
                   path, show_count(a, file->items.n, "line"));
        return;
    }
    value *v = value_record(a);
    put_text(a, v, "path", path);
    put_bool(a, v, "ok", true);
    put_bool(a, v, "fragment", true);
    vec_push(a, &list->items, v);
}

typedef VEC(const mapping *) mapping_list;

static rt_status check_one(session *s, const char *path, mapping_list *checked,
                           buf *out, value *list)
{
    const ast_file *file = NULL;
    const mapping *m = NULL;
    probe_result probe;
    TRY(mapping_read(&s->cx, path, &file));
    if (file->kind == FILE_FRAGMENT) {
        tell_fragment(s, path, file, out, list);
        return RT_OK;
    }
    TRY(mapping_check(&s->cx, file, &m));
    vec_push(s->cx.arena, checked, m);
    const size_t n_failed = rule_tests_run(&s->cx, m);
    probe_run(&s->cx, m, &probe);
    if (s->opt.lints || s->opt.strict) {
        lint_rules(&s->cx, m);
    }
    if (session_wants_value(s)) {
        vec_push(s->cx.arena, &list->items,
                 tell_value(s->cx.arena, path, m, n_failed, &probe));
    } else {
        tell_text(s, out, path, m, n_failed, &probe);
    }
    return n_failed + probe.n_failed > 0 ? RT_NO : RT_OK;
}

/* Two files, or one and an embedded one, must not name the files of one layout
 * differently. */
static rt_status check_files(session *s, const mapping_list *checked)
{
    const layout_table *all;
    bool names_some = false;
    for (size_t i = 0; i < checked->n; i++) {
        names_some = names_some || checked->at[i]->files[LEFT] != NULL ||
                     checked->at[i]->files[RIGHT] != NULL;
    }
    return names_some ? layouts_load(&s->cx, checked->at, checked->n, &all) : RT_OK;
}

rt_status cmd_check(session *s)
{
    rt_status worst = RT_OK;
    buf out = {.arena = s->cx.arena};
    value *list = value_list(s->cx.arena);
    mapping_list checked = {0};
    for (size_t i = 0; i < s->opt.args.n; i++) {
        const rt_status status = check_one(s, s->opt.args.at[i], &checked, &out, list);
        worst = status > worst ? status : worst;
    }
    const rt_status named = check_files(s, &checked);
    worst = named > worst ? named : worst;
    if (s->opt.sarif) {
        session_sarif(s);
    } else {
        if (session_wants_value(s)) {
            session_value(s, &out, list);
        }
        TRY(session_print(s, &out));
        session_say(s);
    }
    return worst == RT_OK && s->opt.strict && s->n_warnings > 0 ? RT_NO : worst;
}
