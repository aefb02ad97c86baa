// SPDX-License-Identifier: BSL-1.0
// When there is no memory for a stack, the task that wanted it ends with std::bad_alloc and the
// loop goes on; what the task captured is destroyed once, on a stack.
#include <cstddef>
#include <cstdio>
#include <exception>
#include <new>
#include <vector>

#include <sys/resource.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/capture_reports.hpp"
#include "support/child.hpp"
#include "support/emulated.hpp"
#include "support/no_leaks.hpp"
#include "support/skip.hpp"
#include "weft/weft.hpp"

using weft_tests::counted;
using weft_tests::no_leaks;

namespace {

// Says no when told to, and counts how often it was asked.
struct failing_stacks : no_leaks {
  struct source final : weft_tests::counting_stacks {
    void* map(std::size_t bytes) noexcept override {
      ++asked;
      return is_empty ? nullptr : counting_stacks::map(bytes);
    }
    bool is_empty = false;
    std::size_t asked = 0;
  } memory;

  template <class F>
  auto run_on_it(F&& body) -> decltype(body()) {
    weft::options how;
    how.stacks = &memory;
    return weft::run(how, body);
  }
  ~failing_stacks() {
    CHECK(memory.maps == memory.unmaps);
    CHECK(memory.mapped == 0);
  }
};

// Big enough to need a slab of its own size, so that no stack is left over from the loop's own.
weft::spawn_options odd_size() {
  weft::spawn_options how;
  how.stack_bytes = 2 * 1024 * 1024;
  return how;
}

// A callable that knows how often it ran, and by `counted` how often it was destroyed.
struct noting {
  int* ran;
  counted here{};
  void operator()() { ++*ran; }
};

}  // namespace

TEST_CASE_FIXTURE(failing_stacks, "no stack: get() rethrows std::bad_alloc, the body never runs") {
  run_on_it([&] {
    int ran = 0;
    memory.is_empty = true;
    auto hungry = weft::spawn(odd_size(), noting{&ran});
    CHECK(counted::alive() == 1);
    CHECK_THROWS_AS(hungry.get(), std::bad_alloc);
    CHECK(ran == 0);
    CHECK(counted::alive() == 0);
    CHECK_FALSE(hungry.was_cancelled());
  });
}

TEST_CASE_FIXTURE(failing_stacks, "no stack: join() does not throw it, exception() has it") {
  run_on_it([&] {
    memory.is_empty = true;
    auto hungry = weft::spawn(odd_size(), [] { return 5; });
    hungry.join();
    CHECK(hungry.done());
    REQUIRE(hungry.exception() != nullptr);
    CHECK_THROWS_AS(std::rethrow_exception(hungry.exception()), std::bad_alloc);
  });
}

