# Tests. A test program that says nothing else is a core test: one source file, linked with all of the core.
# SPDX-License-Identifier: ISC

AM_CPPFLAGS = $(public_cppflags) -D_GNU_SOURCE -iquote $(srcdir)/toxtcp -iquote $(srcdir)/toxtcp_test \
	$(SODIUM_CFLAGS) $(CHECK_CFLAGS)
LDADD = toxtcp_test/libsupport.la toxtcp/libcore.la $(CHECK_LIBS) $(SODIUM_LIBS)

# Scripts find here what they need. Check's own limit of 4 s per test is too short for a slow machine under sanitizers.
AM_TESTS_ENVIRONMENT = \
	CC='$(CC)' CXX='$(CXX)' NM='$(NM)' top_srcdir='$(abs_top_srcdir)' top_builddir='$(abs_top_builddir)' \
	CK_DEFAULT_TIMEOUT=$${CK_DEFAULT_TIMEOUT-120} \
	UBSAN_OPTIONS=$${UBSAN_OPTIONS-print_stacktrace=1}; \
	export CC CXX NM top_srcdir top_builddir CK_DEFAULT_TIMEOUT UBSAN_OPTIONS;

EXTRA_DIST += \
	toxtcp_test/apps/chat_options.sh \
	toxtcp_test/apps/chat_talk.sh \
	toxtcp_test/apps/chat_terminal.sh \
	toxtcp_test/apps/chat_udp.sh \
	toxtcp_test/apps/chromium.py \
	toxtcp_test/apps/common.sh \
	toxtcp_test/apps/demo.sh \
	toxtcp_test/apps/holds.py \
	toxtcp_test/apps/probe.sh \
	toxtcp_test/apps/probe_name.sh \
	toxtcp_test/apps/probe_relay.py \
	toxtcp_test/apps/proxy.sh \
	toxtcp_test/apps/proxy_watch.py \
	toxtcp_test/apps/relay.sh \
	toxtcp_test/apps/relay_config.sh \
	toxtcp_test/apps/relay_daemon.sh \
	toxtcp_test/apps/relay_fast_open.sh \
	toxtcp_test/apps/relay_supervise.py \
	toxtcp_test/apps/relay_figures.py \
	toxtcp_test/apps/relay_figures.sh \
	toxtcp_test/apps/relay_page.py \
	toxtcp_test/apps/relay_page.sh \
	toxtcp_test/attacks/attacks.py \
	toxtcp_test/attacks/attacks.sh \
	toxtcp_test/apps/stress.sh \
	toxtcp_test/apps/stress_common.sh \
	toxtcp_test/apps/stress_delay.py \
	toxtcp_test/apps/stress_multi.sh \
	toxtcp_test/apps/stress_report.py \
	toxtcp_test/apps/stress_report.sh \
	toxtcp_test/apps/stress_heap.sh \
	toxtcp_test/apps/stress_model.py \
	toxtcp_test/apps/stress_model.sh \
	toxtcp_test/bench/failover.sh \
	toxtcp_test/bench/no_mlock.c \
	toxtcp_test/bench/path.py \
	toxtcp_test/bench/path.sh \
	toxtcp_test/bench/path_stand.py \
	toxtcp_test/bench/relay_bench.py \
	toxtcp_test/bench/relay_rows.py \
	toxtcp_test/bench/stand.py \
	toxtcp_test/bench/soak.py \
	toxtcp_test/bench/soak.sh \
	toxtcp_test/bench/soak_judging.py \
	toxtcp_test/headers.sh \
	toxtcp_test/packaging.sh \
	toxtcp_test/symbols.sh \
	toxtcp_test/vectors/check_vectors.sh \
	toxtcp_test/vectors/make_vectors.py

if WITH_TESTS

