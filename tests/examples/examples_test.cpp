// SPDX-License-Identifier: BSL-1.0
// Every example runs, ends with status 0 and prints what its explanation promises. These tests run
// in real time, as the examples do: they are demonstrations of waiting. Where a figure depends on
// the machine, only its line is looked for.
#include <doctest/doctest.h>

#include <cstdlib>
#include <initializer_list>
#include <string>
#include <vector>

#include "examples/programs.hpp"
#include "structure/source_tree.hpp"
#include "support/build_kind.hpp"
#include "support/child.hpp"
#include "support/emulated.hpp"
#include "support/skip.hpp"

using namespace weft_tests;

namespace {

child_end run_example(const std::string& name, const std::string& option = {}) {
  std::vector<std::string> words{program(name).string()};
  if (!option.empty()) words.push_back(option);
  return run_program(words);
}

// True if the texts stand in the output one behind the other, whatever is between them.
bool says_in_order(const child_end& end, std::initializer_list<const char*> texts) {
  std::size_t from = 0;
  for (const char* text : texts) {
    from = end.output.find(text, from);
    if (from == std::string::npos) {
      MESSAGE("not found, or not in its place: ", text);
      return false;
    }
    from += std::string(text).size();
  }
  return true;
}

double number_after(const child_end& end, const std::string& text) {
  const std::size_t at = end.output.find(text);
  return at == std::string::npos ? -1 : std::atof(end.output.c_str() + at + text.size());
}

// What is left of a C++ file without comments and empty lines.
std::size_t lines_of_code(const fs::path& file) {
  std::size_t count = 0;
  for (const std::string& line : split_lines(read_file(file))) {
    const std::size_t begin = line.find_first_not_of(' ');
    if (begin != std::string::npos && line.compare(begin, 2, "//") != 0) ++count;
  }
  return count;
}

}  // namespace

TEST_CASE("timeouts: in time, too late, without an error, nested; closed in order each time") {
  if (!are_built()) WEFT_SKIP(not_built);
  const child_end end = run_example("timeouts");
  CHECK(end.status == 0);
  CHECK(says_in_order(
      end, {"connection closed in order", "page is here", "too late:", "connection closed in order",
            "time was up after 50 ms", "went on without it", "no, much less",
            "connection closed in order", "time was up after 50 ms"}));
}

TEST_CASE("supervisor: a group that fails is started again, without what it left") {
  if (!are_built()) WEFT_SKIP(not_built);
  const child_end end = run_example("supervisor");
  CHECK(end.status == 0);
  CHECK(says_in_order(end, {"attempt 1", "heartbeat stopped",
                            "'server' (spawned at supervisor.cpp:", "the database hung up",
                            "attempt 2", "attempt 3", "heartbeat stopped", "done"}));
}

TEST_CASE("first_answer_wins: the losers have ended, and the late answer is put back") {
  if (!are_built()) WEFT_SKIP(not_built);
  const child_end end = run_example("first_answer_wins");
  CHECK(end.status == 0);
  CHECK(says_in_order(end, {"Oslo: not needed any more", "Rome: came too late, put back",
                            "Paris won", "when all had ended"}));
}

TEST_CASE("graceful_shutdown: the old work ends, or is cut off; nothing is left") {
  if (!are_built()) WEFT_SKIP(not_built);
  const child_end end = run_example("graceful_shutdown");
  CHECK(end.status == 0);
  CHECK(says_in_order(end, {"request 1: answered", "shutting down", "request 2: answered",
                            "request 3: cut off", "stopped, with nothing left behind"}));
}

TEST_CASE("same_fringe: two walks side by side, and no further than the first difference") {
  if (!are_built()) WEFT_SKIP(not_built);
  const child_end end = run_example("same_fringe");
  CHECK(end.status == 0);
  CHECK(end.output ==
        "the same, 8 leaves visited\n"
        "not the same, 4 leaves visited\n");
}

TEST_CASE("hello: both sleep at the same time, one second in all") {
  if (!are_built()) WEFT_SKIP(not_built);
  const child_end end = run_example("hello");
  CHECK(end.status == 0);
  CHECK(end.output ==
        "hello, Ada\n"
        "hello, Grace\n"
        "goodbye, Ada\n"
        "goodbye, Grace\n"
        "1 s in all\n");
}

TEST_CASE("task_result: a task's string comes back through get() and run()") {
  if (!are_built()) WEFT_SKIP(not_built);
  const child_end end = run_example("task_result");
  CHECK(end.status == 0);
  CHECK(end.output ==
        "asked, and free to do something else\n"
        "the capital of Peru is Lima\n");
}

