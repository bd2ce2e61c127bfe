/* retensor: run what argv asks for and make its status the exit code. */
#include "cli/signals.h"
#include "cli/start.h"

int main(int argc, char **argv)
{
    arena *a = arena_new();
    session s = {.cx = {a, diags_new(a)}};
    signals_catch();
    int status = (int)start(&s, argc, argv);
    session_say(&s);
    if (*signals_flag() != 0) {
        status = 128 + *signals_flag(); /* as a shell tells it */
    }
    arena_free(a);
    return status;
}