TEST_CASE_FIXTURE(failing_stacks, "no stack: the loop goes on, and later spawns succeed") {
  run_on_it([&] {
    auto waiting = weft::spawn([] {
      weft::await_sleep(std::chrono::milliseconds(1));
      return 3;
    });
    weft::yield();
    memory.is_empty = true;
    for (int i = 0; i < 5; ++i) {
      CHECK_THROWS_AS(weft::spawn(odd_size(), [] {}).get(), std::bad_alloc);
    }
    memory.is_empty = false;
    CHECK(weft::spawn(odd_size(), [] { return 4; }).get() == 4);
    CHECK(waiting.get() == 3);
    for (int i = 0; i < 10'000; ++i) weft::spawn([] {}).get();
  });
}

TEST_CASE_FIXTURE(failing_stacks,
                  "no stack: fibers that have one are not disturbed by those without") {
  run_on_it([&] {
    std::vector<weft::task<int>> tasks;
    for (int i = 0; i < 100; ++i) {
      tasks.push_back(weft::spawn([i] {
        weft::yield();
        weft::await_sleep(std::chrono::milliseconds(1));
        return i;
      }));
    }
    weft::yield();
    memory.is_empty = true;
    for (int i = 100; i < 1000; ++i) {
      tasks.push_back(weft::spawn(odd_size(), [i, captured = counted()] { return i; }));
    }
    int wrong = 0;
    int failed = 0;
    for (int i = 0; i < 1000; ++i) {
      try {
        if (tasks[static_cast<std::size_t>(i)].get() != i) ++wrong;
      } catch (const std::bad_alloc&) {
        ++(i < 100 ? wrong : failed);
      }
    }
    CHECK(wrong == 0);
    CHECK(failed > 0);
    CHECK(counted::alive() == 0);
  });
}

TEST_CASE_FIXTURE(failing_stacks,
                  "no stack: three thousand that starve cost the source a bounded asking") {
  run_on_it([&] {
    memory.is_empty = true;
    std::vector<weft::task<>> tasks;
    constexpr std::size_t count = 3'000;
    for (std::size_t i = 0; i < count; ++i) tasks.push_back(weft::spawn(odd_size(), [] {}));
    std::size_t failed = 0;
    for (auto& one : tasks) {
      one.join();
      failed += one.exception() != nullptr ? 1 : 0;
    }
    CHECK(failed == count);
    CHECK(memory.asked < count * 50);
  });
}

TEST_CASE_FIXTURE(failing_stacks,
                  "no stack: captures whose destructors park still get one to park on") {
  run_on_it([&] {
    int parked = 0;
    struct parks {
      int* count;
      explicit parks(int* c) : count(c) {}
      parks(parks&& from) noexcept : count(std::exchange(from.count, nullptr)) {}
      ~parks() {
        if (count == nullptr) return;
        weft::yield();
        weft::await_sleep(std::chrono::microseconds(10));
        ++*count;
      }
    };
    memory.is_empty = true;
    std::vector<weft::task<>> tasks;
    for (int i = 0; i < 10; ++i) {
      tasks.push_back(weft::spawn(odd_size(), [p = parks(&parked)] {}));
    }
    for (auto& one : tasks) CHECK_THROWS_AS(one.get(), std::bad_alloc);
    CHECK(parked == 10);
  });
}

TEST_CASE_FIXTURE(failing_stacks,
                  "no stack: a starving task that is cancelled ends, without a stack") {
  run_on_it([&] {
    memory.is_empty = true;
    std::vector<weft::task<>> tasks;
    for (int i = 0; i < 10; ++i) tasks.push_back(weft::spawn(odd_size(), [] {}));
    weft::yield();
    for (auto& one : tasks) one.cancel();
    for (auto& one : tasks) one.join();
    for (auto& one : tasks) CHECK((one.was_cancelled() || one.exception() != nullptr));
  });
}

TEST_CASE_FIXTURE(failing_stacks,
                  "no stack: one that comes back serves its own size, whoever starved before") {
  run_on_it([&] {
    std::vector<weft::promise<void>> gates(16);  // as many as the first slab of a size holds
    std::vector<weft::task<>> holders;
    for (auto& gate : gates) {
      holders.push_back(weft::spawn(odd_size(), [f = gate.get_future()]() mutable { f.get(); }));
    }
    weft::yield();
    memory.is_empty = true;
    // The spare stack is taken by a fiber that waits in a destructor, for the one of that size.
    weft::promise<void> done;
    struct waits {
      explicit waits(weft::future<void> from) : opened(std::move(from)) {}
      waits(waits&&) = default;
      weft::future<void> opened;
      ~waits() {
        if (opened.valid()) opened.get();
      }
    };
    weft::spawn_options other;
    other.stack_bytes = 8 * 1024 * 1024;
    auto on_spare = weft::spawn(other, [held = waits(done.get_future())] {});
    auto before = weft::spawn(other, [] {});
    auto same = weft::spawn(odd_size(), [&done] { done.set_value(); });
    for (int i = 0; i < 10; ++i) weft::yield();
    CHECK_FALSE(on_spare.done());
    CHECK_FALSE(before.done());
    CHECK_FALSE(same.done());
    gates.front().set_value();
    same.join();
    on_spare.join();
    before.join();
    for (std::size_t i = 1; i < gates.size(); ++i) gates[i].set_value();
    for (auto& one : holders) one.join();
    CHECK(on_spare.exception() != nullptr);
    CHECK(before.exception() != nullptr);
    CHECK(same.exception() == nullptr);
  });
}

TEST_CASE_FIXTURE(failing_stacks,
                  "no stack: one that comes back goes to the fiber that starves for it") {
  for (const bool main_comes_first : {false, true}) {
    memory.is_empty = false;
    run_on_it([&] {
      memory.is_empty = true;
      weft::task<> heir;  // would begin on its predecessor's stack, if nobody starved, and keep it
      std::vector<weft::task<>> all;
      for (int i = 0; i < 100; ++i) {
        all.push_back(weft::spawn([&] {
          try {
            weft::await_sleep(weft::duration::max());
          } catch (const weft::cancelled&) {
            if (!heir.valid()) heir = weft::spawn([] { weft::await_sleep(weft::duration::max()); });
            throw;
          }
        }));
      }
      for (int i = 0; i < 200; ++i) weft::yield();  // those that got no stack have ended
      // The spare stack is taken: its fiber, which never ran, waits in a destructor.
      weft::promise<void> gate;
      struct waits {
        explicit waits(weft::future<void> from) : opened(std::move(from)) {}
        waits(waits&&) = default;
        weft::future<void> opened;
        ~waits() {
          if (opened.valid()) opened.get();
        }
      };
      auto on_spare = weft::spawn([held = waits(gate.get_future())] {});
      auto starves = weft::spawn([] {});
      for (int i = 0; i < 200; ++i) weft::yield();
      CHECK_FALSE(on_spare.done());
      CHECK_FALSE(starves.done());
      all.front().cancel();
      if (!main_comes_first) all.front().join();  // the heir is ready before main is
      for (int i = 0; i < 10; ++i) weft::yield();
      CHECK(all.front().done());
      CHECK(starves.done());
      CHECK_FALSE(on_spare.done());
      gate.set_value();
      on_spare.join();
      CHECK(on_spare.exception() != nullptr);
      CHECK(starves.exception() == nullptr);
      for (auto& one : all) {
        if (one.done()) one.exception();  // seen: not to be reported
      }
    });
  }
}

TEST_CASE_FIXTURE(failing_stacks,
                  "no stack at all: run() throws std::bad_alloc and leaves nothing behind") {
  memory.is_empty = true;
  bool began = false;
  CHECK_THROWS_AS(run_on_it([&] { began = true; }), std::bad_alloc);
  CHECK_FALSE(began);
  memory.is_empty = false;
  CHECK(run_on_it([] { return 6; }) == 6);
}

TEST_CASE(
    "torture 3: out of address space: bad_alloc for some, the loop and later spawns unharmed") {
  if (weft_tests::is_sanitized) WEFT_SKIP("a sanitizer's shadow lies in the address space, too");
  if (weft_tests::is_emulated()) WEFT_SKIP(weft_tests::no_memory_figures_under_emulation);
  const auto end = weft_tests::run_child([] {
    unsigned long pages = 0;
    if (std::FILE* const file = std::fopen("/proc/self/statm", "re")) {
      if (std::fscanf(file, "%lu", &pages) != 1) return 3;
      std::fclose(file);
    }
    const rlim_t room = pages * 4096UL + 256UL * 1024 * 1024;
    const rlimit limit{room, room};
    if (setrlimit(RLIMIT_AS, &limit) != 0) return 4;
    return weft::run([] {
      int failed = 0;
      int ran = 0;
      {
        std::vector<weft::task<>> tasks;
        for (int i = 0; i < 5'000; ++i) {
          tasks.push_back(weft::spawn([&ran, captured = counted()] {
            ++ran;
            weft::await_sleep(weft::duration::max());
          }));
        }
        for (int i = 0; i < 3; ++i) weft::yield();
        for (auto& one : tasks) failed += one.done() ? 1 : 0;
      }
      for (int i = 0; i < 10'000; ++i) weft::spawn([] {}).get();
      std::fprintf(stderr, "%d ran, %d failed\n", ran, failed);
      return failed > 0 && ran > 100 && counted::alive() == 0 ? 0 : 1;
    });
  });
  CAPTURE(end.output);
  CHECK(end.status == 0);
}
