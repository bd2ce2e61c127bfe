/* job/job.c -- a conversion: from paths to a plan, by headers alone. */
#include "job/job.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/order.h"
#include "job/build.h"

/* ---- the result ---------------------------------------------------------------- */

/* Tensors made of the same stored bytes share them in the output too, within a file. */
static void find_aliases(context *cx, job *j)
{
    plan *p = &j->plan;
    const layout_files *l = layout_of(j->layouts, j->to);
    const bool numbered = files_numbered(l->files) != NULL;
    strmap *seen = strmap_new(cx->arena);
    for (size_t i = 0; i < p->tensors.n; i++) {
        plan_tensor *t = &p->tensors.at[i];
        t->alias_of = -1;
        if (t->pieces.n != 1 || t->pieces.at[0].n_steps != 0 || t->pieces.at[0].n > 1 ||
            t->pieces.at[0].src == NO_SOURCE || t->n_elems == 0) {
            continue;
        }
        const plan_source *s = &p->sources.at[t->pieces.at[0].src];
        const uint64_t at = s->t->offset + (uint64_t)t->pieces.at[0].src_offset *
                                               dtype_bits(s->t->dt) / 8;
        const size_t n_part = numbered ? strcspn(t->name, "/") : 0;
        const char *key = arena_printf(
            cx->arena, "%.*s %p %u %" PRIu64 " %" PRIu64 " %d", (int)n_part, t->name,
            (const void *)s->inv, s->t->file, at, t->n_elems, (int)t->dt);
        uint64_t first;
        if (strmap_get(seen, key, &first)) {
            t->alias_of = (int64_t)first;
        } else {
            strmap_add(seen, key, i);
        }
    }
}

/* Each merged tensor among the outputs, for the report. */
static void link_merged(job *j)
{
    for (size_t i = 0; i < j->merged.n; i++) {
        j->merged.at[i].tensor = SIZE_MAX;
        for (size_t t = 0; t < j->plan.tensors.n; t++) {
            if (strcmp(j->plan.tensors.at[t].name, j->merged.at[i].target) == 0) {
                j->merged.at[i].tensor = t;
            }
        }
    }
}

void job_number(context *cx, job *j)
{
    find_aliases(cx, j);
    link_merged(j);
}

static rt_status cast_outputs(builder *b)
{
    dtype dt;
    const bool as_adapter = b->opt->round == ROUND_STEPWISE && b->j->adapters.n > 0 &&
                            b->opt->dtype == NULL;
    if (as_adapter) { /* what calculates in the adapter's type leaves that type */
        dt = b->j->adapters.at[0]->inv->tensors.at[0].dt;
    } else if (b->opt->dtype == NULL) {
        return RT_OK;
    } else if (!dtype_parse(b->opt->dtype, &dt) || !dtype_is_float(dt)) {
        diag *dg = diag_report(b->cx->diags, SEV_ERROR, "bad-dtype", NOWHERE,
                               "'%s' is no floating dtype", b->opt->dtype);
        diag_help(dg, "bfloat16, float16, float32 or float64");
        return RT_USAGE;
    }
    for (size_t i = 0; i < b->j->plan.tensors.n; i++) {
        plan_tensor *t = &b->j->plan.tensors.at[i];
        if (dtype_is_float(t->dt) && !t->own_type) {
            t->dt = dt;
        }
    }
    return RT_OK;
}

/* What is stored in a type that does not hold all numbers of the one read is rounded.
 */
static void class_casts(builder *b)
{
    const plan *p = &b->j->plan;
    for (size_t i = 0; i < p->tensors.n; i++) {
        plan_tensor *t = &p->tensors.at[i];
        for (size_t k = 0; k < t->pieces.n && t->class_of < ROUNDING; k++) {
            const uint32_t src = t->pieces.at[k].src;
            if (src != NO_SOURCE && !dtype_holds(t->dt, p->sources.at[src].t->dt)) {
                t->class_of = ROUNDING;
            }
        }
    }
}

static int by_name(const void *x, const void *y)
{
    const plan_tensor *a = x, *b = y;
    return name_order(a->name, b->name);
}

/* The order of an output is that of its names: the same model gives the same file,
 * however its source was ordered or sharded and whichever layouts lay between. */
static void order_outputs(plan *p)
{
    if (p->tensors.n > 1) {
        qsort(p->tensors.at, p->tensors.n, sizeof *p->tensors.at, by_name);
    }
}

rt_status builder_finish(builder *b)
{
    if (b->config != NULL) {
        b->config = config_in_own_form(b, b->layout, b->config, b->config_path);
    }
    b->j->to = b->layout;
    b->j->config = b->config;
    stage *last = NEW(b->cx->arena, stage);
    *last = *b->at;
    b->j->last = last;
    for (size_t i = 0; i < last->tensors.n; i++) {
        vec_push(b->cx->arena, &b->j->plan.tensors, last->tensors.at[i]);
    }
    order_outputs(&b->j->plan);
    b->j->plan.round = b->opt->round;
    b->j->plan.seed = b->opt->seed;
    TRY(cast_outputs(b));
    class_casts(b);
    job_number(b->cx, b->j);
    return RT_OK;
}

rt_status job_open(context *cx, const job_options *opt, const char *path,
                   const char *fallback, job **out)
{
    builder b;
    TRY(builder_start(cx, opt, &b));
    b.fallback = fallback;
    TRY(builder_open(&b, path));
    *out = b.j;
    return RT_OK;
}

/* Numbered files become another number of them by way of another layout. */
static bool is_renumbered(const builder *b, const char *layout)
{
    const file_name *f = files_numbered(layout_of(b->j->layouts, layout)->files);
    return f != NULL && value_get(b->opt->set, f->capture) != NULL &&
           usual_target(&b->ev, layout) != NULL;
}

rt_status job_convert(context *cx, const job_options *opt, const char *src, job **out)
{
    builder b;
    TRY(builder_start(cx, opt, &b));
    TRY(builder_open(&b, src));
    const char *to =
        opt->to != NULL
            ? opt->to
            : likely_target(cx, &b.ev, b.at, builder_plain_layout(&b), b.config);
    if (to == NULL) {
        diag *dg = diag_report(cx->diags, SEV_ERROR, "no-layout", NOWHERE,
                               "no rules know a layout '%s'", b.layout);
        diag_help(dg, "`retensor families` lists the layouts");
        return RT_USAGE;
    }
    if (strcmp(to, b.layout) == 0 && is_renumbered(&b, to)) {
        TRY(builder_walk(&b, usual_target(&b.ev, to)));
    } else if (strcmp(to, b.layout) == 0) {
        builder_note(&b, arena_printf(cx->arena,
                                      "the source is in layout '%s' already: files are "
                                      "rewritten, tensors stay",
                                      to));
        if (b.j->because != NULL) {
            b.j->because = arena_printf(cx->arena, "layout %s by %s", to, b.j->because);
        }
    }
    TRY(builder_walk(&b, to));
    TRY(builder_finish(&b));
    *out = b.j;
    return RT_OK;
}

void job_close(job *j)
{
    if (j == NULL) {
        return;
    }
    for (size_t i = 0; i < j->plan.sources.n; i++) {
        inventory *inv = NULL;
        memcpy(&inv, &j->plan.sources.at[i].inv, sizeof inv); /* opened by this job */
        if (i == 0 || j->plan.sources.at[i].inv != j->plan.sources.at[i - 1].inv) {
            inventory_close(inv);
        }
    }
}
