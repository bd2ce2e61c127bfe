/* grammar/ast.h -- a rule file as written.
 *
 * Nodes keep what the author wrote, where, and in which order; nothing is resolved,
 * expanded or checked here.  The parser's actions only build these nodes; the
 * formatter prints them; engine/mapping turns them into a checked mapping.  All
 * memory is the arena's; nodes are immutable after parsing.  `grammar/README.md` is
 * the language reference.
 */
#ifndef RT_GRAMMAR_AST_H
#define RT_GRAMMAR_AST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "diag/diag.h"

/* ---- expressions ------------------------------------------------------------- */

typedef enum expr_kind {
    EXPR_NULL,
    EXPR_BOOL,   /* i: 0 or 1 */
    EXPR_INT,    /* i */
    EXPR_FLOAT,  /* f; s: the numeral as written */
    EXPR_STRING, /* s */
    EXPR_REGEX,  /* s pattern, flags: right side of =~ only */
    EXPR_PATH,  /* s: "c", "hf.hidden_size", "t.vocab_size": a name with or without dots
                 */
    EXPR_INDEX, /* kid[0] '[' kid[1] ']' */
    EXPR_NOT,   /* kid[0] */
    EXPR_NEG,   /* kid[0] */
    EXPR_BINARY, /* op, kid[0], kid[1] */
    EXPR_IN,     /* kid[0] in { kid[1..] } */
    EXPR_IF,     /* if kid[0] then kid[1] else kid[2] */
    EXPR_CALL,   /* s '(' kids ')' */
    EXPR_HAS,    /* has template: such a tensor exists */
    EXPR_LIST,   /* '[' kids ']' */
    EXPR_RECORD, /* '{' keys[i] ':' kid[i] ... '}': literals only (tests) */
} expr_kind;

typedef enum expr_op {
    OP_OR,
    OP_AND,
    OP_EQ,
    OP_NE,
    OP_LT,
    OP_LE,
    OP_GT,
    OP_GE,
    OP_MATCH, /* =~ */
    OP_ELSE,  /* ?? : the left unless it is null or absent */
    OP_ADD,
    OP_SUB,
    OP_MUL,
    OP_DIV,
    OP_MOD,
} expr_op;

typedef struct expr expr;
typedef struct template template;
typedef VEC(const expr *) expr_list;
typedef VEC(const char *) word_list;
typedef VEC(const template *) template_list;

/* Trees are at most this deep, so that whoever walks them may recurse. */
enum { EXPR_MAX_DEPTH = 200 };

struct expr {
    expr_kind kind;
    where at;
    expr_op op;
    int64_t i;
    double f;
    const char *s;
    const char *flags; /* EXPR_REGEX: "i" or "" */
    const template *tmpl;
    expr_list kid;
    word_list keys;
    unsigned depth; /* 1 for a leaf */
};

/* ---- names of tensors -------------------------------------------------------- */

/* One alternative of a hole `{weight | bias? | scale when E}`. */
typedef struct alternative {
    where at;
    const char *text; /* "weight", ".bias", "" */
    bool quoted;      /* written as a string */
    bool optional;    /* `?` */
    const expr *when; /* or NULL */
} alternative;
typedef VEC(alternative) alternative_list;

typedef enum segment_kind {
    SEG_TEXT,  /* literal characters: text */
    SEG_NAME,  /* {l}, {l + 2}, {l in a..b}, {t:02}: a capture, or a `let`/`choice` name
                */
    SEG_PATH,  /* {m...}: captures across dots */
    SEG_REGEX, /* {x:/re/}: name, text = pattern */
    SEG_ALT,   /* {weight | bias?}: alternatives */
} segment_kind;

typedef struct segment {
    segment_kind kind;
    where at;
    const char *text;
    const char *name;
    int64_t shift;       /* {l + k}, {l - k} with a whole number k */
    const expr *lo, *hi; /* {l in lo..hi}: half open; NULL where open or absent */
    unsigned width;      /* {t:02}: digits with leading zeros; 0: plain */
    alternative_list alts;
} segment;
typedef VEC(segment) segment_list;

struct template
{
    where at;
    segment_list segs;
};

/* ---- dimensions -------------------------------------------------------------- */

typedef enum dim_kind {
    DIM_AXIS,    /* name */
    DIM_INT,     /* literal size: 1 is free, others must match (tests) */
    DIM_PRODUCT, /* (a b c): kids, row-major, last fastest */
    DIM_SUM,     /* (q: ... | k: ... when E): parts, concatenated in order */
} dim_kind;

