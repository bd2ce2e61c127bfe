/* grammar/rules.y -- tokens to the tree of grammar/ast.h.
 *
 * Every action is one call of a builder (grammar/ast_build.h).  No look-ups, no
 * checks of meaning, no I/O here: `grammar/README.md` explains what the forms mean,
 * engine/mapping checks it.  The grammar is LALR(1) without conflicts because rules
 * carry labels, every other item begins with its own word, and a row of a table that
 * would begin with '-' or '[' stands behind a ';'.
 */
%require "3.8"
%expect 0
%define api.pure full
%define api.prefix {rules_yy}
%define api.token.prefix {TOK_}
%define api.value.type union
%define api.location.type {where}
%locations
%define parse.error custom
%define parse.lac full
%define lr.default-reduction consistent
%lex-param   {parse_state *ps}
%parse-param {parse_state *ps}

%code requires {
#include "grammar/ast_build.h"
#include "grammar/parse_state.h"
}

%code provides {
/* The scanner (rules.l), and the parser's view of it (parse.c): the same, but that the
 * rest of a broken item is skipped. */
int rules_scan(RULES_YYSTYPE *value, where *at, void *scanner);
int rules_yylex(RULES_YYSTYPE *value, where *at, parse_state *ps);
}

%code {
/* A tree is walked by recursion; this bounds how deep it can be. */
#define YYMAXDEPTH 2000

/* From the first part that is not empty to the last. */
#define YYLLOC_DEFAULT(cur, rhs, n)                                                      \
    do {                                                                                 \
        int first_ = 1;                                                                  \
        while (first_ < (n) && YYRHSLOC(rhs, first_).lo == YYRHSLOC(rhs, first_).hi) {   \
            first_++;                                                                    \
        }                                                                                \
        (cur).src = ps->src;                                                             \
        (cur).lo = (n) != 0 ? YYRHSLOC(rhs, first_).lo : YYRHSLOC(rhs, 0).hi;            \
        (cur).hi = YYRHSLOC(rhs, n).hi;                                                  \
    } while (0)

static void rules_yyerror(const where *at, parse_state *ps, const char *why);

#define NO_ALTS     ((alternative_list){0})
#define NO_PATTERNS ((pattern_list){0})
#define NO_FIELDS   ((pattern_field_list){0})
}

%initial-action { @$ = (where){ps->src, 0, 0}; }

/* ---- tokens, in the user's words ---------------------------------------------- */

%token END 0 "the end of the file"
%token <const char *> NAME "a name" PATH "a path" PREFIX "a name that ends in a dot"
%token <const char *> STEM "a name with holes" GLUED "the rest of the name"
%token <const char *> LABEL "a label" LABEL_OPT "a label with '?'"
%token <const char *> STRING "a string" FLOAT "a number" HOLE_REGEX "':/regex/'"
%token <int64_t> INT "a whole number"
%token <unsigned> WIDTH "':0' and a width"
%token <regex_text> REGEX "a regular expression"
%token LEAD_OPEN "a hole" HOLE_OPEN "the '{' of a hole" HOLE_CLOSE "the '}' of the hole"
%token ANY "'_'" BOTH "'<->'" TO_LEFT "'<-'" TO_RIGHT "'->'" ADD_TO "'+='" REPLACE "':='"
%token EQ "'=='" NE "'!='" LE "'<='" GE "'>='" MATCH "'=~'" ORELSE "`??`"
%token RANGE "'..'" ELLIPSIS "'...'"

%token ABSENT "'absent'" ADAPTER "'adapter'" AND "'and'" AXIS "'axis'" BASE "'base'"
%token BECAUSE "'because'" BY "'by'" CAST "'cast'" CHOICE "'choice'" CONFIG "'config'"
%token CONST "'const'" DEFAULT "'default'" DETECT "'detect'" DROP "'drop'" EACH "'each'"
%token ELSE "'else'" EXCEPT "'except'" FALSE "'false'" FAMILY "'family'" FIELD "'field'"
%token FILES "'files'" HAS "'has'" IF "'if'" IGNORE "'ignore'" IN "'in'" INCLUDE "'include'"
%token KEEP "'keep'" LET "'let'" MERGE "'merge'" NOT "'not'" NULL "'null'" OF "'of'" ON "'on'"
%token ONLY "'only'" OR "'or'" PAD "'pad'" REFUSE "'refuse'" REJECT "'reject'" REQUIRE "'require'"
%token REST "'rest'" SAME "'same'" SLICE "'slice'" SOFT "'soft'" SPELLED "'spelled'"
%token TABLE "'table'" TEST "'test'" THEN "'then'" TIE "'tie'" TIMES "'times'" TRUE "'true'"
%token UNDER "'under'" USE "'use'" VALUE "'value'" WARN "'warn'" WHEN "'when'" WITH "'with'" WITHOUT "'without'"

