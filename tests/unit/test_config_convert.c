/* The config of the other layout: equations, tables, rows, carried configs. */
#include "config_kit.h"

/* ---- equations ----------------------------------------------------------------- */

static void test_equations(void)
{
    kit k = kit_begin();
    kit_rules(&k, "axis c = hf.hidden = lit.n_embd\n"
                  "axis h = hf.heads = lit.n_head\n"
                  "axis d = hf.head_dim ?? c / h = lit.head_size ?? c / h\n"
                  "e: a [c (h d)] <-> b [c (h d)]\n"
                  "config hf.window = lit.window - 1\n"
                  "config hf.theta = lit.base\n"
                  "field lit.base : int\nfield hf.theta : float\n"
                  "value par = hf.serial == false = lit.par\n"
                  "value lit_on = not hf.off = lit.used\n"
                  "const lit.kind = if par then \"p\" else \"s\"\n"
                  "default lit.pad = c * 2\n"
                  "config hf.only.deep = lit.deep when par\n");
    CHECK_STR(
        TO_LIT(&k, "{\"hidden\": 64, \"heads\": 8, \"window\": 7, \"theta\": 10000.0, "
                   "\"serial\": false, \"off\": true, \"only\": {\"deep\": 3}}"),
        "{\"base\": 10000, \"deep\": 3, \"head_size\": 8, \"kind\": \"p\", \"n_embd\": "
        "64, "
        "\"n_head\": 8, \"pad\": 128, \"par\": true, \"used\": false, \"window\": 8}");
    CHECK_INT(kit_field(&k, "pad")->from, FROM_DEFAULT);
    CHECK_INT(kit_field(&k, "pad")->class_of, MADE);
    CHECK_INT(kit_field(&k, "window")->from, FROM_EQUATION);
    /* back: `par` cannot be written on that side, and the made config denies it */
    CHECK_STR(
        TO_HF(
            &k,
            "{\"n_embd\": 64, \"n_head\": 8, \"window\": 8, \"base\": 10000, \"par\": "
            "false, \"used\": true, \"deep\": 4}"),
        "{\"head_dim\": 8, \"heads\": 8, \"hidden\": 64, \"off\": false, \"theta\": "
        "10000.0, \"window\": 7}");
    CHECK_STR(TO_HF(&k, "{\"n_embd\": 64, \"n_head\": 8, \"par\": true}"),
              "config-contradicts");
    CHECK_STR(TO_LIT(&k, "{\"hidden\": 64, \"heads\": 8, \"theta\": 0.5}"),
              "field-type");
    CHECK_STR(TO_LIT(&k, "{\"hidden\": 64}"), "no-source");
    kit_end(&k);
}

static void test_written_twice(void)
{
    kit k = kit_begin();
    kit_rules(&k, "config hf.a = lit.x\nconfig hf.b = lit.x\nconfig hf.c = 3\n");
    CHECK_STR(TO_LIT(&k, "{\"a\": 1, \"b\": 1, \"c\": 3}"), "{\"x\": 1}");
    CHECK_STR(TO_LIT(&k, "{\"a\": 1, \"b\": 2, \"c\": 3}"), "config-contradicts");
    CHECK_STR(TO_LIT(&k, "{\"c\": 4}"),
              "config-contradicts"); /* cannot be said there */
    CHECK_STR(TO_HF(&k, "{\"x\": 1}"), "{\"a\": 1, \"b\": 1, \"c\": 3}");
    kit_rules(
        &k, "axis h = hf.heads\nconfig hf.a = lit.x when h > 2\nx: a [h] <-> b [h]\n");
    CHECK_STR(TO_LIT(&k, "{\"heads\": 3, \"a\": 1}"), "{\"x\": 1}");
    CHECK_STR(TO_LIT(&k, "{\"a\": 1}"), "undecided-guard");
    kit_end(&k);
}

/* ---- tables -------------------------------------------------------------------- */

static const char *const rope =
    "field hf.rope = null\n"
    "field lit.ratio : int\nfield lit.adjust.factor : float\n"
    "table hf.rope, lit.ratio, lit.adjust {\n"
    "  null <-> 1, null\n"
    "  { rope_type|type: \"default\" } -> 1, null because \"the same as none\"\n"
    "  { rope_type|type: \"linear\" | \"lin\", factor: f } <-> f, null if f % 1 == 0\n"
    "  { rope_type|type: \"linear\", factor: f } <-> 1, { factor: f }\n"
    "  { rope_type|type: \"llama3\", factor: f, low: a, high?: b } <->\n"
    "    1, { factor: f, low: a, high?: b }\n"
    "}\n";

