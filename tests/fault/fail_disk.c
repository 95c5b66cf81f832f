/* fail_disk.c: the disk refuses, at every call of every scenario in turn: open, read, write, sync,
 * truncate, delete, lock, shared memory. After every other refusal the power goes, too. */
#include "memory.h"
#include "scenarios.h"

static void each_disk(fault_world *world, const fault_scenario *scenario, uint64_t at,
                      uint64_t count)
{
    for (int i = 0; i < WORLD_NODES; i++)
        if (scenario->faulty & WORLD_BIT(i))
            sim_disk_fail_at(world_node(world, i)->disk, at, count);
}

static uint64_t counted(fault_world *world, const fault_scenario *scenario, uint64_t *failed)
{
    uint64_t calls = 0;
    *failed = 0;
    for (int i = 0; i < WORLD_NODES; i++) {
        if (!(scenario->faulty & WORLD_BIT(i))) continue;
        sim_disk_counts counts = sim_disk_counted(world_node(world, i)->disk);
        if (counts.calls > calls) calls = counts.calls;
        *failed += counts.failed;
    }
    return calls;
}

static struct {
    uint64_t calls, failed;
} before;

static void arm(fault_world *world, const fault_scenario *scenario, uint64_t at, fault_mode mode)
{
    before.calls = counted(world, scenario, &before.failed);
    each_disk(world, scenario, at, mode == FAULT_FROM_THERE_ON ? UINT64_MAX : 1);
}

static uint64_t disarm(fault_world *world, const fault_scenario *scenario, uint64_t *failed)
{
    uint64_t calls = counted(world, scenario, failed) - before.calls;
    *failed -= before.failed;
    each_disk(world, scenario, 0, 0);
    return calls;
}

int main(int argc, char **argv)
{
    static const fault_kind DISK = {.name = "fail_disk",
                                    .arm = arm,
                                    .disarm = disarm,
                                    .allowed = 1u << HF_ERR_IO,
                                    .short_max = 100,
                                    .modes = FAULT_OURS_ONCE,
                                    .power_cuts = true};
    fault_memory_install();
    return fault_main(&DISK, argc, argv);
}
