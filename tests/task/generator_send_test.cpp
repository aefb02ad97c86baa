// SPDX-License-Identifier: BSL-1.0
// What goes into a generator besides next(): values, exceptions, its end.
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/capture_reports.hpp"
#include "support/no_leaks.hpp"
#include "weft/generator.hpp"

using weft::generator;
using weft::yielder;
using weft_tests::counted;
using weft_tests::no_leaks;

TEST_CASE_FIXTURE(no_leaks, "gen: the yield returns what was sent, after next() a default") {
  std::vector<int> seen;
  generator<int, int> sums([&](yielder<int, int>& out) {
    int sum = 0;
    for (;;) {
      const int sent = out(sum);
      seen.push_back(sent);
      if (sent < 0) return;
      sum += sent;
    }
  });
  CHECK_THROWS_AS(sums.send(1), std::logic_error);  // no yield is there yet
  CHECK(sums.next());
  CHECK(sums.send(5));
  CHECK(sums.value() == 5);
  CHECK(sums.next());
  CHECK(sums.send(6));
  CHECK(sums.value() == 11);
  CHECK_FALSE(sums.send(-1));
  CHECK_FALSE(sums.send(1));
  CHECK(seen == std::vector<int>{5, 0, 6, -1});
}

TEST_CASE_FIXTURE(no_leaks,
                  "gen: what is sent may be movable only, have no default, or be a reference") {
  struct wrapped {
    explicit wrapped(int n) : value(std::make_unique<int>(n)) {}
    std::unique_ptr<int> value;
  };
  generator<int, wrapped> echo([](yielder<int, wrapped>& out) {
    wrapped last = out(0);
    for (;;) last = out(*last.value);
  });
  CHECK(echo.next());
  CHECK(echo.send(wrapped(4)));
  CHECK(echo.value() == 4);
  CHECK_THROWS_AS(echo.next(), std::logic_error);  // nothing to send
  CHECK(echo.send(wrapped(5)));
  CHECK(echo.value() == 5);
  int here = 1;
  generator<int, int&> doubles([](yielder<int, int&>& out) {
    int* last = &out(0);
    for (;;) {
      *last *= 2;
      last = &out(*last);
    }
  });
  CHECK(doubles.next());
  CHECK(doubles.send(here));
  CHECK(here == 2);
}

TEST_CASE_FIXTURE(no_leaks, "gen: throw_in() is thrown at the yield, and the body may go on") {
  generator<int> stubborn([](yielder<int>& out) {
    for (int i = 0;; ++i) {
      try {
        out(i);
      } catch (const std::runtime_error&) {
        i += 100;
      }
    }
  });
  CHECK(stubborn.next());
  CHECK(stubborn.throw_in(std::make_exception_ptr(std::runtime_error("skip"))));
  CHECK(stubborn.value() == 101);
  CHECK(stubborn.next());
  CHECK(stubborn.value() == 102);
  CHECK_THROWS_AS(stubborn.throw_in(nullptr), std::logic_error);
  CHECK_THROWS_AS(stubborn.throw_in(std::make_exception_ptr(std::out_of_range("o"))),
                  std::out_of_range);
  CHECK(stubborn.done());
  CHECK_THROWS_AS(stubborn.throw_in(std::make_exception_ptr(1)), int);
}

TEST_CASE_FIXTURE(no_leaks, "gen: throw_in() before the first next() ends it without running it") {
  bool has_begun = false;
  generator<int> one([&, kept = counted()](yielder<int>&) { has_begun = true; });
  CHECK_THROWS_AS(one.throw_in(std::make_exception_ptr(1)), int);
  CHECK(one.done());
  CHECK_FALSE(has_begun);
  CHECK(counted::alive() == 0);
}

TEST_CASE_FIXTURE(no_leaks,
                  "sem 88: a body that swallows its end is thrown at again until it is done") {
  int swallowed = 0;
  {
    generator<int> stubborn([&](yielder<int>& out) {
      const counted kept;
      while (swallowed < 5) {
        try {
          out(1);
        } catch (const std::exception&) {
          FAIL("weft's own exception is none of those");
        } catch (...) {
          ++swallowed;
        }
      }
    });
    CHECK(stubborn.next());
  }
  CHECK(swallowed == 5);
}

TEST_CASE_FIXTURE(no_leaks, "gen: close() ends the body; what it throws then comes out") {
  generator<int> fails([](yielder<int>& out) {
    try {
      out(1);
    } catch (...) {
      throw std::runtime_error("in cleanup");
    }
  });
  CHECK(fails.next());
  CHECK_THROWS_WITH_AS(fails.close(), "in cleanup", std::runtime_error);
  CHECK(fails.done());
  CHECK_NOTHROW(fails.close());
  generator<int> fresh([](yielder<int>& out) { out(1); });
  fresh.close();
  CHECK_FALSE(fresh.next());
}

TEST_CASE_FIXTURE(no_leaks, "gen: an error of a body that is destroyed early is reported once") {
  weft_tests::capture_reports reports;
  {
    generator<int> fails([](yielder<int>& out) {
      try {
        out(1);
      } catch (...) {
        throw std::runtime_error("in cleanup");
      }
    });
    CHECK(fails.next());
  }
  REQUIRE(reports.texts().size() == 1);
  CHECK(reports.texts().front().find("generator_send_test.cpp:") != std::string::npos);
  CHECK(reports.texts().front().find("in cleanup") != std::string::npos);
}

TEST_CASE_FIXTURE(no_leaks,
                  "gen: a yield in a destructor that runs because of an exception returns") {
  struct talkative {
    yielder<int>& out;
    ~talkative() { out(9); }
  };
  generator<int> ended([](yielder<int>& out) {
    const talkative outer{out};
    const talkative inner{out};
    out(1);
  });
  CHECK(ended.next());
  ended.close();  // neither destructor may throw
  CHECK(ended.done());
}