if WITH_EV
# Against tox-bootstrapd and libtoxcore, which must be there. They wait most of their time, so they start first.
check_LTLIBRARIES += toxtcp_test/libinterop.la
toxtcp_test_libinterop_la_SOURCES = \
	toxtcp_test/interop/bootstrapd.c \
	toxtcp_test/interop/bootstrapd.h \
	toxtcp_test/interop/raw_client.c \
	toxtcp_test/interop/raw_client.h \
	toxtcp_test/interop/relayd.c \
	toxtcp_test/interop/relayd.h \
	toxtcp_test/interop/scene.c \
	toxtcp_test/interop/scene.h \
	toxtcp_test/interop/sockets.c \
	toxtcp_test/interop/sockets.h
interop_tests = \
	toxtcp_test/interop/check_bootstrapd \
	toxtcp_test/interop/check_toxcore
check_PROGRAMS += $(interop_tests)
TESTS += $(interop_tests)
toxtcp_test_interop_check_bootstrapd_LDADD = toxtcp_test/libinterop.la $(ev_test_libs)
toxtcp_test_interop_check_toxcore_LDADD = toxtcp_test/libinterop.la $(ev_test_libs) $(TOXCORE_LIBS)
toxtcp_test_interop_check_toxcore_CFLAGS = $(AM_CFLAGS) $(TOXCORE_CFLAGS)

if WITH_APPS
check_PROGRAMS += toxtcp_test/interop/check_relay_takeover
TESTS += toxtcp_test/interop/check_relay_takeover
TESTS += toxtcp_test/bench/soak.sh
toxtcp_test_interop_check_relay_takeover_LDADD = toxtcp_test/libinterop.la $(ev_test_libs) $(TOXCORE_LIBS)
toxtcp_test_interop_check_relay_takeover_CFLAGS = $(AM_CFLAGS) $(TOXCORE_CFLAGS)
endif

# Network namespaces, for what loopback cannot show.
check_LTLIBRARIES += toxtcp_test/libnetns.la
toxtcp_test_libnetns_la_SOURCES = \
	toxtcp_test/netns/loopback.c \
	toxtcp_test/netns/loopback.h \
	toxtcp_test/netns/delay.c \
	toxtcp_test/netns/peer.c \
	toxtcp_test/netns/peer.h \
	toxtcp_test/netns/process.c \
	toxtcp_test/netns/process.h \
	toxtcp_test/netns/relay.c \
	toxtcp_test/netns/relay.h \
	toxtcp_test/netns/space.c \
	toxtcp_test/netns/space.h \
	toxtcp_test/netns/star.c \
	toxtcp_test/netns/star.h \
	toxtcp_test/netns/world.c \
	toxtcp_test/netns/world.h
check_PROGRAMS += toxtcp_test/bench/bench_failover
toxtcp_test_bench_bench_failover_LDADD = \
	toxtcp_test/libbench.la toxtcp_test/libnetns.la toxtcp_test/libinterop.la $(ev_test_libs)
TESTS += toxtcp_test/bench/failover.sh

# Namespaces with a network between them that delays and loses packets.
check_LTLIBRARIES += toxtcp_test/libemulator.la
toxtcp_test_libemulator_la_SOURCES = \
	toxtcp_test/emulator/capture.c \
	toxtcp_test/emulator/capture.h \
	toxtcp_test/emulator/command.c \
	toxtcp_test/emulator/command.h \
	toxtcp_test/emulator/emulator.c \
	toxtcp_test/emulator/emulator.h \
	toxtcp_test/emulator/hub.c \
	toxtcp_test/emulator/hub.h \
	toxtcp_test/emulator/lane.c \
	toxtcp_test/emulator/lane.h \
	toxtcp_test/emulator/pcap.c \
	toxtcp_test/emulator/pcap.h \
	toxtcp_test/emulator/segment.c \
	toxtcp_test/emulator/segment.h \
	toxtcp_test/emulator/tally.c \
	toxtcp_test/emulator/tally.h
emulator_libs = toxtcp_test/libemulator.la toxtcp_test/libnetns.la $(ev_test_libs)
emulator_tests = \
	toxtcp_test/emulator/check_emulator \
	toxtcp_test/emulator/check_path
