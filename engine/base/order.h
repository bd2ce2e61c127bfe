/* base/order.h -- the order of names in which numbers count as numbers. */
#ifndef RT_BASE_ORDER_H
#define RT_BASE_ORDER_H

/* As strcmp, but runs of digits compare by what they say: "h.2.x" before "h.10.x".
 * Zero for equal bytes only. */
int name_order(const char *x, const char *y);

#endif
