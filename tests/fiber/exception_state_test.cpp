// SPDX-License-Identifier: BSL-1.0
// The C++ runtime's exception state (what is caught, how much is in flight) belongs to the fiber.
// A library that leaves it to the thread rethrows the neighbour's exception.
#include <exception>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/no_leaks.hpp"
#include "weft/weft.hpp"

using weft_tests::counted;
using weft_tests::no_leaks;

namespace {

// Throws `mine`, parks in the handler, and rethrows whatever the runtime thinks is handled.
int rethrown_after(int mine, int parks) {
  try {
    try {
      throw mine;
    } catch (int) {
      for (int i = 0; i < parks; ++i) weft::yield();
      throw;
    }
  } catch (int got) {
    return got;
  }
}

struct parks_on_destruction {
  int& before;
  int& after;
  ~parks_on_destruction() {
    before = std::uncaught_exceptions();
    weft::yield();
    weft::yield();
    after = std::uncaught_exceptions();
  }
};

}  // namespace

TEST_CASE_FIXTURE(no_leaks, "sem 84: two fibers that park inside catch each rethrow their own") {
  run([] {
    auto first = weft::spawn([] { return rethrown_after(1, 3); });
    auto second = weft::spawn([] { return rethrown_after(2, 1); });
    auto third = weft::spawn([] { return rethrown_after(3, 2); });
    CHECK(first.get() == 1);
    CHECK(second.get() == 2);
    CHECK(third.get() == 3);
  });
}

TEST_CASE_FIXTURE(no_leaks, "sem 84: main parked inside catch rethrows its own, too") {
  run([] {
    auto other = weft::spawn([] { return rethrown_after(2, 4); });
    CHECK(rethrown_after(1, 2) == 1);
    CHECK(other.get() == 2);
    CHECK(std::uncaught_exceptions() == 0);
    CHECK(std::current_exception() == nullptr);
  });
}

TEST_CASE_FIXTURE(no_leaks, "sem 84: handlers nested in two fibers unwind crosswise") {
  run([] {
    auto nested = [](const std::string& name, int parks) {
      std::string seen;
      try {
        throw std::runtime_error(name + "1");
      } catch (const std::runtime_error&) {
        try {
          throw std::runtime_error(name + "2");
        } catch (const std::runtime_error& inner) {
          for (int i = 0; i < parks; ++i) weft::yield();
          seen = inner.what();
        }
        weft::yield();
        try {
          std::rethrow_exception(std::current_exception());
        } catch (const std::runtime_error& outer) {
          seen += outer.what();
        }
      }
      return seen + (std::current_exception() == nullptr ? "" : "+");
    };
    auto a = weft::spawn(nested, std::string("a"), 1);
    auto b = weft::spawn(nested, std::string("b"), 4);
    CHECK(a.get() == "a2a1");
    CHECK(b.get() == "b2b1");
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "sem 84: a fiber parked in a destructor while unwinding counts its one") {
  run([] {
    int before[2] = {-1, -1};
    int after[2] = {-1, -1};
    auto unwinding = [&](int i) {
      try {
        const parks_on_destruction park{before[i], after[i]};
        throw i;
      } catch (int got) {
        return got * 10 + std::uncaught_exceptions();
      }
    };
    auto first = weft::spawn(unwinding, 0);
    auto second = weft::spawn(unwinding, 1);
    CHECK(first.get() == 0);
    CHECK(second.get() == 10);
    for (int i : {0, 1}) CHECK(before[i] == 1);
    for (int i : {0, 1}) CHECK(after[i] == 1);
    CHECK(std::uncaught_exceptions() == 0);
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "H1: a fiber that starts while others unwind or handle sees none of it") {
  run([] {
    int uncaught[2] = {-1, -1};
    bool handling[2] = {true, true};
    auto look = [&](int i) {
      uncaught[i] = std::uncaught_exceptions();
      handling[i] = std::current_exception() != nullptr;
    };
    auto catching = weft::spawn([&] {
      try {
        throw 1;
      } catch (int) {
        auto fresh = weft::spawn(look, 0);
        fresh.join();
      }
    });
    auto unwinding = weft::spawn([&] {
      struct starts_a_fiber {
        decltype(look)& f;
        ~starts_a_fiber() { weft::spawn(f, 1).join(); }
      };
      try {
        const starts_a_fiber start{look};
        throw 2;
      } catch (int) {
      }
    });
    catching.get();
    unwinding.get();
    for (int i : {0, 1}) CHECK(uncaught[i] == 0);
    for (int i : {0, 1}) CHECK_FALSE(handling[i]);
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "H1: the exceptions of fibers that ended inside a handler are released") {
  run([] {
    auto holder = weft::spawn([] {
      try {
        throw counted();
      } catch (const counted&) {
        weft::await_sleep(weft::duration::max());
      }
    });
    weft::yield();
    CHECK(counted::alive() == 1);
    holder.cancel();
    holder.join();
    CHECK(counted::alive() == 0);
    CHECK(std::uncaught_exceptions() == 0);
    CHECK(std::current_exception() == nullptr);
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "sem 85: an exception that leaves the body reaches get(), type and text") {
  run([] {
    auto fails = weft::spawn([]() -> int {
      weft::yield();
      throw std::out_of_range("too far");
    });
    CHECK_THROWS_WITH_AS(fails.get(), "too far", std::out_of_range);
    auto odd = weft::spawn([] { throw 42; });
    CHECK_THROWS_AS(odd.get(), int);
  });
}

namespace {

// A random tree of throws, handlers and destructors that park; every handler rethrows and every
// level checks that it got its own number back.
class exception_walk {
 public:
  explicit exception_walk(unsigned seed) : random_(seed) {}

  void walk(int depth) {
    const int mine = static_cast<int>(random_() & 0xffffff) + 1;
    try {
      const counted here;
      const parks random_parks{*this};
      if (depth > 0) walk(depth - 1);
      throw mine;
    } catch (int first) {
      if (first != mine) ++wrong;
      park_some();
      if (depth > 0 && random_() % 2 == 0) walk(depth - 1);
      try {
        throw;
      } catch (int again) {
        if (again != mine) ++wrong;
      }
    }
    if (std::uncaught_exceptions() != base_) ++wrong;
  }

  int wrong = 0;

 private:
  struct parks {
    exception_walk& of;
    ~parks() {
      const int before = std::uncaught_exceptions();
      of.park_some();
      if (std::uncaught_exceptions() != before || before != of.base_ + 1) ++of.wrong;
    }
  };
  void park_some() {
    for (auto n = random_() % 4; n > 0; --n) weft::yield();
  }

  std::minstd_rand random_;
  int base_ = std::uncaught_exceptions();
};

}  // namespace

TEST_CASE_FIXTURE(no_leaks, "H1: a thousand fibers throw, park and rethrow in a random schedule") {
  for (std::uint64_t seed : {1U, 2U, 3U}) {
    CAPTURE(seed);
    weft::options how;
    how.seed = seed;
    const int wrong = run(how, [&] {
      std::vector<weft::task<int>> fibers;
      const auto count = static_cast<unsigned>(weft_tests::scaled(1000, 200));
      for (unsigned i = 0; i < count; ++i) {
        fibers.push_back(weft::spawn([i, seed] {
          exception_walk one(i * 31 + static_cast<unsigned>(seed));
          one.walk(3);
          return one.wrong;
        }));
      }
      int sum = 0;
      for (auto& one : fibers) sum += one.get();
      return sum;
    });
    CHECK(wrong == 0);
  }
}
