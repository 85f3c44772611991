# Debian's packages, so that a release's tarball can be built into them. SPDX-License-Identifier: ISC

EXTRA_DIST += \
	debian/changelog \
	debian/control \
	debian/copyright \
	debian/libtoxtcp-dev.docs \
	debian/libtoxtcp-dev.examples \
	debian/libtoxtcp-dev.install \
	debian/libtoxtcp0.install \
	debian/libtoxtcp0.symbols \
	debian/rules \
	debian/source/format \
	debian/toxtcp-relay.docs \
	debian/toxtcp-relay.install \
	debian/toxtcp-relay.postrm \
	debian/toxtcp-tools.install
