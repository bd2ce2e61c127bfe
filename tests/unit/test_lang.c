/* The rule language from outside: tests/lang/pass_*.rules parse, and their canonical
 * text is stable and says the same; tests/lang/fail_*.rules give exactly the text of
 * fail_*.err (`test_lang --update` writes those files, and the pass_*.fmt that exist);
 * every example of grammar/README.md parses; the files of rules/ are canonical. */
#include <stdlib.h>

#include "base/file.h"
#include "check.h"
#include "grammar/parse.h"

typedef struct parsed {
    arena *arena;
    const ast_file *file; /* NULL: there were errors */
    const char *errors;   /* as shown to the user */
} parsed;

static bool update;

static const char *top(void)
{
    const char *dir = getenv("RETENSOR_SOURCE_DIR");
    return dir != NULL ? dir : ".";
}

static parsed parse_bytes(const char *name, const char *text, size_t n_bytes)
{
    parsed p = {.arena = arena_new(), .errors = ""};
    context cx = {p.arena, diags_new(p.arena)};
    char *copy = arena_alloc(p.arena, n_bytes + 1);
    memcpy(copy, text, n_bytes);
    source *src = NEW(p.arena, source);
    *src = (source){name, copy, n_bytes};
    const rt_status status = rules_parse(&cx, src, &p.file);
    CHECK((status == RT_OK) == (p.file != NULL));
    CHECK((status == RT_OK) == (diags_count(cx.diags, SEV_ERROR) == 0));
    char *shown = NULL;
    size_t n_shown = 0;
    FILE *to = open_memstream(&shown, &n_shown);
    if (CHECK(to != NULL)) {
        diags_print_text(cx.diags, to, false);
        (void)fclose(to);
        p.errors = arena_strndup(p.arena, shown, n_shown);
        free(shown);
    }
    return p;
}

static parsed parse_text(const char *name, const char *text)
{
    return parse_bytes(name, text, strlen(text));
}

static char *formatted(const parsed *p)
{
    buf b = {.arena = p->arena};
    rules_format(&b, p->file);
    return buf_str(&b);
}

/* ---- what a file says ---------------------------------------------------------- */

/* How often each byte stands in a text, without those that the canonical text may
 * leave out or add: blanks, separators, parentheses. */
static void count_bytes(const char *text, size_t n[256])
{
    memset(n, 0, 256 * sizeof *n);
    for (; *text != '\0'; text++) {
        if (strchr(" \t\r\n,;()", *text) == NULL) {
            n[(unsigned char)*text]++;
        }
    }
}

static bool same_content(const char *x, const char *y)
{
    size_t n[2][256];
    count_bytes(x, n[0]);
    count_bytes(y, n[1]);
    return memcmp(n[0], n[1], sizeof n[0]) == 0;
}

static bool no_blank_ends(const char *text)
{
    for (const char *line = text; *line != '\0';) {
        const size_t n = strcspn(line, "\n");
        if (n > 0 && (line[n - 1] == ' ' || line[n - 1] == '\t')) {
            return false;
        }
        line += n + (line[n] == '\n');
    }
    return true;
}

static void check_format(const char *name, const char *text)
{
    parsed p = parse_text(name, text);
    CHECK_STR(p.errors, "");
    if (p.file != NULL) {
        const char *once = formatted(&p);
        parsed again = parse_text(name, once);
        CHECK_STR(again.errors, "");
        CHECK(no_blank_ends(once));
        if (!CHECK(same_content(text, once))) {
            (void)fprintf(stderr, "    %s: the canonical text says something else\n",
                          name);
        }
        if (again.file != NULL) {
            CHECK_STR(formatted(&again), once);
        }
        arena_free(again.arena);
    }
    arena_free(p.arena);
}

/* ---- files --------------------------------------------------------------------- */

static const char *read_text(arena *a, const char *path, size_t *n_bytes)
{
    char *text = NULL;
    return file_read(a, path, 1 << 24, &text, n_bytes) == 0 ? text : NULL;
}

static void write_text(const char *path, const char *text)
{
    FILE *to = fopen(path, "wb");
    if (CHECK(to != NULL)) {
        CHECK(fputs(text, to) >= 0);
        CHECK(fclose(to) == 0);
    }
}

/* The file's name with another ending. */
static const char *sibling(arena *a, const char *path, const char *ending)
{
    return arena_printf(a, "%.*s%s", (int)(strrchr(path, '.') - path), path, ending);
}

