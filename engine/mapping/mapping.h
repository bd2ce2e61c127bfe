/* mapping/mapping.h -- a rule file as checked: names resolved, alternatives and
 * composite axes expanded, atoms compared, classes computed.
 *
 * An AST rule with alternatives `{weight | bias?}` becomes one `map_rule` for each; a
 * `let` is expanded in place; `use` and `include` are gone.  A mapping holds no sizes:
 * those come from a model's config or headers (config/values.h).
 *
 * Atoms.  Multiply the labelled sums of a rule's dims out: each side is a set of atoms,
 * an atom being a set of labels and a set of prime axes, captures of the name included.
 * A `<->` rule is accepted if and only if both sides have the same atoms, no atom
 * stands twice on a side and no axis twice in an atom (one-sided parts are declared).
 */
#ifndef RT_MAPPING_MAPPING_H
#define RT_MAPPING_MAPPING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/file_name.h"
#include "base/regex.h"
#include "base/status.h"
#include "base/strmap.h"
#include "diag/diag.h"
#include "grammar/ast.h"
#include "tensor/dtype.h"

#define NO_AXIS UINT32_MAX
#define LEFT    0u
#define RIGHT   1u

typedef enum exactness { /* from strongest to weakest; a whole is its weakest part */
                         EXACT,    /* a bijection on bytes */
                         EXACT_IF, /* a bijection when a condition on the data or on
                                      the types read holds, which is checked */
                         MADE,     /* made, without a source */
                         ROUNDING, /* an inverse exists on real numbers only */
                         LOSSY,    /* information is discarded */
} exactness;
const char *exactness_name(exactness e); /* "exact", "exact-if", "made", ... */

/* ---- axes, values, choices --------------------------------------------------- */

typedef struct map_axis {
    const char *name;
    where at;
    VEC(uint32_t)
    primes; /* `axis h = g * r`: the ids of g and r, expanded; else empty */
    const expr *read[2]; /* size as told by each side's config, or NULL; in a line of
                            one sided and one side-free expression the latter is the
                            size on the other side: `axis x = hf.extra = 0` */
    const expr *size;    /* side-free: `axis c2 = c`, `axis p = v - t`; or NULL */
    bool declared;       /* false: only used in dims (solved from shapes) */
} map_axis;

typedef struct map_value {
    const char *name;
    where at;
    const expr *read[2];
    const expr *is; /* side-free definition over other values and axes, or NULL */
} map_value;

typedef struct map_choice {
    const char *name;
    where at;
    bool of_roots;           /* alternatives are config roots (`hf.text_config | hf`) */
    VEC(const char *) texts; /* the first is written unless a source tells otherwise */
} map_choice;

/* ---- names ------------------------------------------------------------------- */

typedef enum name_kind {
    NAME_TEXT,
    NAME_CAPTURE, /* whole number without leading zeros (or `width` digits) when it has
                     an axis or range, else a word without a dot */
    NAME_PATH,    /* one or more characters, dots included */
    NAME_REGEX,
    NAME_CHOICE,
} name_kind;

typedef struct name_seg {
    name_kind kind;
    where at;
    const char *text;    /* NAME_TEXT; NAME_REGEX: the pattern */
    const regex *re;     /* NAME_REGEX: compiled */
    const char *name;    /* captures: as written, for messages */
    bool is_number;      /* NAME_CAPTURE: its capture is a whole number */
    uint32_t capture;    /* index into the rule's captures; UINT32_MAX: none */
    uint32_t choice;     /* index into mapping.choices */
    int64_t shift;       /* the number written is capture + shift */
    const expr *lo, *hi; /* half-open range of the capture, or NULL */
    unsigned width;
} name_seg;

typedef struct map_name {
    where at;
    VEC(name_seg) segs;
} map_name;

#define MAX_CAPTURES 32 /* of one rule */

typedef struct map_capture {
    const char *name;
    uint32_t axis; /* prime axis of that name, or NO_AXIS */
    bool is_number;
    bool is_path;
    const expr *lo, *hi; /* the range given at any occurrence, or NULL */
} map_capture;

/* ---- dims -------------------------------------------------------------------- */