%precedence ELSE
%precedence error
%left OR
%left AND
%precedence NOT
%nonassoc EQ NE LE GE '<' '>' MATCH IN
%left ORELSE
%left '+' '-'
%left '*' '/' '%'
%precedence NEGATIVE

/* ---- values --------------------------------------------------------------------- */

%type <item_list> items
%type <const item *> item
%type <rule_name> rule_name
%type <rule_item *> clauses
%type <rule_arrow> arrow
%type <tensor_list> tensors
%type <tensor_ref> tensor tensor_body
%type <const char *> role side name joint opt_doc opt_label opt_same opt_equals opt_dtype opt_because opt_type
%type <bool> opt_keep
%type <const expr *> opt_when opt_by opt_equal opt_expr expr primary ref column
%type <const expr *> plain number negative literal list record scalar
%type <const expr *> sum term atom other alt
%type <expr_list> equals paths spellings opt_with args args1 columns literals plain_alts
%type <expr_list> other_alts
%type <expr *> members
%type <word_list> names opt_without keys
%type <template *> template holes
%type <template_list> opt_except templates either
%type <config_file> config_file
%type <config_file_list> config_files
%type <segment> hole capture range
%type <int64_t> shift opt_shards
%type <alternative> alternative optional text
%type <alternative_list> alternatives several
%type <const dims *> dims opt_dims
%type <dim_list> group
%type <dim_group_list> groups
%type <const dim *> dim
%type <dim_part> part
%type <dim_part_list> parts
%type <block_dim_list> blocks
%type <block_dim> block
%type <table_row_list> rows closed open
%type <table_row> full_row plain_row bare_row plain_bare_row row_end
%type <pattern_list> any_left plain_left right more_patterns
%type <const pattern *> pattern plain_pattern other_pattern
%type <pattern_field_list> pattern_fields
%type <pattern_field> pattern_field
%type <factor_list> factors
%type <factor> factor
%type <manner> opt_how
%type <test_line_list> lines
%type <test_line> line

%%

file: items[is]                     { ast_file_items(ps, $is); }
    | header items[is]              { ast_file_items(ps, $is); }
    ;

header:
      FAMILY file_name side[a] BOTH side[b] opt_doc[doc]
                                    { ast_header(ps, @$, FILE_FAMILY, $a, $b, $doc); }
    | MERGE file_name side[a] ADD_TO side[b] opt_doc[doc]
                                    { ast_header(ps, @$, FILE_MERGE, $a, $b, $doc); }
    | error                         { yyclearin; item_given_up(ps); }
    ;

file_name:
      NAME ':'                      { ps->file->name = $NAME; }
    | LABEL                         { ps->file->name = $LABEL; }
    ;

opt_doc: %empty { $$ = NULL; } | STRING ;

side: NAME | BASE { $$ = "base"; } | ADAPTER { $$ = "adapter"; } ;

items:
      %empty %prec ELSE             { $$ = (item_list){0}; }
    | items[l] item_begin item[i]   { $$ = $l; vec_push(ps->arena, &$$, $i); }
    | items[l] error                { $$ = $l; yyclearin; item_given_up(ps); }
    ;

item_begin: %empty                  { yyerrok; item_begins(ps); } ;

/* ---- tensors -------------------------------------------------------------------- */

item: rule_name[n] tensors[l] arrow[a] tensors[r] clauses[c]
                                    { $$ = ast_rule(ps, @$, $n, $l, $a, $r, $c); }
    | UNDER template[l] BOTH template[r] opt_when[e] '{'[o] items[is] '}'
                                    { $$ = ast_block(ps, @$, @o, $l, $r, $e, $is); }
    | DROP side template[t] opt_equals[r] opt_when[e] opt_keep[k] BECAUSE STRING[why]
                                    { $$ = ast_drop(ps, @$, $side, $t, $r, $e, $k, $why); }
    | CONST side template[t] dims[d] '=' expr[e] opt_because[why]
                                    { $$ = ast_make(ps, @$, $side, $t, $d, $e, $why); }
    | TIE NAME[rule] '=' NAME[to] ON side opt_by[by]
                                    { $$ = ast_tie(ps, @$, $rule, $to, $side, $by); }
    | TIE role template[t] '=' template[to] BY expr[by] opt_when[e]
                                    { $$ = ast_tie_names(ps, @$, $role, $t, $to, $by, $e); }
    | REST                          { $$ = ast_item(ps, @$, ITEM_REST); }
    ;

rule_name:
      LABEL                         { $$ = (rule_name){@$, $LABEL, false}; }
    | LABEL_OPT                     { $$ = (rule_name){@$, $LABEL_OPT, true}; }
    ;

arrow: BOTH                         { $$ = RULE_BOTH; }
    | TO_RIGHT                      { $$ = RULE_LEFT_TO_RIGHT; }
    | TO_LEFT                       { $$ = RULE_RIGHT_TO_LEFT; }
    ;

