/* fail_alloc.c: memory runs out, at every allocation of every scenario in turn.
 *
 * Not only ours: SQLite's, zlib's, jansson's and utf8proc's too, since what each of them makes of
 * it is what we have to live with. */
#include "memory.h"
#include "scenarios.h"

static void arm(fault_world *world, const fault_scenario *scenario, uint64_t at, fault_mode mode)
{
    (void)world;
    (void)scenario;
    fault_memory_begin(at, mode);
}

static uint64_t disarm(fault_world *world, const fault_scenario *scenario, uint64_t *failed)
{
    (void)world;
    (void)scenario;
    return fault_memory_end(failed);
}

int main(int argc, char **argv)
{
    static const fault_kind MEMORY = {.name = "fail_alloc",
                                      .arm = arm,
                                      .disarm = disarm,
                                      .allowed = 1u << HF_ERR_NOMEM,
                                      .short_max = 40,
                                      .modes = FAULT_MODES};
    fault_memory_install();
    return fault_main(&MEMORY, argc, argv);
}
