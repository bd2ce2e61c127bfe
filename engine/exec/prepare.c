/* exec/prepare.c -- from a plan to jobs and buffers: everything that can be refused is
 * refused here, before a byte is written, and everything is allocated here, once. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "exec/cast.h"
#include "exec/run.h"

#define DEFAULT_MEMORY ((uint64_t)32 * 1024 * 1024)
#define HUGE_PAGE      ((size_t)2 * 1024 * 1024)
#define MAX_SLOTS      ((size_t)64)

/* ---- what can be run ------------------------------------------------------------ */

static rt_status refuse(context *cx, const plan_tensor *t, const char *why)
{
    diag *dg = diag_report(cx->diags, SEV_ERROR, "cannot-compute", t->rule_at,
                           "tensor '%s' (%s) cannot be made: %s", t->name,
                           dtype_st_name(t->dt), why);
    diag_help(dg,
              "only f16, bf16, f32 and f64 are computed with; keep the type as it is");
    return RT_MISMATCH;
}

static rt_status check_step(context *cx, const plan *p, const plan_tensor *t,
                            const step *s)
{
    if (s->kind == STEP_NORM) {
        const dtype m = p->sources.at[p->norms.at[s->t.b]->magnitude].t->dt;
        return cast_can_read(m)
                   ? RT_OK
                   : refuse(cx, t, "its norms are no floating-point tensor");
    }
    if (s->kind == STEP_SCALE) {
        return cast_can_read(p->sources.at[s->t.b].t->dt)
                   ? RT_OK
                   : refuse(cx, t, "its scales are no floating-point tensor");
    }
    if (s->kind != STEP_TERM) {
        return RT_OK;
    }
    if (s->t.rank == 0 || s->t.rank > LEFT_FLOATS) {
        diag_report(cx->diags, SEV_ERROR, "rank-range", t->rule_at,
                    "the update of '%s' has rank %" PRIu32 ", not 1 to %d", t->name,
                    s->t.rank, (int)LEFT_FLOATS);
        return RT_MISMATCH;
    }
    const dtype b = p->sources.at[s->t.b].t->dt;
    const dtype a = s->t.a != NO_SOURCE ? p->sources.at[s->t.a].t->dt : b;
    if (!cast_can_read(a) || !cast_can_read(b)) {
        return refuse(cx, t, "a factor of its update is no floating-point tensor");
    }
    return RT_OK;
}

static rt_status check_piece(context *cx, const plan *p, const plan_tensor *t,
                             const piece *q)
{
    unsigned char elem[CAST_MAX_BYTES];
    const bool is_fill = q->src == NO_SOURCE;
    const dtype from = is_fill ? t->dt : p->sources.at[q->src].t->dt;
    if (q->n_steps > 0 || from != t->dt) {
        if (!cast_can_write(t->dt)) {
            return refuse(cx, t, "its type is not computed with");
        }
        if (!is_fill && !cast_can_read(from)) {
            return refuse(cx, t,
                          arena_printf(cx->arena, "%s values cannot be converted",
                                       dtype_st_name(from)));
        }
    } else if (is_fill && !cast_encode(t->dt, q->fill, elem)) {
        return refuse(cx, t,
                      arena_printf(cx->arena, "its type has no value %g", q->fill));
    }
    for (unsigned i = 0; i < q->n_steps; i++) {
        TRY(check_step(cx, p, t, &q->steps[i]));
    }
    return RT_OK;
}

/* A box of elements of less than a byte as a box of bytes, if it is one. */
static bool to_bytes(piece *q, unsigned bits)
{
    const int64_t width = (int64_t)bits;
    bool fits = q->dst_offset * width % 8 == 0 && q->src_offset * width % 8 == 0;
    bool has_run = false;
    for (unsigned i = 0; i < q->n; i++) {
        if (q->dst_stride[i] == 1 && q->src_stride[i] == 1) {
            fits = fits && q->size[i] * width % 8 == 0;
            q->size[i] = q->size[i] * width / 8;
            has_run = true;
        } else {
            fits = fits && q->dst_stride[i] * width % 8 == 0 &&
                   q->src_stride[i] * width % 8 == 0;
            q->dst_stride[i] = q->dst_stride[i] * width / 8;
            q->src_stride[i] = q->src_stride[i] * width / 8;
        }
    }
    q->dst_offset = q->dst_offset * width / 8;
    q->src_offset = q->src_offset * width / 8;
    return fits && has_run && q->src != NO_SOURCE;
}

