// SPDX-License-Identifier: BSL-1.0
// One call on a larger stack, in the same fiber: results, errors, waits and cancellation are as in
// any call, and the stack goes back.
#include <array>
#include <cstddef>
#include <limits>
#include <memory>
#include <numeric>
#include <regex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/child.hpp"
#include "support/emulated.hpp"
#include "support/no_leaks.hpp"
#include "support/skip.hpp"
#include "task/on_virtual_time.hpp"
#include "task/stack_sizes.hpp"
#include "weft/detail/loop_core.hpp"
#include "weft/weft.hpp"

using weft::with_stack;
using weft_tests::KiB;
using weft_tests::MiB;
using weft_tests::no_leaks;
using weft_tests::of_size;
using weft_tests::on_virtual_time;
using weft_tests::own_stack;

namespace {

// std::regex recurses once or twice a letter: 1.5 MB for 2,000 of them; a sanitizer's frames are
// larger.
constexpr std::size_t regex_bytes = weft_tests::is_sanitized ? 16 * MiB : 2 * MiB;

bool legacy_match() { return std::regex_match(std::string(2000, 'a'), std::regex("(a|b)*")); }

[[gnu::noinline]] std::size_t dive(std::size_t depth) {
  volatile char block[1024];
  block[0] = 1;
  asm volatile("" : : "r"(&block) : "memory");  // clang keeps one byte of an array otherwise
  const std::size_t below = depth > 0 ? dive(depth - 1) : 0;
  return below + static_cast<std::size_t>(block[0]);
}

bool is_on(const weft::detail::stack& s) {
  const char* const here = static_cast<const char*>(__builtin_frame_address(0));
  return here >= s.limit && here < s.top;
}

}  // namespace

TEST_CASE("with_stack: a std::regex that overflows 64 and 256 KiB runs on what it needs") {
  if (weft_tests::is_emulated()) WEFT_SKIP(weft_tests::no_guards_under_emulation);
  for (const std::size_t bytes : {64 * KiB, 256 * KiB}) {
    const auto dies = weft_tests::run_child([bytes] {
      weft::run([bytes] { weft::spawn(of_size(bytes), [] { legacy_match(); }).join(); });
      return 0;
    });
    CAPTURE(dies.output);
    CHECK(dies.says("overflowed its"));
    weft::run([bytes] {
      const bool matches = weft::spawn(of_size(bytes), [] {
                             return with_stack(regex_bytes, [] { return legacy_match(); });
                           }).get();
      CHECK(matches);
    });
  }
}

TEST_CASE_FIXTURE(no_leaks,
                  "with_stack: deep recursion has the whole size, on a task and in main") {
  run([] {
    const auto deep = [] { return with_stack(4 * MiB, [] { return dive(2500); }); };
    CHECK(deep() == 2501);
    CHECK(weft::spawn(of_size(64 * KiB), deep).get() == 2501);
  });
}

TEST_CASE_FIXTURE(no_leaks, "torture 43: each size from 64 KiB to 8 MiB holds what it promises") {
  run([] {
    weft::spawn(of_size(64 * KiB), [] {
      for (std::size_t bytes = 64 * KiB; bytes <= 8 * MiB; bytes *= 2) {
        with_stack(bytes, [bytes] {
          // What is left to the frames that touch it: a sanitizer's are larger.
          const std::size_t most = bytes - 24 * KiB;
          volatile char* const block = static_cast<char*>(__builtin_alloca(most));
          for (std::size_t i = 0; i < most; i += 4 * KiB) block[i] = 1;
          weft::yield();
          CHECK(block[0] == 1);
        });
      }
    }).get();
  });
}

