/* mapping/check.h -- inside of the check: from AST to mapping.
 *
 * The passes, in order: reuse (use, include), declare (axes, values, choices, lets),
 * expand (rules with their alternatives), atoms, overlap, class.  Each reports all that
 * it finds; a later pass works only on what an earlier one could build.
 */
#ifndef RT_MAPPING_CHECK_H
#define RT_MAPPING_CHECK_H

#include "mapping/mapping.h"

/* Copy one VEC to another of the same element type but another (anonymous) struct. */
#define VEC_SET(to, from)                                                              \
    do {                                                                               \
        (to).at = (from).at;                                                           \
        (to).n = (from).n;                                                             \
        (to).cap = (from).n;                                                           \
    } while (0)

typedef VEC(map_capture) capture_list;

/* Where an item came from: the file itself, or a `use` or `include` line of another. */
typedef struct origin {
    const struct origin *up; /* NULL: the file that is checked */
    const ast_file *file;
    const strmap *without; /* names that the use line removes, or NULL */
    unsigned depth; /* `use` lines on the way: 0 for the file and what it includes */
    unsigned layer; /* `use` and `include` lines on the way */
} origin;

typedef struct taken_item {
    const item *it;
    const origin *from;
} taken_item;
typedef VEC(taken_item) taken_list;

/* The blocks around an item, innermost first. */
typedef struct block_scope {
    const struct block_scope *up;
    const template *prefix[2];
    const expr *when;
} block_scope;

typedef struct check {
    context *cx;
    arena *a;
    mapping *m;
    const ast_file *file;
    taken_list items; /* without use, include; blocks are walked by walk_items */
    bool incomplete;  /* a used or included file could not be taken */
    strmap *lets;     /* name -> index in let_items */
    VEC(const let_item *) let_items;
    VEC(int) root_side; /* by choice id: the side of a choice of roots, else -1 */
    strmap *names;      /* every declared name -> index in name_at */
    VEC(where) name_at;
    strmap *rules; /* rule and update names -> index in rule_at */
    VEC(where) rule_at;
    strmap *said; /* complaints made, to say each once */
    diags *muted; /* where repetitions go */
} check;

/* What the names in a rule, drop or update mean. */
typedef struct rule_scope {
    capture_list captures;
    uint32_t n_parts;
    bool in_each; /* `{m}` continues the path capture of the `each` line */
} rule_scope;

/* ---- shared.c ------------------------------------------------------------------ */
typedef void (*item_visit)(check *ck, const item *it, const block_scope *b,
                           const origin *from);
/* Every item that no `without` removes, blocks opened; `b` is NULL outside of blocks.
 */
void walk_items(check *ck, item_visit visit);
/* The same for a list of items of one block or `each`. */
void walk_list(check *ck, const item_list *list, const block_scope *b,
               const origin *from, item_visit visit);

