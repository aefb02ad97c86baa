// SPDX-License-Identifier: BSL-1.0
// Random trees of tasks that sleep, throw, cancel, join, detach and drop each other: whatever
// happens, nothing is lost or run twice, and the same seed makes the same history.
#include <chrono>
#include <cstdint>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/capture_reports.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/gather.hpp"
#include "weft/spawn.hpp"
#include "weft/testing.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::spawn;
using weft::task;
using weft_tests::counted;
using weft_tests::no_leaks;
using weft_tests::on_virtual_time;

namespace {

struct history {
  explicit history(std::uint64_t seed) : random(seed) {}
  unsigned below(unsigned limit) { return static_cast<unsigned>(random() % limit); }

  std::mt19937_64 random;
  int begun = 0;
  int ended = 0;     // by any way out
  int budget = 60;   // tasks that may still be spawned
};

// Counts the ways out of a body, the exceptional ones too.
class visit {
 public:
  explicit visit(history& h) : of_(h) { ++of_.begun; }
  ~visit() { ++of_.ended; }
  visit(const visit&) = delete;
  visit& operator=(const visit&) = delete;

 private:
  history& of_;
};

int grow(history& h, int depth);

task<int> branch(history& h, int depth) {
  return spawn([&h, depth, witness = counted()] { return grow(h, depth); });
}

// One random deed of a body with these children.
void act(history& h, int depth, std::vector<task<int>>& children) {
  const auto pick = [&]() -> task<int>& {
    return children[h.below(static_cast<unsigned>(children.size()))];
  };
  switch (children.empty() ? h.below(4) : h.below(10)) {
    case 0: weft::await_sleep(std::chrono::milliseconds(h.below(20))); break;
    case 1: weft::yield(); break;
    case 2:
    case 3:
      if (depth > 0 && h.budget-- > 0) children.push_back(branch(h, depth - 1));
      break;
    case 4: pick().join(); break;
    case 5: pick().cancel("a whim"); break;
    case 6: std::swap(pick(), children.back()); children.pop_back(); break;  // drops one
    case 7:
      if (task<int>& lost = pick(); lost.valid()) {
        std::swap(lost, children.back());
        children.back().detach();
        children.pop_back();
      }
      break;
    case 8: throw std::runtime_error("a whim");
    case 9: weft::gather(children); children.clear(); break;
  }
}

int grow(history& h, int depth) {
  const visit here(h);
  const counted on_the_stack;
  std::vector<task<int>> children;
  const unsigned deeds = 2 + h.below(8);
  for (unsigned i = 0; i < deeds; ++i) {
    try {
      act(h, depth, children);
    } catch (const std::exception&) {
      if (h.below(2) == 0) throw;
    } catch (...) {
      if (h.below(4) != 0) throw;  // one in four swallows a cancel
    }
  }
  return static_cast<int>(children.size());
}

struct outcome {
  std::uint64_t hash;
  std::size_t events;
  int begun;
  int ended;
};

outcome play(weft_tests::no_leaks& fixture, std::uint64_t seed) {
  weft::testing::virtual_clock clock;  // a new one: every history starts at the same time
  weft::options how;
  how.time = &clock;
  how.seed = seed;
  history h(seed);
  outcome result{};
  fixture.run(how, [&] {
    const weft::testing::trace recording;
    std::vector<task<int>> roots;
    for (int i = 0; i < 3; ++i) roots.push_back(branch(h, 4));
    for (auto& root : roots) root.join();
    roots.clear();
    result.hash = recording.hash();
    result.events = recording.events().size();
  });
  result.begun = h.begun;
  result.ended = h.ended;
  return result;
}

}  // namespace

TEST_CASE_FIXTURE(no_leaks,
                  "tree: under 1000 seeds nothing leaks and every body that began has ended") {
  const weft_tests::capture_reports ignored;
  std::size_t bodies = 0;
  for (std::uint64_t seed = 1; seed <= weft_tests::scaled(1000, 150); ++seed) {
    CAPTURE(seed);
    const outcome played = play(*this, seed);
    REQUIRE(played.begun == played.ended);
    REQUIRE(counted::alive() == 0);
    bodies += static_cast<std::size_t>(played.begun);
  }
  CHECK(bodies > weft_tests::scaled(3000, 450));  // the trees are no seedlings
}

TEST_CASE_FIXTURE(no_leaks, "sem 99: the same seed and virtual clock give the same trace") {
  const weft_tests::capture_reports ignored;
  for (std::uint64_t seed = 1; seed <= weft_tests::scaled(200, 40); ++seed) {
    CAPTURE(seed);
    const outcome first = play(*this, seed);
    const outcome second = play(*this, seed);
    REQUIRE(first.events > 0);
    REQUIRE(first.hash == second.hash);
    REQUIRE(first.events == second.events);
    REQUIRE(first.begun == second.begun);
  }
}

TEST_CASE_FIXTURE(on_virtual_time, "sem 99: another seed gives another order") {
  const auto order_of = [&](std::uint64_t seed) {
    std::vector<int> order;
    run_seeded(seed, [&] {
      std::vector<task<>> tasks;
      for (int i = 0; i < 20; ++i) tasks.push_back(spawn([&order, i] { order.push_back(i); }));
      for (auto& t : tasks) t.join();
    });
    return order;
  };
  std::vector<int> sorted(20);
  for (int i = 0; i < 20; ++i) sorted[static_cast<std::size_t>(i)] = i;
  CHECK(order_of(0) == sorted);
  CHECK(order_of(1) != sorted);
  CHECK(order_of(1) == order_of(1));
  CHECK(order_of(1) != order_of(2));
}
