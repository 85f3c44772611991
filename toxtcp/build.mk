# The core: libtoxtcp. SPDX-License-Identifier: ISC

public_cppflags = -I$(srcdir)/toxtcp/include

toxtcpincludedir = $(includedir)/toxtcp
core_headers = \
	toxtcp/include/toxtcp/address.h \
	toxtcp/include/toxtcp/client.h \
	toxtcp/include/toxtcp/connections.h \
	toxtcp/include/toxtcp/env.h \
	toxtcp/include/toxtcp/error.h \
	toxtcp/include/toxtcp/key.h \
	toxtcp/include/toxtcp/limits.h \
	toxtcp/include/toxtcp/link.h \
	toxtcp/include/toxtcp/proxy.h \
	toxtcp/include/toxtcp/server.h \
	toxtcp/include/toxtcp/toxtcp.h \
	toxtcp/include/toxtcp/visibility.h
toxtcpinclude_HEADERS = $(core_headers)

pkgconfig_DATA = toxtcp/libtoxtcp.pc

# All objects of the core, with the functions that the shared library hides: what the tests of single modules link.
noinst_LTLIBRARIES += toxtcp/libcore.la
toxtcp_libcore_la_CPPFLAGS = $(public_cppflags) -D_POSIX_C_SOURCE=200809L -iquote $(builddir)
toxtcp_libcore_la_CFLAGS = $(AM_CFLAGS) $(SODIUM_CFLAGS) $(VISIBILITY_CFLAGS)
toxtcp_libcore_la_LIBADD = $(SODIUM_LIBS)
toxtcp_libcore_la_SOURCES = \
	toxtcp/address.c \
	toxtcp/box.c \
	toxtcp/box.h \
	toxtcp/buffer.c \
	toxtcp/buffer.h \
	toxtcp/channel.c \
	toxtcp/channel.h \
	toxtcp/client.c \
	toxtcp/client.h \
	toxtcp/client_pulse.c \
	toxtcp/client_receive.c \
	toxtcp/client_routes.c \
	toxtcp/client_send.c \
	toxtcp/connections.c \
	toxtcp/connections_check.c \
	toxtcp/connections_private.h \
	toxtcp/endpoint.h \
	toxtcp/env.c \
	toxtcp/env.h \
	toxtcp/error.c \
	toxtcp/handles.c \
	toxtcp/handles.h \
	toxtcp/handshake.c \
	toxtcp/handshake.h \
	toxtcp/heap.c \
	toxtcp/heap.h \
	toxtcp/key.c \
	toxtcp/link.c \
	toxtcp/link.h \
	toxtcp/moment.h \
	toxtcp/packet.c \
	toxtcp/packet.h \
	toxtcp/peer_paths.c \
	toxtcp/peers.c \
	toxtcp/proxy.c \
	toxtcp/proxy.h \
	toxtcp/proxy_http.c \
	toxtcp/proxy_private.h \
	toxtcp/proxy_socks5.c \
	toxtcp/rate.c \
	toxtcp/rate.h \
	toxtcp/relay_calls.c \
	toxtcp/relay_choice.c \
	toxtcp/relay_choice.h \
	toxtcp/relay_events.c \
	toxtcp/relay_probe.c \
	toxtcp/relays.c \
	toxtcp/routes.c \
	toxtcp/routes.h \
	toxtcp/server.c \
	toxtcp/server_check.c \
	toxtcp/server_mesh.c \
	toxtcp/server_private.h \
	toxtcp/server_relay.c \
	toxtcp/server_time.c \
	toxtcp/sources.c \
	toxtcp/sources.h \
	toxtcp/table.h \
	toxtcp/trust.c \
	toxtcp/trust.h \
	toxtcp/version.c \
	toxtcp/wire.h

lib_LTLIBRARIES += libtoxtcp.la
libtoxtcp_la_SOURCES =
libtoxtcp_la_LIBADD = toxtcp/libcore.la $(SODIUM_LIBS)
libtoxtcp_la_LDFLAGS = $(AM_LDFLAGS) $(NO_UNDEFINED_LDFLAGS) -version-info $(TOXTCP_VERSION_INFO)
