#include "job/job.h" /* moved */