static void test_rope(void)
{
    kit k = kit_begin();
    kit_rules(&k, rope);
    CHECK_STR(TO_LIT(&k, "{}"), "{\"adjust\": null, \"ratio\": 1}");
    CHECK_STR(TO_LIT(&k, "{\"rope\": null}"), "{\"adjust\": null, \"ratio\": 1}");
    CHECK_INT(k.result->lossy.n, 0);
    CHECK_STR(TO_LIT(&k, "{\"rope\": {\"type\": \"default\"}}"),
              "{\"adjust\": null, \"ratio\": 1}");
    CHECK_INT(k.result->lossy.n, 1);
    CHECK(strstr(k.result->lossy.at[0], "the same as none") != NULL);
    CHECK_INT(kit_field(&k, "ratio")->class_of, LOSSY);
    CHECK_STR(TO_LIT(&k, "{\"rope\": {\"type\": \"lin\", \"factor\": 4.0}}"),
              "{\"adjust\": null, \"ratio\": 4}");
    CHECK_STR(TO_LIT(&k, "{\"rope\": {\"type\": \"linear\", \"factor\": 2.5}}"),
              "{\"adjust\": {\"factor\": 2.5}, \"ratio\": 1}");
    /* configs in the wild have both spellings of a key at once */
    CHECK_STR(TO_LIT(&k, "{\"rope\": {\"rope_type\": \"llama3\", \"type\": \"llama3\", "
                         "\"factor\": 8, \"low\": 1, \"high\": 4}}"),
              "{\"adjust\": {\"factor\": 8.0, \"low\": 1, \"high\": 4}, \"ratio\": 1}");
    CHECK_STR(
        TO_LIT(&k,
               "{\"rope\": {\"rope_type\": \"llama3\", \"factor\": 8.0, \"low\": 1}}"),
        "{\"adjust\": {\"factor\": 8.0, \"low\": 1}, \"ratio\": 1}");
    CHECK_STR(TO_LIT(&k, "{\"rope\": {\"type\": \"dynamic\", \"factor\": 2}}"),
              "no-row");
    CHECK_STR(
        TO_LIT(&k, "{\"rope\": {\"type\": \"linear\", \"factor\": 2, \"new\": 1}}"),
        "no-row"); /* patterns are closed */
    CHECK_STR(TO_HF(&k, "{\"ratio\": 1, \"adjust\": null}"), "{\"rope\": null}");
    CHECK_STR(TO_HF(&k, "{\"ratio\": 4, \"adjust\": null}"),
              "{\"rope\": {\"rope_type\": \"linear\", \"factor\": 4}}");
    CHECK_STR(TO_HF(&k, "{\"ratio\": 1, \"adjust\": {\"factor\": 8.0, \"low\": 1}}"),
              "{\"rope\": {\"rope_type\": \"llama3\", \"factor\": 8.0, \"low\": 1}}");
    CHECK_STR(TO_HF(&k, "{\"ratio\": 4, \"adjust\": {\"factor\": 2.0}}"), "no-row");
    kit_end(&k);
}

