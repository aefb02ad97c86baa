// SPDX-License-Identifier: BSL-1.0
// Tasks that run to their first wait before their spawner goes on.
#include <chrono>
#include <stdexcept>
#include <string>

#include <doctest/doctest.h>

#include "task/on_every_seed.hpp"
#include "weft/spawn.hpp"
#include "weft/task_group.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::cancelled;
using weft::exception_group;
using weft::spawn;
using weft::task_group;
using weft::with_task_group;
using weft_tests::on_every_seed;

TEST_CASE_FIXTURE(on_every_seed,
                  "sem 30: an eager child that fails at once aborts the group, not the spawner") {
  run([] {
    bool spawner_went_on = false;
    bool was_interrupted = false;
    CHECK_THROWS_AS(with_task_group([&](task_group& group) {
                      weft::spawn_options eager;
                      eager.eager = true;
                      group.spawn(eager, [] { throw std::runtime_error("at once"); });
                      spawner_went_on = true;
                      try {
                        weft::yield();
                      } catch (const cancelled&) {
                        was_interrupted = true;
                        throw;
                      }
                    }),
                    exception_group);
    CHECK(spawner_went_on);
    CHECK(was_interrupted);
  });
}

TEST_CASE_FIXTURE(on_every_seed,
                  "spawn: an eager task runs to its first wait, then the spawner goes on") {
  run([] {
    std::string order;
    weft::spawn_options eager;
    eager.eager = true;
    auto t = spawn(eager, [&] {
      order += "a";
      weft::yield();
      order += "c";
    });
    order += "b";
    t.join();
    CHECK(order == "abc");
    auto at_once = spawn(eager, [] { return 5; });
    CHECK(at_once.done());
    CHECK(at_once.get() == 5);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "spawn: who spawns eagerly goes on before all that are ready") {
  run([] {
    std::string order;
    auto other = spawn([&] { order += "d"; });
    weft::spawn_options eager;
    eager.eager = true;
    auto t = spawn(eager, [&] {
      order += "a";
      weft::yield();
    });
    order += "b";
    auto at_once = spawn(eager, [] {});
    order += "c";
    other.join();
    t.join();
    CHECK(order == "abcd");
  });
}