tensors:
      tensor[t]                     { $$ = (tensor_list){0}; vec_push(ps->arena, &$$, $t); }
    | tensors[l] tensor[t]          { $$ = $l; vec_push(ps->arena, &$$, $t); }
    ;

tensor:
      tensor_body
    | role tensor_body[t]           { $$ = ast_role(@$, $role, $t); }
    ;

tensor_body: template[t] opt_label[l] dims[d] opt_same[s]
                                    { $$ = ast_tensor(@$, $t, $l, $d, $s); }
    ;

role: BASE { $$ = "base"; } | ADAPTER { $$ = "adapter"; } ;
opt_label: %empty { $$ = NULL; } | LABEL ;

opt_same:
      %empty                        { $$ = NULL; }
    | SAME IN '{' NAME '}'          { $$ = $NAME; }
    ;

clauses:
      %empty                        { $$ = ast_clauses(ps); }
    | clauses[c] WHEN expr[e]       { $$ = ast_clause_when(ps, @WHEN, $c, $e); }
    | clauses[c] BECAUSE STRING[s]  { $$ = ast_clause_because(ps, @BECAUSE, $c, $s); }
    | clauses[c] WITH side '=' expr[e] opt_dtype[t]
                                    { $$ = ast_clause_with(ps, @WITH, $c, $side, $e, $t); }
    | clauses[c] CAST side NAME[t] { $$ = ast_clause_cast(ps, @t, $c, $side, $t); }
    | clauses[c] TIMES side template[t] '[' blocks[l] ']'
                                    { $$ = ast_clause_times(ps, @TIMES, $c, $side, $t, $l); }
    | clauses[c] ONLY side NAME[l] opt_keep[k] BECAUSE STRING[s]
                            { $$ = ast_clause_part(ps, @ONLY, $c, PART_ONLY, $side, $l, $k, $s); }
    | clauses[c] SLICE side NAME[l] BECAUSE STRING[s]
                       { $$ = ast_clause_part(ps, @SLICE, $c, PART_SLICE, $side, $l, false, $s); }
    | clauses[c] PAD side NAME[l] WITH expr[e]  { $$ = ast_clause_pad(ps, @PAD, $c, $side, $l, $e); }
    ;

opt_dtype: %empty { $$ = NULL; } | IN NAME { $$ = $NAME; } ;
opt_keep: %empty { $$ = false; } | KEEP { $$ = true; } ;
opt_because: %empty { $$ = NULL; } | BECAUSE STRING { $$ = $STRING; } ;
opt_equals: %empty { $$ = NULL; } | '=' NAME { $$ = $NAME; } ;
opt_when: %empty { $$ = NULL; } | WHEN expr { $$ = $expr; } ;
opt_by: %empty { $$ = NULL; } | BY expr { $$ = $expr; } ;
opt_equal: %empty { $$ = NULL; } | '=' expr { $$ = $expr; } ;

/* ---- names with holes ----------------------------------------------------------- */

template:
      NAME                          { $$ = ast_template(ps, @$, $NAME); }
    | PATH                          { $$ = ast_template(ps, @$, $PATH); }
    | PREFIX                        { $$ = ast_template(ps, @$, $PREFIX); }
    | holes
    ;

holes:
      STEM HOLE_OPEN hole[h] HOLE_CLOSE[c]
                    { $$ = ast_template_hole(ps, @h, ast_template(ps, @STEM, $STEM), $h, @c); }
    | LEAD_OPEN hole[h] HOLE_CLOSE[c]
                    { $$ = ast_template_hole(ps, @h, ast_template(ps, @LEAD_OPEN, ""), $h, @c); }
    | holes[t] HOLE_OPEN hole[h] HOLE_CLOSE[c]
                                    { $$ = ast_template_hole(ps, @h, $t, $h, @c); }
    | holes[t] GLUED[s]             { $$ = ast_template_text(ps, @s, $t, $s); }
    ;

hole: capture
    | NAME ELLIPSIS                 { $$ = ast_hole(ps, @$, SEG_PATH, $NAME, NULL); }
    | NAME HOLE_REGEX[re]           { $$ = ast_hole(ps, @$, SEG_REGEX, $NAME, $re); }
    | NAME WIDTH                    { $$ = ast_hole_width(ps, @$, $NAME, $WIDTH); }
    | optional[a]                   { $$ = ast_hole_alts(ps, @$, ast_alt(ps, NO_ALTS, $a)); }
    | several[l]                    { $$ = ast_hole_alts(ps, @$, $l); }
    ;

capture:
      NAME                          { $$ = ast_hole(ps, @$, SEG_NAME, $NAME, NULL); }
    | NAME shift[k]                 { $$ = ast_hole_shift(ps, @$, $NAME, $k); }
    | NAME IN range[r]              { $$ = ast_hole_range(ps, @$, $NAME, 0, $r); }
    | NAME shift[k] IN range[r]     { $$ = ast_hole_range(ps, @$, $NAME, $k, $r); }
    ;

