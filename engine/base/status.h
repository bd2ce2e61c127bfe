/* base/status.h -- what a function that can fail answers its caller.
 *
 * A status says only whether the caller may go on; what the human should know
 * is in the diagnostics (diag/diag.h).  Every status but RT_OK implies that at
 * least one diagnostic of severity error was reported.
 *
 * The values are the exit codes of the program (README, "Exit codes").
 */
#ifndef RT_BASE_STATUS_H
#define RT_BASE_STATUS_H

typedef enum rt_status {
    RT_OK = 0,       /* done */
    RT_NO = 1,       /* the answer is no: audit, check or verify found something */
    RT_USAGE = 2,    /* the command line is wrong */
    RT_RULES = 3,    /* a rule file is wrong */
    RT_MISMATCH = 4, /* rules and checkpoint disagree */
    RT_FILE = 5, /* a file is damaged, missing or unreadable; or the system refuses */
    RT_BUG = 70, /* an invariant of retensor is broken */
} rt_status;

#define RT_NODISCARD __attribute__((warn_unused_result))

/* Return from the calling function with the status of `call` unless it is RT_OK. */
#define TRY(call)                                                                      \
    do {                                                                               \
        const rt_status try_status_ = (call);                                          \
        if (try_status_ != RT_OK) {                                                    \
            return try_status_;                                                        \
        }                                                                              \
    } while (0)

#endif
