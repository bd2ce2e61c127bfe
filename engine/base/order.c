/* base/order.c -- see order.h. */
#include "base/order.h"

#include <stddef.h>
#include <string.h>

static size_t n_digits(const char *s)
{
    return strspn(s, "0123456789");
}

int name_order(const char *x, const char *y)
{
    const char *a = x, *b = y;
    for (;;) {
        if (n_digits(a) > 0 && n_digits(b) > 0) {
            a += strspn(a, "0");
            b += strspn(b, "0");
            const size_t n = n_digits(a), m = n_digits(b);
            const int by_digits = strncmp(a, b, n < m ? n : m);
            if (n != m || by_digits != 0) {
                return n != m ? (n < m ? -1 : 1) : by_digits;
            }
            a += n;
            b += n;
        } else if (*a == *b && *a != '\0') {
            a++;
            b++;
        } else {
            break;
        }
    }
    return *a != *b ? (unsigned char)*a - (unsigned char)*b : strcmp(x, y);
}
