/* Values of a model: expressions, defaults, spellings, axes, shapes, demands,
 * detection. */
#include "config_kit.h"

/* ---- expressions --------------------------------------------------------------- */

/* The value of an expression over a small config, as JSON; until the next call. */
static const char *evaluated(const char *text)
{
    static char text_of[128];
    kit k = kit_begin();
    kit_rules(&k, arena_printf(k.a, "value x = %s\n", text));
    const values *v = kit_read(
        &k, LEFT,
        "{\"a\": 6, \"b\": 4, \"f\": 2.5, \"s\": \"Big-Model\", \"n\": null, \"t\": "
        "true, \"list\": [1, 2, 3], \"sub\": {\"deep\": {\"x\": 7}}, \"p\": {"
        "\"q_proj\": 4, \"layers\\\\.[01]\\\\.v\": 8, \"v\": 9}}",
        RT_OK);
    (void)snprintf(text_of, sizeof text_of, "%s", kit_show(&k, kit_fact(&k, v, "x")));
    kit_end(&k);
    return text_of;
}

static void test_arithmetic(void)
{
    CHECK_STR(evaluated("hf.a + hf.b * 2"), "14");
    CHECK_STR(evaluated("hf.a / 3"), "2");
    CHECK_STR(evaluated("hf.a / hf.b"), "1.5");
    CHECK_STR(evaluated("hf.a % hf.b"), "2");
    CHECK_STR(evaluated("(0 - hf.a) % hf.b"), "2");
    CHECK_STR(evaluated("-hf.a"), "-6");
    CHECK_STR(evaluated("hf.f * 2"), "5.0");
    CHECK_STR(evaluated("hf.a / 0"), "absent");
    CHECK_STR(evaluated("9223372036854775807 + hf.a"), "absent");
    CHECK_STR(evaluated("(hf.nope + 1) ?? 3"), "3");
}

static void test_conditions(void)
{
    CHECK_STR(evaluated("hf.a > hf.b and hf.t"), "true");
    CHECK_STR(evaluated("hf.nope or not hf.n"), "true");
    CHECK_STR(evaluated("hf.s =~ /^big/i"), "true");
    CHECK_STR(evaluated("hf.s =~ /^big/"), "false");
    CHECK_STR(evaluated("hf.nope =~ /x/"), "false");
    CHECK_STR(evaluated("hf.a in {4, 6.0}"), "true");
    CHECK_STR(evaluated("hf.a == 6.0"), "true");
    CHECK_STR(evaluated("hf.n == null"), "true");
    CHECK_STR(evaluated("hf.nope == null"), "true");
    CHECK_STR(evaluated("hf.nope != \"x\""), "true");
    CHECK_STR(evaluated("hf.nope < 3"), "false");
    CHECK_STR(evaluated("if hf.t then \"yes\" else \"no\""), "\"yes\"");
    CHECK_STR(evaluated("hf.n ?? hf.nope ?? hf.b"), "4");
}

static void test_functions(void)
{
    CHECK_STR(evaluated("min(hf.a, hf.b)"), "4");
    CHECK_STR(evaluated("max(hf.a, hf.f)"), "6");
    CHECK_STR(evaluated("min(7, hf.list)"), "1");
    CHECK_STR(evaluated("max(hf.list, hf.f)"), "3");
    CHECK_STR(evaluated("len(hf.list)"), "3");
    CHECK_STR(evaluated("lower(hf.s)"), "\"big-model\"");
    CHECK_STR(evaluated("sqrt(hf.b)"), "2.0");
    CHECK_STR(evaluated("ceil(hf.f)"), "3");
    CHECK_STR(evaluated("floor(hf.f)"), "2");
    CHECK_STR(evaluated("floor(-hf.f)"), "-3");
    CHECK_STR(evaluated("floor(hf.a)"), evaluated("hf.a"));
    CHECK_STR(evaluated("hf.list[1]"), "2");
    CHECK_STR(evaluated("hf.list[9] ?? 0"), "0");
    CHECK_STR(evaluated("hf.sub.deep.x"), "7");
    /* PEFT: the first key that is the name, or its end behind a dot */
    CHECK_STR(evaluated("lookup(hf.p, \"m.layers.5.q_proj\") ?? 1"), "4");
    CHECK_STR(evaluated("lookup(hf.p, \"q_proj\") ?? 1"), "4");
    CHECK_STR(evaluated("lookup(hf.p, \"m.layers.1.v\") ?? 1"), "8");
    CHECK_STR(evaluated("lookup(hf.p, \"m.layers.2.v\") ?? 1"), "9");
    CHECK_STR(evaluated("lookup(hf.p, \"my_q_proj\") ?? 1"), "1");
    CHECK_STR(evaluated("lookup(hf.nope, \"q_proj\") ?? 1"), "1");
}

