# The shortest embeddings. They see installed headers only; `make check` builds them. SPDX-License-Identifier: ISC

examples_cppflags = $(public_cppflags) -D_GNU_SOURCE

check_PROGRAMS += examples/send_poll
examples_send_poll_CPPFLAGS = $(examples_cppflags)
examples_send_poll_CFLAGS = $(AM_CFLAGS) $(SODIUM_CFLAGS)
examples_send_poll_LDFLAGS = $(AM_LDFLAGS) -static
examples_send_poll_LDADD = libtoxtcp.la $(SODIUM_LIBS)
examples_send_poll_SOURCES = examples/send_poll.c

if WITH_EV
check_PROGRAMS += examples/echo_libev
examples_echo_libev_CPPFLAGS = $(examples_cppflags)
examples_echo_libev_CFLAGS = $(AM_CFLAGS) $(SODIUM_CFLAGS)
examples_echo_libev_LDFLAGS = $(AM_LDFLAGS) -static
examples_echo_libev_LDADD = libtoxtcp-ev.la libtoxtcp.la $(EV_LIBS) $(SODIUM_LIBS)
examples_echo_libev_SOURCES = examples/echo_libev.c
endif
