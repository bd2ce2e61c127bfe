#include "audit/small_merge.h"

#include <string.h>

#include "audit/probe_model.h"
#include "audit/regex_word.h"
#include "audit/slow.h"
#include "config/eval.h"
#include "mapping/names.h"
#include "plan/merge.h"

/* ---- the config ------------------------------------------------------------------ */

typedef struct row_fields {
    context *cx;
    value *config[2];
} row_fields;

/* A list of rows that no config gives: three, in no order. */
static void give_rows(void *who, const expr *path)
{
    static const int rows[] = {5, 0, 3};
    const row_fields *rf = who;
    arena *a = rf->cx->arena;
    const char *dot = strchr(path->s, '.');
    if (dot == NULL || strchr(dot + 1, '.') != NULL) {
        return;
    }
    value *config = rf->config[strncmp(path->s, "adapter.", 8) == 0 ? RIGHT : LEFT];
    if (value_get(config, dot + 1) == NULL) {
        value *list = value_list(a);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            vec_push(a, &list->items, value_int(a, rows[i]));
        }
        value_set(a, config, dot + 1, list);
    }
}

static bool read_config(small_merge *s, const values *facts)
{
    arena *a = s->cx.arena;
    row_fields rf = {.cx = &s->cx};
    for (unsigned side = 0; side < 2; side++) {
        rf.config[side] = facts->config[side] == NULL
                              ? value_record(a)
                              : value_copy(a, facts->config[side]);
    }
    if (s->u->rows != NULL) {
        expr_paths(s->u->rows, give_rows, &rf);
    }
    return values_read_pair(&s->cx, facts->m, rf.config[LEFT], "the probe",
                            rf.config[RIGHT], "the probe", &s->v) == RT_OK;
}

/* ---- names ----------------------------------------------------------------------- */

/* Words of captures; false: an expression that no invented word is sure to match. */
static bool invent_words(small_merge *s)
{
    const map_update *u = s->u;
    arena *a = s->cx.arena;
    int64_t *numbers = NEW_N(a, int64_t, u->captures.n + 1);
    const char **words = NEW_N(a, const char *, u->captures.n + 1);
    const map_name *names[2] = {u->each, &u->target.name};
    for (size_t i = 0; i < u->captures.n; i++) {
        words[i] = "x";
    }
    for (unsigned k = 0; k < 2; k++) {
        for (size_t i = 0; names[k] != NULL && i < names[k]->segs.n; i++) {
            const name_seg *seg = &names[k]->segs.at[i];
            if (seg->kind == NAME_REGEX && seg->capture != UINT32_MAX) {
                words[seg->capture] = regex_word(a, seg->text, seg->re);
                if (words[seg->capture] == NULL) {
                    return false;
                }
            }
        }
    }
    s->words = (binding){u->captures.at, numbers, words, u->captures.n};
    return true;
}

static const char *filled(const small_merge *s, const map_name *name)
{
    return name_fill(s->cx.arena, s->v->m, name, s->v->choice, s->words.numbers,
                     s->words.words);
}

static void add_tensor(small_merge *s, unsigned at, const map_tensor *as)
{
    s->tensor[at] = as;
    s->name[at] = filled(s, &as->name);
}

/* What is right of the arrow first, as a base may store it. */
static map_tensor *turned(arena *a, const map_tensor *t)
{
    map_tensor *to = NEW(a, map_tensor);
    map_dims *d = NEW(a, map_dims);
    *to = *t;
    *d = *t->dims;
    to->dims = d;
    d->all.at = NEW_N(a, const map_dim *, d->all.n);
    const size_t n = d->all.n - d->n_batch;
    for (size_t i = 0; i < d->all.n; i++) {
        d->all.at[i] =
            i < d->n_batch
                ? t->dims->all.at[i]
                : t->dims->all.at[d->n_batch + (i - d->n_batch + d->n_left) % n];
    }
    return to;
}

/* ---- sizes ----------------------------------------------------------------------- */

/* So many new rows as the list numbers, and so many of the target that the list numbers
 * some of them; false: the config has no such list. */
