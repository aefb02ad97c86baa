// SPDX-License-Identifier: BSL-1.0
// Waiting for processes and threads in fibers.
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include <sys/wait.h>

#include <doctest/doctest.h>

#include "hook/hooked.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::spawn;
using weft_tests::end_of;
using weft_tests::failed;
using weft_tests::hooked;

namespace {

// A child that ends when the pipe does, with this status.
struct held_child {
  explicit held_child(int status) {
    id = fork();
    if (id == 0) {
      hold.close_one(1);
      char byte = 0;
      while (read(hold[0], &byte, 1) > 0) {
      }
      _exit(status);
    }
  }
  void let_go() { hold.close_one(1); }

  weft_tests::pipe_pair hold;
  pid_t id = 0;
};

}  // namespace

TEST_CASE_FIXTURE(hooked, "hook: waitpid() for one child parks, whichever ends first") {
  run([] {
    held_child first(3);
    held_child second(4);
    std::string order;
    const auto wait_for = [&](pid_t id) {
      int status = 0;
      CHECK(waitpid(id, &status, 0) == id);
      order += std::to_string(WEXITSTATUS(status));
    };
    auto a = spawn([&] { wait_for(first.id); });
    auto b = spawn([&] { wait_for(second.id); });
    weft::yield();
    // The first one's child holds a copy of nothing of the second: that was made later.
    second.let_go();
    b.get();
    first.let_go();
    a.get();
    CHECK(order == "43");
    CHECK(end_of([&] { return waitpid(first.id, nullptr, 0); }) == failed(ECHILD));
  });
}

TEST_CASE_FIXTURE(hooked, "hook: wait(), wait3(), wait4() and waitid() park until any child ends") {
  run([] {
    for (int kind = 0; kind < 4; ++kind) {
      held_child child(5);
      auto ender = spawn([&] {
        weft::await_sleep(2ms);
        child.let_go();
      });
      int status = 0;
      siginfo_t info{};
      const pid_t ended = kind == 0   ? wait(&status)
                          : kind == 1 ? wait3(&status, 0, nullptr)
                          : kind == 2 ? wait4(child.id, &status, 0, nullptr)
                          : waitid(P_PID, static_cast<id_t>(child.id), &info, WEXITED) == 0
                              ? info.si_pid
                              : -1;
      CHECK(ended == child.id);
      CHECK((kind == 3 ? info.si_status : WEXITSTATUS(status)) == 5);
      ender.get();
    }
  });
}

TEST_CASE_FIXTURE(hooked, "hook: system() and pclose() leave the loop alone") {
  run([] {
    int turns = 0;
    bool is_over = false;
    auto other = spawn([&] {
      while (!is_over) {
        ++turns;
        weft::await_sleep(1ms);
      }
    });
    CHECK(WEXITSTATUS(system("sleep 0.05; exit 7")) == 7);
    CHECK(turns >= 5);
    FILE* const stream = popen("sleep 0.05; exit 6", "r");
    CHECK(WEXITSTATUS(pclose(stream)) == 6);
    is_over = true;
    other.get();
    CHECK(system(nullptr) != 0);
  });
}

TEST_CASE_FIXTURE(hooked, "hook: a thread is joined without its fiber's thread") {
  run([] {
    weft_tests::pipe_pair hold;
    std::thread worker([&] {
      char byte = 0;
      CHECK(read(hold[0], &byte, 1) == 1);
    });
    auto joiner = spawn([&] { worker.join(); });
    weft::await_sleep(2ms);
    CHECK_FALSE(joiner.done());
    CHECK(write(hold[1], "x", 1) == 1);
    joiner.get();
  });
}
