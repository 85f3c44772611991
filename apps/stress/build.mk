# The load generator. SPDX-License-Identifier: ISC

if WITH_APPS
endif