static bool size_rows(small_merge *s, bool *told)
{
    const value *rows = values_eval(&s->cx, s->v, s->u->rows, &s->words, NULL);
    slow_choice choice[2] = {{0}, {0}};
    const slow_atom t = slow_atom_of(s->tensor[0], NULL, &choice[0]);
    const slow_atom f = slow_atom_of(s->tensor[1], NULL, &choice[1]);
    int64_t last = 0;
    if (rows == NULL || rows->kind != V_LIST || rows->items.n == 0) {
        return false;
    }
    for (size_t i = 0; i < rows->items.n; i++) {
        const value *r = rows->items.at[i];
        if (r->kind != V_INT || r->i < 0) {
            return false;
        }
        last = r->i > last ? r->i : last;
    }
    for (unsigned i = 0; i < t.n_axes; i++) {
        if (!slow_has_axis(&f, t.axis[i])) {
            s->v->size[t.axis[i]] = probe_prime(last + 1);
            told[t.axis[i]] = true;
        }
    }
    for (unsigned i = 0; i < f.n_axes; i++) {
        if (!slow_has_axis(&t, f.axis[i])) {
            s->v->size[f.axis[i]] = (int64_t)rows->items.n;
            told[f.axis[i]] = true;
        }
    }
    s->rows = rows;
    return true;
}

/* Sizes that the config tells for this update stay; the others are primes apart. */
static bool set_sizes(small_merge *s, uint32_t one)
{
    bool *told = NEW_N(s->cx.arena, bool, s->v->m->axes.n + 1);
    if (!probe_sizes(&s->cx, s->v, LEFT, one, NULL)) {
        return false;
    }
    for (size_t i = 0; i < s->u->locals.n; i++) {
        const map_local *l = &s->u->locals.at[i];
        const value *is = values_eval(&s->cx, s->v, l->size, &s->words, NULL);
        if (is == NULL || is->kind != V_INT || is->i <= 0) {
            return false;
        }
        s->v->size[l->axis] = is->i;
        told[l->axis] = true;
    }
    return (s->u->rows == NULL || size_rows(s, told)) &&
           probe_sizes(&s->cx, s->v, LEFT, one, told);
}

/* ---- guards and scale ------------------------------------------------------------ */

static void set_parts(small_merge *s, const map_dim *d, bool *part_on)
{
    for (size_t i = 0; i < d->kids.n; i++) {
        set_parts(s, d->kids.at[i], part_on);
    }
    for (size_t i = 0; i < d->parts.n; i++) {
        const map_part *p = &d->parts.at[i];
        part_on[p->id] =
            p->when == NULL || values_holds(&s->cx, s->v, p->when, &s->words) == 1;
        set_parts(s, p->body, part_on);
    }
}

static bool set_scale(small_merge *s)
{
    s->scale = 1;
    for (size_t f = 0; f < s->u->factors.n; f++) {
        const expr *e = s->u->factors.at[f].scalar;
        const value *is =
            e == NULL ? NULL : values_eval(&s->cx, s->v, e, &s->words, NULL);
        if (e != NULL && (is == NULL || !value_is_number(is))) {
            return false;
        }
        s->scale *= is == NULL ? 1 : value_number(is);
    }
    return true;
}

static void set_tensors(small_merge *s, bool is_turned)
{
    const map_update *u = s->u;
    unsigned n = 1;
    add_tensor(s, 0, is_turned ? turned(s->cx.arena, &u->target) : &u->target);
    for (size_t f = 0; f < u->factors.n; f++) {
        if (u->factors.at[f].tensor != NULL) {
            add_tensor(s, n++, u->factors.at[f].tensor);
        }
    }
    s->n_factors = n - 1;
    s->norm = u->norm;
    if (u->norm != NULL) {
        add_tensor(s, n, u->norm);
    }
}

/* ---- shapes ---------------------------------------------------------------------- */

static bool shape_of(const small_merge *s, const map_dims *d, uint64_t *shape,
                     unsigned *rank)
{
    if (d->any) { /* as good as any other */
        *rank = 3;
        shape[0] = 2;
        shape[1] = 5;
        shape[2] = 3;
        return true;
    }
    return slow_shape(d, s->v->size, s->part_on, shape, rank);
}

/* A square one could be stored either way. */
static bool turns(const small_merge *s)
{
    const map_dims *d = s->u->target.dims;
    uint64_t as_written[8], as_turned[8];
    unsigned rank;
    return d->arrow != ARROW_NONE &&
           slow_shape(d, s->v->size, s->part_on, as_written, &rank) &&
           slow_shape(s->tensor[0]->dims, s->v->size, s->part_on, as_turned, &rank) &&
           memcmp(as_written, as_turned, rank * sizeof *as_turned) != 0;
}

