/* base/utf8.c -- bytes to code points; see utf8.h. */
#include "base/utf8.h"

#include <string.h>

size_t utf8_decode(const char *p, size_t n_bytes, uint32_t *c)
{
    const unsigned char *u = (const unsigned char *)p;
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    *c = u[0];
    if (u[0] < 0x80) {
        return 1;
    }
    const size_t n = u[0] < 0xc2   ? 0
                     : u[0] < 0xe0 ? 2
                     : u[0] < 0xf0 ? 3
                     : u[0] < 0xf5 ? 4
                                   : 0;
    if (n == 0 || n > n_bytes) {
        return 0;
    }
    uint32_t point = u[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((u[i] & 0xc0) != 0x80) {
            return 0;
        }
        point = point << 6 | (u[i] & 0x3f);
    }
    if (point < least[n] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) {
        return 0;
    }
    *c = point;
    return n;
}

size_t utf8_valid_prefix(const char *p, size_t n_bytes)
{
    size_t at = 0;
    while (at < n_bytes) {
        uint32_t c;
        const size_t n = utf8_decode(p + at, n_bytes - at, &c);
        if (n == 0) {
            break;
        }
        at += n;
    }
    return at;
}

typedef struct range {
    uint32_t lo, hi;
} range;

static bool is_in(uint32_t c, const range *ranges, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (c >= ranges[i].lo && c <= ranges[i].hi) {
            return true;
        }
    }
    return false;
}

unsigned utf8_columns(uint32_t c)
{
    static const range none[] = {{0x300, 0x36f}, {0x200b, 0x200d}, {0xfe00, 0xfe0f}};
    static const range wide[] = {
        {0x1100, 0x115f}, {0x2e80, 0xa4cf},   {0xac00, 0xd7a3},
        {0xf900, 0xfaff}, {0xfe30, 0xfe6f},   {0xff00, 0xff60},
        {0xffe0, 0xffe6}, {0x1f300, 0x1faff}, {0x20000, 0x3fffd},
    };
    if (c < 0x300) {
        return 1;
    }
    if (is_in(c, none, sizeof none / sizeof *none)) {
        return 0;
    }
    return is_in(c, wide, sizeof wide / sizeof *wide) ? 2 : 1;
}

bool utf8_is_unsafe(uint32_t c)
{
    static const range unsafe[] = {
        {0x00, 0x1f},     {0x7f, 0x9f},     {0x61c, 0x61c},   {0x200b, 0x200f},
        {0x2028, 0x202e}, {0x2060, 0x206f}, {0xfeff, 0xfeff}, {0xe0000, 0xe007f},
    };
    return is_in(c, unsafe, sizeof unsafe / sizeof *unsafe);
}

static void add_escape(buf *b, uint32_t c, bool is_byte)
{
    if (c == '\n') {
        buf_add(b, "\\n");
    } else if (c == '\t') {
        buf_add(b, "\\t");
    } else if (is_byte || c < 0x80) {
        buf_printf(b, "\\x%02x", c);
    } else {
        buf_printf(b, "\\u{%x}", c);
    }
}

void utf8_add_safe(buf *b, const char *p, size_t n_bytes)
{
    size_t at = 0;
    while (at < n_bytes) {
        uint32_t c;
        const size_t n = utf8_decode(p + at, n_bytes - at, &c);
        if (n == 0 || utf8_is_unsafe(c)) {
            add_escape(b, c, n == 0);
        } else {
            buf_add_n(b, p + at, n);
        }
        at += n == 0 ? 1 : n;
    }
}