TEST_CASE_FIXTURE(no_leaks, "torture 43: alloca of 1 MiB on 2 MiB; the smallest size is enough") {
  run([] {
    weft::spawn(of_size(1), [] {
      with_stack(2 * MiB, [] {
        volatile char* const block = static_cast<char*>(__builtin_alloca(1 * MiB));
        block[0] = block[1 * MiB - 1] = 1;
        weft::yield();
        CHECK(block[0] + block[1 * MiB - 1] == 2);
      });
      CHECK(with_stack(1, [] { return weft::this_fiber::stack_left(); }) > 8 * KiB);
    }).get();
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "with_stack: returns what f returns: void, value, move-only, reference") {
  run([] {
    int here = 1;
    with_stack(MiB, [&] { here = 2; });
    CHECK(here == 2);
    CHECK(with_stack(MiB, [] { return std::string(100, 'x'); }) == std::string(100, 'x'));
    std::unique_ptr<int> owned = with_stack(MiB, [] { return std::make_unique<int>(7); });
    CHECK(*owned == 7);
    int& same = with_stack(MiB, [&]() -> int& { return here; });
    CHECK(&same == &here);
    std::unique_ptr<int>&& moved =
        with_stack(MiB, [&]() -> std::unique_ptr<int>&& { return std::move(owned); });
    CHECK(&moved == &owned);
    CHECK(with_stack(MiB, []() -> const std::string { return "const"; }) == "const");
    CHECK(with_stack(regex_bytes, legacy_match));  // a plain function
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "with_stack: takes a callable that can only be moved, and calls it as it came") {
  struct picky {
    std::unique_ptr<int> owned = std::make_unique<int>(3);
    int operator()() && { return *owned + 1; }
    int operator()() & { return *owned; }
  };
  run([] {
    picky one;
    CHECK(with_stack(MiB, one) == 3);
    CHECK(with_stack(MiB, std::move(one)) == 4);
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "with_stack: an exception of f comes out as it is, and the stack goes back") {
  struct marked : std::runtime_error {
    using std::runtime_error::runtime_error;
    int number = 0;
  };
  run([] {
    weft::spawn([] {
      const weft::detail::stack* const before = own_stack();
      for (int round = 0; round < 100; ++round) {
        const marked* thrown = nullptr;
        bool is_same = false;
        try {
          with_stack(MiB, [&] {
            const weft_tests::counted destroyed_on_the_way;
            try {
              marked error("deep");
              error.number = round;
              throw error;
            } catch (const marked& first) {
              thrown = &first;
              throw;
            }
          });
        } catch (const marked& caught) {
          is_same = &caught == thrown && caught.number == round;
        }
        CHECK(is_same);
        CHECK(own_stack() == before);
        CHECK(is_on(*before));
      }
    }).get();
    CHECK(std::uncaught_exceptions() == 0);
  });
}

TEST_CASE_FIXTURE(no_leaks, "with_stack: one call after another uses one and the same stack") {
  run([&] {
    const weft::detail::stack* first = nullptr;
    int others = 0;
    for (int i = 0; i < 1000; ++i) {
      try {
        with_stack(MiB, [&] {
          if (first == nullptr) first = own_stack();
          if (own_stack() != first) ++others;
          if (i % 2 == 0) throw i;
        });
      } catch (int) {
        ++others;
      }
    }
    CHECK(others == 500);
    CHECK(stacks.maps <= 3);
  });
}

TEST_CASE_FIXTURE(no_leaks, "with_stack: calls nest, and each finds its own frames again") {
  run([] {
    weft::spawn(of_size(64 * KiB), [] {
      volatile int outer = 1;
      const std::size_t left = weft::this_fiber::stack_left();
      const int sum = with_stack(MiB, [&] {
        volatile int middle = 2;
        const int inner = with_stack(4 * MiB, [&] {
          CHECK(weft::this_fiber::stack_left() > 3 * MiB);
          weft::yield();
          return with_stack(MiB, [&] { return outer + middle; });
        });
        CHECK(weft::this_fiber::stack_left() < 1 * MiB);
        CHECK(weft::this_fiber::stack_left() > MiB / 2);
        return inner + middle;
      });
      CHECK(sum == 5);
      CHECK(weft::this_fiber::stack_left() == left);
    }).get();
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "stack_used, stack_left, stack_high_water inside tell of the larger stack") {
  weft::options how;
  how.measure_stacks = true;  // or a stack would tell of the call before
  run(how, [] {
    const auto look = [] {
      with_stack(MiB, [] {
        CHECK(weft::this_fiber::stack_used() < 32 * KiB);
        CHECK(weft::this_fiber::stack_left() > MiB - 34 * KiB);
        CHECK(weft::this_fiber::stack_left() + weft::this_fiber::stack_used() <= MiB);
        CHECK(weft::this_fiber::stack_high_water() < 64 * KiB);
        dive(500);
        // AddressSanitizer may put frames onto a stack of its own.
        if (!weft_tests::is_asan) CHECK(weft::this_fiber::stack_high_water() > 500 * KiB);
      });
    };
    look();
    weft::spawn(of_size(64 * KiB), look).get();
  });
}

TEST_CASE_FIXTURE(no_leaks, "with_stack: others run while f waits, and each stack's data stays") {
  run([] {
    constexpr std::size_t crowd = 40;
    std::vector<weft::task<std::size_t>> tasks;
    for (std::size_t i = 0; i < crowd; ++i) {
      tasks.push_back(weft::spawn(of_size(64 * KiB), [i] {
        std::array<std::size_t, 512> below;
        std::iota(below.begin(), below.end(), i);
        const std::size_t sum = with_stack(256 * KiB * (1 + i % 4), [&] {
          std::array<std::size_t, 4096> above;
          std::iota(above.begin(), above.end(), i * 3);
          for (int round = 0; round < 10; ++round) {
            weft::yield();
            weft::spawn([] { dive(20); }).join();
          }
          return std::accumulate(above.begin(), above.end(), std::size_t{0});
        });
        weft::yield();
        return sum + std::accumulate(below.begin(), below.end(), std::size_t{0});
      }));
    }
    for (std::size_t i = 0; i < crowd; ++i) {
      CHECK(tasks[i].get() ==
            4096 * (i * 3) + 4096 * 4095 / 2 + 512 * i + std::size_t{512} * 511 / 2);
    }
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "with_stack: main may wait in it, while its tasks run") {
  run([] {
    int ticks = 0;
    auto ticker = weft::spawn([&] {
      for (; ticks < 5; ++ticks) weft::await_sleep(std::chrono::seconds(1));
    });
    with_stack(MiB, [&] { ticker.join(); });
    CHECK(ticks == 5);
    CHECK(own_stack() == nullptr);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "with_stack: a cancel inside passes through as cancelled") {
  run([] {
    bool passed = false;
    auto waits = weft::spawn([&] {
      try {
        with_stack(MiB, [] {
          const weft_tests::counted destroyed_on_the_way;
          weft::await_sleep(weft::duration::max());
        });
      } catch (const weft::cancelled& why) {
        passed = why.reason() == "enough";
        throw;
      }
    });
    weft::yield();
    waits.cancel("enough");
    waits.join();
    CHECK(passed);
    CHECK(waits.was_cancelled());
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "with_stack: in a destructor that unwinding runs, it may throw and catch") {
  struct deep_destructor {
    explicit deep_destructor(int& count) : caught(count) {}
    ~deep_destructor() {
      try {
        with_stack(MiB, [] { throw 1; });
      } catch (int) {
        ++caught;
      }
    }
    int& caught;
  };
  run([] {
    int caught = 0;
    try {
      const deep_destructor one(caught);
      throw std::runtime_error("outer");
    } catch (const std::runtime_error&) {
      ++caught;
    }
    CHECK(caught == 2);
  });
}

TEST_CASE("with_stack on a plain thread is a misuse that says so; f is not called") {
  bool called = false;
  CHECK_THROWS_WITH_AS(with_stack(MiB, [&] { called = true; }),
                       doctest::Contains("weft: with_stack() needs a running loop"),
                       std::logic_error);
  CHECK_FALSE(called);
}

TEST_CASE_FIXTURE(no_leaks,
                  "with_stack: 0 and absurd sizes are refused with the number in the text") {
  run([] {
    bool called = false;
    const auto f = [&] { called = true; };
    CHECK_THROWS_WITH_AS(with_stack(0, f),
                         "weft: with_stack(0, ...): give a size in bytes, e.g. 1024 * 1024",
                         std::logic_error);
    CHECK_THROWS_WITH_AS(with_stack(std::numeric_limits<std::size_t>::max(), f),
                         doctest::Contains("weft: stack_bytes 18446744073709551615 is more than"),
                         std::logic_error);
    CHECK_FALSE(called);
    CHECK(own_stack() == nullptr);
  });
}
