/* fleet_file.h: ten thousand devices in one file: what bench_mint.c enrols and bench_fleet.c plays.
 *
 * Fixed sizes, one after the other, so that it is written and read in one go by programs of the
 * same build. The file has keys in it and lives as long as one measurement. */
#ifndef HF_BENCH_FLEET_FILE_H
#define HF_BENCH_FLEET_FILE_H

#include <stdint.h>

typedef struct fleet_device {
    uint16_t key_size, certificate_size, hello_size;
    uint8_t key[256];          /* private, DER */
    uint8_t certificate[1024]; /* DER */
    uint8_t hello[256];        /* its HELLO frame: it holds all of the feed that it may see */
} fleet_device;

#endif