shift: '+' INT { $$ = $INT; } | '-' INT { $$ = -$INT; } ;
range: opt_expr[lo] RANGE opt_expr[hi] { $$ = (segment){.lo = $lo, .hi = $hi}; } ;
opt_expr: %empty { $$ = NULL; } | expr ;

several:
      alternative[a] '|' alternative[b] { $$ = ast_alt(ps, ast_alt(ps, NO_ALTS, $a), $b); }
    | several[l] '|' alternative[a]     { $$ = ast_alt(ps, $l, $a); }
    ;

alternatives:
      alternative[a]                { $$ = ast_alt(ps, NO_ALTS, $a); }
    | several
    ;

alternative:
      optional
    | text[t]                       { $$ = $t; }
    | text[t] WHEN expr[e]          { $$ = ast_alternative(@$, $t, false, $e); }
    ;

optional: text[t] '?' opt_when[e]   { $$ = ast_alternative(@$, $t, true, $e); } ;

text: NAME                          { $$ = (alternative){@$, $NAME, false, false, NULL}; }
    | PATH                          { $$ = (alternative){@$, $PATH, false, false, NULL}; }
    | STRING                        { $$ = (alternative){@$, $STRING, true, false, NULL}; }
    ;

/* ---- dimensions ----------------------------------------------------------------- */

dims: '[' groups[l] ']'             { $$ = ast_dims(ps, @$, $l); }
    | '[' ELLIPSIS ']'              { $$ = ast_dims_any(ps, @$); }
    | '[' ']'                       { $$ = ast_dims(ps, @$, (dim_group_list){0}); }
    | '[' groups[l] TO_LEFT group[r] ']'
                                    { $$ = ast_dims_map(ps, @$, $l, ARROW_OUT_IN, $r); }
    | '[' groups[l] TO_RIGHT group[r] ']'
                                    { $$ = ast_dims_map(ps, @$, $l, ARROW_IN_OUT, $r); }
    ;

opt_dims: %empty { $$ = NULL; } | dims ;

blocks: block[b]                    { $$ = ast_blocks(ps, (block_dim_list){0}, NULL, $b); }
    | blocks[l] joint[j] block[b]   { $$ = ast_blocks(ps, $l, $j, $b); }
    ;
joint: %empty { $$ = " "; } | ',' { $$ = ", "; } | TO_LEFT { $$ = " <- "; } | TO_RIGHT { $$ = " -> "; } ;
block: INT                          { $$ = (block_dim){@$, .size = $INT}; }
    | NAME                          { $$ = (block_dim){@$, .axis = $NAME, .size = 1}; }
    | NAME '/' INT                  { $$ = (block_dim){@$, .axis = $NAME, .size = $INT}; }
    | NAME[a] '/' NAME[b]           { $$ = (block_dim){@$, .axis = $a, .by = $b}; }
    ;

groups:
      group[g]              { $$ = (dim_group_list){0}; vec_push(ps->arena, &$$, $g); }
    | groups[l] ',' group[g]        { $$ = $l; vec_push(ps->arena, &$$, $g); }
    ;

group:
      dim[d]                        { $$ = (dim_list){0}; vec_push(ps->arena, &$$, $d); }
    | group[l] dim[d]               { $$ = $l; vec_push(ps->arena, &$$, $d); }
    ;

dim:  NAME                          { $$ = ast_dim_axis(ps, @$, $NAME); }
    | INT                           { $$ = ast_dim_int(ps, @$, $INT); }
    | '(' group[g] ')'              { $$ = ast_dim_product(ps, @$, $g); }
    | '(' parts[l] ')'              { $$ = ast_dim_sum(ps, @$, $l); }
    ;

parts:
      part[p]                       { $$ = (dim_part_list){0}; vec_push(ps->arena, &$$, $p); }
    | parts[l] '|' part[p]          { $$ = $l; vec_push(ps->arena, &$$, $p); }
    ;

part: LABEL[l] opt_when[e]          { $$ = ast_dim_part(ps, @$, $l, (dim_list){0}, $e); }
    | LABEL[l] group[g] opt_when[e] { $$ = ast_dim_part(ps, @$, $l, $g, $e); }
    ;

/* ---- sizes, facts, config ------------------------------------------------------- */

