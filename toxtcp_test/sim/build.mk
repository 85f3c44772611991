# The simulator. SPDX-License-Identifier: ISC

EXTRA_DIST += \
	toxtcp_test/sim/check_sim.sh \
	toxtcp_test/sim/mutations \
	toxtcp_test/sim/mutations.sh \
	toxtcp_test/sim/seeds.txt

if WITH_TESTS
# By itself, since the simulator is not the only one to drive it.
check_LTLIBRARIES += toxtcp_test/libliar.la
toxtcp_test_libliar_la_SOURCES = \
	toxtcp_test/sim/liar.c \
	toxtcp_test/sim/liar.h \
	toxtcp_test/sim/liar_private.h \
	toxtcp_test/sim/liar_relay.c \
	toxtcp_test/sim/liar_vices.c

check_LTLIBRARIES += toxtcp_test/libsim.la
toxtcp_test_libsim_la_LIBADD = toxtcp_test/libliar.la
toxtcp_test_libsim_la_SOURCES = \
	apps/common/histogram.c \
	apps/common/histogram.h \
	toxtcp_test/sim/dice.c \
	toxtcp_test/sim/dice.h \
	toxtcp_test/sim/events.c \
	toxtcp_test/sim/events.h \
	toxtcp_test/sim/faults.c \
	toxtcp_test/sim/knobs.c \
	toxtcp_test/sim/knobs.h \
	toxtcp_test/sim/network.c \
	toxtcp_test/sim/network.h \
	toxtcp_test/sim/network_private.h \
	toxtcp_test/sim/oracle_online.c \
	toxtcp_test/sim/oracle_relays.c \
	toxtcp_test/sim/oracle_rules.c \
	toxtcp_test/sim/pipe.c \
	toxtcp_test/sim/pipe.h \
	toxtcp_test/sim/sim_peer.c \
	toxtcp_test/sim/sim_relay.c \
	toxtcp_test/sim/stream.c \
	toxtcp_test/sim/talk.c \
	toxtcp_test/sim/trace.c \
	toxtcp_test/sim/trace.h \
	toxtcp_test/sim/watch.c \
	toxtcp_test/sim/world.c \
	toxtcp_test/sim/world.h

# Core tests but for valgrind, under which they take minutes.
sim_tests = \
	toxtcp_test/sim/check_sim_liar \
	toxtcp_test/sim/check_sim_network
check_PROGRAMS += $(sim_tests)
TESTS += $(sim_tests)
toxtcp_test_sim_check_sim_liar_SOURCES = \
	toxtcp_test/check_connections.h \
	toxtcp_test/check_connections_world.c \
	toxtcp_test/sim/check_sim_liar.c \
	toxtcp_test/sim/check_sim_liar.h \
	toxtcp_test/sim/check_sim_liar_bed.c \
	toxtcp_test/sim/check_sim_liar_vices.c
toxtcp_test_sim_check_sim_liar_LDADD = toxtcp_test/libsim.la $(LDADD)
toxtcp_test_sim_check_sim_network_LDADD = toxtcp_test/libsim.la $(LDADD)

# At the top, since people run it.
check_PROGRAMS += toxtcp-sim
TESTS += toxtcp_test/sim/check_sim.sh
toxtcp_sim_SOURCES = \
	toxtcp_test/sim/main.c \
	toxtcp_test/sim/options.c \
	toxtcp_test/sim/options.h \
	toxtcp_test/sim/quick_keys.c
toxtcp_sim_LDADD = toxtcp_test/libsim.la $(LDADD)
endif