check_PROGRAMS += $(emulator_tests) toxtcp_test/emulator/path_emulator
TESTS += $(emulator_tests)
toxtcp_test_emulator_check_emulator_SOURCES = \
	toxtcp_test/emulator/check_emulator.c \
	toxtcp_test/emulator/check_emulator.h \
	toxtcp_test/emulator/check_emulator_hub.c \
	toxtcp_test/emulator/check_emulator_lane.c
toxtcp_test_emulator_check_emulator_LDADD = $(emulator_libs)
toxtcp_test_emulator_check_path_LDADD = $(emulator_libs)
toxtcp_test_emulator_path_emulator_LDADD = $(emulator_libs)

# Data in the SYN, and segments counted as the emulator counts them.
netns_tests = \
	toxtcp_test/netns/check_fast_open \
	toxtcp_test/netns/check_lost_address \
	toxtcp_test/netns/check_segments
check_PROGRAMS += $(netns_tests)
TESTS += $(netns_tests)
toxtcp_test_netns_check_fast_open_SOURCES = \
	toxtcp_test/check_ev.h \
	toxtcp_test/check_ev_world.c \
	toxtcp_test/netns/check_fast_open.c
toxtcp_test_netns_check_fast_open_LDADD = $(emulator_libs)
toxtcp_test_netns_check_lost_address_SOURCES = \
	toxtcp_test/check_ev.h \
	toxtcp_test/check_ev_name_server.c \
	toxtcp_test/check_ev_name_server.h \
	toxtcp_test/check_ev_world.c \
	toxtcp_test/netns/check_lost_address.c
toxtcp_test_netns_check_lost_address_LDADD = $(emulator_libs)
toxtcp_test_netns_check_segments_SOURCES = \
	toxtcp_test/check_ev.h \
	toxtcp_test/check_ev_world.c \
	toxtcp_test/netns/check_segments.c
toxtcp_test_netns_check_segments_LDADD = $(emulator_libs)

# What path.py drives; it needs the relay too.
check_PROGRAMS += \
	toxtcp_test/bench/path_peer \
	toxtcp_test/bench/path_toxcore
toxtcp_test_bench_path_peer_LDADD = toxtcp_test/libnetns.la $(ev_test_libs)
toxtcp_test_bench_path_toxcore_LDADD = toxtcp_test/libnetns.la $(ev_test_libs) $(TOXCORE_LIBS)
toxtcp_test_bench_path_toxcore_CFLAGS = $(AM_CFLAGS) $(TOXCORE_CFLAGS)
if WITH_APPS
TESTS += toxtcp_test/bench/path.sh
endif

check_PROGRAMS += toxtcp_test/netns/check_network
toxtcp_test_netns_check_network_LDADD = toxtcp_test/libnetns.la toxtcp_test/libinterop.la $(ev_test_libs)
TESTS += toxtcp_test/netns/check_network
endif

TESTS += \
	toxtcp_test/headers.sh \
	toxtcp_test/vectors/check_vectors.sh
if WITH_SHARED
TESTS += toxtcp_test/symbols.sh
if WITH_APPS
if WITH_UNIT
TESTS += toxtcp_test/packaging.sh
endif
endif
endif

check_LTLIBRARIES += toxtcp_test/libsupport.la
toxtcp_test_libsupport_la_SOURCES = \
	toxtcp_test/support/client_bed.c \
	toxtcp_test/support/client_bed.h \
	toxtcp_test/support/command_line.h \
	toxtcp_test/support/net.c \
	toxtcp_test/support/net.h \
	toxtcp_test/support/net_env.c \
	toxtcp_test/support/net_env.h \
	toxtcp_test/support/net_objects.c \
	toxtcp_test/support/net_objects.h \
	toxtcp_test/support/net_raw.c \
	toxtcp_test/support/net_stream.c \
	toxtcp_test/support/net_stream.h \
	toxtcp_test/support/raw_client.c \
	toxtcp_test/support/raw_client.h \
	toxtcp_test/support/raw_relay.c \
	toxtcp_test/support/raw_relay.h \
	toxtcp_test/support/server_bed.c \
	toxtcp_test/support/server_bed.h \
	toxtcp_test/support/vector_env.c \
	toxtcp_test/support/vector_env.h \
	toxtcp_test/vectors/bootstrapd.h \
	toxtcp_test/vectors/vectors.h

