/* Figures as people read them: a few digits and a unit. SPDX-License-Identifier: ISC */
#ifndef APPS_STRESS_CELLS_H
#define APPS_STRESS_CELLS_H

enum { CELL_SIZE = 16 };

/* Four digits and a unit at the most, whatever the size. */
void format_time(double ns, char cell[CELL_SIZE]);
void format_count(double count, char cell[CELL_SIZE]);

#endif
