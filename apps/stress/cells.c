/* Figures as people read them. SPDX-License-Identifier: ISC */
#include "cells.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>

void format_time(double ns, char cell[CELL_SIZE])
{
    static const struct {
        double ns;
        const char *name;
    } units[] = {{1e3, "us"}, {1e6, "ms"}, {1e9, "s"}};
    size_t unit = 0;

    while (unit < 2 && ns >= 999.5 * units[unit].ns) {
        unit++;
    }
    const double value = ns / units[unit].ns;
    (void)snprintf(cell, CELL_SIZE, "%.*f %s", value < 9.95 ? 1 : 0, value, units[unit].name);
}

void format_count(double count, char cell[CELL_SIZE])
{
    static const char units[] = " kMGT";
    size_t unit = 0;

    while (unit < 4 && count >= 99999.5) {
        count /= 1000;
        unit++;
    }
    if (unit == 0) {
        (void)snprintf(cell, CELL_SIZE, "%.0f", count);
    } else {
        (void)snprintf(cell, CELL_SIZE, "%.1f %c", count, units[unit]);
    }
}