# Those that take longest come first, so that none of them is left over at the end.
core_tests = \
	toxtcp_test/check_connections_trouble \
	toxtcp_test/check_server_faults \
	toxtcp_test/check_client_faults \
	toxtcp_test/check_connections_life \
	toxtcp_test/check_address \
	toxtcp_test/check_box \
	toxtcp_test/check_buffer \
	toxtcp_test/check_channel \
	toxtcp_test/check_client \
	toxtcp_test/check_client_early \
	toxtcp_test/check_client_pulse \
	toxtcp_test/check_client_proxy \
	toxtcp_test/check_client_time \
	toxtcp_test/check_connections \
	toxtcp_test/check_connections_onion \
	toxtcp_test/check_connections_paths \
	toxtcp_test/check_connections_sleep \
	toxtcp_test/check_env \
	toxtcp_test/check_error \
	toxtcp_test/check_handshake \
	toxtcp_test/check_heap \
	toxtcp_test/check_key \
	toxtcp_test/check_link \
	toxtcp_test/check_net \
	toxtcp_test/check_packet \
	toxtcp_test/check_proxy \
	toxtcp_test/check_rate \
	toxtcp_test/check_relay_choice \
	toxtcp_test/check_routes \
	toxtcp_test/check_server \
	toxtcp_test/check_server_configure \
	toxtcp_test/check_server_limits \
	toxtcp_test/check_server_mesh \
	toxtcp_test/check_server_rates \
	toxtcp_test/check_sources \
	toxtcp_test/check_trust
check_PROGRAMS += $(core_tests)
TESTS += $(core_tests)
toxtcp_test_check_proxy_SOURCES = \
	toxtcp_test/check_proxy.c \
	toxtcp_test/check_proxy.h \
	toxtcp_test/check_proxy_bounds.c \
	toxtcp_test/check_proxy_scenes.c
toxtcp_test_check_server_mesh_SOURCES = \
	toxtcp_test/check_server_mesh.c \
	toxtcp_test/check_server_mesh.h \
	toxtcp_test/check_server_mesh_faults.c \
	toxtcp_test/check_server_mesh_world.c
toxtcp_test_check_connections_SOURCES = \
	toxtcp_test/check_connections.c \
	toxtcp_test/check_connections.h \
	toxtcp_test/check_connections_world.c
toxtcp_test_check_connections_life_SOURCES = \
	toxtcp_test/check_connections.h \
	toxtcp_test/check_connections_life.c \
	toxtcp_test/check_connections_world.c
toxtcp_test_check_connections_sleep_SOURCES = \
	toxtcp_test/check_connections.h \
	toxtcp_test/check_connections_sleep.c \
	toxtcp_test/check_connections_world.c
toxtcp_test_check_connections_onion_SOURCES = \
	toxtcp_test/check_connections.h \
	toxtcp_test/check_connections_onion.c \
	toxtcp_test/check_connections_world.c
toxtcp_test_check_connections_paths_SOURCES = \
	toxtcp_test/check_connections.h \
	toxtcp_test/check_connections_paths.c \
	toxtcp_test/check_connections_world.c
toxtcp_test_check_connections_trouble_SOURCES = \
	toxtcp_test/check_connections.h \
	toxtcp_test/check_connections_trouble.c \
	toxtcp_test/check_connections_world.c

if WITH_EV
ev_test_libs = toxtcp/ev/libdriver.la $(LDADD) $(CARES_LIBS) $(EV_LIBS) $(PTHREAD_LIBS)

ev_tests = \
	toxtcp_test/check_ev