typedef struct dim dim;
typedef VEC(const dim *) dim_list;
typedef struct dim_part {
    where at;
    const char *label;
    const dim *body;  /* a DIM_PRODUCT; without kids its size is 1 */
    const expr *when; /* or NULL: the part is there exactly when it holds */
} dim_part;
typedef VEC(dim_part) dim_part_list;
struct dim {
    dim_kind kind;
    where at;
    const char *name;
    int64_t size;
    dim_list kids;
    dim_part_list parts;
};

typedef enum arrow_kind {
    ARROW_NONE,   /* [v c]: no linear map */
    ARROW_OUT_IN, /* [O <- I]: stored O then I (torch Linear) */
    ARROW_IN_OUT, /* [I -> O]: stored I then O (Conv1D, Embedding) */
} arrow_kind;

/* `[e, i <- c]`: batch dims (before the last comma left of the arrow), then the dims
 * left and right of the arrow.  Without arrow all dims are in `left`.  Stored order
 * is batch, left, right. */
typedef struct dims {
    where at;
    arrow_kind arrow;
    bool any; /* `[...]`: whatever dims the tensor has */
    dim_list batch, left, right;
} dims;

/* ---- rules ------------------------------------------------------------------- */

typedef struct tensor_ref {
    where at;
    const char *role; /* merge files: "base" or "adapter"; else NULL */
    const template *name;
    const char *label; /* `q: [...]` the whole tensor's label, or NULL */
    const dims *dims;
    const char *same_in; /* `same in {t}`: replicas over capture t, or NULL */
} tensor_ref;
typedef VEC(tensor_ref) tensor_list;

typedef enum rule_arrow {
    RULE_BOTH,
    RULE_LEFT_TO_RIGHT,
    RULE_RIGHT_TO_LEFT
} rule_arrow;

/* A part that stands on one side only:
 *   only SIDE label [keep] because "..."    read: dropped (or kept in the side-car)
 *   slice SIDE label because "..."          the same without keep, by its other name
 *   pad SIDE label with NUMBER              written: filled; read: must be that value
 */
typedef enum part_kind { PART_ONLY, PART_SLICE, PART_PAD } part_kind;
typedef struct one_sided {
    where at;
    part_kind kind;
    const char *side, *label;
    bool keep;
    const expr *fill;    /* PART_PAD */
    const char *because; /* PART_ONLY, PART_SLICE */
} one_sided;
typedef VEC(one_sided) one_sided_list;

typedef struct cast_clause { /* cast SIDE DTYPE */
    where at;
    const char *side, *dtype;
} cast_clause;

/* times SIDE NAME [o / b <- i / 128]: the tensor of that side is to be multiplied, each
 * block of it, by an element of this one. */
typedef struct block_dim {
    where at;
    const char *joint; /* what stands before it: " ", ", ", " <- " or " -> " */
    const char *axis;  /* NULL: the number `size`, which is 1 */
    const char *by;    /* axis whose size a block has; NULL: `size`; 1: each element */
    int64_t size;
} block_dim;
typedef VEC(block_dim) block_dim_list;
typedef struct times_clause {
    where at;
    const char *side;
    const template *name;
    block_dim_list blocks;
} times_clause;

typedef struct rule_item { /* qkv?: A <-> B when E ... */
    const char *name;
    bool optional;
    tensor_list left, right;
    rule_arrow arrow;
    const expr *when;
    const char *because; /* required for one-way rules */
    /* `with lit = hf + 1 in f32`: value operation, the left name is a layout */
    const char *op_side;
    const expr *op;
    const char *op_dtype;
    VEC(cast_clause) casts;
    const times_clause *times; /* or NULL */
    one_sided_list parts;
} rule_item;

typedef struct item item;
typedef VEC(const item *) item_list;

typedef struct block_item { /* under A. <-> B. when E { items } */
    const template *left, *right;
    const expr *when;
    item_list items;
} block_item;

typedef struct drop_item { /* drop SIDE name [= rule] [when E] [keep] because "..." */
    const char *side;
    const template *name;
    const char *same; /* a rule whose tensor it must equal, or NULL */
    const expr *when;
    bool keep;
    const char *because;
} drop_item;