/* ---- axes, fields, defaults ------------------------------------------------------ */

static const char *const sizes =
    "axis l = hf.layers\n"
    "axis c = hf.hidden = lit.n_embd\n"
    "axis g = hf.kv ?? hf.heads = lit.groups ?? lit.n_head\n"
    "axis h = g * r = hf.heads = lit.n_head\n"
    "axis d = hf.head_dim ?? c / h = lit.head_size ?? c / h\n"
    "value att = hf.bias ?? false = lit.bias\n"
    "field hf.theta : float = if hf.kind == \"old\" then 100.0 else 10000.0\n"
    "spelled hf.theta | hf.rope.theta\n"
    "value theta = hf.theta\n"
    "qkv: a.{l}.q [(g r d) <- c] <-> b.{l}.q [(g r d) <- c]\n"
    "kv: a.{l}.k [(k: g d | v: g d) <- c] <-> b.{l}.k [(k: g d | v: g d) <- c]\n";

static void test_axes(void)
{
    kit k = kit_begin();
    kit_rules(&k, sizes);
    values *v = kit_read(&k, LEFT, "{\"hidden\": 64, \"heads\": 8, \"kv\": 2}", RT_OK);
    CHECK_INT(kit_size(&k, v, "c"), 64);
    CHECK_INT(kit_size(&k, v, "r"), 4);
    CHECK_INT(kit_size(&k, v, "d"), 8);
    CHECK(strstr(v->size_from[mapping_axis(k.m, "g")], "hf.kv = 2 (config.json)") !=
          NULL);
    CHECK_STR(kit_show(&k, kit_fact(&k, v, "att")), "false");

    v = kit_read(&k, LEFT,
                 "{\"hidden\": 64, \"heads\": 8, \"kv\": null, \"head_dim\": 16}",
                 RT_OK);
    CHECK_INT(kit_size(&k, v, "g"), 8);
    CHECK_INT(kit_size(&k, v, "r"), 1);
    CHECK_INT(kit_size(&k, v, "d"), 16);

    /* a missing field leaves an axis open; no config leaves everything open */
    v = kit_read(&k, LEFT, "{\"heads\": 8}", RT_OK);
    CHECK_INT(kit_size(&k, v, "c"), SIZE_UNKNOWN);
    CHECK_INT(kit_size(&k, v, "d"), SIZE_UNKNOWN);
    v = kit_read(&k, LEFT, NULL, RT_OK);
    CHECK(kit_fact(&k, v, "att") == NULL);
    kit_end(&k);
}

static void test_axes_contradict(void)
{
    kit k = kit_begin();
    kit_rules(&k, sizes);
    (void)kit_read(&k, LEFT, "{\"hidden\": 64, \"heads\": 8, \"kv\": 3}", RT_MISMATCH);
    CHECK(diags_has(k.cx.diags, "config-contradicts"));
    diags_clear(k.cx.diags);
    (void)kit_read(&k, LEFT, "{\"hidden\": -5, \"heads\": 8}", RT_MISMATCH);
    CHECK(diags_has(k.cx.diags, "config-contradicts"));
    diags_clear(k.cx.diags);
    (void)kit_read(&k, LEFT, "{\"hidden\": \"big\", \"heads\": 8}", RT_MISMATCH);
    CHECK(diags_has(k.cx.diags, "config-contradicts"));
    kit_end(&k);
}

