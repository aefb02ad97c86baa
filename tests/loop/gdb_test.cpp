// SPDX-License-Identifier: BSL-1.0
// src/packaging/weft-gdb.py: gdb lists the fibers of a program that stopped, or of what one left
// behind as a core file, and shows each one's stack.
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/child.hpp"
#include "support/emulated.hpp"
#include "support/kernel_guards.hpp"
#include "support/skip.hpp"
#include "weft/weft.hpp"

using weft_tests::child_end;
using weft_tests::kernel_has_guards;

// What gdb is to find: C names, for its command line.
extern "C" {
[[gnu::noinline]] void weft_tests_gdb_looks_here() { asm volatile("" : : : "memory"); }

[[gnu::noinline]] int weft_tests_parks_for_good(int number) {
  volatile int mine = number * 7;
  weft::await_sleep(std::chrono::hours(1));
  return mine;
}
}

namespace fs = std::filesystem;

namespace {

constexpr int fibers_in_core = 1000;
constexpr int fibers_alive = 60;

void park_fibers(int fibers) {
  std::vector<weft::task<int>> tasks;
  for (int i = 2; i < fibers + 2; ++i) {  // i is the fiber's number
    tasks.push_back(weft::spawn({"parked"}, [i] { return weft_tests_parks_for_good(i); }));
  }
  weft::yield();
  weft_tests_gdb_looks_here();
  std::abort();
}

std::string script() {
  const char* const root = std::getenv("WEFT_SOURCE_ROOT");
  return root != nullptr ? std::string(root) + "/src/packaging/weft-gdb.py" : std::string();
}

// gdb on this program, with the script and one -ex for each command.
child_end gdb(const std::vector<std::string>& first, const std::vector<std::string>& commands,
              const std::vector<std::string>& last) {
  std::vector<std::string> words = {
      "gdb", "-batch", "-nx", "-iex", "set debuginfod enabled off", "-ex", "set confirm off"};
  words.insert(words.end(), first.begin(), first.end());
  words.insert(words.end(), {"-ex", "source " + script()});
  for (const std::string& command : commands) words.insert(words.end(), {"-ex", command});
  words.insert(words.end(), last.begin(), last.end());
  return weft_tests::run_program(words);
}

std::vector<std::string> run_subject() {
  return {"-ex",         "kill",     "--args", weft_tests::this_program(), "--test-suite=subjects",
          "--no-breaks", "--no-skip"};
}

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; ++at) ++count;
  return count;
}

const std::vector<std::string> looks = {
    "info fibers",
    "fiber 50",
    "info locals",
    "bt",
    "fiber",
    "fiber apply 7 8 info locals",
    "echo still:\\n",
    "fiber",
    "fiber off",
    "echo own stack:\\n",
    "bt",
    "fiber 4711",
};

void check_looks(const std::string& output, int fibers) {
  CAPTURE(output);
  CHECK(output.find("Thread 1: " + std::to_string(fibers + 1) + " fibers") != std::string::npos);
  CHECK(output.find("  fiber 1 'main': running, in ") != std::string::npos);
  CHECK(count_of(output,
                 "'parked': parked in sleep, in weft_tests_parks_for_good, "
                 "spawned at gdb_test.cpp:") == fibers);
  // fiber 50: the user's frame is selected, with its locals; bt shows the fiber's frames alone.
  const std::size_t selected = output.find("[fiber 50 'parked': parked in sleep]");
  REQUIRE(selected != std::string::npos);
  const std::string rest = output.substr(selected);
  CHECK(rest.find("mine = 350") != std::string::npos);
  CHECK(rest.find(" weft_tests_parks_for_good (number=", rest.find("mine = ")) !=
        std::string::npos);
  CHECK(rest.find("[fiber 50 'parked' on thread 1]") != std::string::npos);
  CHECK(rest.find("mine = 49") != std::string::npos);
  CHECK(rest.find("mine = 56") != std::string::npos);
  const std::size_t off = rest.find("own stack:");
  REQUIRE(off != std::string::npos);
  CHECK(rest.substr(0, off).find("park_fibers (fibers=") == std::string::npos);
  CHECK(rest.substr(off).find("park_fibers (fibers=") != std::string::npos);
  CHECK(rest.substr(rest.find("still:")).find("[fiber 50 'parked' on thread 1]") !=
        std::string::npos);
  CHECK(output.find("There is no fiber 4711 that has not ended.") != std::string::npos);
  CHECK(output.find("corrupt stack") == std::string::npos);
  CHECK(output.find("Traceback") == std::string::npos);
}