check_PROGRAMS += $(ev_tests)
TESTS += $(ev_tests)
toxtcp_test_check_ev_SOURCES = \
	toxtcp_test/check_ev.c \
	toxtcp_test/check_ev.h \
	toxtcp_test/check_ev_alive.c \
	toxtcp_test/check_ev_connections.c \
	toxtcp_test/check_ev_listen.c \
	toxtcp_test/check_ev_mesh.c \
	toxtcp_test/check_ev_name_server.c \
	toxtcp_test/check_ev_name_server.h \
	toxtcp_test/check_ev_names.c \
	toxtcp_test/check_ev_oob.c \
	toxtcp_test/check_ev_relay.c \
	toxtcp_test/check_ev_source.c \
	toxtcp_test/check_ev_stream.c \
	toxtcp_test/check_ev_turn.c \
	toxtcp_test/check_ev_world.c
toxtcp_test_check_ev_LDADD = $(ev_test_libs)
endif

if WITH_APPS
apps_tests = \
	toxtcp_test/check_chat_parts \
	toxtcp_test/check_chat_path \
	toxtcp_test/check_chat_proxy \
	toxtcp_test/check_chat_session \
	toxtcp_test/check_chat_ways \
	toxtcp_test/check_histogram \
	toxtcp_test/check_keys_file \
	toxtcp_test/check_probe_options \
	toxtcp_test/check_probe_parts \
	toxtcp_test/check_proxy_text \
	toxtcp_test/check_relay_list \
	toxtcp_test/check_relay_process \
	toxtcp_test/check_relay_settings \
	toxtcp_test/check_stress_attack \
	toxtcp_test/check_stress_embedded \
	toxtcp_test/check_stress_events \
	toxtcp_test/check_stress_compare \
	toxtcp_test/check_stress_live \
	toxtcp_test/check_stress_options \
	toxtcp_test/check_stress_payload \
	toxtcp_test/check_stress_verdict
check_PROGRAMS += $(apps_tests)
TESTS += $(apps_tests)
toxtcp_test_check_chat_parts_CPPFLAGS = $(AM_CPPFLAGS) $(apps_cppflags)
toxtcp_test_check_chat_parts_LDADD = apps/libchat.la apps/libcommon.la $(ev_test_libs)
toxtcp_test_check_chat_path_CPPFLAGS = $(AM_CPPFLAGS) $(apps_cppflags)
toxtcp_test_check_chat_path_LDADD = apps/libchat.la apps/libcommon.la $(ev_test_libs)
toxtcp_test_check_chat_proxy_CPPFLAGS = $(AM_CPPFLAGS) $(apps_cppflags)
toxtcp_test_check_chat_proxy_LDADD = apps/libchat.la apps/libcommon.la $(ev_test_libs)
toxtcp_test_check_chat_session_SOURCES = \
	toxtcp_test/check_chat_session.c \
	toxtcp_test/check_chat_world.c \
	toxtcp_test/check_chat_world.h
toxtcp_test_check_chat_session_CPPFLAGS = $(AM_CPPFLAGS) $(apps_cppflags)
toxtcp_test_check_chat_session_LDADD = apps/libchat.la apps/libcommon.la $(ev_test_libs)
toxtcp_test_check_chat_ways_SOURCES = \
	toxtcp_test/check_chat_ways.c \
	toxtcp_test/check_chat_world.c \
	toxtcp_test/check_chat_world.h
