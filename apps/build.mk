# The programs: toxtcp-chat and toxtcp-relay, at the top of the build tree. SPDX-License-Identifier: ISC
#
# They see installed headers only, and link the libraries of the build tree statically: so they run where they lie,
# without libtool's wrapper scripts around them. `make apps_link=` links the shared ones, as distributions want it.

if WITH_APPS
apps_cppflags = $(public_cppflags) -D_GNU_SOURCE -I$(builddir)
apps_cflags = $(AM_CFLAGS) $(SODIUM_CFLAGS)
apps_link = -static
apps_ldflags = $(AM_LDFLAGS) $(apps_link)
apps_libs = libtoxtcp-ev.la libtoxtcp.la $(EV_LIBS) $(SODIUM_LIBS)

noinst_LTLIBRARIES += apps/libcommon.la
apps_libcommon_la_CPPFLAGS = $(apps_cppflags)
apps_libcommon_la_CFLAGS = $(apps_cflags)
apps_libcommon_la_SOURCES = \
	apps/common/address_text.c \
	apps/common/address_text.h \
	apps/common/histogram.c \
	apps/common/histogram.h \
	apps/common/keys_file.c \
	apps/common/keys_file.h \
	apps/common/option_problem.c \
	apps/common/option_problem.h \
	apps/common/problem.c \
	apps/common/problem.h \
	apps/common/proxy_text.c \
	apps/common/proxy_text.h \
	apps/common/relay_list.c \
	apps/common/relay_list.h

# The chat without its main(), for tests.
noinst_LTLIBRARIES += apps/libchat.la
apps_libchat_la_CPPFLAGS = $(apps_cppflags)
apps_libchat_la_CFLAGS = $(apps_cflags) $(LIBEDIT_CFLAGS)
apps_libchat_la_LIBADD = $(LIBEDIT_LIBS)
apps_libchat_la_SOURCES = \
	apps/chat/allowance.h \
	apps/chat/candidate.c \
	apps/chat/candidate.h \
	apps/chat/chat.c \
	apps/chat/chat.h \
	apps/chat/commands.c \
	apps/chat/commands.h \
	apps/chat/console.c \
	apps/chat/console.h \
	apps/chat/inbox.c \
	apps/chat/inbox.h \
	apps/chat/lines.c \
	apps/chat/lines.h \
	apps/chat/options.c \
	apps/chat/options.h \
	apps/chat/outbox.c \
	apps/chat/outbox.h \
	apps/chat/path.c \
	apps/chat/path.h \
	apps/chat/session.c \
	apps/chat/session.h \
	apps/chat/session_packet.c \
	apps/chat/session_packet.h \
	apps/chat/terminal.c \
	apps/chat/terminal.h \
	apps/chat/text.c \
	apps/chat/text.h \
	apps/chat/udp.c \
	apps/chat/udp.h \
	apps/chat/ways.c \
	apps/chat/ways.h

bin_PROGRAMS += toxtcp-chat
toxtcp_chat_CPPFLAGS = $(apps_cppflags)
toxtcp_chat_CFLAGS = $(apps_cflags) $(LIBEDIT_CFLAGS)
toxtcp_chat_LDFLAGS = $(apps_ldflags)
toxtcp_chat_LDADD = apps/libchat.la apps/libcommon.la $(apps_libs)
toxtcp_chat_SOURCES = apps/chat/main.c

# What the demonstration cuts UDP with; not installed.
noinst_PROGRAMS = toxtcp-demo-gate
toxtcp_demo_gate_CPPFLAGS = -D_GNU_SOURCE
toxtcp_demo_gate_LDADD =
toxtcp_demo_gate_SOURCES = apps/demo/gate.c

dist_man1_MANS = \
	docs/toxtcp-chat.1
endif

EXTRA_DIST += \
	apps/demo/demo