static void test_table_features(void)
{
    kit k = kit_begin();
    kit_rules(&k,
              "axis h = hf.heads = lit.n_head\n"
              "value new = hf.new = lit.new\n"
              "table hf.window, lit.window { null <-> null; w <-> w + 1 }\n"
              "table hf.multi, lit.groups when not new { true <-> 1; false <-> h }\n"
              "table hf.kv, lit.groups when new { n <-> n }\n"
              "table hf.size, lit.size { -1 <-> absent; n <-> n }\n"
              "table hf.kind, lit.a, lit.b { \"x\" <-> 1, _; \"y\" <-> 2, 3 }\n");
    CHECK_STR(
        TO_LIT(&k, "{\"heads\": 4, \"new\": false, \"multi\": true, \"window\": 7}"),
        "{\"groups\": 1, \"n_head\": 4, \"new\": false, \"window\": 8}");
    CHECK_STR(
        TO_LIT(&k,
               "{\"heads\": 4, \"new\": false, \"multi\": false, \"window\": null}"),
        "{\"groups\": 4, \"n_head\": 4, \"new\": false, \"window\": null}");
    CHECK_STR(TO_LIT(&k, "{\"heads\": 4, \"new\": true, \"kv\": 2, \"size\": -1}"),
              "{\"groups\": 2, \"n_head\": 4, \"new\": true}");
    CHECK_STR(
        TO_HF(&k, "{\"n_head\": 4, \"new\": false, \"groups\": 4, \"window\": 8}"),
        "{\"heads\": 4, \"multi\": false, \"new\": false, \"size\": -1, \"window\": "
        "7}");
    CHECK_STR(TO_HF(&k, "{\"n_head\": 4, \"new\": false, \"groups\": 2}"), "no-row");
    CHECK_STR(TO_HF(&k, "{\"n_head\": 4, \"new\": true, \"groups\": 2, \"size\": 9}"),
              "{\"heads\": 4, \"kv\": 2, \"new\": true, \"size\": 9}");
    CHECK_STR(TO_LIT(&k, "{\"heads\": 4, \"kind\": \"x\"}"),
              "{\"a\": 1, \"n_head\": 4}");
    CHECK_STR(TO_LIT(&k, "{\"heads\": 4, \"new\": true, \"kind\": \"x\"}"),
              "{\"a\": 1, \"n_head\": 4, \"new\": true}");
    CHECK_STR(
        TO_HF(&k, "{\"n_head\": 4, \"new\": true, \"a\": 1, \"b\": 77, \"size\": 1}"),
        "{\"heads\": 4, \"kind\": \"x\", \"new\": true, \"size\": 1}");
    kit_end(&k);
}

static void test_one_sided_table(void)
{
    kit k = kit_begin();
    kit_rules(
        &k,
        "field hf.rope = null\n"
        "table hf.rope {\n  null <-> ;\n"
        "  { type: \"longrope\", factors: _ } -> because \"there is no longrope\"\n}\n"
        "config hf.a = lit.a\n");
    CHECK_STR(TO_LIT(&k, "{\"a\": 1}"), "{\"a\": 1}");
    CHECK_STR(
        TO_LIT(&k, "{\"a\": 1, \"rope\": {\"type\": \"longrope\", \"factors\": [1]}}"),
        "{\"a\": 1}");
    CHECK_INT(k.result->lossy.n, 1);
    CHECK_STR(TO_LIT(&k, "{\"rope\": {\"type\": \"yarn\"}}"), "no-row");
    CHECK_STR(TO_HF(&k, "{\"a\": 1}"), "{\"a\": 1, \"rope\": null}");
    const config_request req = {
        .carried =
            kit_json(&k, "{\"rope\": {\"type\": \"longrope\", \"factors\": [1]}}")};
    CHECK_STR(kit_convert(&k, RIGHT, "{\"a\": 1}", &req),
              "{\"rope\": {\"type\": \"longrope\", \"factors\": [1]}, \"a\": 1}");
    kit_end(&k);
}

static void test_elements(void)
{
    kit k = kit_begin();
    kit_rules(
        &k,
        "axis l = hf.layers = lit.n_layer\n"
        "field hf.types[l] = if (l + 1) % (hf.pattern ?? 3) == 0 then \"full\" else "
        "\"sliding\"\n"
        "table hf.types[l], lit.sliding[l], lit.rope[l] {\n"
        "  \"sliding\" <-> 1, 1\n  \"full\" <-> 0, 0\n}\n"
        "config hf.sizes[l] = lit.sizes[l]\n");
    CHECK_STR(TO_LIT(&k, "{\"layers\": 3}"),
              "{\"n_layer\": 3, \"rope\": [1, 1, 0], \"sliding\": [1, 1, 0]}");
    CHECK_STR(
        TO_LIT(&k, "{\"layers\": 2, \"pattern\": 2, \"sizes\": [5, 6]}"),
        "{\"n_layer\": 2, \"rope\": [1, 0], \"sizes\": [5, 6], \"sliding\": [1, 0]}");
    CHECK_STR(TO_LIT(&k, "{\"layers\": 2, \"types\": [\"full\", \"sliding\"]}"),
              "{\"n_layer\": 2, \"rope\": [0, 1], \"sliding\": [0, 1]}");
    CHECK_STR(TO_LIT(&k, "{\"layers\": 3, \"types\": [\"full\", \"sliding\"]}"),
              "no-row");
    CHECK_STR(TO_LIT(&k, "{\"layers\": 1, \"types\": [\"chunked\"]}"), "no-row");
    CHECK_STR(TO_HF(&k, "{\"n_layer\": 2, \"sliding\": [1, 0], \"rope\": [1, 0]}"),
              "{\"layers\": 2, \"types\": [\"sliding\", \"full\"]}");
    CHECK_STR(TO_HF(&k, "{\"n_layer\": 2, \"sliding\": [1, 0], \"rope\": [0, 0]}"),
              "no-row");
    /* a carried config without the list means the same by its default */
    const config_request req = {.carried =
                                    kit_json(&k, "{\"layers\": 2, \"pattern\": 2}")};
    CHECK_STR(kit_convert(&k, RIGHT,
                          "{\"n_layer\": 2, \"sliding\": [1, 0], \"rope\": [1, 0]}",
                          &req),
              "{\"layers\": 2, \"pattern\": 2}");
    kit_end(&k);
}