toxtcp_test_check_chat_ways_CPPFLAGS = $(AM_CPPFLAGS) $(apps_cppflags)
toxtcp_test_check_chat_ways_LDADD = apps/libchat.la apps/libcommon.la $(ev_test_libs)
toxtcp_test_check_histogram_CPPFLAGS = $(AM_CPPFLAGS) $(apps_cppflags)
toxtcp_test_check_histogram_LDADD = apps/libcommon.la $(ev_test_libs)
toxtcp_test_check_keys_file_CPPFLAGS = $(AM_CPPFLAGS) $(apps_cppflags)
toxtcp_test_check_keys_file_LDADD = apps/libcommon.la $(ev_test_libs)
toxtcp_test_check_probe_options_CPPFLAGS = $(AM_CPPFLAGS) $(apps_cppflags)
toxtcp_test_check_probe_options_LDADD = apps/libprobe.la apps/libcommon.la $(ev_test_libs)
toxtcp_test_check_probe_parts_CPPFLAGS = $(AM_CPPFLAGS) $(apps_cppflags)
toxtcp_test_check_probe_parts_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
toxtcp_test_check_probe_parts_LDADD = apps/libprobe.la apps/libcommon.la $(ev_test_libs) $(JANSSON_LIBS)
toxtcp_test_check_proxy_text_CPPFLAGS = $(AM_CPPFLAGS) $(apps_cppflags)
toxtcp_test_check_proxy_text_LDADD = apps/libcommon.la $(ev_test_libs)
toxtcp_test_check_relay_list_CPPFLAGS = $(AM_CPPFLAGS) $(apps_cppflags)
toxtcp_test_check_relay_list_LDADD = apps/libcommon.la $(ev_test_libs)
toxtcp_test_check_relay_process_LDADD = toxtcp_test/libinterop.la $(ev_test_libs)
toxtcp_test_check_relay_settings_CPPFLAGS = $(AM_CPPFLAGS) $(apps_cppflags)
toxtcp_test_check_relay_settings_LDADD = apps/librelay.la apps/libcommon.la $(ev_test_libs)
toxtcp_test_check_stress_attack_SOURCES = \
	toxtcp_test/check_ev.h \
	toxtcp_test/check_ev_world.c \
	toxtcp_test/check_stress_attack.c
toxtcp_test_check_stress_attack_CPPFLAGS = $(AM_CPPFLAGS) $(apps_cppflags)
toxtcp_test_check_stress_attack_LDADD = apps/libstress.la apps/libcommon.la $(ev_test_libs)
toxtcp_test_check_stress_embedded_CPPFLAGS = $(AM_CPPFLAGS) $(apps_cppflags)
toxtcp_test_check_stress_embedded_LDADD = apps/libstress.la apps/libcommon.la $(ev_test_libs)
toxtcp_test_check_stress_events_CPPFLAGS = $(AM_CPPFLAGS) $(apps_cppflags)
toxtcp_test_check_stress_events_LDADD = apps/libstress.la apps/libcommon.la $(ev_test_libs)
toxtcp_test_check_stress_compare_CPPFLAGS = $(AM_CPPFLAGS) $(apps_cppflags)
toxtcp_test_check_stress_compare_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
toxtcp_test_check_stress_compare_LDADD = apps/libstress.la apps/libcommon.la $(JANSSON_LIBS) $(ev_test_libs)
toxtcp_test_check_stress_live_CPPFLAGS = $(AM_CPPFLAGS) $(apps_cppflags)
toxtcp_test_check_stress_live_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
toxtcp_test_check_stress_live_LDADD = apps/libstress.la apps/libcommon.la $(JANSSON_LIBS) $(ev_test_libs)
toxtcp_test_check_stress_verdict_CPPFLAGS = $(AM_CPPFLAGS) $(apps_cppflags)
toxtcp_test_check_stress_verdict_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
toxtcp_test_check_stress_verdict_LDADD = apps/libstress.la apps/libcommon.la $(JANSSON_LIBS) $(ev_test_libs)
toxtcp_test_check_stress_options_CPPFLAGS = $(AM_CPPFLAGS) $(apps_cppflags)
toxtcp_test_check_stress_options_LDADD = apps/libstress.la apps/libcommon.la $(ev_test_libs)
toxtcp_test_check_stress_payload_CPPFLAGS = $(AM_CPPFLAGS) $(apps_cppflags)
toxtcp_test_check_stress_payload_LDADD = apps/libstress.la apps/libcommon.la $(ev_test_libs)
TESTS += \
	toxtcp_test/attacks/attacks.sh \
	toxtcp_test/apps/chat_options.sh \
	toxtcp_test/apps/chat_talk.sh \
	toxtcp_test/apps/chat_udp.sh \
	toxtcp_test/apps/demo.sh \
	toxtcp_test/apps/probe.sh \
	toxtcp_test/apps/probe_name.sh \
	toxtcp_test/apps/proxy.sh \
	toxtcp_test/apps/relay.sh \
	toxtcp_test/apps/relay_config.sh \
	toxtcp_test/apps/relay_daemon.sh \
	toxtcp_test/apps/stress.sh \
	toxtcp_test/apps/stress_heap.sh \
	toxtcp_test/apps/stress_model.sh \
	toxtcp_test/apps/stress_multi.sh \
	toxtcp_test/apps/stress_report.sh