const char* reason_to_skip() {
  if (weft_tests::is_emulated()) return weft_tests::no_debugger_under_emulation;
  if (weft_tests::is_sanitized) return "LeakSanitizer and TSan do not run under a debugger";
  if (script().empty()) return "WEFT_SOURCE_ROOT is not set";
  static const bool has_gdb =
      weft_tests::run_program({"gdb", "-batch", "-nx", "-ex", "python print(1)"}).status == 0;
  if (!has_gdb) {
    return "gdb with Python is not installed";
  }
  return nullptr;
}

// Without it gdb has symbols, but no types to read weft's records with.
bool has_debug_information() {
  const char* const told = std::getenv("WEFT_HAS_DEBUG_INFORMATION");
  return told == nullptr || *told == '1';
}
constexpr const char* no_debug_information = "built without debug information";

}  // namespace

TEST_CASE("a program with parked fibers" * doctest::test_suite("subjects") * doctest::skip()) {
  weft::options how;
  how.stack_bytes = 64 * 1024;  // gdb writes all of it into a core file
  const char* const many = std::getenv("WEFT_TESTS_MANY_FIBERS");
  weft::run(how, [&] { park_fibers(many != nullptr ? fibers_in_core : fibers_alive); });
}

TEST_CASE("gdb: lists the fibers of a program that stopped, and shows their stacks") {
  if (const char* const reason = reason_to_skip()) WEFT_SKIP(reason);
  if (!has_debug_information()) WEFT_SKIP(no_debug_information);
  const child_end end =
      gdb({"-ex", "break weft_tests_gdb_looks_here", "-ex", "run"}, looks, run_subject());
  if (!end.says("weft_tests_gdb_looks_here ()")) WEFT_SKIP("gdb cannot start programs here");
  check_looks(end.output, fibers_alive);
}

TEST_CASE("gdb: without debug information it says so, and how to have it") {
  if (const char* const reason = reason_to_skip()) WEFT_SKIP(reason);
  if (has_debug_information()) WEFT_SKIP("built with debug information");
  const child_end end = gdb({"-ex", "break weft_tests_gdb_looks_here", "-ex", "run"},
                            {"info fibers", "fiber 50"}, run_subject());
  if (!end.says("weft_tests_gdb_looks_here ()")) WEFT_SKIP("gdb cannot start programs here");
  CAPTURE(end.output);
  CHECK(count_of(end.output, "weft was built without debug information here") == 2);
  CHECK(count_of(end.output, "Traceback") == 0);
}

TEST_CASE("gdb: lists the fibers in a core file, and shows their stacks") {
  if (const char* const reason = reason_to_skip()) WEFT_SKIP(reason);
  if (!has_debug_information()) WEFT_SKIP(no_debug_information);
  const fs::path folder = fs::temp_directory_path() / ("weft-core-" + std::to_string(getpid()));
  const struct folder_owner {
    const fs::path& path;
    ~folder_owner() {
      std::error_code ignored;
      fs::remove_all(path, ignored);
    }
  } owner{folder};
  fs::create_directories(folder);
  const child_end end = weft_tests::run_child([&] {
    rlimit limit{};
    getrlimit(RLIMIT_CORE, &limit);
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_CORE, &limit) != 0 || chdir(folder.c_str()) != 0) return 1;
    dup2(STDERR_FILENO, STDOUT_FILENO);  // not into the log: a summary there would be counted
    setenv("WEFT_TESTS_MANY_FIBERS", "1", 1);
    const auto file = weft_tests::this_program();
    execl(file.c_str(), file.c_str(), "--test-suite=subjects", "--no-skip", "--no-breaks", nullptr);
    return 1;
  });
  CHECK((end.status == 1 || end.signal == SIGABRT));
  if (fs::is_empty(folder)) {  // the kernel writes none here
    if (kernel_has_guards()) {
      WEFT_SKIP("no core file from the kernel, and gdb's end at the first guard");
    }
    gdb({"-ex", "set environment WEFT_TESTS_MANY_FIBERS 1", "-ex",
         "break weft_tests_gdb_looks_here", "-ex", "run"},
        {"generate-core-file " + (folder / "made_by_gdb").string()}, run_subject());
    if (fs::is_empty(folder)) WEFT_SKIP("neither the kernel nor gdb writes core files here");
  }
  const fs::path core = fs::directory_iterator(folder)->path();
  check_looks(gdb({}, looks, {weft_tests::this_program(), core.string()}).output, fibers_in_core);
}
