/* Writes what passes in a form that tcpdump and wireshark read. SPDX-License-Identifier: ISC */
#include "emulator/pcap.h"

#include "netns/space.h"

enum { MILLION = 1000000, LENGTH_MAX = 65535 };
#define MAGIC 0xa1b2c3d4U
#define LINK_RAW_IP 101U

FILE *pcap_open(const char *path)
{
    /* The version is two numbers of 16 bits; our readers and we have the same order of bytes. */
    const uint16_t version[2] = {2, 4};
    const uint32_t before[1] = {MAGIC}, after[4] = {0, 0, LENGTH_MAX, LINK_RAW_IP};
    FILE *file = fopen(path, "we");

    if (file == NULL) {
        return NULL;
    }
    if (fwrite(before, sizeof before, 1, file) != 1 || fwrite(version, sizeof version, 1, file) != 1 ||
        fwrite(after, sizeof after, 1, file) != 1 || fflush(file) != 0) {
        (void)fclose(file);
        return NULL;
    }
    return file;
}

void pcap_write(FILE *file, uint64_t at_us, const uint8_t *bytes, size_t len)
{
    const uint32_t head[4] = {(uint32_t)(at_us / MILLION), (uint32_t)(at_us % MILLION), (uint32_t)len, (uint32_t)len};

    space_need(fwrite(head, sizeof head, 1, file) == 1 && fwrite(bytes, 1, len, file) == len && fflush(file) == 0,
               "the capture");
}
