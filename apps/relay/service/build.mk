# The relay as a service: its unit, its user, its sample configuration. SPDX-License-Identifier: ISC

if WITH_APPS
relayexampledir = $(docdir)/examples
dist_relayexample_DATA = apps/relay/toxtcp-relay.conf

if WITH_UNIT
systemdsystemunit_DATA = apps/relay/service/toxtcp-relay.service
apps/relay/service/toxtcp-relay.service: apps/relay/service/toxtcp-relay.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) apps/relay/service && \
		sed -e 's|@bindir[@]|$(bindir)|g' -e 's|@sysconfdir[@]|$(sysconfdir)|g' \
		$(srcdir)/apps/relay/service/toxtcp-relay.service.in >$@.tmp && mv $@.tmp $@
CLEANFILES += apps/relay/service/toxtcp-relay.service

# sysusers.d takes a file's meaning from its name, which automake cannot change.
sysusersdir = $(prefix)/lib/sysusers.d
sysusers_DATA = apps/relay/service/sysusers.d/toxtcp-relay.conf
apps/relay/service/sysusers.d/toxtcp-relay.conf: apps/relay/service/toxtcp-relay.sysusers
	$(AM_V_GEN)$(MKDIR_P) apps/relay/service/sysusers.d && \
		cp $(srcdir)/apps/relay/service/toxtcp-relay.sysusers $@
CLEANFILES += apps/relay/service/sysusers.d/toxtcp-relay.conf
endif
endif

EXTRA_DIST += \
	apps/relay/service/toxtcp-relay.service.in \
	apps/relay/service/toxtcp-relay.sysusers