/* ---- layers -------------------------------------------------------------------- */

static const char *const layered =
    "axis c = hf.hidden = lit.n_embd\n"
    "axis h = hf.heads = lit.n_head\n"
    "axis d = hf.head_dim ?? c / h = lit.head_size ?? c / h\n"
    "e: a [c (h d)] <-> b [c (h d)]\n"
    "spelled hf.heads | hf.n_head\n"
    "spelled hf.theta | hf.rope.theta\n"
    "field hf.theta : float = 10000.0\n"
    "field lit.base : int = 10000\n"
    "field lit.block : int = 4096\n"
    "config hf.theta = lit.base\n"
    "soft hf.positions = lit.block\n"
    "default lit.vocab = 512\n"
    "default hf.act = \"silu\"\n";

static void test_rows(void)
{
    kit k = kit_begin();
    kit_rules(&k, layered);
    const char *const hf = "{\"hidden\": 64, \"heads\": 8, \"positions\": 32768}";
    config_request req = {.row_name = "small"};
    CHECK_STR(kit_convert(&k, LEFT, hf, &req),
              "{\"base\": 10000, \"block\": 32768, \"head_size\": 8, \"n_embd\": 64, "
              "\"n_head\": "
              "8, \"vocab\": 512}");
    /* the row fills what no equation tells and wins over soft ones */
    req.row = kit_json(
        &k, "{\"n_embd\": 64, \"block\": 2048, \"vocab\": 500, \"org\": {\"a\": "
            "1}}");
    CHECK_STR(kit_convert(&k, LEFT, hf, &req),
              "{\"base\": 10000, \"block\": 2048, \"head_size\": 8, \"n_embd\": 64, "
              "\"n_head\": "
              "8, \"org\": {\"a\": 1}, \"vocab\": 500}");
    CHECK_INT(kit_field(&k, "block")->from, FROM_ROW);
    CHECK_INT(kit_field(&k, "vocab")->from, FROM_ROW);
    /* a row lists what differs from the defaults of its layout: none is 4096 */
    req.row = kit_json(&k, "{\"n_embd\": 64}");
    CHECK(strstr(kit_convert(&k, LEFT, hf, &req), "\"block\": 4096") != NULL);
    /* another size, or another hard fact: another model */
    static const char *const others[] = {"{\"n_embd\": 32, \"vocab\": 500}",
                                         "{\"base\": 500, \"vocab\": 500}",
                                         "{\"head_size\": 9, \"vocab\": 500}"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        req.row = kit_json(&k, others[i]);
        CHECK(strstr(kit_convert(&k, LEFT, hf, &req), "\"vocab\": 512") != NULL);
        CHECK(diags_has(k.cx.diags, "row-vetoed"));
        diags_clear(k.cx.diags);
    }
    kit_end(&k);
}

