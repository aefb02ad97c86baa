// SPDX-License-Identifier: BSL-1.0
// debug::print_tree: each fiber below its spawner, whom it waits for, and the calls on its stack.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/skip.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/debug.hpp"
#include "weft/weft.hpp"

using namespace std::chrono_literals;
using weft::await_sleep;
using weft::spawn;
using weft_tests::on_virtual_time;

namespace {

std::string tree() {
  char* text = nullptr;
  std::size_t bytes = 0;
  std::FILE* const file = open_memstream(&text, &bytes);
  weft::debug::print_tree(file);
  std::fclose(file);
  std::string all(text, bytes);
  std::free(text);
  return all;
}

// The lines of fibers, without those of calls.
std::vector<std::string> fibers_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    const std::string line = text.substr(at, end - at);
    const std::size_t word = line.find_first_not_of(' ');
    if (line.compare(word, 3, "at ") != 0) lines.push_back(line);
    at = end + 1;
  }
  return lines;
}

// libunwind keeps two descriptors, from the first stack on.
struct libunwind_opened {
  libunwind_opened() {
    weft::run([] {
      auto parked = spawn([] { await_sleep(1h); });
      weft::yield();
      tree();
    });
  }
};
struct with_tree : libunwind_opened, on_virtual_time {};

bool shows_whole_stacks() { return tree().find("innermost call only") == std::string::npos; }

std::string site_of(int line) { return ", spawned at print_tree_test.cpp:" + std::to_string(line); }

}  // namespace

// Found by name; outside a namespace, to be short. A copy that g++ specialises for an argument has
// another name.
#if defined(__clang__)
#define AS_WRITTEN [[gnu::noinline]]
#else
#define AS_WRITTEN [[gnu::noipa]]
#endif
AS_WRITTEN void print_tree_innermost() {
  await_sleep(1h);
  asm volatile("" : : : "memory");  // no tail call
}
AS_WRITTEN void print_tree_outer(int depth) {
  if (depth > 0) {
    print_tree_outer(depth - 1);
  } else {
    print_tree_innermost();
  }
  asm volatile("" : : : "memory");
}

TEST_CASE_FIXTURE(with_tree, "tree: each fiber stands below the one that spawned it") {
  run([] {
    const int line = __LINE__ + 1;
    auto outer = spawn({"outer"}, [] {
      auto first = spawn({"first"}, [] { await_sleep(1h); });
      auto second = spawn([&] { first.join(); });
      second.join();
    });
    auto other = spawn({"other"}, [] { await_sleep(2h); });
    await_sleep(1500ms);
    const auto lines = fibers_of(tree());
    REQUIRE(lines.size() == 6);
    CHECK(lines[0].find("weft: 5 fibers") == 0);
    CHECK(lines[1] == "fiber 1 'main': running, for 0 ms");
    CHECK(lines[2] == "  fiber 2 'outer': parked in join fiber 5, for 1500 ms" + site_of(line));
    CHECK(lines[3] == "    fiber 4 'first': parked in sleep, for 1500 ms" + site_of(line + 1));
    CHECK(lines[4] ==
          "    fiber 5: parked in join fiber 4 'first', for 1500 ms" + site_of(line + 2));
    CHECK(lines[5] == "  fiber 3 'other': parked in sleep, for 1500 ms" + site_of(line + 5));
  });
}

TEST_CASE_FIXTURE(with_tree,
                  "tree: one whose spawner has ended stands below the nearest that is known") {
  run([] {
    spawn([] { spawn({"left"}, [] { await_sleep(1h); }).detach(); }).detach();
    auto kept = spawn({"kept"}, [] {
      auto ends = spawn([] { spawn({"grandchild"}, [] { await_sleep(1h); }).detach(); });
      await_sleep(1h);  // keeps the handle of its ended child
    });
    await_sleep(1ms);
    const auto lines = fibers_of(tree());
    REQUIRE(lines.size() == 5);
    CHECK(lines[2].find("  fiber 3 'kept': parked in sleep") == 0);
    CHECK(lines[3].find("    fiber 6 'grandchild': parked in sleep") == 0);
    CHECK(lines[3].find(" by fiber 5, which has ended") != std::string::npos);
    CHECK(lines[4].find("  fiber 4 'left': parked in sleep") == 0);
    CHECK(lines[4].find(" by fiber 2, which has ended") != std::string::npos);
  });
}