typedef struct map_dim map_dim;
typedef struct map_part {
    where at;
    const char *label;
    uint32_t id;         /* number of the part within its rule; see part_on below */
    const map_dim *body; /* a DIM_PRODUCT */
    const expr *when;
} map_part;
struct map_dim {
    dim_kind kind; /* DIM_AXIS, DIM_INT (1 only), DIM_PRODUCT, DIM_SUM */
    where at;
    uint32_t axis; /* DIM_AXIS: a prime axis; composite ones became products */
    VEC(const map_dim *) kids;
    VEC(map_part) parts;
};
typedef struct map_dims {
    where at;
    arrow_kind arrow;
    VEC(const map_dim *) all; /* stored order: batch, left, right */
    uint32_t n_batch, n_left;
    bool any;      /* `[...]`: whatever dims the tensor has */
    bool only_out; /* of a bias: the line's dims I are left out */
} map_dims;

typedef struct map_tensor {
    where at;
    map_name name;
    const char *label; /* of the whole tensor, or NULL */
    const map_dims *dims;
    uint32_t same_in; /* capture index of `same in {t}`, or UINT32_MAX */
    unsigned role;    /* merge files: LEFT base, RIGHT adapter */
} map_tensor;

/* ---- rules ------------------------------------------------------------------- */

typedef struct map_one_sided { /* only, slice, pad */
    where at;
    part_kind kind;
    unsigned side;
    const char *label;
    bool keep;
    double fill;
    const char *because;
} map_one_sided;

/* `times S name [o / b <- i / b]`: the one tensor of that side, times the scale of the
 * block that an element stands in.  Ragged blocks stand last. */
typedef struct map_block {
    uint32_t axis;    /* of the tensor; NO_AXIS: a literal 1 */
    uint32_t by_axis; /* its size is that of a block; NO_AXIS: */
    int64_t by;       /* this is; 1: each element has its scale */
} map_block;
typedef struct map_scale {
    where at;
    unsigned side;
    map_name name;
    VEC(map_block) dims; /* stored order */
} map_scale;

typedef struct map_rule {
    const char *name;        /* "qkv" */
    const char *alternative; /* "weight", "bias"; NULL without alternatives */
    where at;
    bool optional;            /* the rule or this alternative: all of it or nothing */
    VEC(const expr *) guards; /* over values, axes and captures; all must hold */
    rule_arrow arrow;
    const char *because;
    VEC(map_tensor) tensors[2];
    VEC(map_capture) captures;
    uint32_t n_parts; /* labelled parts in all dims of the rule */
    bool has_op;      /* value operation: right = left * mul + add, in op_dtype */
    double mul, add;
    const char *op_dtype;   /* "f32" */
    const map_scale *scale; /* or NULL */
    dtype cast[2];          /* types that the layouts store it in, or DT_UNKNOWN */
    VEC(map_one_sided) one_sided;
    exactness class_of[2]; /* when read from LEFT, from RIGHT; but for casts, which hang
                              on the types that are read: rule_class */
} map_rule;

typedef struct map_drop {
    where at;
    unsigned side;
    map_name name;
    VEC(map_capture) captures;
    VEC(const expr *) guards;
    bool keep;
    const char *same; /* a rule whose tensor it must equal, or NULL */
    const char *because;
} map_drop;

typedef struct map_make { /* a constant tensor of one side */
    where at;
    unsigned side;
    map_name name;
    VEC(map_capture) captures;
    VEC(const expr *) guards;
    const map_dims *dims;
    double value;
    const char *because;
} map_make;

typedef struct map_tie {
    where at;
    const char *rule, *to; /* rule names; both exist.  NULL in a merge file */
    unsigned side;
    const expr *by; /* field path of that side, or NULL */
    /* of a merge file: the tensor's name, names of which one is what it is tied to, and
     * the bases that this is said of (NULL: all) */
    map_name name, to_name;
    const expr *when;
    VEC(map_capture) captures;
} map_tie;

typedef struct map_test {
    const test_item *ast;
    where at;
} map_test;

/* ---- merge ------------------------------------------------------------------- */

typedef struct map_factor {
    const expr *scalar;
    const map_tensor *tensor; /* role RIGHT */
} map_factor;

typedef struct map_local { /* an axis of one module whose size the config tells */
    uint32_t axis;
    const expr *size;
    where at;
} map_local;

/* `spelled adapter A | B`: a tensor that a later template matches is read under the
 * name that the first one makes of the captures. */
typedef struct map_spelling {
    where at;
    VEC(map_name) names;
    VEC(map_capture) captures;
} map_spelling;