typedef struct make_item { /* const SIDE name [dims] = NUMBER [because "..."] (a tensor)
                            */
    const char *side;
    const template *name;
    const dims *dims;
    const expr *value;
    const char *because;
} make_item;

typedef struct tie_item {  /* tie head = embed on hf by hf.tie_word_embeddings */
    const char *rule, *to; /* rule names: `rule` may be absent when tied to `to` */
    const char *side;
    const expr *by; /* a field of that side, or NULL */
} tie_item;

typedef struct tie_names_item { /* tie base A = B by base.F when E: in a merge file */
    const char *side;
    const template *name, *to;
    const expr *by, *when;
} tie_names_item;

/* ---- sizes, facts, config ---------------------------------------------------- */

typedef struct define_item { /* axis h = g * r = hf.A = lit.B;  value x = hf.E = lit.F
                              */
    const char *name;
    expr_list is;
} define_item;

typedef struct let_item { /* let wa = weight | bias when attb;  choice pre = "" |
                             hf.text */
    const char *name;
    alternative_list alts; /* choice of config roots: text is the path, quoted false */
} let_item;

typedef struct detect_item { /* detect SIDE E */
    const char *side;
    const expr *is;
} detect_item;

typedef struct config_file { /* lit_config.json when _norm_class != null */
    const template *name;
    const expr *when; /* over the config's fields: of these files it is written */
} config_file;
typedef VEC(config_file) config_file_list;

/* files SIDE a.pth | b.pth [in shards of N] config c.json [with dtype torch_dtype]:
 * reads any, writes the first */
typedef struct files_item {
    const char *side;
    template_list weights;
    int64_t shard_bytes; /* 0: one file */
    config_file_list configs;
    expr_list dtype; /* fields of the config that tell the type of the weights */
} files_item;

/* field hf.rope_theta : float = 10000.0;  field hf { x: 1, y: 2 }: then the path is the
 * layout alone and `absent` the record. */
typedef struct field_item {
    const expr *path;
    const char *type;   /* int float bool string list record any; NULL: any */
    const expr *absent; /* what absence means, or NULL */
} field_item;

typedef struct spelled_item { /* spelled hf.a | hf.b.c : reads any, writes the first */
    expr_list paths;
} spelled_item;

typedef struct names_item { /* spelled adapter A | B: tensors named B are read as A */
    const char *side;
    template_list names;
} names_item;

typedef struct equation_item { /* config A = B when E;  soft A = B */
    const expr *left, *right;
    const expr *when;
    bool soft;
} equation_item;

/* const lit.x = E (always that);  default lit.x = E;  const lit { x: 1, y: 2 } says two
 * at once: then the path is the layout alone and the value the record. */
typedef struct assign_item {
    const expr *path, *value;
    const expr *when;
} assign_item;

typedef enum pattern_kind {
    PAT_LITERAL, /* literal: an expression without names; strings may be alternatives */
    PAT_ABSENT,
    PAT_ANY,  /* _ */
    PAT_EXPR, /* a variable, or invertible arithmetic on one: w + 1 */
    PAT_RECORD,
} pattern_kind;

typedef struct pattern pattern;
typedef VEC(const pattern *) pattern_list;
typedef struct pattern_field {
    where at;
    word_list keys; /* rope_type|type : reads any, writes the first */
    bool optional;  /* k?: */
    const pattern *is;
} pattern_field;
typedef VEC(pattern_field) pattern_field_list;
struct pattern {
    pattern_kind kind;
    where at;
    expr_list literals;        /* PAT_LITERAL: "linear" | "lin" */
    const expr *e;             /* PAT_EXPR */
    pattern_field_list fields; /* PAT_RECORD: closed */
};

typedef struct table_row {
    where at;
    pattern_list left, right;
    rule_arrow arrow;
    const expr *when; /* `if E` at the end of the row, over its variables and fields */
    const char *because; /* one-way rows may say why */
} table_row;
typedef VEC(table_row) table_row_list;

typedef struct table_item { /* table hf.a, lit.b, lit.c [when E] { rows } */
    bool soft;
    expr_list columns; /* paths, perhaps indexed by an axis: hf.layer_types[l] */
    const expr *when;
    table_row_list rows;
} table_item;

typedef struct demand_item { /* require, refuse or warn E because "..." */
    const expr *is;
    const char *because;
} demand_item;

typedef struct ignore_item { /* ignore hf.a, hf.b : read by nobody, rightly */
    expr_list paths;
} ignore_item;