item: AXIS NAME equals[l]           { $$ = ast_define(ps, @$, ITEM_AXIS, $NAME, $l); }
    | VALUE NAME equals[l]          { $$ = ast_define(ps, @$, ITEM_VALUE, $NAME, $l); }
    | LET NAME '=' alternatives[l]  { $$ = ast_let(ps, @$, ITEM_LET, $NAME, $l); }
    | CHOICE NAME '=' alternatives[l] { $$ = ast_let(ps, @$, ITEM_CHOICE, $NAME, $l); }
    | DETECT side expr[e]           { $$ = ast_detect(ps, @$, $side, $e); }
    | FILES side either[l] opt_shards[n] CONFIG config_files[c] opt_with[d]
                                    { $$ = ast_files(ps, @$, $side, $l, $n, $c, $d); }
    | FIELD column[c] opt_type[t] opt_equal[e]
                                    { $$ = ast_field(ps, @$, $c, $t, $e); }
    | FIELD side record[v]          { $$ = ast_field(ps, @$, ast_path(ps, @side, $side), NULL, $v); }
    | SPELLED ref[p] '|' spellings[l] { $$ = ast_spelled(ps, @$, $p, $l); }
    | SPELLED role template[t] '|' either[l]
                                    { $$ = ast_spelled_names(ps, @$, $role, $t, $l); }
    | CONFIG REST                   { $$ = ast_item(ps, @$, ITEM_CONFIG_REST); }
    | CONFIG expr[l] '=' expr[r] opt_when[e]
                                    { $$ = ast_equation(ps, @$, false, $l, $r, $e); }
    | SOFT expr[l] '=' expr[r] opt_when[e]
                                    { $$ = ast_equation(ps, @$, true, $l, $r, $e); }
    | CONST PATH '=' expr[v] opt_when[e]
              { $$ = ast_assign(ps, @$, ITEM_CONST, ast_path(ps, @PATH, $PATH), $v, $e); }
    | DEFAULT PATH '=' expr[v] opt_when[e]
              { $$ = ast_assign(ps, @$, ITEM_DEFAULT, ast_path(ps, @PATH, $PATH), $v, $e); }
    | CONST side record[v] opt_when[e]
              { $$ = ast_assign(ps, @$, ITEM_CONST, ast_path(ps, @side, $side), $v, $e); }
    | DEFAULT side record[v] opt_when[e]
              { $$ = ast_assign(ps, @$, ITEM_DEFAULT, ast_path(ps, @side, $side), $v, $e); }
    | REQUIRE expr[e] BECAUSE STRING[s] { $$ = ast_demand(ps, @$, ITEM_REQUIRE, $e, $s); }
    | REFUSE expr[e] BECAUSE STRING[s]  { $$ = ast_demand(ps, @$, ITEM_REFUSE, $e, $s); }
    | WARN expr[e] BECAUSE STRING[s]    { $$ = ast_demand(ps, @$, ITEM_WARN, $e, $s); }
    | IGNORE paths[l]               { $$ = ast_ignore(ps, @$, $l); }
    ;

equals:
      '=' expr[e]                   { $$ = (expr_list){0}; vec_push(ps->arena, &$$, $e); }
    | equals[l] '=' expr[e]         { $$ = $l; vec_push(ps->arena, &$$, $e); }
    ;

opt_shards: %empty { $$ = 0; } | IN NAME OF INT { $$ = ast_shards(ps, @$, $NAME, $INT); } ;

config_files:
      config_file[f]        { $$ = (config_file_list){0}; vec_push(ps->arena, &$$, $f); }
    | config_files[l] '|' config_file[f] { $$ = $l; vec_push(ps->arena, &$$, $f); }
    ;
config_file: template[t] opt_when[e] { $$ = (config_file){.name = $t, .when = $e}; } ;

opt_with:
      %empty                        { $$ = (expr_list){0}; }
    | WITH NAME spellings[l]        { $$ = ast_dtype(ps, @$, $NAME, $l); }
    ;

opt_type: %empty { $$ = NULL; } | ':' NAME { $$ = ast_type(ps, @NAME, $NAME); } ;

either:
      template[t]           { $$ = (template_list){0}; vec_push(ps->arena, &$$, $t); }
    | either[l] '|' template[t]     { $$ = $l; vec_push(ps->arena, &$$, $t); }
    ;

spellings:
      ref[p]                        { $$ = (expr_list){0}; vec_push(ps->arena, &$$, $p); }
    | spellings[l] '|' ref[p]       { $$ = $l; vec_push(ps->arena, &$$, $p); }
    ;

paths:
      ref[p]                        { $$ = (expr_list){0}; vec_push(ps->arena, &$$, $p); }
    | paths[l] ',' ref[p]           { $$ = $l; vec_push(ps->arena, &$$, $p); }
    ;

/* ---- tables --------------------------------------------------------------------- */

item: TABLE columns[l] opt_when[e] '{'[o] rows '}'
                                    { $$ = ast_table(ps, @$, @o, false, $l, $e, $rows); }
    | SOFT TABLE columns[l] opt_when[e] '{'[o] rows '}'
                                    { $$ = ast_table(ps, @$, @o, true, $l, $e, $rows); }
    ;

columns:
      column[c]                     { $$ = (expr_list){0}; vec_push(ps->arena, &$$, $c); }
    | columns[l] ',' column[c]      { $$ = $l; vec_push(ps->arena, &$$, $c); }
    ;

column: ref ;

/* `closed` is where any row may follow, `open` where the last row could still go on:
 * there a row must not begin with '-', '[' or an arrow. */
