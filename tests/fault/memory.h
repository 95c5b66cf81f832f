/* memory.h: memory that runs out on command: ours, SQLite's, zlib's, jansson's, utf8proc's.
 *
 * The linker sends every call of malloc and its like in our own code here (--wrap), and the
 * libraries are given our functions by their own hooks. The tests' own code is compiled past it. */
#ifndef FAULT_MEMORY_H
#define FAULT_MEMORY_H

#include "scenarios.h"
#include <stdint.h>

/* Once, before SQLite is first used. */
void fault_memory_install(void);
/* From now on the `at`-th allocation (1: the next; 0: none) fails, and where the mode says so
 * all that follow it. */
void fault_memory_begin(uint64_t at, fault_mode mode);
/* Allocations work again. Returns how many were asked for meanwhile; *failed: how many failed. */
uint64_t fault_memory_end(uint64_t *failed);
/* Blocks that were given out and have not come back, SQLite's too. */
int64_t fault_memory_live(void);

#endif
