// SPDX-License-Identifier: BSL-1.0
// What a fiber may do in a row without a wait, before it must let the others run.
#include <doctest/doctest.h>

#include "support/no_leaks.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/spawn.hpp"
#include "weft/task.hpp"
#include "weft/this_fiber.hpp"

using weft::spawn;
using weft_tests::on_virtual_time;

namespace {

// Counts its turns until it is cancelled.
auto counter(int& turns) {
  return spawn([&turns] {
    for (;;) {
      ++turns;
      weft::yield();
    }
  });
}

void checkpoints(int count) {
  for (int i = 0; i < count; ++i) weft::checkpoint();
}

}  // namespace

TEST_CASE_FIXTURE(on_virtual_time,
                  "sem 48: the 128th checkpoint in a row lets the others run, no earlier one") {
  run([] {
    int turns = 0;
    auto other = counter(turns);
    weft::yield();
    for (int round = 0; round < 3; ++round) {
      const int before = turns;
      checkpoints(127);
      CHECK(turns == before);
      checkpoints(1);
      CHECK(turns == before + 1);
    }
    other.cancel();
    other.join();
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "sem 48: a wait begins the count anew") {
  run([] {
    int turns = 0;
    auto other = counter(turns);
    for (int round = 0; round < 3; ++round) {
      weft::yield();
      const int before = turns;
      checkpoints(127);
      CHECK(turns == before);
    }
    other.cancel();
    other.join();
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "sem 48: the first ones of a loop count as well") {
  run([] {
    bool ran = false;
    auto other = spawn([&] { ran = true; });
    checkpoints(127);
    CHECK_FALSE(ran);
    checkpoints(1);
    CHECK(ran);
    other.join();
  });
}
