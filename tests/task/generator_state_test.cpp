// SPDX-License-Identifier: BSL-1.0
// What a generator's two sides share and what each has for itself: exceptions under way, floating
// point, stacks, threads.
#include <cerrno>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/child.hpp"
#include "support/emulated.hpp"
#include "support/no_leaks.hpp"
#include "support/skip.hpp"
#include "weft/generator.hpp"
#include "weft/run.hpp"
#include "weft/spawn.hpp"
#include "weft/task.hpp"

using weft::generator;
using weft::yielder;
using weft_tests::counted;
using weft_tests::no_leaks;

namespace {

generator<int> endless() {
  return generator<int>([](yielder<int>& out) {
    for (int i = 0;; ++i) out(i);
  });
}

// Yields in a handler, and then throws on what it handles.
generator<int> handler(const char* text) {
  return generator<int>([text](yielder<int>& out) {
    const counted kept;
    try {
      throw std::runtime_error(text);
    } catch (const std::exception&) {
      out(std::uncaught_exceptions());
      out(1);
      throw;
    }
  });
}

[[gnu::noinline]] std::size_t dive(std::size_t depth) {
  volatile char block[1024];
  block[0] = 1;
  asm volatile("" : : "r"(&block) : "memory");
  return (depth > 0 ? dive(depth - 1) : 0) + static_cast<std::size_t>(block[0]);
}

}  // namespace

TEST_CASE_FIXTURE(
    no_leaks,
    "H1: a body yields in a handler; who calls next() throws meanwhile; each keeps its own") {
  generator<int> inside = handler("body's");
  CHECK(inside.next());
  CHECK(std::current_exception() == nullptr);
  try {
    throw std::logic_error("caller's");
  } catch (const std::logic_error&) {
    CHECK(inside.next());
    CHECK_THROWS_WITH_AS(inside.next(), "body's", std::runtime_error);
    try {
      throw;
    } catch (const std::logic_error& same) {
      CHECK(same.what() == std::string("caller's"));
    }
  }
  CHECK(std::current_exception() == nullptr);
}

TEST_CASE_FIXTURE(no_leaks, "H1: two bodies that both wait in handlers throw on what is theirs") {
  generator<int> a = handler("a");
  generator<int> b = handler("b");
  CHECK(a.next());
  CHECK(b.next());
  CHECK(a.next());
  CHECK(b.next());
  CHECK_THROWS_WITH_AS(a.next(), "a", std::runtime_error);
  CHECK_THROWS_WITH_AS(b.next(), "b", std::runtime_error);
}

TEST_CASE_FIXTURE(
    no_leaks, "H1: a body that begins in a handler sees no exception, and its throw stays inside") {
  try {
    throw std::logic_error("caller's");
  } catch (...) {
    generator<int> fresh([](yielder<int>& out) {
      CHECK(std::current_exception() == nullptr);
      CHECK(std::uncaught_exceptions() == 0);
      try {
        throw 5;
      } catch (int) {
        out(1);
      }
      CHECK(std::current_exception() == nullptr);
      out(2);
    });
    CHECK(fresh.next());
    CHECK(fresh.next());
    CHECK_FALSE(fresh.next());
    CHECK_THROWS_WITH_AS(throw, "caller's", std::logic_error);
  }
}

TEST_CASE_FIXTURE(no_leaks,
                  "H2: a generator that is used and destroyed while unwinding counts for itself") {
  int seen = -1;
  struct guard {
    generator<int>& use;
    ~guard() {
      CHECK(std::uncaught_exceptions() == 1);
      CHECK(use.next());
      CHECK(std::uncaught_exceptions() == 1);
    }
  };
  struct at_end {
    int& seen;
    ~at_end() { seen = std::uncaught_exceptions(); }
  };
  try {
    generator<int> inside([&](yielder<int>& out) {
      const at_end words{seen};
      for (;;) out(std::uncaught_exceptions());
    });
    const guard use{inside};
    throw 1;
  } catch (int) {
  }
  CHECK(seen == 1);  // by what ended the body, not by the int as well
  CHECK(std::uncaught_exceptions() == 0);
}

