/* cli/start.h -- from argv to a command that ran. */
#ifndef RT_CLI_START_H
#define RT_CLI_START_H

#include "cli/command.h"

/* The command is argv[1], or what stands behind "retensor-" in argv[0]. */
RT_NODISCARD rt_status start(session *s, int argc, char *const *argv);

#endif
