/* Tests of merge files: what the lines list is merged, from headers alone. */
#include <string.h>

#include "audit/test_run.h"
#include "plan/merge.h"

static rt_status read_configs(test_run *r, values **v)
{
    TRY(values_read_pair(&r->cx, r->m, r->config[LEFT], "the test", r->config[RIGHT],
                         "the test", v));
    return values_demand(&r->cx, *v);
}

/* Without a family: every base tensor of two dims is a linear map. */
static rt_status merge_lines(test_run *r, values *v, bool absent, merge_account *acc)
{
    plan p = {0};
    stage *out = NULL;
    const merge_how how = {.weight = 1};
    const stage *base = stage_of_inventory(&r->cx, &p, test_inventory(r, LEFT, false));
    const stage *adapter =
        stage_of_inventory(&r->cx, &p, test_inventory(r, RIGHT, absent));
    if (base->tensors.n == 0 && adapter->tensors.n == 0) {
        return RT_OK; /* a test of the configs */
    }
    return stage_merge(&r->cx, &p, base, adapter, v, NULL, &how, &out, acc);
}

/* What a line calls absent no rule may take, were it there. */
static void check_absent(test_run *r, values *v)
{
    context loud = r->cx;
    merge_account acc = {0};
    r->cx.diags = diags_new(loud.arena); /* that it is refused is what is wanted */
    const rt_status status = merge_lines(r, v, true, &acc);
    r->cx = loud;
    for (size_t i = 0; i < r->t->lines.n; i++) {
        const test_line *line = &r->t->lines.at[i];
        bool unused = false;
        if (line->name == NULL || !line->absent || test_side(r, line->side) != RIGHT) {
            continue;
        }
        for (size_t k = 0; k < acc.unused.n; k++) {
            unused = unused || strcmp(acc.unused.at[k], test_name(r, line)) == 0;
        }
        if (status == RT_OK || !unused) {
            test_fail(r, "%s is a name of %s, the test says it is absent",
                      test_name(r, line), line->side);
        }
    }
}

void merge_test_run(test_run *r)
{
    values *v = NULL;
    merge_account acc = {0};
    if (read_configs(r, &v) != RT_OK) {
        test_fail(r, "the configs are refused");
    } else if (merge_lines(r, v, false, &acc) != RT_OK) {
        test_fail(r, "the adapter cannot be merged");
    } else {
        check_absent(r, v);
    }
}

void merge_test_provoke(test_run *r)
{
    values *v = NULL;
    merge_account acc = {0};
    if (read_configs(r, &v) == RT_OK && merge_lines(r, v, false, &acc) == RT_OK) {
        test_fail(r, "nothing complains");
    }
}
