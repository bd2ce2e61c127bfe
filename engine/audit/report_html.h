/* audit/report_html.h -- any report as a page: the same value that --json prints, with
 * lists of records as tables.  The page stands alone: no script, nothing to load. */
#ifndef RT_AUDIT_REPORT_HTML_H
#define RT_AUDIT_REPORT_HTML_H

#include "base/value.h"

void report_html(buf *out, const char *title, const value *report);

#endif
