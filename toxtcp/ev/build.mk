# The libev driver: libtoxtcp-ev. It sees installed headers only. SPDX-License-Identifier: ISC

if WITH_EV
toxtcpinclude_HEADERS += toxtcp/include/toxtcp/ev.h
pkgconfig_DATA += toxtcp/ev/libtoxtcp-ev.pc

noinst_LTLIBRARIES += toxtcp/ev/libdriver.la
toxtcp_ev_libdriver_la_CPPFLAGS = $(public_cppflags) -D_GNU_SOURCE
toxtcp_ev_libdriver_la_CFLAGS = $(AM_CFLAGS) $(CARES_CFLAGS) $(SODIUM_CFLAGS) $(VISIBILITY_CFLAGS)
toxtcp_ev_libdriver_la_LIBADD = $(CARES_LIBS) $(EV_LIBS) $(SODIUM_LIBS) $(PTHREAD_LIBS)
toxtcp_ev_libdriver_la_SOURCES = \
	toxtcp/ev/alive.c \
	toxtcp/ev/attempt.c \
	toxtcp/ev/ev.c \
	toxtcp/ev/fast_open.c \
	toxtcp/ev/internal.h \
	toxtcp/ev/keeper.c \
	toxtcp/ev/listener.c \
	toxtcp/ev/mesh.c \
	toxtcp/ev/mesh.h \
	toxtcp/ev/mesh_directory.c \
	toxtcp/ev/mesh_queue.c \
	toxtcp/ev/netlink.c \
	toxtcp/ev/network.c \
	toxtcp/ev/network.h \
	toxtcp/ev/oob_once.c \
	toxtcp/ev/preference.c \
	toxtcp/ev/race.c \
	toxtcp/ev/race.h \
	toxtcp/ev/resolver.c \
	toxtcp/ev/socket.c \
	toxtcp/ev/stream.c \
	toxtcp/ev/turn.c

lib_LTLIBRARIES += libtoxtcp-ev.la
libtoxtcp_ev_la_SOURCES =
libtoxtcp_ev_la_LIBADD = toxtcp/ev/libdriver.la libtoxtcp.la $(CARES_LIBS) $(EV_LIBS) $(SODIUM_LIBS) $(PTHREAD_LIBS)
libtoxtcp_ev_la_LDFLAGS = $(AM_LDFLAGS) $(NO_UNDEFINED_LDFLAGS) -version-info $(TOXTCP_VERSION_INFO)
endif
