#include "mapping/model_type.h"

#include <string.h>

static bool is_model_type(const expr *e)
{
    const char *dot = e->kind == EXPR_PATH ? strrchr(e->s, '.') : NULL;
    return e->kind == EXPR_PATH &&
           strcmp(dot == NULL ? e->s : dot + 1, "model_type") == 0;
}

/* Trees are shallow (EXPR_MAX_DEPTH).  What stands behind `not` is no name of it. */
void model_types_of(arena *a, const expr *e, word_list *out)
{
    const bool asks =
        (e->kind == EXPR_IN || (e->kind == EXPR_BINARY && e->op == OP_EQ)) &&
        is_model_type(e->kid.at[0]);
    for (size_t i = 1; asks && i < e->kid.n; i++) {
        if (e->kid.at[i]->kind == EXPR_STRING) {
            vec_push(a, out, e->kid.at[i]->s);
        }
    }
    for (size_t i = 0; i < e->kid.n && !asks && e->kind != EXPR_NOT; i++) {
        model_types_of(a, e->kid.at[i], out);
    }
}

bool model_types_have(const word_list *words, const char *word)
{
    for (size_t i = 0; i < words->n; i++) {
        if (strcmp(words->at[i], word) == 0) {
            return true;
        }
    }
    return false;
}