check_PROGRAMS += toxtcp_test/apps/bad_relay
toxtcp_test_apps_bad_relay_SOURCES = \
	toxtcp_test/apps/bad_relay.c \
	toxtcp_test/apps/harm.c \
	toxtcp_test/apps/harm.h
toxtcp_test_apps_bad_relay_LDADD = toxtcp_test/libliar.la $(ev_test_libs)
check_PROGRAMS += toxtcp_test/apps/stress_page
toxtcp_test_apps_stress_page_CPPFLAGS = $(AM_CPPFLAGS) $(apps_cppflags)
toxtcp_test_apps_stress_page_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
toxtcp_test_apps_stress_page_LDADD = apps/libstress.la apps/libcommon.la $(JANSSON_LIBS) $(ev_test_libs)
if WITH_LIBEDIT
TESTS += toxtcp_test/apps/chat_terminal.sh
endif

if WITH_MICROHTTPD
# What the relay shows of itself, with figures that are made up.
check_LTLIBRARIES += toxtcp_test/libfigures.la
toxtcp_test_libfigures_la_CPPFLAGS = $(AM_CPPFLAGS) $(apps_cppflags)
toxtcp_test_libfigures_la_SOURCES = \
	toxtcp_test/apps/made_up_figures.c \
	toxtcp_test/apps/made_up_figures.h
check_PROGRAMS += \
	toxtcp_test/apps/relay_page_server \
	toxtcp_test/check_relay_figures \
	toxtcp_test/check_relay_http
TESTS += \
	toxtcp_test/apps/relay_fast_open.sh \
	toxtcp_test/apps/relay_page.sh \
	toxtcp_test/apps/relay_figures.sh \
	toxtcp_test/check_relay_figures \
	toxtcp_test/check_relay_http
figures_test_libs = toxtcp_test/libfigures.la apps/librelay.la apps/libcommon.la $(ev_test_libs)
toxtcp_test_apps_relay_page_server_CPPFLAGS = $(AM_CPPFLAGS) $(apps_cppflags)
toxtcp_test_apps_relay_page_server_LDADD = $(figures_test_libs)
toxtcp_test_check_relay_figures_CPPFLAGS = $(AM_CPPFLAGS) $(apps_cppflags)
toxtcp_test_check_relay_figures_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
toxtcp_test_check_relay_figures_LDADD = $(figures_test_libs)
toxtcp_test_check_relay_http_CPPFLAGS = $(AM_CPPFLAGS) $(apps_cppflags)
toxtcp_test_check_relay_http_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
toxtcp_test_check_relay_http_LDADD = $(figures_test_libs)
endif
endif

if WITH_EV
# Built by `make check`, so that it does not rot; run by `make bench`.
check_LTLIBRARIES += toxtcp_test/libbench.la
toxtcp_test_libbench_la_SOURCES = \
	toxtcp_test/bench/report.c \
	toxtcp_test/bench/report.h
bench_programs = \
	toxtcp_test/bench/bench_channel \
	toxtcp_test/bench/bench_ev \
	toxtcp_test/bench/bench_memory \
	toxtcp_test/bench/bench_mesh
