/* The one mutable global of the program: a handler has no other way to tell. */
#include "cli/signals.h"

#include <signal.h>
#include <stddef.h>

static volatile int caught;

static void on_signal(int number)
{
    caught = number;
}

void signals_catch(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct sigaction old, act = {.sa_handler = on_signal};
        /* The second of its kind ends the program at once; HUP stays ignored below
         * nohup. */
        act.sa_flags = (int)SA_RESETHAND;
        (void)sigemptyset(&act.sa_mask);
        if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN) {
            (void)sigaction(numbers[i], &act, NULL);
        }
    }
    /* A file larger than `ulimit -f` allows is an error of the write, as a full disk
     * is, not the end of the process. */
    (void)signal(SIGXFSZ, SIG_IGN);
}

volatile const int *signals_flag(void)
{
    return &caught;
}