TEST_CASE("ten_tasks: all ten together take as long as the longest") {
  if (!are_built()) WEFT_SKIP(not_built);
  const child_end end = run_example("ten_tasks");
  CHECK(end.status == 0);
  CHECK(says_in_order(
      end, {"task  1 is done\n", "task  2 is done\n", "task  9 is done\n", "task 10 is done\n",
            "squares: 100 81 64 49 36 25 16 9 4 1\n", " s in all, instead of 2.75 s\n"}));
  const double seconds = number_after(end, "4 1\n");
  CHECK(seconds >= 0.5);
  CHECK(seconds < 1.5);  // nearer to the longest than to the sum, on a busy machine too
}

TEST_CASE("parallel_map: one loop and one a core find the same, and main's loop goes on") {
  if (!are_built()) WEFT_SKIP(not_built);
  const child_end end = run_example("parallel_map");
  CHECK(end.status == 0);
  CHECK(says_in_order(end, {"1 loop(s): 78498 primes below a million, in ",
                            " loop(s): 78498 primes below a million, in ", " times as fast on ",
                            "squares: 1 4 9 16; main's loop ticked meanwhile\n"}));
}

TEST_CASE("say_twice: two calls wait twice, two tasks once") {
  if (!are_built()) WEFT_SKIP(not_built);
  const child_end end = run_example("say_twice");
  CHECK(end.status == 0);
  CHECK(says_in_order(end, {"hello\n", "world\n", "two calls: ", " s\n", "hello\n", "world\n",
                            "two tasks: ", " s\n"}));
  CHECK(number_after(end, "two calls: ") >= 0.6);
  CHECK(number_after(end, "two tasks: ") >= 0.4);
  CHECK(number_after(end, "two tasks: ") < number_after(end, "two calls: "));
}

TEST_CASE("runner_loop: a task survives between the runs and ends with close()") {
  if (!are_built()) WEFT_SKIP(not_built);
  const child_end end = run_example("runner_loop");
  CHECK(end.status == 0);
  CHECK(end.output ==
        "after the first run: no tick yet\n"
        "during the second run: the ticker ticks\n"
        "between the runs: 0 more ticks\n"
        "during the third run: it goes on\n"
        "the ticker is told to stop\n"
        "closed\n");
}

TEST_CASE("guest_loop: the host draws on while its guest waits") {
  if (!are_built()) WEFT_SKIP(not_built);
  const child_end end = run_example("guest_loop");
  CHECK(end.status == 0);
  CHECK(end.says("host: frame 1\n"));
  CHECK(end.says("guest: waits for a letter\n"));
  CHECK(end.says("host: frame 2\n"));
  CHECK(end.says("host: drew on while its guest waited: yes\n"
                 "guest: has read 'hello from a thread'\n"));
}

TEST_CASE("producer_consumer_yield: every loaf is eaten once, in order") {
  if (!are_built()) WEFT_SKIP(not_built);
  const child_end end = run_example("producer_consumer_yield");
  CHECK(end.status == 0);
  CHECK(says_in_order(
      end,
      {"customer: nothing there\n", "baker:    loaf 1\n", "the shelf is full\n", "eats loaf 1\n",
       "eats loaf 2\n", "eats loaf 3\n", "eats loaf 4\n", "eats loaf 5\n", "eats loaf 6\n",
       "eats loaf 7\n", "eats loaf 8\n", "8 loaves baked and eaten, 0 left\n"}));
}

TEST_CASE("legacy: others run while C code waits in its callbacks") {
  if (!are_built()) WEFT_SKIP(not_built);
  const child_end end = run_example("legacy");
  CHECK(end.status == 0);
  CHECK(end.output ==
        "qsort: 4 8 15 31 35 65 92\n"
        "  the other fiber ticked meanwhile: yes\n"
        "visited: novels poems books, 3 shelves\n"
        "  the other fiber ticked meanwhile: yes\n");
}

TEST_CASE("coroutines: fibers and coroutines wait for each other") {
  if (!are_built()) WEFT_SKIP(not_built);
  if (from_environment("WEFT_COROUTINE_ARGS").empty()) WEFT_SKIP("there are no C++20 coroutines");
  const child_end end = run_example("coroutines");
  CHECK(end.status == 0);
  CHECK(end.output ==
        "Ada is at home, and says: come in\n"
        "Grace is at home, and says: nothing\n"
        "Edsger is at home, and says: nothing\n"
        "an error of the task, thrown in the coroutine, thrown in the fiber: nobody has that "
        "name\n");
}