typedef struct map_update {
    const char *name;
    where at;
    bool optional;
    bool replace;
    map_tensor target; /* role LEFT */
    VEC(map_factor) factors;
    const map_tensor *norm; /* its values become the norms of the sum; or NULL */
    const expr *rows; /* a list: the numbers of the target's rows that are replaced */
    VEC(map_local) locals;
    VEC(const expr *) guards;
    VEC(map_capture) captures;
    uint32_t n_parts;
    /* inside `each`: the pattern over the base's linear maps, and what it skips */
    const map_name *each;
    const map_dims *each_dims;
    VEC(const map_name *) except; /* their captures are anonymous */
} map_update;

/* May the rule be read from this side? */
bool rule_reads(const map_rule *r, unsigned side);
/* The scale that is read from this side, or NULL. */
const map_scale *rule_scale(const map_rule *rule, unsigned side);
/* The class as far as the rule tells: with a cast at best exact if the type that is
 * read is no wider. */
exactness rule_class(const map_rule *r, unsigned read);

/* ---- files -------------------------------------------------------------------- */

typedef struct map_config_file {
    const char *name;
    const expr *when; /* over bare fields: a config for which it holds has this name */
} map_config_file;

typedef struct map_files { /* what the files of a layout are called */
    where at;
    file_name_list weights; /* any is read, the first is written */
    uint64_t shard_bytes;   /* 0: one file */
    VEC(map_config_file) configs;
    VEC(const char *)
    dtype; /* config fields that tell the type of most weights, in
            * torch's words: "bfloat16" */
} map_files;

/* The name of files that are told apart by a number, or NULL.  The names of the
 * layout's tensors begin with it then: "00/norm.weight" is norm.weight in file 00. */
const file_name *files_numbered(const map_files *f);

/* ---- the whole --------------------------------------------------------------- */

typedef struct mapping {
    const char *name; /* "llama" */
    bool is_merge;
    const char *layout[2]; /* "hf", "lit" */
    const char *doc;
    const source *src;
    const ast_file *ast;
    VEC(map_axis) axes;
    VEC(map_value) values;
    VEC(map_choice) choices;
    VEC(map_rule) rules;
    VEC(map_drop) drops;
    VEC(map_make) makes;
    VEC(map_tie) ties;
    bool rest, config_rest;
    where rest_at;
    VEC(map_update) updates;
    VEC(map_spelling) spellings; /* of the adapter's names */
    /* config lines, in the order of the file after `use`/`include` (config/ reads them)
     */
    VEC(const item *)
    config_items; /* FIELD SPELLED EQUATION CONST DEFAULT TABLE REQUIRE
                     REFUSE IGNORE */
    VEC(const detect_item *) detect[2];
    const map_files *files[2]; /* or NULL */
    VEC(map_test) tests;
    strmap *axis_by_name, *value_by_name, *choice_by_name;
} mapping;

/* Load and check by family name (embedded rule file) or by path (it has a '/' or ends
 * in
 * ".rules").  All complaints in one run, RT_RULES then.  RT_USAGE: no such file. */
RT_NODISCARD rt_status mapping_load(context *cx, const char *name_or_path,
                                    const mapping **out);
/* Find and parse only: a file without a header has nothing to be checked alone. */
RT_NODISCARD rt_status mapping_read(context *cx, const char *name_or_path,
                                    const ast_file **out);
/* Check a parsed file; `use`/`include` are found beside its path, then embedded. */
RT_NODISCARD rt_status mapping_check(context *cx, const ast_file *file,
                                     const mapping **out);
/* The same with further items at its end (`reject` tests inside a file). */
RT_NODISCARD rt_status mapping_check_with(context *cx, const ast_file *file,
                                          const item_list *more, const mapping **out);
/* All embedded mappings (families and merges), checked; sorted by name. */
RT_NODISCARD rt_status mapping_all(context *cx, const mapping *const **out, size_t *n);

/* The side whose layout this is; false: neither. */
bool mapping_side(const mapping *m, const char *layout, unsigned *side);

/* The rule of a name, its first alternative where it has several; or NULL. */
const map_rule *mapping_rule(const mapping *m, const char *name);
/* Index of the axis or UINT32_MAX. */
uint32_t mapping_axis(const mapping *m, const char *name);

/* In a rule with a path capture, {m...}, axes that no line declares have sizes of their
 * own for each match. */
bool axis_is_own(const mapping *m, const map_rule *r, uint32_t axis);
bool rule_has_own_axes(const mapping *m, const map_rule *r);
/* Is it one of those in some rule, so that the model has no one size of it? */
bool axis_varies(const mapping *m, uint32_t axis);

/* As checked, for goldens and `check --verbose`: axes, rules with their atoms and
 * class. */
void mapping_print(buf *out, const mapping *m);

#endif
