// SPDX-License-Identifier: BSL-1.0
// The doctest runner of every test program; linked into each by tests/meson.build.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
