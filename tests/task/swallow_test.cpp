// SPDX-License-Identifier: BSL-1.0
// A `cancelled` that somebody's catch clause ended: thrown again, counted, and named on request.
#include <cerrno>
#include <chrono>
#include <exception>
#include <ostream>
#include <stdexcept>
#include <streambuf>
#include <string>

#include <doctest/doctest.h>

#include "base/debug_mode.hpp"
#include "loop/loop.hpp"
#include "support/capture_reports.hpp"
#include "support/child.hpp"
#include "task/on_every_seed.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/run.hpp"
#include "weft/spawn.hpp"
#include "weft/task_group.hpp"
#include "weft/this_fiber.hpp"
#include "weft/weft.h"

using namespace std::chrono_literals;
using weft::await_sleep;
using weft::cancelled;
using weft::spawn;
using weft_tests::on_every_seed;
using weft_tests::on_virtual_time;

namespace {

std::uint64_t swallowed_so_far() {
  return weft::detail::whole(*weft::detail::running_loop()).swallowed;
}

// Calls body() in a task that is cancelled while it waits, and tells how many were swallowed.
template <class F>
std::uint64_t swallowed_in(F body) {
  const std::uint64_t before = swallowed_so_far();
  auto t = spawn(body);
  weft::testing::wait_all_blocked();
  t.cancel();
  t.join();
  return swallowed_so_far() - before;
}

}  // namespace

[[gnu::noinline]] static void swallow_everything() {
  try {
    await_sleep(1h);
  } catch (...) {
  }
}

TEST_CASE_FIXTURE(on_every_seed, "sem 5: a swallowed `cancelled` is thrown again, and counted") {
  run([] {
    CHECK(swallowed_in([] {
            swallow_everything();
            weft::yield();
          }) == 1);
    CHECK(swallowed_in([] {
            swallow_everything();
            swallow_everything();
            swallow_everything();
            weft::yield();
          }) == 3);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 5: what arrives where it belongs is not swallowed") {
  run([] {
    CHECK(swallowed_in([] { await_sleep(1h); }) == 0);
    CHECK(swallowed_in([] {
            weft::move_on_after(1ms, [] { await_sleep(1h); });
            weft::with_task_group([](weft::task_group& group) {
              group.spawn([] { await_sleep(1h); });
              await_sleep(1h);
            });
          }) == 0);
    CHECK(swallowed_in([] {
            try {
              await_sleep(1h);
            } catch (const cancelled&) {
              throw;  // through a handler
            }
          }) == 0);
    CHECK(swallowed_in([] {
            std::exception_ptr kept;
            try {
              await_sleep(1h);
            } catch (...) {
              kept = std::current_exception();
            }
            std::rethrow_exception(kept);  // through an exception_ptr
          }) == 0);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 5: what a scope or a group takes has arrived, too") {
  run([] {
    CHECK_FALSE(weft::move_on_after(1ms, [] { await_sleep(1h); }));
    CHECK_FALSE(weft::move_on_after(1ms, [] { await_sleep(1h); }));
    CHECK(swallowed_so_far() == 0);
    CHECK(swallowed_in([] {
            try {
              weft::with_task_group([](weft::task_group& group) {
                group.spawn([] {
                  try {
                    await_sleep(1h);
                  } catch (const cancelled&) {
                    throw std::runtime_error("while cleaning up");
                  }
                });
                await_sleep(1h);
              });
            } catch (const weft::exception_group&) {
            }
            weft::yield();
          }) == 0);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 23: what goes on as a number below C frames is not swallowed") {
  run([] {
    CHECK(swallowed_in([] {
            CHECK(weft_sleep(1'000'000'000) == -ECANCELED);
            weft::yield();
          }) == 0);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 10: a wait inside the handler throws again, and is no swallowing") {
  run([] {
    CHECK(swallowed_in([] {
            try {
              await_sleep(1h);
            } catch (const cancelled&) {
              weft::yield();
              FAIL("a wait in the handler went on");
            }
          }) == 0);
    CHECK(swallowed_in([] {
            try {
              try {
                await_sleep(1h);
              } catch (cancelled copied) {  // by value: it dies, and the original lives on
                throw;
              }
            } catch (const cancelled&) {
              weft::yield();
            }
          }) == 0);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 6: a task that takes the cancel and ends with a value is done with it") {
  run([] {
    auto t = spawn([] {
      swallow_everything();
      return 5;
    });
    weft::testing::wait_all_blocked();
    t.cancel();
    CHECK(t.get() == 5);
    CHECK_FALSE(t.was_cancelled());
    CHECK(swallowed_so_far() == 0);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "sem 5: iostreams swallow it; the next wait throws it again") {
  struct waiting_buffer : std::streambuf {
    int overflow(int c) override {
      await_sleep(1h);
      return c;
    }
  };
  run([] {
    bool was_swallowed = false;
    auto t = spawn([&] {
      waiting_buffer buffer;
      std::ostream out(&buffer);
      out << "text";
      was_swallowed = out.bad();
      weft::yield();
    });
    weft::testing::wait_all_blocked();
    t.cancel();
    t.join();
    CHECK(was_swallowed);
    CHECK(t.was_cancelled());
    CHECK(swallowed_so_far() == 1);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "sem 5: without WEFT_DEBUG nothing is reported") {
  run([] {
    weft_tests::capture_reports reports;
    auto t = spawn([] {
      swallow_everything();
      weft::yield();
    });
    weft::testing::wait_all_blocked();
    t.cancel();
    t.join();
    CHECK(reports.texts().empty());
  });
}

TEST_CASE("sem 5: with WEFT_DEBUG=1 the frame that swallowed it is named") {
  weft_tests::child debugged([] {
    weft::detail::set_debug_mode(true);
    weft::testing::virtual_clock clock;
    weft::options how;
    how.time = &clock;
    weft::run(how, [] {
      auto t = spawn({"careless"}, [] {
        swallow_everything();
        weft::yield();
      });
      weft::testing::wait_all_blocked();
      t.cancel();
      t.join();
    });
    return 0;
  });
  const auto end = debugged.finish();
  CHECK(end.status == 0);
  CHECK(end.says("fiber 2 'careless' (spawned at swallow_test.cpp:"));
  CHECK(end.says("swallowed a weft::cancelled; this wait throws it again"));
  // A static function has no dynamic symbol: the program's name and an offset for addr2line.
  CHECK(end.says(program_invocation_short_name + std::string("+0x")));
}