TEST_CASE("tree: one that another thread posted stands below main and says so") {
  weft::run([] {
    const weft::loop_ref here = weft::this_loop();
    std::string text;
    std::thread([&] { here.post([&] { text = tree(); }); }).join();
    while (text.empty()) weft::yield();
    const auto lines = fibers_of(text);
    REQUIRE(lines.size() == 3);
    CHECK(lines[2].find("  fiber 2: running") == 0);
    CHECK(lines[2].find(" by another thread") != std::string::npos);
  });
}

TEST_CASE_FIXTURE(with_tree, "tree: a wait for several names three of them") {
  run([] {
    auto gathers = spawn([] {
      const auto naps = [] { await_sleep(1h); };
      weft::gather(naps, naps, naps, naps, naps);
    });
    await_sleep(1ms);
    const std::string text = tree();
    CHECK(text.find("fiber 2: parked in gather fiber 3, fiber 4, fiber 5 and 2 more, for 1 ms") !=
          std::string::npos);
  });
}

TEST_CASE_FIXTURE(with_tree, "tree: the calls on a parked fiber's stack, by name") {
  run([] {
    if (!shows_whole_stacks()) WEFT_SKIP("weft was built without libunwind, or it is not here");
    auto deep = spawn([] { print_tree_outer(2); });
    auto on_large = spawn([] { weft::with_stack(1 << 20, [] { print_tree_outer(0); }); });
    await_sleep(1ms);
    const std::string text = tree();
    CAPTURE(text);
    std::size_t at = text.find("fiber 2: ");
    const std::size_t second = text.find("fiber 3: ");
    REQUIRE(second != std::string::npos);
    at = text.find("\n      at weft::await_sleep", at);
    at = text.find("\n      at print_tree_innermost() (", at);
    for (int i = 0; i < 3; ++i) at = text.find("\n      at print_tree_outer(int) (", at + 1);
    CHECK(at < second);
    // Weft's own calls are left out, at both ends.
    CHECK(text.find("context_switch") == std::string::npos);
    CHECK(text.find("fiber_main") == std::string::npos);
    at = text.find("\n      at print_tree_innermost() (", second);
    CHECK(text.find("\n      at print_tree_outer(int) (", at) != std::string::npos);
  });
}

TEST_CASE_FIXTURE(with_tree, "tree: with little stack left it tells the innermost calls") {
  run([] {
    auto parked = spawn([] { print_tree_outer(0); });
    weft::yield();
    std::string text;
    spawn({"small", 48 * 1024}, [&] { text = tree(); }).join();
    CHECK(text.find("; of each stack the innermost call only\n") != std::string::npos);
    CHECK(text.find("fiber 2: parked in sleep") != std::string::npos);
    CHECK(text.find("\n      at ") != std::string::npos);
  });
}

TEST_CASE_FIXTURE(with_tree, "tree: a chain of ten thousand spawns") {
  run([] {
    struct chain {
      static void grow(int left) {
        if (left == 0) return;
        auto next = spawn([left] { grow(left - 1); });
        await_sleep(1h);
      }
    };
    auto top = spawn([] { chain::grow(10'000); });
    for (int i = 0; i < 10'001; ++i) weft::yield();
    CHECK(fibers_of(tree()).size() == 10'002);
  });
}

TEST_CASE("tree: only in a loop") {
  CHECK_THROWS_AS(weft::debug::print_tree(stderr), std::logic_error);
}
