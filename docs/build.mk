# Documentation, and the lists of exported symbols. SPDX-License-Identifier: ISC

EXTRA_DIST += \
	docs/architecture.md \
	docs/embedding.md \
	docs/figures.md \
	docs/interop.md \
	docs/monitoring.md \
	docs/operating.md \
	docs/protocol.md \
	docs/simulation.md \
	docs/sockets.md \
	docs/status-page.png \
	docs/symbols-ev.txt \
	docs/symbols.txt \
	docs/testing.md \
	docs/trust.md
