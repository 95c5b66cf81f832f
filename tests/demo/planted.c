/* planted.c: lets the environment choose the mistake that a planted build of the programs makes,
 * for `./dev demo --break`, or a moment at which it falls. Only those builds have this file. */
#include "sync/planted.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

hf_planted_name hf_planted_bug = HF_PLANTED_NONE;

__attribute__((constructor)) static void choose(void)
{
    const char *name = getenv("HOLDFAST_PLANTED");
    if (!name) return;
    if (strcmp(name, "ack-early") == 0) hf_planted_bug = HF_PLANTED_ACK_BEFORE_COMMIT;
    if (strcmp(name, "drop-entry") == 0) hf_planted_bug = HF_PLANTED_DROP_ENTRY;
    if (strcmp(name, "last-wins") == 0) hf_planted_bug = HF_PLANTED_WRONG_FOLD_KEEP;
    if (strcmp(name, "poison") == 0) hf_planted_bug = HF_PLANTED_ENTRY_ABORTS;
}

/* ---- a fall in the middle of something: no kill from outside can be told to come then ---- */

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);

static void fall_if(const char *moment)
{
    const char *name = getenv("HOLDFAST_PLANTED");
    if (name && strcmp(name, moment) == 0) raise(SIGKILL);
}

/* A program that asks to be told of a file that may not grow any more falls there instead. */
typedef void on_signal(int);

on_signal *__real_signal(int number, on_signal *act);
on_signal *__wrap_signal(int number, on_signal *act);

on_signal *__wrap_signal(int number, on_signal *act)
{
    const char *name = getenv("HOLDFAST_PLANTED");
    bool falls = name && strcmp(name, "fall-at-file-size") == 0 && number == SIGXFSZ;
    return falls ? SIG_DFL : __real_signal(number, act);
}

int __wrap_rename(const char *from, const char *to)
{
    fall_if("fall-before-rename"); /* the new file is whole, and beside the old one */
    int result = __real_rename(from, to);
    fall_if("fall-after-rename"); /* it has its name, and nobody knows yet */
    return result;
}
