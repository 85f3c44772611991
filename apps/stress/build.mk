# The load generator. SPDX-License-Identifier: ISC

if WITH_APPS
# All of it but its main(), for tests.
noinst_LTLIBRARIES += apps/libstress.la
apps_libstress_la_CPPFLAGS = $(apps_cppflags)
apps_libstress_la_CFLAGS = $(apps_cflags) $(JANSSON_CFLAGS) -pthread
apps_libstress_la_LIBADD = $(JANSSON_LIBS) -lpthread -lm
apps_libstress_la_SOURCES = \
	apps/stress/arrivals.c \
	apps/stress/arrivals.h \
	apps/stress/attack.c \
	apps/stress/attack.h \
	apps/stress/attack_client.c \
	apps/stress/attack_client.h \
	apps/stress/attack_engine.c \
	apps/stress/attack_engine.h \
	apps/stress/attack_frames.c \
	apps/stress/attack_packets.c \
	apps/stress/attack_streams.c \
	apps/stress/churn.c \
	apps/stress/clock.h \
	apps/stress/engine.h \
	apps/stress/handshake.c \
	apps/stress/idle.c \
	apps/stress/inlet.c \
	apps/stress/inlet.h \
	apps/stress/neighbour.c \
	apps/stress/neighbour.h \
	apps/stress/options.c \
	apps/stress/options.h \
	apps/stress/pace.c \
	apps/stress/pace.h \
	apps/stress/pairs.c \
	apps/stress/pairs.h \
	apps/stress/pairs_life.c \
	apps/stress/payload.c \
	apps/stress/payload.h \
	apps/stress/peer.c \
	apps/stress/peer.h \
	apps/stress/process.c \
	apps/stress/process.h \
	apps/stress/report.h \
	apps/stress/report_json.c \
	apps/stress/report_text.c \
	apps/stress/run.c \
	apps/stress/run.h \
	apps/stress/scenario.c \
	apps/stress/scenario.h \
	apps/stress/tally.c \
	apps/stress/tally.h \
	apps/stress/worker.c \
	apps/stress/worker.h

bin_PROGRAMS += toxtcp-stress
toxtcp_stress_CPPFLAGS = $(apps_cppflags)
toxtcp_stress_CFLAGS = $(apps_cflags) -pthread
toxtcp_stress_LDFLAGS = $(apps_ldflags)
toxtcp_stress_LDADD = apps/libstress.la apps/libcommon.la $(apps_libs)
toxtcp_stress_SOURCES = apps/stress/main.c

dist_man1_MANS += \
	docs/toxtcp-stress.1
endif