TEST_CASE_FIXTURE(no_leaks, "gen: errno is shared by both sides, as by a call") {
  generator<int> sets([](yielder<int>& out) {
    errno = 7;
    out(1);
    out(errno);
  });
  errno = 0;
  CHECK(sets.next());
  CHECK(errno == 7);
  errno = 8;
  CHECK(sets.next());
  CHECK(sets.value() == 8);
}

TEST_CASE_FIXTURE(no_leaks, "gen: stacks of generators are used again, also without a loop") {
  const void* first = nullptr;
  for (int i = 0; i < 100; ++i) {
    generator<const void*> where(
        [](yielder<const void*>& out) { out(__builtin_frame_address(0)); });
    CHECK(where.next());
    if (first == nullptr) first = where.value();
    if (!weft_tests::is_sanitized) CHECK(where.value() == first);
  }
}

TEST_CASE_FIXTURE(no_leaks, "gen: many generators are alive at the same time") {
  std::vector<generator<int>> all;
  for (int i = 0; i < 300; ++i) all.push_back(endless());
  for (int round = 0; round < 3; ++round) {
    for (auto& each : all) {
      CHECK(each.next());
      CHECK(each.value() == round);
    }
  }
}

TEST_CASE_FIXTURE(no_leaks, "gen: a deep recursion has the stack that the generator was given") {
  constexpr std::size_t bytes = std::size_t{weft_tests::is_sanitized ? 32U : 4U} << 20;
  generator<std::size_t> deep(bytes, [](yielder<std::size_t>& out) { out(dive(2500)); });
  CHECK(deep.next());
  CHECK(deep.value() == 2501);
}

TEST_CASE("H7: the overflow report names the fiber, and says how a generator gets more") {
  if (weft_tests::is_emulated()) WEFT_SKIP(weft_tests::no_guards_under_emulation);
  if (weft_tests::is_sanitized) WEFT_SKIP("the sanitizer reports it itself");
  const auto dies = weft_tests::run_child([] {
    weft::run([] {
      weft::spawn({"digger"}, [] {
        generator<std::size_t> deep([](yielder<std::size_t>& out) { out(dive(100000)); });
        deep.next();
      }).join();
    });
    return 0;
  });
  CAPTURE(dies.output);
  CHECK(dies.says("'digger' overflowed its"));
  CHECK(dies.says("generator(bytes, body)"));
}

TEST_CASE_FIXTURE(
    no_leaks,
    "gen: a body that has begun goes on on its own thread only; one that has not, anywhere") {
  generator<int> begun = endless();
  generator<int> fresh = endless();
  CHECK(begun.next());
  std::string text;
  std::thread([&] {
    try {
      begun.next();
    } catch (const std::logic_error& error) {
      text = error.what();
    }
    CHECK(fresh.next());
    fresh.close();
  }).join();
  CHECK(text.find("on another thread") != std::string::npos);
  CHECK(begun.next());
  CHECK(begun.value() == 1);
}

TEST_CASE("gen: what ends the process says why: destroyed by another thread, or while it runs") {
  if (weft_tests::is_tsan) WEFT_SKIP("the child has threads");
  const auto elsewhere = weft_tests::run_child([] {
    auto begun = std::make_unique<generator<int>>(endless());
    begun->next();
    std::thread([&] { begun.reset(); }).join();
    return 0;
  });
  CHECK(elsewhere.says("destroyed on another thread"));
  const auto inside = weft_tests::run_child([] {
    std::optional<generator<int>> self;
    self.emplace([&](yielder<int>&) { self.reset(); });
    self->next();
    return 0;
  });
  CHECK(inside.says("destroyed while its body runs"));
}

TEST_CASE_FIXTURE(no_leaks, "gen: threads that end give back the stacks of their generators") {
  for (int i = 0; i < 20; ++i) {
    std::thread([] {
      generator<int> one = endless();
      CHECK(one.next());
    }).join();
  }
}
