/* log.c: log lines.
 *
 * Why not stdio's buffers: a process that is killed a moment later must have said what it said. */
#include "log.h"

#include "clock.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LOG_LINE_SIZE = 1000 };

static const char *level_name(hf_log_level level)
{
    switch (level) {
    case HF_LOG_ERROR: return "error";
    case HF_LOG_WARN: return "warn";
    case HF_LOG_INFO: return "info";
    case HF_LOG_DEBUG: return "debug";
    }
    return "error"; /* a level we do not know is better loud than lost */
}

static hf_log_level lowest_level(void)
{
    const char *wanted = getenv("HOLDFAST_LOG");
    for (int level = HF_LOG_ERROR; wanted && level <= HF_LOG_DEBUG; level++) {
        if (strcmp(wanted, level_name((hf_log_level)level)) == 0) return (hf_log_level)level;
    }
    return HF_LOG_INFO;
}

static size_t time_write(char *out, size_t room)
{
    uint64_t wall_ms = hf_clock_wall_ms();
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm utc;
    if (!gmtime_r(&seconds, &utc)) memset(&utc, 0, sizeof utc);
    size_t used = strftime(out, room, "%Y-%m-%dT%H:%M:%S", &utc);
    int more = snprintf(out + used, room - used, ".%03uZ", (unsigned)(wall_ms % 1000));
    return used + (size_t)more;
}

void hf_log(hf_log_level level, const char *event, const char *format, ...)
{
    static const char cut[] = "…";
    if (level > lowest_level()) return;
    char line[LOG_LINE_SIZE + sizeof cut + 1];
    size_t used = time_write(line, LOG_LINE_SIZE);
    int more = snprintf(line + used, LOG_LINE_SIZE - used, " %s %s%s", level_name(level), event,
                        *format ? " " : "");
    if (more > 0) used += (size_t)more;
    if (used < LOG_LINE_SIZE) {
        va_list values;
        va_start(values, format);
        more = vsnprintf(line + used, LOG_LINE_SIZE - used, format, values);
        va_end(values);
        if (more > 0) used += (size_t)more;
    }
    bool is_cut = used >= LOG_LINE_SIZE;
    if (!is_cut && line[used - 1] == ' ') used--; /* no fields */
    if (is_cut) used = LOG_LINE_SIZE - 1;
    for (size_t i = 0; i < used; i++) {
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f) line[i] = '?';
    }
    if (is_cut) {
        memcpy(line + used, cut, sizeof cut - 1);
        used += sizeof cut - 1;
    }
    line[used++] = '\n';
    ssize_t written = write(STDERR_FILENO, line, used);
    (void)written; /* there is nowhere left to say so */
}
