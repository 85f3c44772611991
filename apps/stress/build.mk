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
	apps/stress/cells.c \
	apps/stress/cells.h \
	apps/stress/charts.c \
	apps/stress/charts.h \
	apps/stress/churn.c \
	apps/stress/clock.h \
	apps/stress/compare.c \
	apps/stress/compare.h \
	apps/stress/conditions.c \
	apps/stress/conditions.h \
	apps/stress/director.c \
	apps/stress/director.h \
	apps/stress/embedded.c \
	apps/stress/embedded.h \
	apps/stress/embedded_relay.c \
	apps/stress/embedded_tie.h \
	apps/stress/engine.h \
	apps/stress/event_tally.c \
	apps/stress/event_tally.h \
	apps/stress/events.c \
	apps/stress/events.h \
	apps/stress/figures.c \
	apps/stress/figures.h \
	apps/stress/fleet.c \
	apps/stress/fleet.h \
	apps/stress/flights.c \
	apps/stress/flights.h \
	apps/stress/handshake.c \
	apps/stress/idle.c \
	apps/stress/inlet.c \
	apps/stress/inlet.h \
	apps/stress/live.c \
	apps/stress/live.h \
	apps/stress/mate.c \
	apps/stress/mate.h \
	apps/stress/multirelay.c \
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
	apps/stress/pulse.h \
	apps/stress/relays.c \
	apps/stress/relays.h \
	apps/stress/report.h \
	apps/stress/report_head.c \
	apps/stress/report_html.c \
	apps/stress/report_html.h \
	apps/stress/report_json.c \
	apps/stress/report_text.c \
	apps/stress/rounds.c \
	apps/stress/rounds.h \
	apps/stress/rounds_print.c \
	apps/stress/rounds_run.c \
	apps/stress/run.c \
	apps/stress/run.h \
	apps/stress/scenario.c \
	apps/stress/scenario.h \
	apps/stress/series.c \
	apps/stress/series.h \
	apps/stress/signals.c \
	apps/stress/signals.h \
	apps/stress/sleepwake.c \
	apps/stress/spawn.c \
	apps/stress/spawn.h \
	apps/stress/tally.c \
	apps/stress/tally.h \
	apps/stress/verdict.c \
	apps/stress/verdict.h \
	apps/stress/worker.c \
	apps/stress/worker.h

bin_PROGRAMS += toxtcp-stress
toxtcp_stress_CPPFLAGS = $(apps_cppflags)
toxtcp_stress_CFLAGS = $(apps_cflags) $(JANSSON_CFLAGS) -pthread
toxtcp_stress_LDFLAGS = $(apps_ldflags)
toxtcp_stress_LDADD = apps/libstress.la apps/libcommon.la $(JANSSON_LIBS) $(apps_libs)
toxtcp_stress_SOURCES = apps/stress/main.c

dist_man1_MANS += \
	docs/toxtcp-stress.1
endif