rows: closed
    | open
    | closed[l] bare_row[r]         { $$ = $l; vec_push(ps->arena, &$$, $r); }
    | open[l] plain_bare_row[r]     { $$ = $l; vec_push(ps->arena, &$$, $r); }
    ;

closed:
      %empty                        { $$ = (table_row_list){0}; }
    | open[l] ';'                   { $$ = $l; }
    | closed[l] bare_row[r] ';'     { $$ = $l; vec_push(ps->arena, &$$, $r); }
    | open[l] plain_bare_row[r] ';' { $$ = $l; vec_push(ps->arena, &$$, $r); }
    ;

open: closed[l] full_row[r]         { $$ = $l; vec_push(ps->arena, &$$, $r); }
    | open[l] plain_row[r]          { $$ = $l; vec_push(ps->arena, &$$, $r); }
    ;

full_row: any_left[l] arrow[a] right[r] row_end[e]    { $$ = ast_row(@$, $l, $a, $r, $e); } ;
plain_row: plain_left[l] arrow[a] right[r] row_end[e] { $$ = ast_row(@$, $l, $a, $r, $e); } ;
bare_row: any_left[l] arrow[a] row_end[e]    { $$ = ast_row(@$, $l, $a, NO_PATTERNS, $e); } ;
plain_bare_row: plain_left[l] arrow[a] row_end[e]
                                             { $$ = ast_row(@$, $l, $a, NO_PATTERNS, $e); } ;

row_end:
      %empty                        { $$ = (table_row){.when = NULL}; }
    | IF expr[e]                    { $$ = (table_row){.when = $e}; }
    | BECAUSE STRING[s]             { $$ = (table_row){.because = $s}; }
    | IF expr[e] BECAUSE STRING[s]  { $$ = (table_row){.when = $e, .because = $s}; }
    ;

any_left:
      %empty                        { $$ = NO_PATTERNS; }
    | plain_left
    | other_pattern[p] more_patterns[l] { $$ = ast_patterns(ps, $p, $l); }
    ;

plain_left: plain_pattern[p] more_patterns[l] { $$ = ast_patterns(ps, $p, $l); } ;
right: pattern[p] more_patterns[l]            { $$ = ast_patterns(ps, $p, $l); } ;

more_patterns:
      %empty                        { $$ = NO_PATTERNS; }
    | more_patterns[l] ',' pattern[p] { $$ = $l; vec_push(ps->arena, &$$, $p); }
    ;

pattern: plain_pattern | other_pattern ;

plain_pattern:
      ABSENT                        { $$ = ast_pattern(ps, @$, PAT_ABSENT); }
    | ANY                           { $$ = ast_pattern(ps, @$, PAT_ANY); }
    | '{' pattern_fields[l] '}'     { $$ = ast_pattern_record(ps, @$, $l); }
    | '{' '}'                       { $$ = ast_pattern_record(ps, @$, NO_FIELDS); }
    | plain_alts[l]                 { $$ = ast_pattern_alts(ps, @$, $l); }
    ;

other_pattern: other_alts[l]        { $$ = ast_pattern_alts(ps, @$, $l); } ;

plain_alts:
      sum[e]                        { $$ = (expr_list){0}; vec_push(ps->arena, &$$, $e); }
    | plain_alts[l] '|' alt[e]      { $$ = $l; vec_push(ps->arena, &$$, $e); }
    ;

other_alts:
      other[e]                      { $$ = (expr_list){0}; vec_push(ps->arena, &$$, $e); }
    | other_alts[l] '|' alt[e]      { $$ = $l; vec_push(ps->arena, &$$, $e); }
    ;

alt: sum | other ;

/* A literal, a variable, or arithmetic that can be undone: w + 1, 2 * w. */
sum:  term
    | sum[x] '+' term[y]            { $$ = ast_binary(ps, @$, OP_ADD, $x, $y); }
    | sum[x] '-' term[y]            { $$ = ast_binary(ps, @$, OP_SUB, $x, $y); }
    ;

term: atom
    | term[x] '*' atom[y]           { $$ = ast_binary(ps, @$, OP_MUL, $x, $y); }
    | term[x] '/' atom[y]           { $$ = ast_binary(ps, @$, OP_DIV, $x, $y); }
    ;

atom: plain
    | NAME                          { $$ = ast_path(ps, @$, $NAME); }
    | PATH                          { $$ = ast_path(ps, @$, $PATH); }
    ;

other: negative | list ;

pattern_fields:
      pattern_field[f]              { $$ = NO_FIELDS; vec_push(ps->arena, &$$, $f); }
    | pattern_fields[l] ',' pattern_field[f] { $$ = $l; vec_push(ps->arena, &$$, $f); }
    ;

pattern_field:
      keys[k] LABEL[l] pattern[p]     { $$ = ast_pattern_field(ps, @$, $k, $l, false, $p); }
    | keys[k] LABEL_OPT[l] pattern[p] { $$ = ast_pattern_field(ps, @$, $k, $l, true, $p); }
    ;