/* The pieces that a job moves, in elements of whole bytes. */
static rt_status take_pieces(context *cx, tensor_job *job)
{
    const plan_tensor *t = job->t;
    const unsigned bits = dtype_bits(t->dt);
    job->pieces = t->pieces.at;
    job->n_pieces = t->pieces.n;
    job->dt = t->dt;
    job->elem_bytes = bits / 8;
    job->n_elems = t->n_elems;
    if (bits % 8 == 0) {
        return RT_OK;
    }
    piece *bytes = NEW_N(cx->arena, piece, t->pieces.n);
    for (size_t i = 0; i < t->pieces.n; i++) {
        bytes[i] = t->pieces.at[i];
        if (!to_bytes(&bytes[i], bits)) {
            return refuse(cx, t, "its elements are no whole bytes and would be split");
        }
    }
    job->pieces = bytes;
    job->dt = DT_U8;
    job->elem_bytes = 1;
    job->n_elems = t->n_elems * bits / 8;
    return RT_OK;
}

static bool has_steps(const tensor_job *job, bool terms_only)
{
    for (size_t i = 0; i < job->n_pieces; i++) {
        for (unsigned s = 0; s < job->pieces[i].n_steps; s++) {
            if (!terms_only || job->pieces[i].steps[s].kind == STEP_TERM) {
                return true;
            }
        }
    }
    return false;
}

/* ---- tiles ---------------------------------------------------------------------- */

/* How much more than its own bytes a tile in the middle of the tensor costs to read. */
static double read_cost(const tensor_job *job, uint64_t tile, piece *clips, step *steps)
{
    const int64_t lo = (int64_t)(job->n_elems / 2 / tile * tile);
    const int64_t end = (int64_t)job->n_elems;
    const int64_t hi = end - lo < (int64_t)tile ? end : lo + (int64_t)tile;
    uint64_t cost = 0;
    for (size_t i = 0; i < job->n_pieces; i++) {
        if (job->pieces[i].src == NO_SOURCE) {
            continue;
        }
        const unsigned n = piece_clip(&job->pieces[i], lo, hi, clips, steps);
        for (unsigned k = 0; k < n; k++) {
            strided s = {.n = clips[k].n};
            memcpy(s.size, clips[k].size, sizeof s.size);
            memcpy(s.dst, clips[k].dst_stride, sizeof s.dst);
            memcpy(s.src, clips[k].src_stride, sizeof s.src);
            cost += gather_cost(&s, job->elem_bytes);
        }
    }
    return (double)cost / ((double)(hi - lo) * job->elem_bytes);
}

static bool is_one_run(const tensor_job *job)
{
    return job->n_pieces == 1 && job->pieces[0].n <= 1 && job->pieces[0].n_steps == 0;
}

/* Tiles as long as caches like them; longer where short runs would be read again and
 * again; of whole rows where rows matter, and of the kernel's blocks of rows where it
 * has work, else ending on pages of the file. */
static void cut_tiles(tensor_job *job, uint64_t max_bytes, piece *clips, step *steps)
{
    const bool has_terms = has_steps(job, true);
    uint64_t tile = (uint64_t)(has_terms ? MERGE_BYTES : TILE_BYTES) / job->elem_bytes;
    while (!is_one_run(job) && tile * job->elem_bytes * 2 <= max_bytes &&
           tile < job->n_elems && read_cost(job, tile, clips, steps) > 1.6) {
        tile *= 2;
    }
    const uint64_t row = job->t->rank > 1 ? job->t->shape[job->t->rank - 1] : 1;
    job->lead = 0;
    if (is_one_run(job)) {
        job->lead = job->offset % PAGE_BYTES / job->elem_bytes;
    } else if (row < tile && job->dt == job->t->dt) {
        const uint64_t block = row * BLOCK_ROWS;
        tile -= tile % (has_terms && block < tile ? block : row);
    }
    job->tile_elems = tile;
    job->n_tiles = (job->n_elems + job->lead + tile - 1) / tile;
}

static int by_place(const void *a, const void *b)
{
    const tensor_job *x = a;
    const tensor_job *y = b;
    if (x->file != y->file) {
        return x->file < y->file ? -1 : 1;
    }
    return (x->offset > y->offset) - (x->offset < y->offset);
}

