/* status.c: the names of statuses, as logs show them. */
#include "holdfast/status.h"

const char *hf_status_name(hf_status status)
{
    switch (status) {
    case HF_OK: return "ok";
    case HF_ERR_NOMEM: return "out of memory";
    case HF_ERR_IO: return "input/output error";
    case HF_ERR_CORRUPT: return "damaged data";
    case HF_ERR_PROTOCOL: return "protocol error";
    case HF_ERR_DENIED: return "not allowed";
    case HF_ERR_NOT_FOUND: return "not found";
    case HF_ERR_INPUT: return "invalid input";
    case HF_ERR_FULL: return "disk full";
    case HF_ERR_BUSY: return "store in use";
    case HF_ERR_LIMIT: return "limit exceeded";
    }
    return "unknown status"; /* a newer library's, or our bug: a log line must still be written */
}
