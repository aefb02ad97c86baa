// SPDX-License-Identifier: BSL-1.0
// How a lock's bias is taken away, looked at in every order of its steps: bias.pml, by spin. The
// real thing under load: bias_test.cpp.
#include <doctest/doctest.h>

#include "support/model.hpp"
#include "support/skip.hpp"

using weft_tests::model;

TEST_CASE("bias model: no order of steps lets two inside or leaves one outside") {
  if (const char* const reason = weft_tests::reason_without_models()) WEFT_SKIP(reason);
  const model whole("stress/bias.pml");
  INFO(whole.output());
  CHECK(whole.holds());
}

TEST_CASE("bias model: each part of the protocol is needed") {
  if (const char* const reason = weft_tests::reason_without_models()) WEFT_SKIP(reason);
  for (const char* const flag : {"-DNO_BARRIER", "-DNO_WAIT", "-DNO_RECHECK", "-DNO_DOOR"}) {
    const model part("stress/bias.pml", flag);
    INFO(flag, "\n", part.output());
    CHECK(part.breaks_promise());
  }
}
