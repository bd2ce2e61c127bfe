/* audit/fit_text.c -- the fits of a merge as a table and as a value. */
#include <string.h>

#include "audit/show.h"
#include "audit/verify.h"

enum { N_STATES = FIT_OTHER_CHANGE + 1 };
#define MUCH_LOST 0.9

static const struct {
    const char *name, *text;
} states[N_STATES] = {
    [FIT_MERGED] = {"merged", "merged"},
    [FIT_HIDDEN] = {"hidden", "hidden by rounding"},
    [FIT_MISSING] = {"missing", "not merged"},
    [FIT_TWICE] = {"twice", "merged twice"},
    [FIT_OTHER_SCALE] = {"other-scale", "merged at another scale"},
    [FIT_OTHER_CHANGE] = {"other-change", "changed otherwise"},
};

/* The part of the update that rounding to the nearest leaves. */
static double kept_of(const fit_sums *s)
{
    return s->dd > 0 ? 1 + s->od / s->dd : 1;
}

static double changed_of(const fit_sums *s)
{
    return s->n > 0 ? (double)s->n_changed / (double)s->n : 0;
}

static void add_row(buf *out, const verify_fit *f, int width)
{
    buf_printf(out, "%-*s  ", width, f->name);
    if (f->is_open) {
        buf_printf(out, "%-9s %-9.5g %-8s", "-", f->times * f->scale, "-");
    } else {
        buf_printf(out, "%-9.5g %-9.5g %-8.5f", f->scale, f->times * f->scale,
                   f->times);
    }
    buf_printf(out, " %-9.3g %5.1f %%  %s", f->residual, 100 * changed_of(&f->sums),
               states[f->state].text);
    if (f->state == FIT_MERGED && kept_of(&f->sums) < MUCH_LOST) {
        buf_printf(out, ", rounding keeps %.0f %%", 100 * kept_of(&f->sums));
    }
    if (strcmp(f->name, f->module) != 0) {
        buf_printf(out, " (%s)", f->module);
    }
    buf_add(out, "\n");
}

void fit_text(buf *out, const verify_result *r)
{
    size_t n[N_STATES] = {0}, n_open = 0;
    int width = 6;
    for (size_t i = 0; i < r->fits.n; i++) {
        const int own = (int)strlen(r->fits.at[i].name);
        width = own > width ? own : width;
        n[r->fits.at[i].state]++;
        n_open += r->fits.at[i].is_open;
    }
    if (r->fits.n > 0) {
        buf_printf(out, "%-*s  scale     fitted    times    residual  changed\n", width,
                   "tensor");
    }
    for (size_t i = 0; i < r->fits.n; i++) {
        add_row(out, &r->fits.at[i], width);
    }
    buf_printf(out, "%zu of %s merged", n[FIT_MERGED],
               show_count(out->arena, r->fits.n, "update"));
    for (size_t k = FIT_MERGED + 1; k < N_STATES; k++) {
        if (n[k] > 0) {
            buf_printf(out, ", %zu %s", n[k], states[k].text);
        }
    }
    if (r->fits.n > 0) {
        buf_printf(out, "; all together %s%.5g%s, residual %.3g",
                   n_open > 0 ? "at the scale " : "", r->times,
                   n_open > 0 ? "" : " times the scale", r->residual);
    }
    buf_add(out, "\n");
}

value *fit_value(arena *a, const verify_result *r)
{
    value *list = value_list(a);
    for (size_t i = 0; i < r->fits.n; i++) {
        const verify_fit *f = &r->fits.at[i];
        value *one = value_record(a);
        put_text(a, one, "name", f->name);
        put_text(a, one, "module", f->module);
        put_text(a, one, "state", states[f->state].name);
        value_set(a, one, "scale",
                  f->is_open ? value_null(a) : value_float(a, f->scale));
        put_float(a, one, "fitted", f->times * f->scale);
        value_set(a, one, "times",
                  f->is_open ? value_null(a) : value_float(a, f->times));
        put_float(a, one, "residual", f->residual);
        put_float(a, one, "kept", kept_of(&f->sums));
        put_count(a, one, "n_elements", f->sums.n);
        put_count(a, one, "n_changed", f->sums.n_changed);
        put_count(a, one, "n_nonfinite", f->sums.n_broken);
        vec_push(a, &list->items, one);
    }
    return list;
}