static void test_fields(void)
{
    kit k = kit_begin();
    kit_rules(&k, sizes);
    const values *v = kit_read(&k, LEFT, "{}", RT_OK);
    CHECK_STR(kit_show(&k, kit_fact(&k, v, "theta")), "10000.0");
    v = kit_read(&k, LEFT, "{\"kind\": \"old\"}", RT_OK);
    CHECK_STR(kit_show(&k, kit_fact(&k, v, "theta")), "100.0");
    v = kit_read(&k, LEFT, "{\"rope\": {\"theta\": 5}}", RT_OK);
    CHECK_STR(kit_show(&k, kit_fact(&k, v, "theta")), "5.0");
    v = kit_read(&k, LEFT, "{\"theta\": \"1e-05\"}", RT_OK); /* as YAML 1.1 reads it */
    CHECK_STR(kit_show(&k, kit_fact(&k, v, "theta")), "1e-05");
    v = kit_read(&k, LEFT, "{\"theta\": null}", RT_OK);
    CHECK_STR(kit_show(&k, kit_fact(&k, v, "theta")), "null");
    (void)kit_read(&k, LEFT, "{\"theta\": true}", RT_MISMATCH);
    CHECK(diags_has(k.cx.diags, "field-type"));
    kit_end(&k);
}

static void test_roots(void)
{
    kit k = kit_begin();
    kit_rules(&k, "choice t = hf.text_config | hf\n"
                  "axis c = t.hidden = lit.n_embd\n"
                  "e: a [c] <-> b [c]\n");
    const values *v =
        kit_read(&k, LEFT, "{\"text_config\": {\"hidden\": 8}, \"hidden\": 3}", RT_OK);
    CHECK_INT(kit_size(&k, v, "c"), 8);
    v = kit_read(&k, LEFT, "{\"hidden\": 3}", RT_OK);
    CHECK_INT(kit_size(&k, v, "c"), 3);
    /* written: the first, unless the carried config has another */
    CHECK_STR(TO_HF(&k, "{\"n_embd\": 5}"), "{\"text_config\": {\"hidden\": 5}}");
    const config_request req = {.carried = kit_json(&k, "{\"hidden\": 3}")};
    CHECK_STR(kit_convert(&k, RIGHT, "{\"n_embd\": 5}", &req), "{\"hidden\": 5}");
    kit_end(&k);
}

/* ---- shapes -------------------------------------------------------------------- */

static void learn(kit *k, values *v, size_t rule, const char *name, uint64_t rows,
                  uint64_t columns)
{
    const uint64_t shape[2] = {rows, columns};
    const bool on[4] = {true, true, true, true};
    values_learn(&k->cx, v, &k->m->rules.at[rule].tensors[LEFT].at[0], name, shape, 2,
                 on);
}

static void test_solve(void)
{
    kit k = kit_begin();
    kit_rules(&k, sizes);
    values *v = kit_read(&k, LEFT, "{\"heads\": 8, \"kv\": 2}", RT_OK);
    learn(&k, v, 0, "a.0.q", 64, 64);
    learn(&k, v, 1, "a.0.k", 32, 64);
    values_learn_range(&k.cx, v, mapping_axis(k.m, "l"), 3, "names");
    CHECK_INT(values_solve(&k.cx, v), RT_OK);
    CHECK_INT(kit_size(&k, v, "c"), 64);
    CHECK_INT(kit_size(&k, v, "d"), 8);
    CHECK_INT(kit_size(&k, v, "l"), 3);
    kit_end(&k);
}

