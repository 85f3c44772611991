# The relay. SPDX-License-Identifier: ISC

if WITH_APPS
# The relay without its main(), for tests.
noinst_LTLIBRARIES += apps/librelay.la
apps_librelay_la_CPPFLAGS = $(apps_cppflags)
apps_librelay_la_CFLAGS = $(apps_cflags) $(JANSSON_CFLAGS) $(LIBCONFIG_CFLAGS) $(MICROHTTPD_CFLAGS) $(SYSTEMD_CFLAGS)
apps_librelay_la_LIBADD = $(JANSSON_LIBS) $(LIBCONFIG_LIBS) $(MICROHTTPD_LIBS) $(SYSTEMD_LIBS) -lpthread
apps_librelay_la_SOURCES = \
	apps/relay/daemon.c \
	apps/relay/daemon.h \
	apps/relay/figures.c \
	apps/relay/figures.h \
	apps/relay/figures_json.c \
	apps/relay/figures_text.c \
	apps/relay/history.c \
	apps/relay/history.h \
	apps/relay/http.h \
	apps/relay/log.c \
	apps/relay/log.h \
	apps/relay/log_limit.c \
	apps/relay/log_limit.h \
	apps/relay/options.c \
	apps/relay/options.h \
	apps/relay/page.c \
	apps/relay/page.h \
	apps/relay/process.c \
	apps/relay/process.h \
	apps/relay/workers.c \
	apps/relay/workers.h \
	apps/relay/report.c \
	apps/relay/report.h \
	apps/relay/settings.c \
	apps/relay/settings.h \
	apps/relay/settings_file.c \
	apps/relay/settings_use.c \
	apps/relay/supervisor.c \
	apps/relay/supervisor.h \
	apps/relay/worker.c \
	apps/relay/worker.h
nodist_apps_librelay_la_SOURCES = \
	apps/relay/page_html.c
if WITH_MICROHTTPD
apps_librelay_la_SOURCES += \
	apps/relay/http.c \
	apps/relay/http_door.c \
	apps/relay/http_door.h
else
apps_librelay_la_SOURCES += \
	apps/relay/http_none.c
endif

# The page becomes an array, as od writes it.
apps/relay/page_html.c: apps/relay/page.html
	$(AM_V_GEN)$(MKDIR_P) apps/relay && { \
		echo '/* Made from page.html. */' && \
		echo '#include <stddef.h>' && \
		echo 'extern const unsigned char page_html[];' && \
		echo 'extern const size_t page_html_len;' && \
		echo 'const unsigned char page_html[] = {' && \
		od -An -v -tx1 $(srcdir)/apps/relay/page.html | sed 's/ \([0-9a-f][0-9a-f]\)/0x\1,/g' && \
		echo '};' && \
		echo 'const size_t page_html_len = sizeof page_html;'; \
	} > $@.tmp && mv $@.tmp $@
CLEANFILES += apps/relay/page_html.c
EXTRA_DIST += \
	apps/relay/page.html \
	apps/relay/toxtcp-relay.conf

bin_PROGRAMS += toxtcp-relay
toxtcp_relay_CPPFLAGS = $(apps_cppflags)
toxtcp_relay_CFLAGS = $(apps_cflags)
toxtcp_relay_LDFLAGS = $(apps_ldflags)
toxtcp_relay_LDADD = apps/librelay.la apps/libcommon.la $(apps_libs)
toxtcp_relay_SOURCES = apps/relay/main.c

dist_man1_MANS += \
	docs/toxtcp-relay.1
dist_man5_MANS = \
	docs/toxtcp-relay.conf.5
endif
