# The probe. SPDX-License-Identifier: ISC

if WITH_APPS
# All of it but its main(), for tests.
noinst_LTLIBRARIES += apps/libprobe.la
apps_libprobe_la_CPPFLAGS = $(apps_cppflags)
apps_libprobe_la_CFLAGS = $(apps_cflags) $(JANSSON_CFLAGS)
apps_libprobe_la_LIBADD = $(JANSSON_LIBS) -lm
apps_libprobe_la_SOURCES = \
	apps/probe/exchange.c \
	apps/probe/exchange.h \
	apps/probe/flight.c \
	apps/probe/flight.h \
	apps/probe/history.c \
	apps/probe/history.h \
	apps/probe/identity.c \
	apps/probe/identity.h \
	apps/probe/options.c \
	apps/probe/options.h \
	apps/probe/output.c \
	apps/probe/output.h \
	apps/probe/payload.c \
	apps/probe/payload.h \
	apps/probe/probe.c \
	apps/probe/probe.h \
	apps/probe/report.h \
	apps/probe/report_json.c \
	apps/probe/report_table.c \
	apps/probe/result.c \
	apps/probe/result.h \
	apps/probe/round.c \
	apps/probe/round.h \
	apps/probe/session.c \
	apps/probe/session.h

bin_PROGRAMS += toxtcp-probe
toxtcp_probe_CPPFLAGS = $(apps_cppflags)
toxtcp_probe_CFLAGS = $(apps_cflags)
toxtcp_probe_LDFLAGS = $(apps_ldflags)
toxtcp_probe_LDADD = apps/libprobe.la apps/libcommon.la $(apps_libs)
toxtcp_probe_SOURCES = apps/probe/main.c

dist_man1_MANS += \
	docs/toxtcp-probe.1
endif