static bool add_header(const small_merge *s, inventory *inv, const map_dims *d,
                       const char *name)
{
    tensor_info x = {.name = name,
                     .dt = DT_F32,
                     .has_shape = true,
                     .is_contiguous = true,
                     .n_elems = 1};
    unsigned rank;
    if (!shape_of(s, d, x.shape, &rank)) {
        return false;
    }
    x.rank = (uint8_t)rank;
    for (unsigned i = 0; i < rank; i++) {
        x.n_elems *= x.shape[i];
    }
    x.n_bytes = 4 * x.n_elems;
    return x.n_elems > 0 && inventory_add(s->cx.arena, inv, x);
}

/* A base with the target, and with the map that `each` runs over; an adapter with all
 * the others.  False: none of the parts of one of them is there. */
static bool make_inventories(small_merge *s)
{
    arena *a = s->cx.arena;
    inventory *base = inventory_new(a), *adapter = inventory_new(a);
    const char *each = s->u->each == NULL ? s->name[0] : filled(s, s->u->each);
    bool good =
        add_header(s, base, s->tensor[0]->dims, s->name[0]) &&
        (strcmp(each, s->name[0]) == 0 || add_header(s, base, s->u->each_dims, each));
    for (unsigned t = 1; t < SMALL_MAX_TENSORS && s->tensor[t] != NULL; t++) {
        good = good && add_header(s, adapter, s->tensor[t]->dims, s->name[t]);
    }
    s->base = base;
    s->adapter = adapter;
    return good;
}

bool small_merge_set(small_merge *s, const small_kind *kind)
{
    const map_update *u = s->u;
    bool *part_on = NEW_N(s->cx.arena, bool, u->n_parts + 1);
    if (!read_config(s, kind->facts) || !invent_words(s)) {
        return false;
    }
    set_tensors(s, kind->turned);
    if (!set_sizes(s, kind->one) ||
        values_all_hold(&s->cx, s->v, u->guards.at, u->guards.n, &s->words) != 1 ||
        !set_scale(s)) {
        return false;
    }
    for (unsigned t = 0; t < SMALL_MAX_TENSORS && s->tensor[t] != NULL; t++) {
        for (size_t i = 0; i < s->tensor[t]->dims->all.n; i++) {
            set_parts(s, s->tensor[t]->dims->all.at[i], part_on);
        }
    }
    s->part_on = part_on;
    return (!kind->turned || turns(s)) && make_inventories(s);
}

/* ---- the planner's merge --------------------------------------------------------- */

/* Sizes that no config tells are the planner's to find out from the shapes. */
static void hide_sizes(values *v)
{
    for (uint32_t x = 0; x < v->m->axes.n; x++) {
        bool is_factor = false;
        for (size_t i = 0; i < v->m->axes.n; i++) {
            for (size_t k = 0; k < v->m->axes.at[i].primes.n; k++) {
                is_factor = is_factor || v->m->axes.at[i].primes.at[k] == x;
            }
        }
        if (!v->m->axes.at[x].declared && !is_factor) {
            v->size[x] = SIZE_UNKNOWN;
        }
    }
}

bool small_merge_run(small_merge *s)
{
    arena *a = s->cx.arena;
    const size_t n_bytes = s->v->m->axes.n * sizeof *s->v->size;
    int64_t *size = NEW_N(a, int64_t, s->v->m->axes.n + 1);
    stage *out = NULL;
    merge_account acc = {0};
    const merge_how how = {.weight = 1};
    const stage *b = stage_of_inventory(&s->cx, &s->plan, s->base);
    const stage *x = stage_of_inventory(&s->cx, &s->plan, s->adapter);
    memcpy(size, s->v->size, n_bytes);
    hide_sizes(s->v);
    const rt_status status =
        stage_merge(&s->cx, &s->plan, b, x, s->v, NULL, &how, &out, &acc);
    memcpy(s->v->size, size, n_bytes);
    s->made = status == RT_OK ? stage_find(out, s->name[0]) : NULL;
    return s->made != NULL;
}