static rt_status make_jobs(context *cx, run *r, const size_t *out_index,
                           uint64_t memory)
{
    const plan *p = r->plan;
    r->jobs = NEW_N(cx->arena, tensor_job, p->tensors.n);
    piece *clips = NEW_N(cx->arena, piece, PIECE_MAX_CLIPS);
    step *steps = NEW_N(cx->arena, step, PIECE_MAX_CLIPS * PIECE_MAX_STEPS);
    for (size_t i = 0; i < p->tensors.n; i++) {
        const plan_tensor *t = &p->tensors.at[i];
        if (t->alias_of >= 0 || t->n_elems == 0) {
            continue;
        }
        for (size_t k = 0; k < t->pieces.n; k++) {
            TRY(check_piece(cx, p, t, &t->pieces.at[k]));
        }
        tensor_job *job = &r->jobs[r->n_jobs++];
        const output_tensor *o = &r->tensors[out_index[i]];
        *job = (tensor_job){.t = t, .plan_index = i, .out_index = out_index[i]};
        job->file = o->file;
        job->offset = o->offset;
        job->fd = output_fd(r->output, o->file);
        TRY(take_pieces(cx, job));
        cut_tiles(job, memory / 4, clips, steps);
        job->measure_every =
            r->opt->stats != NULL && has_steps(job, true) ? r->opt->measure_every : 0;
        r->n_bytes += o->n_bytes;
    }
    qsort(r->jobs, r->n_jobs, sizeof *r->jobs, by_place);
    for (size_t i = 0; i < r->n_jobs; i++) {
        r->jobs[i].first_tile = r->n_tiles;
        r->jobs[i].tiles_left = r->jobs[i].n_tiles;
        r->n_tiles += r->jobs[i].n_tiles;
    }
    return RT_OK;
}

/* ---- buffers -------------------------------------------------------------------- */

typedef struct needs {
    size_t tile_bytes;
    bool compute;  /* casts or steps */
    bool operands; /* steps with numbers of other tensors */
    size_t max_rank, slot_floats;
} needs;

static void need_steps(needs *n, const plan *p, const piece *q)
{
    for (unsigned i = 0; i < q->n_steps; i++) {
        n->operands = n->operands || step_has_operand(&q->steps[i]);
        if (q->steps[i].kind != STEP_TERM) {
            continue;
        }
        const term *t = &q->steps[i].t;
        const uint64_t a = t->a != NO_SOURCE ? p->sources.at[t->a].t->n_elems : 0;
        const uint64_t b = p->sources.at[t->b].t->n_elems;
        const size_t whole = (size_t)(a > b ? a : b) + factors_min_floats(t->rank);
        n->slot_floats = whole > n->slot_floats ? whole : n->slot_floats;
        n->max_rank = t->rank > n->max_rank ? t->rank : n->max_rank;
    }
}

static needs needs_of(const run *r)
{
    needs n = {0};
    for (size_t i = 0; i < r->n_jobs + r->plan->norms.n; i++) {
        const tensor_job *job =
            i < r->n_jobs ? &r->jobs[i] : &r->norms[i - r->n_jobs].job;
        uint64_t most = job->n_elems < job->tile_elems ? job->n_elems : job->tile_elems;
        most *= job->elem_bytes;
        n.tile_bytes = most > n.tile_bytes ? (size_t)most : n.tile_bytes;
        for (size_t k = 0; k < job->n_pieces; k++) {
            const piece *q = &job->pieces[k];
            const dtype from =
                q->src == NO_SOURCE ? job->t->dt : r->plan->sources.at[q->src].t->dt;
            n.compute = n.compute || q->n_steps > 0 || from != job->t->dt;
            need_steps(&n, r->plan, q);
        }
    }
    const size_t usual = SLOT_BYTES / sizeof(float);
    n.slot_floats = n.slot_floats < usual ? n.slot_floats : usual;
    const size_t least = factors_min_floats((unsigned)n.max_rank);
    n.slot_floats = n.slot_floats > least ? n.slot_floats : least;
    return n;
}

/* Take the next n bytes of the room, on a cache line; with no room yet, only count. */
static void *take(unsigned char *room, size_t *at, size_t n_bytes)
{
    void *p = room == NULL ? NULL : room + *at;
    *at += (n_bytes + 63) / 64 * 64;
    return p;
}

