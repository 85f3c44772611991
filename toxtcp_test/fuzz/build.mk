# Fuzz targets. With any compiler `make check` replays their kept corpora; configure --enable-fuzzing makes fuzzers of
# them too, for `make fuzz`. SPDX-License-Identifier: ISC

# A folder is distributed with all that lies in it.
EXTRA_DIST += \
	toxtcp_test/fuzz/corpus \
	toxtcp_test/fuzz/make_seeds.py \
	toxtcp_test/fuzz/run.sh

if WITH_TESTS
check_LTLIBRARIES += toxtcp_test/fuzz/libfuzz.la
toxtcp_test_fuzz_libfuzz_la_SOURCES = \
	toxtcp_test/fuzz/far_end.c \
	toxtcp_test/fuzz/far_end.h \
	toxtcp_test/fuzz/fixed_random.c \
	toxtcp_test/fuzz/fixed_random.h \
	toxtcp_test/fuzz/hostile.c \
	toxtcp_test/fuzz/hostile.h \
	toxtcp_test/fuzz/input.c \
	toxtcp_test/fuzz/input.h \
	toxtcp_test/fuzz/memory_file.c \
	toxtcp_test/fuzz/memory_file.h

if WITH_FUZZING
fuzz_cppflags = -DWITH_FUZZING=1
endif
toxtcp_test_fuzz_libfuzz_la_CPPFLAGS = $(AM_CPPFLAGS) $(fuzz_cppflags)

fuzz_libs = toxtcp_test/fuzz/libfuzz.la $(LDADD)
fuzz_ldflags = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_connections_sources = \
	toxtcp_test/fuzz/connections_relays.c \
	toxtcp_test/fuzz/connections_world.h \
	toxtcp_test/fuzz/fuzz_connections.c
replay_source = toxtcp_test/fuzz/replay.c
FUZZ_SECONDS = 600

fuzz_replays = \
	toxtcp_test/fuzz/replay_address \
	toxtcp_test/fuzz/replay_client \
	toxtcp_test/fuzz/replay_connections \
	toxtcp_test/fuzz/replay_proxy \
	toxtcp_test/fuzz/replay_server
toxtcp_test_fuzz_replay_address_SOURCES = toxtcp_test/fuzz/fuzz_address.c $(replay_source)
toxtcp_test_fuzz_replay_address_LDADD = $(fuzz_libs)
toxtcp_test_fuzz_replay_client_SOURCES = toxtcp_test/fuzz/fuzz_client.c $(replay_source)
toxtcp_test_fuzz_replay_client_LDADD = $(fuzz_libs)
toxtcp_test_fuzz_replay_connections_SOURCES = $(fuzz_connections_sources) $(replay_source)
toxtcp_test_fuzz_replay_connections_LDADD = $(fuzz_libs)
toxtcp_test_fuzz_replay_proxy_SOURCES = toxtcp_test/fuzz/fuzz_proxy.c $(replay_source)
toxtcp_test_fuzz_replay_proxy_LDADD = $(fuzz_libs)
toxtcp_test_fuzz_replay_server_SOURCES = toxtcp_test/fuzz/fuzz_server.c $(replay_source)
toxtcp_test_fuzz_replay_server_LDADD = $(fuzz_libs)

if WITH_APPS
fuzz_apps_libs = apps/libchat.la apps/libcommon.la toxtcp_test/fuzz/libfuzz.la $(ev_test_libs)
fuzz_replays += \
	toxtcp_test/fuzz/replay_chat_options \
	toxtcp_test/fuzz/replay_keys_file \
	toxtcp_test/fuzz/replay_relay_list \
	toxtcp_test/fuzz/replay_session \
	toxtcp_test/fuzz/replay_session_packet