keys: %empty                        { $$ = (word_list){0}; }
    | keys[l] NAME '|'              { $$ = $l; vec_push(ps->arena, &$$, $NAME); }
    ;

/* ---- reuse, merging ------------------------------------------------------------- */

item: USE NAME opt_without[l]       { $$ = ast_use(ps, @$, $NAME, $l); }
    | INCLUDE STRING                { $$ = ast_include(ps, @$, $STRING); }
    | rule_name[n] tensor[t] ADD_TO factors[l] opt_how[h] opt_when[e]
                                    { $$ = ast_update(ps, @$, $n, $t, false, $l, $h, $e); }
    | rule_name[n] tensor[t] REPLACE factors[l] opt_how[h] opt_when[e]
                                    { $$ = ast_update(ps, @$, $n, $t, true, $l, $h, $e); }
    | EACH template[t] dims[d] OF BASE opt_except[x] opt_when[e] '{'[o] items[is] '}'
                                    { $$ = ast_each(ps, @$, @o, $t, $d, $x, $e, $is); }
    ;

opt_without: %empty { $$ = (word_list){0}; } | WITHOUT names { $$ = $names; } ;

names:
      name[n]               { $$ = (word_list){0}; vec_push(ps->arena, &$$, $n); }
    | names[l] ',' name[n]          { $$ = $l; vec_push(ps->arena, &$$, $n); }
    ;

name: NAME | PATH ;

/* What is done with the factors besides: `norm = adapter m [O]`, `rows = E`.  The words
 * are no keywords: nothing else can stand here. */
opt_how:
      %empty                        { $$ = (manner){0}; }
    | NAME[w] '=' role tensor_body[t] { $$ = ast_how_norm(ps, @w, $w, ast_role(@t, $role, $t)); }
    | NAME[w] '=' expr[e]           { $$ = ast_how_rows(ps, @w, $w, $e); }
    ;

opt_except: %empty { $$ = (template_list){0}; } | EXCEPT templates { $$ = $templates; } ;

templates:
      template[t]           { $$ = (template_list){0}; vec_push(ps->arena, &$$, $t); }
    | templates[l] ',' template[t]  { $$ = $l; vec_push(ps->arena, &$$, $t); }
    ;

factors:
      factor[f]             { $$ = (factor_list){0}; vec_push(ps->arena, &$$, $f); }
    | factors[l] '*' factor[f]      { $$ = $l; vec_push(ps->arena, &$$, $f); }
    ;

factor:
      scalar[e]                     { $$ = (factor){@$, $e, NULL}; }
    | role tensor_body[t]           { $$ = ast_factor(ps, @$, ast_role(@$, $role, $t)); }
    ;

scalar:
      NAME                          { $$ = ast_path(ps, @$, $NAME); }
    | PATH                          { $$ = ast_path(ps, @$, $PATH); }
    | number
    | NAME '(' args ')'             { $$ = ast_call(ps, @$, $NAME, $args); }
    | '(' expr ')'                  { $$ = $expr; }
    ;

/* ---- tests ---------------------------------------------------------------------- */

item: TEST STRING '{'[o] lines[l] '}' { $$ = ast_test(ps, @$, @o, $STRING, $l); }
    | REJECT STRING WITH NAME '{'[o] lines[l] items[is] '}'
                                    { $$ = ast_reject(ps, @$, @o, $STRING, $NAME, $l, $is); }
    ;

lines:
      %empty                        { $$ = (test_line_list){0}; }
    | lines[l] line[x]              { $$ = $l; vec_push(ps->arena, &$$, $x); }
    ;

line: side record[e]                { $$ = (test_line){.at = @$, .side = $side, .config = $e}; }
    | side template[t] opt_dims[d]  { $$ = ast_test_tensor(ps, @$, $side, $t, $d); }
    | ABSENT side template[t]
               { $$ = (test_line){.at = @$, .side = $side, .name = $t, .absent = true}; }
    ;

/* ---- expressions ---------------------------------------------------------------- */