static size_t give_buffers(worker *w, const needs *n, unsigned char *room)
{
    size_t at = 0;
    w->out = take(room, &at, n->tile_bytes);
    w->stage = take(room, &at, STAGE_BYTES);
    w->steps = take(room, &at, PIECE_MAX_CLIPS * PIECE_MAX_STEPS * sizeof(step));
    if (n->compute) {
        w->native = take(room, &at, (size_t)DENSE_ELEMS * CAST_MAX_BYTES);
        w->cooked = take(room, &at, (size_t)DENSE_ELEMS * CAST_MAX_BYTES);
    }
    if (n->operands) {
        w->delta = take(room, &at, DELTA_FLOATS * sizeof *w->delta);
    }
    if (n->max_rank > 0) {
        w->left = take(room, &at, LEFT_FLOATS * sizeof *w->left);
        w->row_at = take(room, &at, MAX_ROWS * sizeof *w->row_at);
    }
    return (at + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
}

/* One region on huge pages, touched as it is used: first touches of small pages cost
 * more than the work that is done in them. */
static unsigned char *map_room(run *r, size_t n_bytes)
{
    r->room_bytes = n_bytes + HUGE_PAGE;
    r->room = mmap(NULL, r->room_bytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (r->room == MAP_FAILED) {
        r->room = NULL;
        return NULL;
    }
    unsigned char *room = r->room;
    room += (HUGE_PAGE - (uintptr_t)room % HUGE_PAGE) % HUGE_PAGE;
    (void)madvise(room, n_bytes, MADV_HUGEPAGE); /* only a wish */
    return room;
}

static rt_status make_buffers(context *cx, run *r, uint64_t memory)
{
    const needs n = needs_of(r);
    worker counted = {0};
    const size_t each = give_buffers(&counted, &n, NULL);
    const size_t slot_bytes = n.slot_floats * sizeof(float);
    const unsigned wanted = r->opt->threads > 0 ? r->opt->threads : 1;
    const uint64_t fit = memory / (each + slot_bytes);
    r->n_workers = fit < wanted ? (unsigned)fit : wanted;
    r->n_workers = r->n_workers > 0 ? r->n_workers : 1;

    size_t n_slots = 0;
    if (n.max_rank > 0) {
        const uint64_t used = (uint64_t)each * r->n_workers;
        const uint64_t more = memory > used ? (memory - used) / slot_bytes : 0;
        n_slots = more < MAX_SLOTS ? (size_t)more : MAX_SLOTS;
        n_slots = n_slots > r->n_workers ? n_slots : r->n_workers;
    }
    const size_t all =
        each * r->n_workers + n_slots * slot_bytes + MAX_PANEL * sizeof(float);
    unsigned char *room = map_room(r, all);
    if (room == NULL) {
        diag_report(cx->diags, SEV_ERROR, "no-memory", NOWHERE,
                    "cannot reserve %zu bytes for buffers: %s", all, strerror(errno));
        return RT_FILE;
    }
    r->workers = NEW_N(cx->arena, worker, r->n_workers);
    for (unsigned i = 0; i < r->n_workers; i++) {
        r->workers[i].run = r;
        r->workers[i].factors = &r->factors;
        (void)give_buffers(&r->workers[i], &n, room + i * each);
    }
    void *panels = room + r->n_workers * each;
    factors_init(&r->factors, r->plan, r->kernels,
                 NEW_N(cx->arena, factor_slot, n_slots), n_slots, panels,
                 n.slot_floats);
    return RT_OK;
}

rt_status run_prepare(context *cx, run *r, const size_t *out_index)
{
    const uint64_t memory =
        r->opt->memory_bytes > 0 ? r->opt->memory_bytes : DEFAULT_MEMORY;
    r->kernels = kernels_select(r->opt->kernels);
    if (r->kernels == NULL) {
        diag *dg =
            diag_report(cx->diags, SEV_ERROR, "no-kernels", NOWHERE,
                        "this processor cannot run the kernels '%s'", r->opt->kernels);
        diag_help(dg, "there are portable, avx2 and avx512");
        return RT_USAGE;
    }
    r->needs_crc = output_needs_crc(r->output);
    TRY(make_jobs(cx, r, out_index, memory));
    TRY(norms_prepare(cx, r));
    return make_buffers(cx, r, memory);
}

void run_free(run *r)
{
    for (size_t i = 0; i < r->n_jobs; i++) {
        free(r->jobs[i].sums);
        r->jobs[i].sums = NULL;
    }
    if (r->room != NULL) {
        factors_end(&r->factors);
        (void)munmap(r->room, r->room_bytes);
        r->room = NULL;
    }
}