check_PROGRAMS += $(bench_programs)
toxtcp_test_bench_bench_channel_LDADD = toxtcp_test/libbench.la $(ev_test_libs)
toxtcp_test_bench_bench_ev_LDADD = toxtcp_test/libbench.la $(ev_test_libs)
toxtcp_test_bench_bench_memory_LDADD = toxtcp_test/libbench.la $(ev_test_libs)
toxtcp_test_bench_bench_mesh_LDADD = toxtcp_test/libbench.la $(ev_test_libs)

check_PROGRAMS += toxtcp_test/bench/bench_queue
toxtcp_test_bench_bench_queue_LDADD = \
	toxtcp_test/libbench.la toxtcp_test/libnetns.la toxtcp_test/libinterop.la $(ev_test_libs)

bench: $(bench_programs)
	@status=0; for program in $(bench_programs); do ./$$program || status=1; done; exit $$status

# As root, or where user namespaces are allowed.
bench-failover: toxtcp_test/bench/bench_failover
	@toxtcp_test/bench/bench_failover

bench-queue: toxtcp_test/bench/bench_queue
	@toxtcp_test/bench/bench_queue

if WITH_APPS
# Round trips and segments on an emulated path. As root, or where user namespaces are allowed.
bench-path: toxtcp-relay toxtcp_test/bench/path_peer toxtcp_test/bench/path_toxcore toxtcp_test/emulator/path_emulator
	@python3 $(srcdir)/toxtcp_test/bench/path.py --build . $(ARGS)

# toxtcp-relay beside tox-bootstrapd, and what honest clients see of it while it is attacked. ARGS: see --help of these.
toxtcp_test/bench/no_mlock.so: toxtcp_test/bench/no_mlock.c
	$(AM_V_CC)$(MKDIR_P) $(@D) && $(CC) -O2 -shared -fPIC -o $@ $(srcdir)/toxtcp_test/bench/no_mlock.c
CLEANFILES += toxtcp_test/bench/no_mlock.so

check_PROGRAMS += toxtcp_test/bench/bench_forward
toxtcp_test_bench_bench_forward_LDADD =
bench-relay: toxtcp-relay toxtcp-stress toxtcp_test/bench/bench_channel toxtcp_test/bench/bench_forward \
		toxtcp_test/bench/no_mlock.so
	@python3 $(srcdir)/toxtcp_test/bench/relay_bench.py --build . $(ARGS)

bench-attacks: toxtcp-relay toxtcp-stress
	@python3 $(srcdir)/toxtcp_test/attacks/attacks.py --build . $(ARGS)

# Leaves soak.png and soak.txt.
MINUTES = 30
bench-soak: toxtcp-relay toxtcp-stress
	@$(srcdir)/toxtcp_test/bench/soak.py --build . --minutes $(MINUTES)
endif
endif
endif

# What needs neither another relay, nor a browser, nor network namespaces: for machines that build packages.
package_tests = \
	toxtcp_test/headers.sh \
	toxtcp_test/vectors/check_vectors.sh \
	toxtcp_test/symbols.sh \
	$(core_tests) \
	$(ev_tests) \
	$(apps_tests)

if WITH_EV
# What runs in several threads, for a build with ThreadSanitizer.
check-threads: toxtcp_test/check_ev
	CK_INCLUDE_TAGS=threads $(MAKE) check-TESTS TESTS=toxtcp_test/check_ev TEST_SUITE_LOG=threads-suite.log
endif

# The core's tests under valgrind, in one process each, so that it sees everything.
VALGRIND = valgrind
check-valgrind: $(core_tests)
	CK_FORK=no $(MAKE) check-TESTS TESTS='$(core_tests)' TEST_SUITE_LOG=valgrind-suite.log \
		LOG_COMPILER='timeout 900 $(VALGRIND)' \
		AM_LOG_FLAGS='--quiet --error-exitcode=1 --leak-check=full --errors-for-leak-kinds=all --show-leak-kinds=all'
.PHONY: bench bench-attacks bench-failover bench-path bench-queue bench-relay bench-soak check-threads check-valgrind
