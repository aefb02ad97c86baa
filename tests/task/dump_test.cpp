// SPDX-License-Identifier: BSL-1.0
// The dump of a running loop's fibers: one line each, in the order of their numbers.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "task/on_virtual_time.hpp"
#include "weft/debug.hpp"
#include "weft/future.hpp"
#include "weft/gather.hpp"
#include "weft/spawn.hpp"
#include "weft/task.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::await_sleep;
using weft::spawn;
using weft_tests::on_virtual_time;

namespace {

std::vector<std::string> dump() {
  char* text = nullptr;
  std::size_t bytes = 0;
  std::FILE* const file = open_memstream(&text, &bytes);
  weft::debug::dump_fibers(file);
  std::fclose(file);
  std::istringstream all(std::string(text, bytes));
  std::free(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(all, line);) lines.push_back(line);
  return lines;
}

// Stack sizes differ from compiler to compiler: "stack N bytes".
std::string without_sizes(const std::string& line) {
  return std::regex_replace(line, std::regex("stack [0-9]+ bytes"), "stack N bytes");
}

std::size_t stack_of(const std::string& line) {
  std::smatch found;
  return std::regex_search(line, found, std::regex("stack ([0-9]+) bytes"))
             ? std::stoul(found[1].str())
             : 0;
}

std::string dump_site(int line) { return ", spawned at dump_test.cpp:" + std::to_string(line); }

}  // namespace

TEST_CASE_FIXTURE(on_virtual_time, "dump: main alone") {
  run([] {
    const auto lines = dump();
    REQUIRE(lines.size() == 2);
    CHECK(lines[0] == "weft: 1 fiber");
    CHECK(without_sizes(lines[1]) == "fiber 1 'main': running, for 0 ms, stack N bytes");
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "dump: number, name, state, wait, since, spawn site, in the order of spawn") {
  run([] {
    const int first = __LINE__ + 1;
    auto sleeper = spawn({"sleeper"}, [] { await_sleep(1h); });
    auto joiner = spawn([&] { sleeper.join(); });
    await_sleep(1500ms);
    auto fresh = spawn({"fresh"}, [] {});
    const auto lines = dump();
    REQUIRE(lines.size() == 5);
    CHECK(lines[0] == "weft: 4 fibers");
    CHECK(without_sizes(lines[1]) == "fiber 1 'main': running, for 0 ms, stack N bytes");
    CHECK(without_sizes(lines[2]) ==
          "fiber 2 'sleeper': parked in sleep, for 1500 ms, stack N bytes" + dump_site(first));
    CHECK(without_sizes(lines[3]) ==
          "fiber 3: parked in join fiber 2 'sleeper', for 1500 ms, stack N bytes" +
              dump_site(first + 1));
    CHECK(lines[4] == "fiber 4 'fresh': ready, for 0 ms, stack 0 bytes" + dump_site(first + 3));
    fresh.join();
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "dump: what a fiber waits for is named") {
  run([] {
    weft::promise<void> p;
    auto f = p.get_future();
    auto waits = spawn([&] { f.get(); });
    auto gathers = spawn([&] { weft::gather([] { await_sleep(1h); }); });
    await_sleep(1ms);
    const auto lines = dump();
    REQUIRE(lines.size() == 5);
    CHECK(lines[2].find("fiber 2: parked in future, for 1 ms") == 0);
    CHECK(lines[3].find("fiber 3: parked in gather, for 1 ms") == 0);
    CHECK(lines[4].find("fiber 4: parked in sleep, for 1 ms") == 0);
    p.set_value();
    waits.join();
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "dump: a task that was cancelled but goes on says so") {
  run([] {
    auto stubborn = spawn([] {
      const struct last_will {
        ~last_will() { await_sleep(1s); }
      } sleeps;
      await_sleep(1h);
    });
    weft::yield();
    stubborn.cancel();
    weft::yield();
    const auto lines = dump();
    REQUIRE(lines.size() == 3);
    CHECK(lines[2].find("parked in sleep") != std::string::npos);
    CHECK(lines[2].find(" bytes, cancel requested, spawned at ") != std::string::npos);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "dump: called in a task, that one is running and main waits") {
  run([] {
    std::vector<std::string> lines;
    spawn({"looks"}, [&] { lines = dump(); }).get();
    REQUIRE(lines.size() == 3);
    CHECK(lines[1].find("fiber 1 'main': parked in join fiber 2 'looks', ") == 0);
    CHECK(lines[2].find("fiber 2 'looks': running, ") == 0);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "dump: the stack used is that of the parked frames") {
  run([] {
    const auto with_frame = [] {
      char frame[64 * 1024];
      frame[0] = 1;
      asm volatile("" : : "r"(&frame[0]) : "memory");  // clang keeps one byte of an array otherwise
      await_sleep(1h);
      return static_cast<int>(frame[0]);
    };
    auto large = spawn(with_frame);
    auto small = spawn([] { await_sleep(1h); });
    weft::yield();
    const auto lines = dump();
    REQUIRE(lines.size() == 4);
    CHECK(stack_of(lines[2]) > 64 * 1024);
    CHECK(stack_of(lines[2]) < WEFT_DEFAULT_STACK_BYTES);
    CHECK(stack_of(lines[3]) > 0);
    CHECK(stack_of(lines[3]) < 64 * 1024);
    CHECK(stack_of(lines[1]) > 0);
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "dump: tasks that have ended are not in it, their handles notwithstanding") {
  run([] {
    auto ended = spawn([] {});
    ended.join();
    CHECK(dump().size() == 2);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "dump: the main fiber has the name of the options") {
  weft::options named = how();
  named.name = "server";
  no_leaks::run(named, [] { CHECK(dump().at(1).find("fiber 1 'server': running") == 0); });
}

TEST_CASE("dump: on a plain thread it is a misuse that says so") {
  CHECK_THROWS_WITH_AS(weft::debug::dump_fibers(stderr),
                       doctest::Contains("weft: debug::dump_fibers() needs a running loop"),
                       std::logic_error);
}