static void test_solve_contradicts(void)
{
    kit k = kit_begin();
    kit_rules(&k, sizes);
    values *v = kit_read(&k, LEFT, "{\"hidden\": 64, \"heads\": 8, \"kv\": 2}", RT_OK);
    for (int i = 0; i < 3; i++) {
        learn(&k, v, 0, arena_printf(k.a, "a.%d.q", i), 64, 64);
        learn(&k, v, 1, arena_printf(k.a, "a.%d.k", i), 128, 64);
    }
    CHECK_INT(values_solve(&k.cx, v), RT_MISMATCH);
    CHECK(diags_has(k.cx.diags, "shape-contradicts"));
    CHECK_INT(diags_count(k.cx.diags, SEV_ERROR), 1); /* three layers, one complaint */
    diags_clear(k.cx.diags);

    v = kit_read(&k, LEFT, "{\"hidden\": 64, \"heads\": 8, \"kv\": 2}", RT_OK);
    const uint64_t shape[1] = {64};
    values_learn(&k.cx, v, &k.m->rules.at[0].tensors[LEFT].at[0], "a.0.q", shape, 1,
                 NULL);
    CHECK_INT(values_solve(&k.cx, v), RT_MISMATCH);
    CHECK(diags_has(k.cx.diags, "shape-contradicts"));
    diags_clear(k.cx.diags);

    /* 65 rows of k and v are no 2 * 2 * d */
    v = kit_read(&k, LEFT, "{\"heads\": 8, \"kv\": 2}", RT_OK);
    learn(&k, v, 1, "a.0.k", 65, 64);
    CHECK_INT(values_solve(&k.cx, v), RT_MISMATCH);
    CHECK(diags_has(k.cx.diags, "shape-contradicts"));
    diags_clear(k.cx.diags);

    v = kit_read(&k, LEFT, NULL, RT_OK);
    learn(&k, v, 0, "a.0.q", 64, 64);
    CHECK_INT(values_solve(&k.cx, v), RT_MISMATCH);
    CHECK(diags_has(k.cx.diags, "size-unknown"));
    diags_clear(k.cx.diags);

    kit_rules(&k, "axis l = hf.layers\nx: a.{l} [c] <-> b.{l} [c]\n");
    v = kit_read(&k, LEFT, "{\"layers\": 4}", RT_OK);
    values_learn_range(&k.cx, v, mapping_axis(k.m, "l"), 3, "names");
    CHECK_INT(values_solve(&k.cx, v), RT_MISMATCH);
    CHECK(diags_has(k.cx.diags, "shape-contradicts"));
    kit_end(&k);
}

static void test_parts_off(void)
{
    kit k = kit_begin();
    kit_rules(&k, "axis n = hf.n\nvalue q = hf.q\n"
                  "x: a [(q: n when q | k: n)] <-> b [(q: n when q | k: n)]\n");
    values *v = kit_read(&k, LEFT, "{\"q\": false}", RT_OK);
    const map_tensor *t = &k.m->rules.at[0].tensors[LEFT].at[0];
    const bool on[2] = {false, true};
    const uint64_t shape[1] = {7};
    values_learn(&k.cx, v, t, "a", shape, 1, on);
    CHECK_INT(values_solve(&k.cx, v), RT_OK);
    CHECK_INT(kit_size(&k, v, "n"), 7);
    kit_end(&k);
}

/* ---- demands, detection, guards, merges -------------------------------------------
 */