static void check_expected(arena *a, const char *path, const char *got)
{
    if (update) {
        write_text(path, got);
        return;
    }
    size_t n_bytes = 0;
    const char *want = read_text(a, path, &n_bytes);
    if (want == NULL || strcmp(want, got) != 0) {
        (void)fprintf(stderr, "%s:\n", path);
    }
    CHECK_STR(got, want);
}

static void check_file(arena *a, const char *path)
{
    const char *name = path_base(path);
    size_t n_bytes = 0;
    const char *text = read_text(a, path, &n_bytes);
    if (!CHECK(text != NULL)) {
        return;
    }
    parsed p = parse_bytes(name, text, n_bytes);
    if (strncmp(name, "fail_", 5) == 0) {
        CHECK(p.file == NULL);
        check_expected(a, sibling(a, path, ".err"), p.errors);
    } else {
        check_format(name, text);
        const char *want = sibling(a, path, ".fmt");
        if (p.file != NULL && file_exists(want)) {
            check_expected(a, want, formatted(&p));
        }
    }
    arena_free(p.arena);
}

static size_t for_each_rules(const char *folder,
                             void (*check)(arena *a, const char *path))
{
    arena *a = arena_new();
    const char *dir = path_join(a, top(), folder);
    char **names = NULL;
    size_t n = 0;
    size_t n_done = 0;
    if (dir_list(a, dir, &names, &n) == 0) {
        for (size_t i = 0; i < n; i++) {
            const char *dot = strrchr(names[i], '.');
            if (dot != NULL && strcmp(dot, ".rules") == 0) {
                check(a, path_join(a, dir, names[i]));
                n_done++;
            }
        }
    }
    arena_free(a);
    return n_done;
}

static void check_canonical(arena *a, const char *path)
{
    size_t n_bytes = 0;
    const char *text = read_text(a, path, &n_bytes);
    if (!CHECK(text != NULL)) {
        return;
    }
    parsed p = parse_bytes(path, text, n_bytes);
    CHECK_STR(p.errors, "");
    if (p.file != NULL && strcmp(formatted(&p), text) != 0) {
        (void)fprintf(stderr, "%s is not canonical: retensor fmt\n", path);
        CHECK(false);
    }
    arena_free(p.arena);
}

/* The examples of the reference: ```rules ... ``` */
static void check_readme(void)
{
    arena *a = arena_new();
    size_t n_bytes = 0;
    size_t n_examples = 0;
    const char *text = read_text(a, path_join(a, top(), "grammar/README.md"), &n_bytes);
    static const char open[] = "```rules\n";
    while (text != NULL && (text = strstr(text, open)) != NULL) {
        text += sizeof open - 1;
        const char *end = strstr(text, "```");
        if (!CHECK(end != NULL)) {
            break;
        }
        n_examples++;
        check_format(arena_printf(a, "README example %zu", n_examples),
                     arena_strndup(a, text, (size_t)(end - text)));
        text = end + 3;
    }
    CHECK(n_examples >= 10);
    arena_free(a);
}

/* ---- sizes --------------------------------------------------------------------- */

static void check_many_rules(void)
{
    enum { N = 100000 };
    arena *a = arena_new();
    buf b = {.arena = a};
    for (unsigned i = 0; i < N; i++) {
        buf_printf(&b, "r%u: a.%u.{l} [v <- c] <-> b.%u.{l} [v <- c] when x%s", i, i, i,
                   i % 3 == 0   ? "  # why\n"
                   : i % 7 == 0 ? "\n\n"
                                : "\n");
    }
    parsed p = parse_text("many", buf_str(&b));
    CHECK_STR(p.errors, "");
    if (p.file != NULL) {
        CHECK_INT(p.file->items.n, N);
        CHECK_INT(p.file->comments.n, (N + 2) / 3);
        CHECK(same_content(buf_str(&b), formatted(&p)));
    }
    arena_free(p.arena);
    arena_free(a);
}

static const char *repeated(arena *a, const char *text, size_t n)
{
    buf b = {.arena = a};
    for (size_t i = 0; i < n; i++) {
        buf_add(&b, text);
    }
    return buf_str(&b);
}

static void check_nested(const char *open, const char *middle, const char *close,
                         size_t n, bool accepted)
{
    arena *a = arena_new();
    const char *text = arena_printf(a, "%s%s%s\n", repeated(a, open, n), middle,
                                    repeated(a, close, n));
    parsed p = parse_text("nested", text);
    CHECK((p.file != NULL) == accepted);
    if (p.file != NULL) {
        CHECK(same_content(text, formatted(&p)));
    } else {
        CHECK(strstr(p.errors, "nests") != NULL);
    }
    arena_free(p.arena);
    arena_free(a);
}