diag *complain(check *ck, const char *slug, where at, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
size_t n_errors(const check *ck);
/* The side that a layout name (in merge files also `base`, `adapter`) stands for. */
bool side_named(const mapping *m, const char *name, unsigned *side);
/* The same for a rule's clause; reports "unknown-name". */
bool side_resolve(check *ck, const char *name, where at, unsigned *side);
/* What the reader calls a side: its layout, or the role in a merge file. */
const char *side_shown(const mapping *m, unsigned side);
/* Help with the name that may be meant; false: none is near. */
bool help_near(diag *dg, const char *name, const strmap *among);

/* ---- reuse.c ----------------------------------------------------------------- */
void reuse_take(check *ck, const item_list *more);

/* ---- load.c ------------------------------------------------------------------ */
/* The parsed file that `use`/`include` mean; reports and returns NULL. */
const ast_file *find_file(check *ck, const source *beside, const char *name, where at);

/* ---- declare.c --------------------------------------------------------------- */
void declare_all(check *ck);
/* Id of an axis by name; adds an undeclared one. */
uint32_t axis_need(check *ck, const char *name, where at);

/* ---- exprs.c ----------------------------------------------------------------- */
typedef struct name_scope {
    const capture_list *captures; /* or NULL */
    const strmap *vars;           /* variables of a table row, or NULL */
    bool guard;                   /* names no field of a side (in families) */
    bool both;                    /* may read both sides (merge: both are there) */
    bool fields;                  /* bare names are fields (`detect`) */
} name_scope;
/* Check every name of an expression; the result has bit 0 (LEFT) and bit 1 (RIGHT) for
 * the sides whose fields it names.  Both sides at once are reported here. */
unsigned expr_check(check *ck, const expr *e, const name_scope *scope);
/* The sides that an expression names, without complaints. */
unsigned expr_sides(const check *ck, const expr *e);
bool expr_same(const expr *x,
               const expr *y); /* as written, places apart; NULLs are equal */
bool template_same(const template *x, const template *y);
/* The number that a constant expression is. */
bool expr_constant(const expr *e, double *out);
const char *expr_shown(arena *a, const expr *e);

/* ---- expand.c, dims.c, template.c -------------------------------------------- */
void expand_rules(check *ck);
void expand_merge(check *ck);
void expand_drop(check *ck, const item *it, const block_scope *b);

/* A template with the prefixes of its blocks, and the alternatives of its holes. */
typedef struct hole {
    const alternative *alts;
    size_t n;
} hole;
typedef struct full_template {
    where at;
    VEC(const segment *) segs;
    VEC(hole) holes;
    size_t n_picks; /* product of the holes' alternatives; 1 without holes */
} full_template;
/* Of `has`: a name that is only asked for. */
void template_check_asked(check *ck, const template *t);
typedef struct pick { /* one combination of alternatives of a template */
    const char *text; /* joined, without a leading dot; NULL without holes */
    bool is_bias;     /* its last component is `bias` */
    bool optional;
    const expr *when; /* of the holes that have one, or NULL */
} pick;
void template_full(check *ck, const block_scope *b, unsigned side, const template *t,
                   full_template *out);
void template_pick(check *ck, const full_template *t, size_t k, pick *out);
/* The name under combination k; captures are added to the scope. */
void template_name(check *ck, rule_scope *scope, const full_template *t, size_t k,
                   map_name *out);
/* Once all names of a rule are read, tell each of its captures whether it is a number,
 * and that none of them can be negative. */
void name_settle(check *ck, const rule_scope *scope, map_name *name);
/* Guards of the blocks, then `when`s of the rule; names are checked against the scope.
 */
void guards_gather(check *ck, const rule_scope *scope, const block_scope *b,
                   const expr *when, const expr *also, expr_list *out);

/* All tensors of a rule or update. */
typedef struct tensor_set {
    VEC(const tensor_ref *) refs;
    VEC(full_template) names;
    size_t n_picks; /* alternatives of each */
} tensor_set;
void set_add(check *ck, tensor_set *set, const block_scope *b, const tensor_ref *ref,
             unsigned side);
/* Alternatives run in parallel: all names of a rule have as many, and the k-th of each
 * is there under the same conditions.  False: reported. */
bool set_parallel(check *ck, const tensor_set *set);
/* Tensor i of the set under combination k. */
void set_tensor(check *ck, rule_scope *scope, const tensor_set *set, size_t i, size_t k,
                map_tensor *out);

/* Resolve dims; `only_out` keeps batch and O of a linear map (a bias). */
const map_dims *dims_resolve(check *ck, rule_scope *scope, const dims *d,
                             bool only_out);
void dims_declare(check *ck, const dims *d); /* add the axes that it names */
/* Check guards of labels and labels of sums, over all tensors of a rule. */
void parts_check(check *ck, const rule_scope *scope, const map_tensor *const *tensors,
                 size_t n);
void dims_show(buf *out, const mapping *m, const map_dims *d);

/* ---- atoms.c ----------------------------------------------------------------- */
#define ATOM_CAPTURE 0x80000000u /* a capture that is no axis, by its index */
#define ATOMS_MAX    4096        /* of one side */

typedef struct atom {
    VEC(const char *) labels; /* sorted */
    VEC(uint32_t) axes;       /* in order of appearance: captures, then dims */
    size_t left_at, right_at; /* where those of the dims left and right begin */
    const map_tensor *tensor;
} atom;
typedef VEC(atom) atom_list;

/* Append the atoms of a tensor; false when they are too many to be meant. */
bool atoms_of(arena *a, const map_tensor *t, const map_capture *captures,
              atom_list *out);
bool atom_same_labels(const atom *x, const atom *y);
bool atom_same_axes(const atom *x, const atom *y);
bool atom_has_axis(const atom *x, uint32_t axis);
const char *atom_axes_shown(arena *a, const mapping *m, const map_capture *captures,
                            const atom *x);
const char *atom_labels_shown(arena *a, const atom *x); /* "part 'k'", "the tensor" */
const char *atom_axis_name(const mapping *m, const map_capture *captures,
                           uint32_t axis);

/* ---- bijection.c, arrows.c --------------------------------------------------- */
/* The bijection test; reports. */
void atoms_check(check *ck, const map_rule *r);
/* The linear maps among the atoms of both sides; reports. */
void arrows_check(check *ck, const map_rule *r, const atom_list side[2]);

/* ---- ties.c ------------------------------------------------------------------ */
void ties_check(check *ck);
void drops_check(check *ck); /* of `drop S name = rule` */

/* ---- the rest ---------------------------------------------------------------- */
void update_check(check *ck, const map_update *u); /* factors.c */
void overlap_check(check *ck);                     /* overlap.c */
bool guards_exclude(arena *a, const mapping *m, const map_capture *captures, size_t n,
                    const expr_list *x, const expr_list *y);  /* guards.c */
void op_resolve(check *ck, const rule_item *ri, map_rule *r); /* op.c */
void scale_declare(check *ck, const times_clause *t); /* add the axes that it names */
void scale_resolve(check *ck, const rule_item *ri, rule_scope *scope,
                   const block_scope *b, map_rule *r); /* scale.c */
void casts_resolve(check *ck, const rule_item *ri, map_rule *r);
void class_compute(map_rule *r); /* class.c */
void config_check(check *ck);    /* config_lines.c */
void words_check(check *ck);     /* words.c */
void files_check(check *ck);     /* files.c */

#endif
