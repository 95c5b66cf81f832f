/* both_loops.h: what the platform promises holds on both kinds of loop, a device's and a hub's. A
 * suite that includes this defines the two functions below. */
#ifndef HF_TEST_BOTH_LOOPS_H
#define HF_TEST_BOTH_LOOPS_H

static int set_up_loop(void **state, bool many);
static int tear_down(void **state);

static int set_up_few(void **state)
{
    return set_up_loop(state, false);
}

static int set_up_many(void **state)
{
    return set_up_loop(state, true);
}

#define BOTH(name)                                                                                 \
    {#name "/few", name, set_up_few, tear_down, NULL},                                             \
    {                                                                                              \
#name "/many", name, set_up_many, tear_down, NULL                                          \
    }

#endif