static void test_carried(void)
{
    kit k = kit_begin();
    kit_rules(&k, layered);
    const char *const lit =
        "{\"n_embd\": 64, \"n_head\": 8, \"base\": 500, \"block\": 4096}";
    /* agrees in its own spelling: nothing changes, not even the order or the numerals
     */
    const char *const same =
        "{\"rope\": {\"theta\": 5e2, \"x\": 1}, \"n_head\": 8, \"eos\": [1, "
        "2], \"hidden\": 64, \"positions\": 32768, \"act\": \"gelu\"}";
    config_request req = {.carried = kit_json(&k, same)};
    CHECK_STR(kit_convert(&k, RIGHT, lit, &req), same);
    CHECK_INT(kit_field(&k, "eos")->from, FROM_CARRIED);
    /* disagrees: written under the first name, other spellings go, the rest stays */
    req.carried =
        kit_json(&k, "{\"rope\": {\"theta\": 7.0}, \"n_head\": 4, \"hidden\": 64, "
                     "\"eos\": 2}");
    CHECK_STR(
        kit_convert(&k, RIGHT, lit, &req),
        "{\"hidden\": 64, \"eos\": 2, \"positions\": 4096, \"heads\": 8, \"theta\": "
        "500.0}");
    CHECK(strstr(kit_field(&k, "theta")->text, "the carried config says 7.0") != NULL);
    /* a default that meant the same no longer does: heads of 16 are said now */
    req.carried = kit_json(&k, "{\"hidden\": 64, \"heads\": 4, \"theta\": 10000.0}");
    CHECK_STR(kit_convert(
                  &k, RIGHT,
                  "{\"n_embd\": 64, \"n_head\": 8, \"head_size\": 16, \"base\": 10000}",
                  &req),
              "{\"hidden\": 64, \"heads\": 8, \"theta\": 10000.0, \"positions\": 4096, "
              "\"head_dim\": 16}");
    kit_end(&k);
}

static void test_set(void)
{
    kit k = kit_begin();
    kit_rules(&k, layered);
    const char *const hf = "{\"hidden\": 64, \"heads\": 8}";
    config_request req = {.set = kit_json(&k, "{\"base\": 77.0, \"lit.name\": \"x\"}")};
    CHECK_STR(kit_convert(&k, LEFT, hf, &req),
              "{\"base\": 77, \"head_size\": 8, \"n_embd\": 64, \"n_head\": 8, "
              "\"name\": \"x\", "
              "\"vocab\": 512}");
    CHECK_INT(kit_field(&k, "base")->from, FROM_SET);
    req.set = kit_json(&k, "{\"n_embd\": 65}"); /* the tensors say otherwise */
    CHECK_STR(kit_convert(&k, LEFT, hf, &req), "config-contradicts");
    req.set = kit_json(&k, "{\"base\": \"big\"}");
    CHECK_STR(kit_convert(&k, LEFT, hf, &req), "field-type");
    req.set = kit_json(&k, "{\"n_head\": 8}"); /* gives what the source lacks */
    CHECK_STR(kit_convert(&k, LEFT, "{\"hidden\": 64}", &req),
              "{\"base\": 10000, \"n_embd\": 64, \"n_head\": 8, \"vocab\": 512}");
    kit_end(&k);
}

static void test_rest(void)
{
    kit k = kit_begin();
    kit_rules(&k, "spelled lit._norm | lit.norm\nconfig hf.norm = lit._norm\n"
                  "table hf.qk, lit.qk { false <-> absent; x <-> x }\nconfig rest\n");
    CHECK_STR(
        TO_LIT(&k,
               "{\"norm\": \"RMS\", \"qk\": false, \"z\": {\"y\": [1e-5]}, \"a\": 3}"),
        "{\"_norm\": \"RMS\", \"a\": 3, \"z\": {\"y\": [1e-05]}}");
    CHECK_STR(TO_HF(&k, "{\"norm\": \"RMS\", \"z\": null}"),
              "{\"norm\": \"RMS\", \"qk\": false, \"z\": null}");
    CHECK_STR(TO_HF(&k, "{\"qk\": true}"), "{\"qk\": true}");
    kit_end(&k);
}

static void test_target_demand(void)
{
    kit k = kit_begin();
    kit_rules(&k, "config hf.a = lit.a\ndefault lit.name = \"Gem\"\n"
                  "require lit.name =~ /Gem/ because \"the name tells the norms\"\n");
    CHECK_STR(TO_LIT(&k, "{\"a\": 1}"), "{\"a\": 1, \"name\": \"Gem\"}");
    const config_request req = {.set = kit_json(&k, "{\"name\": \"other\"}")};
    CHECK_STR(kit_convert(&k, LEFT, "{\"a\": 1}", &req), "refused");
    kit_end(&k);
}

int main(void)
{
    test_equations();
    test_written_twice();
    test_rope();
    test_table_features();
    test_one_sided_table();
    test_elements();
    test_rows();
    test_carried();
    test_set();
    test_rest();
    test_target_demand();
    return CHECK_RESULT();
}