TEST_CASE("pipeline: the slowest stage holds the source back, and all arrive in order") {
  if (!are_built()) WEFT_SKIP(not_built);
  const child_end end = run_example("pipeline");
  CHECK(end.status == 0);
  CHECK(says_in_order(end, {"photo 1: 1000", "photo 2: 2000", "photo 20: 8000", "20 sent in"}));
  CHECK(end.says("at most 4 waited to be shrunk"));
}

TEST_CASE("rate_limiter: three calls at once, then one for each token") {
  if (!are_built()) WEFT_SKIP(not_built);
  const child_end end = run_example("rate_limiter");
  CHECK(end.status == 0);
  CHECK(says_in_order(end, {"call 1 after", "call 3 after", "call 4 after", "call 8 after",
                            "a pause", "call 9 after", "call 11 after", "call 12 "}));
  // Of eight calls three find a token, the others wait for five more.
  CHECK(number_after(end, "call 8 after ") >= 0.5);
}

TEST_CASE("chat_room_in_memory: the slow one misses lines, the others do not wait for it") {
  if (!are_built()) WEFT_SKIP(not_built);
  const child_end end = run_example("chat_room_in_memory");
  CHECK(end.status == 0);
  CHECK(says_in_order(end, {"Ada  hears  Cleo: hello", "Ada  hears  Cleo: is anybody here?",
                            "Ada  hears  Cleo: never mind"}));
  CHECK(says_in_order(end, {"Bob  hears  Cleo: hello", "Bob  missed", "Bob  leaves"}));
  CHECK(says_in_order(end, {"Dan  hears  Cleo: how do I", "3 were listening", "leaves"}));
}

TEST_CASE("dining_philosophers: all eat, twice; then the circle of those who wait is named") {
  if (!are_built()) WEFT_SKIP(not_built);
  const child_end end = run_example("dining_philosophers");
  CHECK(end.status == 0);
  CHECK(says_in_order(
      end, {"both forks or none:", "has eaten", "the lower fork first:", "has eaten",
            "the left fork first:", "weft: deadlock", "waits in mutex for", "in a circle: "}));
}

TEST_CASE("find_the_stall: both culprits are named, and mended they are not") {
  if (!are_built()) WEFT_SKIP(not_built);
  if (is_emulated()) WEFT_SKIP("/proc tells what the emulator's threads do, not the program's");
  if (is_sanitized) WEFT_SKIP("the default limit is off under a sanitizer");
  const child_end end = run_example("find_the_stall");
  CHECK(end.status == 0);
  CHECK(says_in_order(end, {"weft: fiber 3 'archivist' (spawned at ", ") has held its thread for ",
                            ". It computes in\n", "sort_the_archive (find_the_stall+0x",
                            "ticks meanwhile\n\n", "weft: fiber 5 'printer' (spawned at ",
                            ". It is blocked in the system call clock_nanosleep.",
                            "wait_for_the_printer (find_the_stall+0x", "the printer has printed\n",
                            "ticks meanwhile\n\n", "polite, and no report: several ticks\n",
                            "on a thread, and no report: several ticks\n"}));
}

TEST_CASE("threads_and_processes: prints both tables, also where little may be started") {
  if (!are_built()) WEFT_SKIP(not_built);
  const child_end end = run_example("threads_and_processes", "--quick");
  CHECK(end.status == 0);
  CHECK(says_in_order(
      end, {"Everyone waits", "fibers on one thread", "threads", "processes", "Everyone computes",
            "fibers on one thread", "threads", "The results are the same.\n"}));
}

TEST_CASE("threads_and_processes: an unknown option is status 2") {
  if (!are_built()) WEFT_SKIP(not_built);
  const child_end end = run_example("threads_and_processes", "--fast");
  CHECK(end.status == 2);
  CHECK(end.says("usage:"));
}

TEST_CASE("million: parks fibers, tries threads, and an overflow is named") {
  if (!are_built()) WEFT_SKIP(not_built);
  const child_end end = run_example("million", "--quick");
  CAPTURE(end.output);
  CHECK(end.status == 0);
  CHECK(says_in_order(end,
                      {"Threads, until", "Fibers, until", "  5000 fibers are parked on one thread",
                       "bytes each", "mappings", "; 5000 woke\n", "One fiber needs more",
                       "'too deep' overflowed its 256 KiB stack: ", "died by signal 11"}));
  if (!is_sanitized) {
    const std::size_t fibers = end.output.find("Fibers, until");
    REQUIRE(fibers != std::string::npos);
    const std::size_t memory = end.output.find("memory", fibers) + std::string("memory").size();
    CHECK(std::atof(end.output.c_str() + memory) < 8000);
  }
}

