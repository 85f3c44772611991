# The relay. SPDX-License-Identifier: ISC

if WITH_APPS
bin_PROGRAMS += toxtcp-relay
toxtcp_relay_CPPFLAGS = $(apps_cppflags)
toxtcp_relay_CFLAGS = $(apps_cflags)
toxtcp_relay_LDFLAGS = $(apps_ldflags)
toxtcp_relay_LDADD = apps/libcommon.la $(apps_libs)
toxtcp_relay_SOURCES = \
	apps/relay/main.c \
	apps/relay/options.c \
	apps/relay/options.h

dist_man1_MANS += \
	docs/toxtcp-relay.1
endif
