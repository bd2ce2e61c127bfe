/* cli/signals.h -- INT, TERM and HUP ask the run to stop, so that partial files go. */
#ifndef RT_CLI_SIGNALS_H
#define RT_CLI_SIGNALS_H

/* Catch them from now on. */
void signals_catch(void);
/* The flag that exec looks at: the number of the signal that came, or 0. */
volatile const int *signals_flag(void);

#endif