TEST_CASE("scheduler_in_80_lines: fibers take turns, and a parked one is woken") {
  if (!are_built()) WEFT_SKIP(not_built);
  const child_end end = run_example("scheduler_in_80_lines");
  CHECK(end.status == 0);
  CHECK(end.output ==
        "the third one waits\n"
        "one counts 1\n"
        "two counts 1\n"
        "one counts 2\n"
        "two counts 2\n"
        "one counts 3\n"
        "two counts 3\n"
        "the third one is woken: both have counted\n"
        "nobody is ready: run() returns\n");
}

TEST_CASE("scheduler_in_80_lines: keeps its name's promise") {
  if (source_root().empty()) WEFT_SKIP(no_source_root);
  CHECK(lines_of_code(source_root() / "examples" / "scheduler_in_80_lines.cpp") <= 80);
}

TEST_CASE("tour: passes all eight stops and names the other examples") {
  if (!are_built()) WEFT_SKIP(not_built);
  // g++'s ThreadSanitizer ends at 8,128 fibers, and takes 0.9 MB for each.
  const child_end end = run_example("tour", is_tsan ? "--quick" : "");
  CHECK(end.status == 0);
  CHECK(says_in_order(end, {"\n1. ", "| hello, Ada", "| hello, Grace", "| goodbye, Ada"}));
  CHECK(says_in_order(end, {"\n2. ", "| done: 1 2 3 4 5 6 7 8 9 10\n"}));
  CHECK(says_in_order(end, {"\n3. ", "| the answer to question 7 is 42\n"}));
  CHECK(says_in_order(end, {"\n4. ", "| ping\n", "pong\n", "| ping\n", "pong\n", "ns each"}));
  CHECK(says_in_order(end, {"\n5. ", "| all done after", "KiB for each"}));
  CHECK(says_in_order(end, {"\n6. ", "| the patient one tidies up\n", "| and was cancelled\n"}));
  CHECK(says_in_order(end, {"\n7. ", "| caught: nobody listens at port 4711\n"}));
  CHECK(says_in_order(end, {"\n8. ", "| sorted: 1 2 3 5 8 9\n", "times during qsort()"}));
  CHECK(says_in_order(end, {"\nThat was the tour", "hello", "legacy", "scheduler_in_80_lines"}));
}

TEST_CASE("blocking: 200 blocking clients at once on one thread, and what happens without hooks") {
  if (!fs::exists(program("blocking"))) WEFT_SKIP("libweft-hook, or the examples, are not built");
  const child_end end = run_example("blocking");
  CHECK(end.status == 0);
  CHECK(says_in_order(end, {"One after another:\n   | 5 of them: ", "so 200 would take",
                            "answered: 200 of 200   threads: 1\n", "times as fast",
                            "WEFT_HOOKS=0", "| 5 of them: ", "so 200 would take"}));
  CHECK_FALSE(end.says("threads: 2"));
  CHECK(number_after(end, "\n   | 5 of them: ") >= 1.0);  // 0.2 s each
  CHECK(number_after(end, " s: ") > 2);                    // times as fast; 140 on an idle machine
}

TEST_CASE("examples: each says in its second line what it shows, is built, and is in the README") {
  if (source_root().empty()) WEFT_SKIP(no_source_root);
  const fs::path folder = source_root() / "examples";
  const std::string readme = read_file(folder / "README.md");
  const std::string list = read_file(folder / "meson.build");
  std::vector<std::string> bad;
  std::size_t read = 0;
  for (const auto& file : files_below(source_root(), "examples")) {
    if (file.extension() != ".cpp") continue;
    ++read;
    const std::string name = file.stem().string();
    const auto lines = split_lines(read_file(source_root() / file));
    if (lines.size() < 2 || !starts_with(lines[1], "// " + name + ": ")) {
      bad.push_back(name + ": its second line is not `// " + name + ": what it shows`");
    }
    if (list.find("'" + name + "'") == std::string::npos) bad.push_back(name + ": is not built");
    if (readme.find("`" + name + "`") == std::string::npos) bad.push_back(name + ": no README");
  }
  INFO(joined(bad));
  CHECK(bad.empty());
  CHECK(read >= 10);
}

TEST_CASE("find_the_bug: what 10,000 runs do not show is found, repeated and mended") {
  if (!are_built()) WEFT_SKIP(not_built);
  const child_end end = run_example("find_the_bug");
  CHECK(end.status == 0);
  CHECK(says_in_order(
      end, {"10000 ordinary runs: no failure", "explore: schedule 2 failed", "98 are free",
            "1  fiber 2 'main': spawns fiber 3 'ada'", "may switch", "fails", "with the seed t",
            "it fails 100 times of 100", "mended: 6 schedules, all there are, no failure"}));
}