static void test_demand(void)
{
    kit k = kit_begin();
    kit_rules(
        &k,
        "axis c = hf.hidden = lit.n_embd\ne: a [c] <-> b [c]\n"
        "require hf.alibi ?? false == false because \"rotary embeddings only\"\n"
        "refuse hf.clip != null because \"nothing is clipped\"\n"
        "const hf.act = \"silu\"\nignore hf.extra\n"
        "config hf.sub.x = lit.x\ndetect hf model_type == \"t\" and not has z.{l}\n");
    const char *const good =
        "{\"hidden\": 8, \"extra\": {\"a\": 1}, \"sub\": {\"x\": 1}, "
        "\"act\": \"silu\", \"model_type\": \"t\"}";
    CHECK_INT(values_demand(&k.cx, kit_read(&k, LEFT, good, RT_OK)), RT_OK);
    CHECK_INT(diags_count(k.cx.diags, SEV_WARNING), 0);
    CHECK_INT(config_detect(&k.cx, k.m, LEFT, kit_json(&k, good), NULL, NULL), 1);
    CHECK_INT(config_detect(&k.cx, k.m, LEFT, kit_json(&k, "{}"), NULL, NULL), 0);
    CHECK_INT(config_detect(&k.cx, k.m, LEFT, NULL, NULL, NULL), 0);
    CHECK_INT(config_detect(&k.cx, k.m, RIGHT, NULL, NULL, NULL), -1);

    static const struct {
        const char *config, *slug;
        rt_status status;
    } cases[] = {
        {"{\"alibi\": true}", "refused", RT_MISMATCH},
        {"{\"clip\": 8.0}", "refused", RT_MISMATCH},
        {"{\"act\": \"gelu\"}", "const-differs", RT_MISMATCH},
        {"{\"what\": 1, \"sub\": {\"x\": 1, \"y\": 2}}", "unknown-field", RT_OK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const values *v = kit_read(&k, LEFT, cases[i].config, RT_OK);
        diags_clear(k.cx.diags);
        CHECK_INT(values_demand(&k.cx, v), cases[i].status);
        CHECK(diags_has(k.cx.diags, cases[i].slug));
    }
    CHECK_INT(diags_count(k.cx.diags, SEV_WARNING), 1); /* what, sub.y: one warning */
    kit_end(&k);
}

static void test_guards(void)
{
    kit k = kit_begin();
    kit_rules(&k, "axis l = hf.layers\nvalue two = hf.norms == 2 = lit.two\n"
                  "x: a.{l} [c] <-> b.{l} [c] when two and l > 3\n");
    const map_rule *rule = &k.m->rules.at[0];
    const int64_t numbers[1] = {4};
    const binding b = {rule->captures.at, numbers, NULL, 1};
    const values *v = kit_read(&k, LEFT, "{\"norms\": 2}", RT_OK);
    CHECK_INT(values_holds(&k.cx, v, rule->guards.at[0], &b), 1);
    v = kit_read(&k, LEFT, "{\"norms\": 1}", RT_OK);
    CHECK_INT(values_holds(&k.cx, v, rule->guards.at[0], &b), 0);
    v = kit_read(&k, LEFT, NULL, RT_OK);
    CHECK_INT(values_holds(&k.cx, v, rule->guards.at[0], &b), -1);
    CHECK_INT(values_holds(&k.cx, v, rule->guards.at[0], &b), -1);
    CHECK(diags_has(k.cx.diags, "undecided-guard"));
    CHECK_INT(diags_count(k.cx.diags, SEV_ERROR), 1); /* said once */
    kit_end(&k);
}

static void test_merge(void)
{
    kit k = kit_begin();
    kit_rules(&k,
              "merge m : lit += lora\naxis c = base.n_embd\naxis n = adapter.r\n"
              "value s = adapter.alpha / adapter.r\n"
              "x: base w [o <- c] += s * adapter b [o <- n] * adapter a [n <- c]\n");
    values *v = NULL;
    CHECK_INT(values_read_pair(&k.cx, k.m, kit_json(&k, "{\"n_embd\": 16}"),
                               "base.yaml", kit_json(&k, "{\"r\": 4, \"alpha\": 6}"),
                               "lora.yaml", &v),
              RT_OK);
    CHECK_INT(kit_size(&k, v, "c"), 16);
    CHECK_INT(kit_size(&k, v, "n"), 4);
    CHECK_STR(kit_show(&k, kit_fact(&k, v, "s")), "1.5");
    kit_end(&k);
}

int main(void)
{
    test_arithmetic();
    test_conditions();
    test_functions();
    test_axes();
    test_axes_contradict();
    test_fields();
    test_roots();
    test_solve();
    test_solve_contradicts();
    test_parts_off();
    test_demand();
    test_guards();
    test_merge();
    return CHECK_RESULT();
}