/* ---- reuse ------------------------------------------------------------------- */

typedef struct use_item { /* use llama without qkv, gate */
    const char *family;
    word_list without;
} use_item;

/* ---- merge files ------------------------------------------------------------- */

/* One factor of a term: a tensor of the adapter, or a scalar expression. */
typedef struct factor {
    where at;
    const expr *scalar;       /* or NULL */
    const tensor_ref *tensor; /* or NULL */
} factor;
typedef VEC(factor) factor_list;

/* What is done with the factors besides. */
typedef struct manner {
    const tensor_ref
        *norm;        /* `norm = adapter m [O]`: the norms of the sum become these */
    const expr *rows; /* `rows = E`: the target's rows of these numbers are replaced */
} manner;

typedef struct update_item { /* name: base T [dims] += s * adapter B [..] * adapter A
                                [..] */
    const char *name;
    bool optional;
    tensor_ref target;
    bool replace; /* := */
    factor_list factors;
    manner how;
    const expr *when;
} update_item;

typedef struct each_item { /* each {m...}.weight [O <- I] of base except T, U { items }
                            */
    const template *name;
    const dims *dims;
    template_list except;
    const expr *when;
    item_list items; /* updates; values and axes of one module */
} each_item;

/* ---- tests inside the file --------------------------------------------------- */

typedef struct test_line { /* hf {..}   |   hf name [2 3]   |   absent hf name */
    where at;
    const char *side;
    const expr *config;   /* EXPR_RECORD, or NULL */
    const template *name; /* or NULL */
    const dims *shape;    /* DIM_INT only, or NULL */
    bool absent;
} test_line;
typedef VEC(test_line) test_line_list;

typedef struct test_item { /* test "..." { lines };  reject "..." with slug { lines |
                              items } */
    const char *title;
    bool reject;
    const char *slug;
    test_line_list lines;
    item_list items; /* reject: rules that the check must refuse when added */
} test_item;

typedef enum item_kind {
    ITEM_RULE,
    ITEM_BLOCK,
    ITEM_DROP,
    ITEM_MAKE,
    ITEM_TIE,
    ITEM_TIE_NAMES,
    ITEM_REST,
    ITEM_AXIS,
    ITEM_VALUE,
    ITEM_LET,
    ITEM_CHOICE,
    ITEM_DETECT,
    ITEM_FILES,
    ITEM_FIELD,
    ITEM_SPELLED,
    ITEM_SPELLED_NAMES,
    ITEM_EQUATION,
    ITEM_CONST,
    ITEM_DEFAULT,
    ITEM_TABLE,
    ITEM_REQUIRE,
    ITEM_REFUSE,
    ITEM_WARN,
    ITEM_IGNORE,
    ITEM_CONFIG_REST,
    ITEM_USE,
    ITEM_INCLUDE,
    ITEM_UPDATE,
    ITEM_EACH,
    ITEM_TEST,
} item_kind;

struct item {
    item_kind kind;
    where at;
    uint32_t brace; /* the byte behind the opening brace; 0: the item has no braces */
    union {
        rule_item rule;
        block_item block;
        drop_item drop;
        make_item make;
        tie_item tie;
        tie_names_item tie_names;
        define_item define; /* AXIS, VALUE */
        let_item let;       /* LET, CHOICE */
        detect_item detect;
        files_item files;
        field_item field;
        spelled_item spelled;
        names_item names;
        equation_item equation;
        assign_item assign; /* CONST, DEFAULT */
        table_item table;
        demand_item demand; /* REQUIRE, REFUSE, WARN */
        ignore_item ignore;
        use_item use;
        const char *include; /* file name */
        update_item update;
        each_item each;
        test_item test;
    } u;
};

typedef enum file_kind { FILE_FAMILY, FILE_MERGE, FILE_FRAGMENT } file_kind;

typedef struct comment { /* kept for the formatter */
    where at;
    const char *text; /* from '#' to the end of the line */
    bool own_line;    /* nothing but blanks before it */
} comment;
typedef VEC(comment) comment_list;

typedef struct ast_file {
    const source *src;
    file_kind kind;
    where at;            /* the header line */
    const char *name;    /* "llama", "lora-lit" */
    const char *side[2]; /* layouts: "hf", "lit"; merge: base layout, adapter layout */
    const char *doc;     /* or NULL */
    item_list items;
    comment_list comments; /* in order of place */
} ast_file;

#endif