expr: primary
    | IF expr[c] THEN expr[x] ELSE expr[y]  { $$ = ast_if(ps, @$, $c, $x, $y); }
    | expr[x] OR expr[y]            { $$ = ast_binary(ps, @$, OP_OR, $x, $y); }
    | expr[x] AND expr[y]           { $$ = ast_binary(ps, @$, OP_AND, $x, $y); }
    | NOT expr[x]                   { $$ = ast_unary(ps, @$, EXPR_NOT, $x); }
    | expr[x] EQ expr[y]            { $$ = ast_binary(ps, @$, OP_EQ, $x, $y); }
    | expr[x] NE expr[y]            { $$ = ast_binary(ps, @$, OP_NE, $x, $y); }
    | expr[x] '<' expr[y]           { $$ = ast_binary(ps, @$, OP_LT, $x, $y); }
    | expr[x] LE expr[y]            { $$ = ast_binary(ps, @$, OP_LE, $x, $y); }
    | expr[x] '>' expr[y]           { $$ = ast_binary(ps, @$, OP_GT, $x, $y); }
    | expr[x] GE expr[y]            { $$ = ast_binary(ps, @$, OP_GE, $x, $y); }
    | expr[x] MATCH REGEX[re]       { $$ = ast_match(ps, @$, $x, @re, $re); }
    | expr[x] IN '{' args1[l] '}'   { $$ = ast_in(ps, @$, $x, $l); }
    | expr[x] ORELSE expr[y]        { $$ = ast_binary(ps, @$, OP_ELSE, $x, $y); }
    | expr[x] '+' expr[y]           { $$ = ast_binary(ps, @$, OP_ADD, $x, $y); }
    | expr[x] '-' expr[y]           { $$ = ast_binary(ps, @$, OP_SUB, $x, $y); }
    | expr[x] '*' expr[y]           { $$ = ast_binary(ps, @$, OP_MUL, $x, $y); }
    | expr[x] '/' expr[y]           { $$ = ast_binary(ps, @$, OP_DIV, $x, $y); }
    | expr[x] '%' expr[y]           { $$ = ast_binary(ps, @$, OP_MOD, $x, $y); }
    | '-' expr[x] %prec NEGATIVE    { $$ = ast_unary(ps, @$, EXPR_NEG, $x); }
    ;

primary:
      plain
    | ref
    | NAME '(' args ')'             { $$ = ast_call(ps, @$, $NAME, $args); }
    | '[' args ']'                  { $$ = ast_list(ps, @$, $args); }
    | HAS template[t]               { $$ = ast_has(ps, @$, $t); }
    | '(' expr ')'                  { $$ = $expr; }
    | record
    ;

ref:  NAME                          { $$ = ast_path(ps, @$, $NAME); }
    | PATH                          { $$ = ast_path(ps, @$, $PATH); }
    | ref[x] '[' expr[i] ']'        { $$ = ast_index(ps, @$, $x, $i); }
    ;

args: %empty { $$ = (expr_list){0}; } | args1 ;

args1:
      expr[e]                       { $$ = (expr_list){0}; vec_push(ps->arena, &$$, $e); }
    | args1[l] ',' expr[e]          { $$ = $l; vec_push(ps->arena, &$$, $e); }
    ;

plain:
      NULL                          { $$ = ast_literal(ps, @$, EXPR_NULL, 0); }
    | TRUE                          { $$ = ast_literal(ps, @$, EXPR_BOOL, 1); }
    | FALSE                         { $$ = ast_literal(ps, @$, EXPR_BOOL, 0); }
    | STRING                        { $$ = ast_string(ps, @$, $STRING); }
    | number
    ;

number:
      INT                           { $$ = ast_literal(ps, @$, EXPR_INT, $INT); }
    | FLOAT                         { $$ = ast_float(ps, @$, $FLOAT, false); }
    ;

negative:
      '-' INT                       { $$ = ast_literal(ps, @$, EXPR_INT, -$INT); }
    | '-' FLOAT                     { $$ = ast_float(ps, @$, $FLOAT, true); }
    ;

/* Values without names: what a record, or a list in a pattern, holds. */
literal: plain | negative | list | record ;

list: '[' ']'                       { $$ = ast_list(ps, @$, (expr_list){0}); }
    | '[' literals[l] ']'           { $$ = ast_list(ps, @$, $l); }
    ;

literals:
      literal[e]                    { $$ = (expr_list){0}; vec_push(ps->arena, &$$, $e); }
    | literals[l] ',' literal[e]    { $$ = $l; vec_push(ps->arena, &$$, $e); }
    ;

record:
      '{' '}'                       { $$ = ast_record(ps, @$); }
    | '{' members[r] '}'            { $$ = ast_record_end(ps, @$, $r); }
    ;

members:
      LABEL[l] literal[e]           { $$ = ast_member(ps, @l, ast_record(ps, @$), $l, $e); }
    | members[r] ',' LABEL[l] literal[e] { $$ = ast_member(ps, @l, $r, $l, $e); }
    ;

%%

static void rules_yyerror(const where *at, parse_state *ps, const char *why)
{
    (void)why; /* the only reason left to bison's skeleton is its bounded stack */
    diag *dg = diag_report(ps->cx->diags, SEV_ERROR, "syntax", *at,
                           "the file nests too deeply");
    diag_help(dg, "at most about %d parts may be open at one place", YYMAXDEPTH);
}

static int yyreport_syntax_error(const yypcontext_t *parser, parse_state *ps)
{
    yysymbol_kind_t kinds[YYNTOKENS];
    const char *expected[YYNTOKENS];
    const int n = yypcontext_expected_tokens(parser, kinds, YYNTOKENS);
    for (int i = 0; i < n; i++) {
        expected[i] = yysymbol_name(kinds[i]);
    }
    syntax_error(ps, *yypcontext_location(parser), expected, (size_t)(n > 0 ? n : 0));
    return 0;
}
