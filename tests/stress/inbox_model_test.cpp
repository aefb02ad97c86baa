// SPDX-License-Identifier: BSL-1.0
// The protocol between inbox::push() and a loop that falls asleep, looked at in every order of its
// steps: inbox.pml, by spin. The real thing under load: inbox_test.cpp.
#include <doctest/doctest.h>

#include "support/model.hpp"
#include "support/skip.hpp"

using weft_tests::model;

TEST_CASE("inbox model: no order of steps loses a message or a wake-up") {
  if (const char* const reason = weft_tests::reason_without_models()) WEFT_SKIP(reason);
  const model whole("stress/inbox.pml");
  INFO(whole.output());
  CHECK(whole.holds());
}

TEST_CASE("inbox model: each part of the protocol is needed") {
  if (const char* const reason = weft_tests::reason_without_models()) WEFT_SKIP(reason);
  for (const char* const flag : {"-DNO_FENCE", "-DLATE_PUSH", "-DNO_RECHECK", "-DNO_RING"}) {
    const model part("stress/inbox.pml", flag);
    INFO(flag, "\n", part.output());
    CHECK(part.sleeps_for_ever());
  }
  const model forced("stress/inbox.pml", "-DFORCE_CLOSE");
  INFO(forced.output());
  CHECK(forced.breaks_promise());
}
