// SPDX-License-Identifier: BSL-1.0
// One server in five steps, from threads to channels: the same client finds the same server.
#include <doctest/doctest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "examples/clients.hpp"
#include "support/build_kind.hpp"
#include "support/skip.hpp"

using namespace std::chrono_literals;
using namespace weft_tests;

namespace {

constexpr const char* steps[] = {"step1_threads", "step2_hooked", "step3_spawn", "step4_timeouts",
                                 "step5_channels"};
constexpr const char* steps_with_timeouts[] = {"step4_timeouts", "step5_channels"};

constexpr const char* not_hooked =
    "the examples, or libweft-hook, are not built (-Dexamples=disabled, or ThreadSanitizer)";

bool is_built() { return fs::exists(program("migrate_step5_channels")); }

std::string path_of(const std::string& step) { return program("migrate_" + step).string(); }

// One that sends lines and reads lines.
class line_client {
 public:
  explicit line_client(const server_child& server) : peer_(connected_to(server)) {}

  void send(const std::string& text) { peer_.write_all(text); }

  std::string hear() {
    while (rest_.find('\n') == std::string::npos) {
      char block[512];
      const std::size_t bytes = peer_.read_some(block, sizeof block);
      if (bytes == 0) return "(the end)";
      rest_.append(block, bytes);
    }
    std::string line = rest_.substr(0, rest_.find('\n'));
    rest_.erase(0, line.size() + 1);
    return line;
  }

  std::string ask(const std::string& line) {
    send(line + "\n");
    return hear();
  }

 private:
  weft::tcp_stream peer_;
  std::string rest_;
};

// Everything that the server is asked, with its answers.
std::vector<std::string> conversation(const server_child& server) {
  std::vector<std::string> heard;
  line_client one(server);
  line_client two(server);
  const auto ask = [&](line_client& who, const std::string& line) {
    heard.push_back(line + " -> " + who.ask(line));
  };
  ask(one, "set x 5");
  ask(two, "get x");
  ask(two, "add x 2");
  ask(one, "get y");
  ask(one, "count");
  ask(one, "nonsense");
  ask(one, "slow 20");
  one.send("add x 1\nget x\n");  // two lines in one piece, and one line in two
  heard.push_back(one.hear());
  heard.push_back(one.hear());
  one.send("ge");
  weft::await_sleep(5ms);
  ask(one, "t x");
  std::vector<weft::task<>> crowd;
  for (int i = 0; i < 8; ++i) {
    crowd.push_back(weft::spawn([&server] {
      line_client member(server);
      for (int n = 0; n < 25; ++n) member.ask("add crowd 1");
      member.ask("quit");
    }));
  }
  weft::gather(crowd);
  ask(two, "get crowd");
  ask(one, "quit");
  heard.push_back(one.hear());
  heard.push_back(two.hear());  // it is silent for too long
  heard.push_back(two.hear());
  return heard;
}

const std::vector<std::string> expected = {
    "set x 5 -> 5",
    "get x -> 5",
    "add x 2 -> 7",
    "get y -> none",
    "count -> 1",
    "nonsense -> error: unknown request",
    "slow 20 -> done",
    "8",
    "8",
    "t x -> 8",
    "get crowd -> 200",
    "quit -> bye",
    "(the end)",
    "error: idle for too long",
    "(the end)",
};

long in_status(pid_t process, const std::string& key) {
  std::ifstream lines("/proc/" + std::to_string(process) + "/status");
  for (std::string word; lines >> word;) {
    if (long number = 0; word == key && lines >> number) return number;
  }
  return -1;
}

bool allow_descriptors(std::size_t count) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < count) limit.rlim_cur = limit.rlim_max;
  return limit.rlim_cur >= count && setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

}  // namespace

TEST_CASE("migrate: in all five steps the same client finds the same server") {
  if (!is_built()) WEFT_SKIP(not_hooked);
  for (const std::string step : steps) {
    CAPTURE(step);
    server_child server(path_of(step), {"--idle", "1000"});
    REQUIRE(server.port() != 0);
    as_client([&] { CHECK(conversation(server) == expected); });
    CHECK(server.wait_for("connection 1: 8 requests\n"));
    CHECK(server.wait_for("connection 2: 3 requests\n"));
    server.end_by(SIGTERM);
  }
}

TEST_CASE("migrate: from step 4 on a line that comes in drops, and a long request, are cut off") {
  if (!is_built()) WEFT_SKIP(not_hooked);
  for (const std::string step : steps_with_timeouts) {
    CAPTURE(step);
    server_child server(path_of(step), {"--idle", "500", "--limit", "100"});
    REQUIRE(server.port() != 0);
    as_client([&] {
      line_client patient(server);
      CHECK(patient.ask("slow 60000") == "error: took too long");
      CHECK(patient.ask("set x 1") == "1");
      line_client dripping(server);
      auto drops = weft::spawn([&] {
        for (;;) {
          dripping.send("x");
          weft::await_sleep(50ms);
        }
      });
      CHECK(dripping.hear() == "error: idle for too long");
    });
    server.end_by(SIGTERM);
  }
}

TEST_CASE("migrate: from step 4 on SIGTERM lets what has begun end, and says goodbye") {
  if (!is_built()) WEFT_SKIP(not_hooked);
  for (const std::string step : steps_with_timeouts) {
    CAPTURE(step);
    server_child server(path_of(step));
    REQUIRE(server.port() != 0);
    as_client([&] {
      line_client idle(server);
      line_client busy(server);
      CHECK(idle.ask("set x 1") == "1");
      CHECK(busy.ask("get x") == "1");
      busy.send("slow 300\n");
      weft::await_sleep(100ms);  // it arrives: there is nothing to see from here
      kill(server.id(), SIGTERM);
      CHECK(idle.hear() == "bye: the server ends");
      CHECK(idle.hear() == "(the end)");
      CHECK(busy.hear() == "done");
      CHECK(busy.hear() == "bye: the server ends");
    });
    const child_end end = server.end_by(0);  // it is about to end: only waits
    CHECK(end.status == 0);
    CHECK(end.says("connection 2: 2 requests\nall connections are closed\n"));
  }
}

TEST_CASE("migrate: from step 3 on 10,000 connections are one thread's") {
  if (!is_built()) WEFT_SKIP(not_hooked);
  const std::size_t count = scaled(10'000, 500);
  if (!allow_descriptors(count + 200)) WEFT_SKIP("the limit on open files is too low");
  for (const std::string step : {"step3_spawn", "step4_timeouts", "step5_channels"}) {
    CAPTURE(step);
    server_child server(path_of(step));
    REQUIRE(server.port() != 0);
    const long before = in_status(server.id(), "VmRSS:");
    weft::options how;
    how.slow_step = weft::duration::zero();
    weft::run(how, [&] {
      std::vector<line_client> all;
      for (std::size_t i = 0; i < count; ++i) all.emplace_back(server).send("add n 1\n");
      long sum = 0;
      for (line_client& one : all) sum += std::stol(one.hear());
      const auto n = static_cast<long>(count);
      CHECK(sum == n * (n + 1) / 2);  // each saw another value
      const long threads = in_status(server.id(), "Threads:");
      CHECK(threads <= 2);  // the loop's, and the watchdog's
      const double kib = static_cast<double>(in_status(server.id(), "VmRSS:") - before);
      MESSAGE(step, ": ", count, " connections, ", threads, " thread(s), ",
              kib / static_cast<double>(count), " KiB each");
      CHECK(all.front().ask("count") == "1");
    });
    server.end_by(SIGKILL);
  }
}
