/* fall.c: notes a fault in the moment of the fall, when nothing is left but a system call.
 *
 * The handler only writes one byte into a file that was opened long before, then lets the signal
 * take its course: what dumps cores or restarts us sees the same end as ever. It has a stack of its
 * own, since the fault may be that there was none left. */
#include "fall.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

enum { STACK_SIZE = 64 * 1024 };

static const int SIGNALS[] = {SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE};
/* A handler is given nothing: what it needs must stand here. */
static volatile sig_atomic_t mark_fd = -1;

static void on_fault(int number)
{
    int error = errno;
    if (mark_fd >= 0) (void)!pwrite((int)mark_fd, "f", 1, 0);
    errno = error;
    (void)raise(number); /* by default now: SA_RESETHAND */
}

static hf_status handle(void)
{
    stack_t stack = {.ss_size = STACK_SIZE}; /* for the rest of the program's life */
    stack.ss_sp =
        mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack.ss_sp == MAP_FAILED) return HF_ERR_NOMEM;
    struct sigaction action = {.sa_handler = on_fault,
                               .sa_flags = SA_RESETHAND | SA_NODEFER | SA_ONSTACK};
    (void)sigemptyset(&action.sa_mask);
    if (sigaltstack(&stack, NULL) != 0) return HF_ERR_IO;
    for (size_t i = 0; i < sizeof SIGNALS / sizeof *SIGNALS; i++)
        if (sigaction(SIGNALS[i], &action, NULL) != 0) return HF_ERR_IO;
    return HF_OK;
}

hf_status hf_fall_watch(const char *path, bool *fell)
{
    char mark;
    *fell = false;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == ENOENT ? HF_ERR_NOT_FOUND : errno == EACCES ? HF_ERR_DENIED : HF_ERR_IO;
    *fell = pread(fd, &mark, 1, 0) == 1;
    if (mark_fd >= 0) (void)close((int)mark_fd);
    mark_fd = fd;
    return handle();
}

void hf_fall_forget(void)
{
    if (mark_fd >= 0) (void)!ftruncate((int)mark_fd, 0);
}
