// SPDX-License-Identifier: BSL-1.0
// testing::trace: one seed, one clock, one program: one story, down to the byte.
#include <chrono>
#include <cstdint>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/no_leaks.hpp"
#include "weft/testing.hpp"
#include "weft/weft.hpp"

using namespace std::chrono_literals;
using weft_tests::no_leaks;

namespace {

struct story {
  std::uint64_t hash;
  std::string text;
};

// Everything that fibers do: yield, sleep, join, throw, cancel.
void busy_program() {
  std::vector<weft::task<int>> tasks;
  for (int i = 0; i < 12; ++i) {
    tasks.push_back(weft::spawn([i] {
      for (int turn = 0; turn < i % 4 + 1; ++turn) weft::yield();
      weft::await_sleep(std::chrono::milliseconds(i % 5));
      auto child = weft::spawn([i] { weft::await_sleep(std::chrono::microseconds(i * 7 % 11)); });
      child.join();
      return i;
    }));
  }
  tasks[3].cancel("for the story");
  for (auto& one : tasks) one.join();
}

story told(std::uint64_t seed) {
  weft::testing::virtual_clock clock;
  weft::options how;
  how.time = &clock;
  how.seed = seed;
  return weft::run(how, [] {
    const weft::testing::trace recorded;
    busy_program();
    return story{recorded.hash(), recorded.text()};
  });
}

}  // namespace

TEST_CASE("sem 99: the same seed and the virtual clock give the same trace, hash and text") {
  for (const std::uint64_t seed : {0U, 1U, 2U, 4711U}) {
    const story first = told(seed);
    // Other addresses, another heap: nothing of that may show.
    const auto shift = std::make_unique<char[]>(100'000);
    const story again = told(seed);
    CHECK(shift[0] == 0);
    CHECK(first.hash == again.hash);
    CHECK(first.text == again.text);
    CHECK(first.text.size() > 500);
  }
}

TEST_CASE("sem 99: different seeds tell different stories") {
  std::set<std::uint64_t> hashes;
  std::set<std::string> texts;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const story one = told(seed);
    hashes.insert(one.hash);
    texts.insert(one.text);
  }
  CHECK(hashes.size() == 50);
  CHECK(texts.size() == 50);
}

TEST_CASE("trace: a line an event, with the wait's name and the time since the first") {
  weft::testing::virtual_clock clock;
  weft::options how;
  how.time = &clock;
  const std::string text = weft::run(how, [] {
    const weft::testing::trace recorded;
    auto sleeper = weft::spawn([] { weft::await_sleep(1500us); });
    sleeper.join();
    return recorded.text();
  });
  CHECK(text ==
        "2 spawn @0ns\n"
        "1 park join @0ns\n"
        "2 run @0ns\n"
        "2 park sleep @0ns\n"
        "0 jump @1500000ns\n"
        "2 wake @1500000ns\n"
        "2 run @1500000ns\n"
        "2 end @1500000ns\n"
        "1 wake @1500000ns\n"
        "1 run @1500000ns\n");
}

TEST_CASE("trace: events() tell the same as text(); an empty trace is empty") {
  weft::testing::virtual_clock clock;
  weft::options how;
  how.time = &clock;
  weft::run(how, [] {
    const weft::testing::trace recorded;
    CHECK(recorded.events().empty());
    CHECK(recorded.text().empty());
    weft::yield();
    REQUIRE(recorded.events().size() >= 2);
    const weft::testing::trace_event& first = recorded.events().front();
    CHECK(first.kind == weft::testing::trace_kind::park);
    CHECK(first.fiber == weft::fiber_id{1});
    CHECK(std::string(first.what) == "yield");
    CHECK(first.when == weft::now());
  });
}

TEST_CASE_FIXTURE(no_leaks, "trace: begun in a loop that runs already it misses nothing") {
  run([] {
    using kind = weft::testing::trace_kind;
    weft::yield();
    const weft::testing::trace recorded;
    std::vector<kind> seen;
    for (int i = 0; i < 2; ++i) {
      weft::yield();
      weft::spawn([] {}).join();
    }
    for (const auto& event : recorded.events()) seen.push_back(event.kind);
    const std::vector<kind> once = {kind::park, kind::run, kind::spawn, kind::park,
                                    kind::run,  kind::end, kind::wake,  kind::run};
    std::vector<kind> expected = once;
    expected.insert(expected.end(), once.begin(), once.end());
    CHECK(seen == expected);
  });
}

TEST_CASE_FIXTURE(no_leaks, "trace: one at a time, and only in a loop") {
  CHECK_THROWS_AS(weft::testing::trace(), std::logic_error);
  run([] {
    {
      const weft::testing::trace first;
      CHECK_THROWS_WITH_AS(
          weft::testing::trace(),
          "weft: a second testing::trace was made while the first still records: one at a time",
          std::logic_error);
    }
    const weft::testing::trace second;
    CHECK(second.events().empty());
  });
}
