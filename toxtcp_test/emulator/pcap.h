/* Writes what passes in a form that tcpdump and wireshark read. SPDX-License-Identifier: ISC */
#ifndef TEST_EMULATOR_PCAP_H
#define TEST_EMULATOR_PCAP_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Opens the file, which is emptied, and writes its head. NULL, with errno, when that cannot be done. */
FILE *pcap_open(const char *path);
/* A whole IP packet. Flushed, so that the file may be read while it grows. */
void pcap_write(FILE *file, uint64_t at_us, const uint8_t *bytes, size_t len);

#endif
