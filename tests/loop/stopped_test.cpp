// SPDX-License-Identifier: BSL-1.0
// A process that was stopped for a while (Ctrl-Z, a debugger, a laptop's lid) goes on: each timer
// that became due meanwhile fires once, and no wait ends early.
#include <chrono>
#include <csignal>
#include <cstdio>
#include <thread>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "support/child.hpp"
#include "weft/weft.hpp"

using namespace std::chrono_literals;

TEST_CASE("torture 13: SIGSTOP and SIGCONT: overdue timers fire once each, none early") {
  weft_tests::child one([] {
    return weft::run([] {
      int fired = 0;
      int early = 0;
      std::vector<weft::task<>> sleepers;
      for (int i = 0; i < 100; ++i) {
        sleepers.push_back(weft::spawn([&, i] {
          const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(i);
          weft::await_sleep_until(deadline);
          if (std::chrono::steady_clock::now() < deadline) ++early;
          ++fired;
        }));
      }
      weft::yield();
      std::fprintf(stderr, "ready\n");
      for (auto& task : sleepers) task.join();
      const auto start = std::chrono::steady_clock::now();
      weft::await_sleep(3ms);
      const bool late_enough = std::chrono::steady_clock::now() - start >= 3ms;
      return fired == 100 && early == 0 && late_enough ? 0 : 1;
    });
  });
  REQUIRE(one.wait_for("ready"));
  kill(one.id(), SIGSTOP);
  int how = 0;
  CHECK(waitpid(one.id(), &how, WUNTRACED) == one.id());
  CHECK(WIFSTOPPED(how));
  std::this_thread::sleep_for(50ms);  // real: half of the timers become due in the stopped process
  kill(one.id(), SIGCONT);
  CHECK(one.finish().status == 0);
}
