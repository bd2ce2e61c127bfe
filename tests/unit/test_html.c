/* A report as a page: tables of lists of records, and nothing of a name is markup. */
#include "audit/report_html.h"
#include "base/json.h"
#include "check.h"

int main(void)
{
    static const char json[] =
        "{\"ok\": true, \"n_tensors\": 2, \"rules\": [{\"name\": \"<b>&\", \"size\": "
        "3},"
        " {\"name\": \"b\", \"more\": [\"x\", \"y\"]}], \"empty\": []}";
    arena *a = arena_new();
    const char *why = NULL;
    buf out = {.arena = a};
    const value *v = json_parse(a, json, sizeof json - 1, &why);
    if (CHECK(v != NULL)) {
        report_html(&out, "a \"report\"", v);
    }
    const char *page = buf_str(&out);
    CHECK(strstr(page, "<title>a &quot;report&quot;</title>") != NULL);
    CHECK(strstr(page, "<tr><th>n tensors</th><td>2</td></tr>") != NULL);
    CHECK(strstr(page, "<h2>rules</h2>\n<table>\n"
                       "<tr><th>name</th><th>size</th><th>more</th></tr>\n"
                       "<tr><td>&lt;b&gt;&amp;</td><td>3</td><td></td></tr>\n"
                       "<tr><td>b</td><td></td><td>x<br>y</td></tr>\n"
                       "</table>\n") != NULL);
    CHECK(strstr(page, "<b>") == NULL && strstr(page, "empty") == NULL);
    arena_free(a);
    return CHECK_RESULT();
}
