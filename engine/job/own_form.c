/* job/own_form.c -- two layouts may call their configs the same.
 *
 * Whose a config is, it may tell itself: `detect` of one layout holds without any name.
 * Families read either form (`spelled`); what is written is in the layout's own.
 */
#include "job/build.h"

value *config_across(context *cx, const mapping *m, unsigned from, const value *config,
                     const char *path)
{
    values *v = NULL;
    config_result *made = NULL;
    const config_request req = {0};
    const bool good = values_read(cx, m, from, config, path, &v) == RT_OK &&
                      config_convert(cx, v, 1 - from, &req, &made) == RT_OK;
    return good ? made->record : NULL;
}

static bool has_none(void *who, const template *t)
{
    (void)who;
    (void)t;
    return false;
}

/* Does the config tell that it is that of `side`, and not of the other one? */
static bool is_config_of(context *cx, const mapping *m, unsigned side,
                         const value *config)
{
    return config_detect(cx, m, side, config, has_none, NULL) == 1 &&
           config_detect(cx, m, 1 - side, config, has_none, NULL) != 1;
}

/* The mapping to the layout as which the config is written, `side` being the asked
 * layout's; NULL: it is that layout's own. */
static const mapping *other_form(builder *b, const char *layout, const value *config,
                                 unsigned *side)
{
    for (size_t i = 0; i < b->n_all; i++) {
        const mapping *m = b->all[i];
        if (mapping_side(m, layout, side) &&
            same_config_file(b->j->layouts, layout, m->layout[1 - *side]) &&
            is_config_of(b->cx, m, 1 - *side, config)) {
            return m;
        }
    }
    return NULL;
}

value *config_in_own_form(builder *b, const char *layout, value *config,
                          const char *path)
{
    context quiet = {b->cx->arena, diags_new(b->cx->arena)};
    unsigned side = 0;
    const mapping *m = other_form(b, layout, config, &side);
    if (m == NULL) {
        return config;
    }
    const char *other = m->layout[1 - side];
    value *made = config_across(&quiet, m, 1 - side, config, path);
    if (made != NULL) {
        builder_note(b, arena_printf(b->cx->arena,
                                     "the config is written as layout '%s' has it; it "
                                     "becomes that of '%s'",
                                     other, layout));
        return made;
    }
    diag *dg = diag_report(b->cx->diags, SEV_WARNING, "config-form", NOWHERE,
                           "the config is written as layout '%s' has it, and '%s' "
                           "cannot say the same: it stays as it is",
                           other, layout);
    diag_note(dg, "read from %s", path);
    diag_help(dg, "--from %s --to %s shows what is in the way", other, layout);
    return config;
}