static void check_depths(void)
{
    static const char block[] = "under a. <-> b. {\n";
    check_nested("axis a = ", "1", "", 1, true);
    check_nested("(", "value a = 1", ")", 0, true);
    check_nested(block, "rest", "}", 100, true);
    check_nested(block, "rest", "}", 100000, false);
    check_nested("", "a: x [((((((((((c))))))))))] <-> y [c]", "", 1, true);
    arena *a = arena_new();
    struct {
        const char *before, *open, *middle, *close, *after;
    } const deep[] = {
        {"axis a = ", "(", "1", ")", ""},
        {"axis a = ", "[", "1", "]", ""},
        {"axis a = ", "not ", "x", "", ""},
        {"axis a = ", "- ", "x", "", ""},
        {"axis a = ", "", "x", " + x", ""},
        {"axis a = ", "if x then y else ", "z", "", ""},
        {"axis a = ", "f(", "z", ")", ""},
        {"axis a = ", "{ a: ", "1", "}", ""},
        {"axis a = ", "x[", "1", "]", ""},
        {"a: x [", "(", "c", ")", "] <-> y [c]"},
        {"a: x [", "(q: ", "c", ")", "] <-> y [c]"},
        {"table x, y { ", "{ a: ", "1", "}", " <-> 1 }"},
        {"table x, y { w", " + ", "w", "", " <-> 1 }"},
        {"drop hf x.", "{a | b when has y.", "c", "}", " because \"x\""},
    };
    for (size_t i = 0; i < sizeof deep / sizeof deep[0]; i++) {
        const char *text = arena_printf(
            a, "%s%s%s%s%s\n", deep[i].before, repeated(a, deep[i].open, 100000),
            deep[i].middle, repeated(a, deep[i].close, 100000), deep[i].after);
        parsed p = parse_text("deep", text);
        CHECK(p.file == NULL);
        arena_free(p.arena);
    }
    arena_free(a);
}

static void check_odd_files(void)
{
    static const char *const empty[] = {"", "\n", "  \n\n", "# only a comment",
                                        "\t\n#x\n\n#y"};
    for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++) {
        check_format("empty", empty[i]);
    }
    parsed p = parse_text("empty", "");
    if (CHECK(p.file != NULL)) {
        CHECK_INT(p.file->items.n, 0);
        CHECK_INT(p.file->kind, FILE_FRAGMENT);
        CHECK_STR(formatted(&p), "");
    }
    arena_free(p.arena);

    check_format(
        "utf-8",
        "# größer, 中文, 🙂\ninclude \"größer 中文 🙂 \\\" \\\\\" # é\n");
    check_format("crlf", "axis a = 1\r\n# c\r\naxis b = 2 # d\r\n");

    static const char nul[] = "axis a = 1\0\naxis b = 2";
    p = parse_bytes("nul", nul, sizeof nul - 1);
    CHECK(p.file == NULL);
    CHECK(strstr(p.errors, "NUL") != NULL);
    arena_free(p.arena);

    p = parse_text("bad", "include \"\xC0\x80\"\n");
    CHECK(p.file == NULL);
    CHECK(strstr(p.errors, "UTF-8") != NULL);
    arena_free(p.arena);
}

static void check_pieces(void)
{
    parsed p = parse_text(
        "pieces", "a: x.{l in 0..n}.{w | \"b\"?} [e, (q: r d | k:) <- c] <-> y [e]\n"
                  "value v = a and (b or c) and x in {1, \"2\"}\n");
    if (CHECK(p.file != NULL)) {
        buf name = {.arena = p.arena};
        buf shape = {.arena = p.arena};
        buf fact = {.arena = p.arena};
        template_print(&name, p.file->items.at[0]->u.rule.left.at[0].name);
        dims_print(&shape, p.file->items.at[0]->u.rule.left.at[0].dims);
        expr_print(&fact, p.file->items.at[1]->u.define.is.at[0]);
        CHECK_STR(buf_str(&name), "x.{l in 0..n}.{w | \"b\"?}");
        CHECK_STR(buf_str(&shape), "[e, (q: r d | k:) <- c]");
        CHECK_STR(buf_str(&fact), "a and (b or c) and x in {1, \"2\"}");
    }
    arena_free(p.arena);
}

int main(int argc, char **argv)
{
    update = argc > 1 && strcmp(argv[1], "--update") == 0;
    CHECK(for_each_rules("tests/lang", check_file) > 20);
    (void)for_each_rules("rules", check_canonical);
    check_readme();
    check_odd_files();
    check_pieces();
    check_depths();
    check_many_rules();
    return CHECK_RESULT();
}