toxtcp_test_fuzz_replay_chat_options_SOURCES = toxtcp_test/fuzz/fuzz_chat_options.c $(replay_source)
toxtcp_test_fuzz_replay_chat_options_LDADD = $(fuzz_apps_libs)
toxtcp_test_fuzz_replay_keys_file_SOURCES = toxtcp_test/fuzz/fuzz_keys_file.c $(replay_source)
toxtcp_test_fuzz_replay_keys_file_LDADD = $(fuzz_apps_libs)
toxtcp_test_fuzz_replay_relay_list_SOURCES = toxtcp_test/fuzz/fuzz_relay_list.c $(replay_source)
toxtcp_test_fuzz_replay_relay_list_LDADD = $(fuzz_apps_libs)
toxtcp_test_fuzz_replay_session_SOURCES = toxtcp_test/fuzz/fuzz_session.c $(replay_source)
toxtcp_test_fuzz_replay_session_LDADD = $(fuzz_apps_libs)
toxtcp_test_fuzz_replay_session_packet_SOURCES = toxtcp_test/fuzz/fuzz_session_packet.c $(replay_source)
toxtcp_test_fuzz_replay_session_packet_LDADD = $(fuzz_apps_libs)
endif

check_PROGRAMS += $(fuzz_replays)
TESTS += $(fuzz_replays)

if WITH_FUZZING
fuzz_targets = \
	toxtcp_test/fuzz/fuzz_address \
	toxtcp_test/fuzz/fuzz_client \
	toxtcp_test/fuzz/fuzz_connections \
	toxtcp_test/fuzz/fuzz_proxy \
	toxtcp_test/fuzz/fuzz_server
toxtcp_test_fuzz_fuzz_address_LDADD = $(fuzz_libs)
toxtcp_test_fuzz_fuzz_address_LDFLAGS = $(fuzz_ldflags)
toxtcp_test_fuzz_fuzz_client_LDADD = $(fuzz_libs)
toxtcp_test_fuzz_fuzz_client_LDFLAGS = $(fuzz_ldflags)
toxtcp_test_fuzz_fuzz_connections_SOURCES = $(fuzz_connections_sources)
toxtcp_test_fuzz_fuzz_connections_LDADD = $(fuzz_libs)
toxtcp_test_fuzz_fuzz_connections_LDFLAGS = $(fuzz_ldflags)
toxtcp_test_fuzz_fuzz_proxy_LDADD = $(fuzz_libs)
toxtcp_test_fuzz_fuzz_proxy_LDFLAGS = $(fuzz_ldflags)
toxtcp_test_fuzz_fuzz_server_LDADD = $(fuzz_libs)
toxtcp_test_fuzz_fuzz_server_LDFLAGS = $(fuzz_ldflags)
if WITH_APPS
fuzz_targets += \
	toxtcp_test/fuzz/fuzz_chat_options \
	toxtcp_test/fuzz/fuzz_keys_file \
	toxtcp_test/fuzz/fuzz_relay_list \
	toxtcp_test/fuzz/fuzz_session \
	toxtcp_test/fuzz/fuzz_session_packet
toxtcp_test_fuzz_fuzz_chat_options_LDADD = $(fuzz_apps_libs)
toxtcp_test_fuzz_fuzz_chat_options_LDFLAGS = $(fuzz_ldflags)
toxtcp_test_fuzz_fuzz_keys_file_LDADD = $(fuzz_apps_libs)
toxtcp_test_fuzz_fuzz_keys_file_LDFLAGS = $(fuzz_ldflags)
toxtcp_test_fuzz_fuzz_relay_list_LDADD = $(fuzz_apps_libs)
toxtcp_test_fuzz_fuzz_relay_list_LDFLAGS = $(fuzz_ldflags)
toxtcp_test_fuzz_fuzz_session_LDADD = $(fuzz_apps_libs)
toxtcp_test_fuzz_fuzz_session_LDFLAGS = $(fuzz_ldflags)
toxtcp_test_fuzz_fuzz_session_packet_LDADD = $(fuzz_apps_libs)
toxtcp_test_fuzz_fuzz_session_packet_LDFLAGS = $(fuzz_ldflags)
endif
check_PROGRAMS += $(fuzz_targets)

fuzz: $(fuzz_targets)
	$(srcdir)/toxtcp_test/fuzz/run.sh $(srcdir)/toxtcp_test/fuzz/corpus $(FUZZ_SECONDS) $(fuzz_targets)
else
fuzz:
	@echo 'make fuzz needs: configure --enable-fuzzing CC=clang CXX=clang++' >&2; exit 1
endif
endif
