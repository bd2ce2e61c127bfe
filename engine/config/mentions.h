/* config/mentions.h -- which fields of a config the lines of a mapping name,
 * and what they demand. */
#ifndef RT_CONFIG_MENTIONS_H
#define RT_CONFIG_MENTIONS_H

#include "config/eval.h"

typedef VEC(const char *) path_list;

/* The fields of v's config of `side` that no line names: paths, outermost records first
 * ("vision_config", "text_config.cache_size"), in the order of the file. */
path_list fields_unmentioned(context *cx, const values *v, unsigned side);

/* Visit the fields of that config that lines other than `ignore` name. */
void fields_used(context *cx, const values *v, unsigned side,
                 void (*named)(void *who, const char *path, const value *is),
                 void *who);

bool is_demand(const item *it); /* require, refuse or warn */
/* May v stand by that line?  Reported when it is not met; undecided is fine. */
bool demand_met(context *cx, const values *v, const item *it);

#endif
