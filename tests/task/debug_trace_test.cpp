// SPDX-License-Identifier: BSL-1.0
// debug::trace: what ui.perfetto.dev is given: valid JSON, slices that do not overlap, arrows that
// begin and end in a slice, and what did not fit is counted.
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include <unistd.h>

#include <doctest/doctest.h>

#include "support/child.hpp"
#include "support/json.hpp"
#include "support/skip.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/debug.hpp"
#include "weft/testing.hpp"
#include "weft/weft.hpp"

using namespace std::chrono_literals;
using weft::await_sleep;
using weft::spawn;
using weft_tests::json;
using weft_tests::json_reader;
using weft_tests::on_virtual_time;

namespace {

std::string text_of(const weft::debug::trace& t) {
  char* text = nullptr;
  std::size_t bytes = 0;
  std::FILE* const file = open_memstream(&text, &bytes);
  t.write_json(file);
  std::fclose(file);
  const std::string all(text, bytes);
  std::free(text);
  return all;
}

struct slice {
  std::string name;
  double begin, end;
};

// Track -> its slices in order of time. Checks that none overlap.
std::map<int, std::vector<slice>> slices_of(const json& all) {
  std::map<int, std::vector<slice>> tracks;
  for (const json& e : all["traceEvents"].items) {
    if (e["ph"].text != "X") continue;
    const double begin = e["ts"].number;
    const double end = begin + e["dur"].number;
    CHECK(e["dur"].number >= 0);
    tracks[static_cast<int>(e["tid"].number)].push_back({e["name"].text, begin, end});
  }
  for (const auto& [tid, track] : tracks) {
    for (std::size_t i = 1; i < track.size(); ++i) CHECK(track[i].begin >= track[i - 1].end - 1e-6);
  }
  return tracks;
}

bool is_inside(const std::vector<slice>& track, double time) {
  for (const slice& s : track) {
    if (time >= s.begin - 1e-6 && time <= s.end + 1e-6) return true;
  }
  return false;
}

// Every arrow begins once and ends once, later or at once, in slices of the tracks that it names.
void check_arrows(const json& all) {
  auto tracks = slices_of(all);
  std::map<int, double> begun;
  for (const json& e : all["traceEvents"].items) {
    const std::string ph = e["ph"].text;
    if (ph != "s" && ph != "f") continue;
    const int id = static_cast<int>(e["id"].number);
    CHECK(is_inside(tracks[static_cast<int>(e["tid"].number)], e["ts"].number));
    if (ph == "s") {
      CHECK(begun.emplace(id, e["ts"].number).second);
    } else {
      REQUIRE(begun.count(id) == 1);
      CHECK(e["ts"].number >= begun[id]);
    }
  }
}

std::string name_of_track(const json& all, int tid) {
  for (const json& e : all["traceEvents"].items) {
    if (e["ph"].text == "M" && e["name"].text == "thread_name" && e["tid"].number == tid) {
      return e["args"]["name"].text;
    }
  }
  return {};
}

std::string names_of(const std::vector<slice>& track) {
  std::string all;
  for (const slice& s : track) all += (all.empty() ? "" : " ") + s.name;
  return all;
}

}  // namespace

TEST_CASE_FIXTURE(on_virtual_time, "trace: a track a fiber, a slice for each run, wait and delay") {
  run([] {
    const weft::debug::trace recorded;
    auto sleeper = spawn({"sleeper"}, [] { await_sleep(1500us); });
    auto joiner = spawn([&] { sleeper.join(); });
    joiner.join();
    const json all = json_reader::read(text_of(recorded));
    auto tracks = slices_of(all);
    CHECK(names_of(tracks[1]) == "run join ready run");
    CHECK(names_of(tracks[2]) == "ready run sleep ready run");
    CHECK(names_of(tracks[3]) == "ready run join ready run");
    REQUIRE(tracks[2].size() == 5);
    CHECK(tracks[2][2].end - tracks[2][2].begin == doctest::Approx(1500));
    CHECK(name_of_track(all, 0) == "loop");
    CHECK(name_of_track(all, 1) == "fiber 1 'main'");
    CHECK(name_of_track(all, 2) == "fiber 2 'sleeper'");
    CHECK(name_of_track(all, 3) == "fiber 3");
    CHECK(all["otherData"]["left_out"].number == 0);
    CHECK(all["otherData"]["recorded"].number == static_cast<double>(recorded.size()));
    check_arrows(all);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "trace: a wait tells whom it was for and who ended it") {
  run([] {
    const weft::debug::trace recorded;
    auto sleeper = spawn([] { await_sleep(1ms); });
    sleeper.join();
    const int line = __LINE__ - 2;
    const json all = json_reader::read(text_of(recorded));
    int found = 0;
    for (const json& e : all["traceEvents"].items) {
      if (e["name"].text == "join") {
        CHECK(e["args"]["for_fiber"].number == 2);
        CHECK(e["args"]["woken_by"].number == 2);
        ++found;
      } else if (e["name"].text == "sleep") {
        CHECK(e["args"]["woken_by"].number == 0);  // the loop
        ++found;
      } else if (e["name"].text == "spawn") {
        CHECK(e["tid"].number == 1);
        CHECK(e["args"]["fiber"].number == 2);
        CHECK(e["args"]["site"].text == "debug_trace_test.cpp:" + std::to_string(line));
        ++found;
      }
    }
    CHECK(found == 3);
  });
}

TEST_CASE("trace: a busy program in real time: valid, no overlap, every arrow in its slices") {
  weft::run([] {
    weft::debug::trace recorded;
    std::vector<weft::task<void>> tasks;
    for (int i = 0; i < 30; ++i) {
      tasks.push_back(spawn([i] {
        for (int k = 0; k < i % 5; ++k) weft::yield();
        await_sleep(std::chrono::microseconds(i * 37 % 400));
        auto child = spawn([] { weft::yield(); });
        child.join();
        weft::with_timeout(1ms, [] { weft::yield(); });
      }));
    }
    tasks[7].cancel();
    for (auto& one : tasks) one.join();
    const std::string text = text_of(recorded);
    check_arrows(json_reader::read(text));
    // The same a second time: writing changes nothing.
    CHECK(json_reader::read(text_of(recorded))["traceEvents"].items.size() ==
          json_reader::read(text)["traceEvents"].items.size());
  });
}

TEST_CASE("trace: python reads it") {
  if (weft_tests::run_program({"python3", "-c", "import json"}).status != 0) {
    WEFT_SKIP("python3 is not installed");
  }
  const std::string file =
      std::filesystem::temp_directory_path() / ("weft-trace-" + std::to_string(getpid()));
  weft::run([&] {
    weft::debug::trace recorded;
    spawn({"a \"name\" \\ with\tall \x01 and \xff\xc3\xa4"}, [] { weft::yield(); }).join();
    recorded.write_json(file);
    const json all = json_reader::read(text_of(recorded));
    // Bytes that are no UTF-8 come out as Latin-1 would have them; the reader here keeps bytes.
    CHECK(name_of_track(all, 2) == "fiber 2 'a \"name\" \\ with\tall \x01 and \xff\xc3\xa4'");
  });
  const auto end = weft_tests::run_program({"python3", "-m", "json.tool", file});
  std::filesystem::remove(file);
  CHECK(end.status == 0);
  CHECK(end.says("\"traceEvents\""));
}

TEST_CASE_FIXTURE(on_virtual_time, "trace: of more events than there is room for, the latest") {
  run([] {
    weft::debug::trace recorded(100);
    for (int i = 0; i < 1000; ++i) spawn({"one " + std::to_string(i)}, [] {}).join();
    CHECK(recorded.size() == 100);
    CHECK(recorded.left_out() > 4000);
    const json all = json_reader::read(text_of(recorded));
    CHECK(all["otherData"]["left_out"].number == static_cast<double>(recorded.left_out()));
    CHECK(all["otherData"]["recorded"].number == 100);
    CHECK(slices_of(all).size() < 30);
    CHECK(name_of_track(all, 1001) == "fiber 1001 'one 999'");
    CHECK(name_of_track(all, 2).empty());
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "trace: a file that cannot be written is an error with its name") {
  run([] {
    const weft::debug::trace recorded;
    try {
      recorded.write_json("/no/such/folder/trace.json");
      FAIL("it was written");
    } catch (const std::system_error& error) {
      CHECK(error.code() == std::errc::no_such_file_or_directory);
      CHECK(std::string(error.what()).find("'/no/such/folder/trace.json'") != std::string::npos);
    }
    if (access("/dev/full", W_OK) != 0) return;
    try {
      recorded.write_json("/dev/full");
      FAIL("it was written");
    } catch (const std::system_error& error) {
      CHECK(error.code() == std::errc::no_space_on_device);
    }
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "trace: outlives run(), and ends with it") {
  std::unique_ptr<weft::debug::trace> recorded;
  run([&] {
    recorded = std::make_unique<weft::debug::trace>();
    spawn({"kept name"}, [] {}).join();
  });
  const auto events = recorded->size();
  run([] { weft::yield(); });
  CHECK(recorded->size() == events);
  CHECK(name_of_track(json_reader::read(text_of(*recorded)), 2) == "fiber 2 'kept name'");
}

TEST_CASE_FIXTURE(on_virtual_time, "trace: beside a testing::trace, whose events stay the same") {
  run([] {
    const auto told = [] {
      const weft::testing::trace plain;
      spawn([] { await_sleep(1ms); }).join();
      return plain.events().size();
    };
    const auto alone = told();
    const weft::debug::trace recorded;
    CHECK(told() == alone);
    CHECK(recorded.size() > alone);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "trace: one at a time, with some room, and only in a loop") {
  CHECK_THROWS_AS(weft::debug::trace(), std::logic_error);
  run([] {
    CHECK_THROWS_AS(weft::debug::trace(0), std::logic_error);
    {
      const weft::debug::trace first;
      CHECK_THROWS_AS(weft::debug::trace(), std::logic_error);
    }
    const weft::debug::trace second;
    CHECK(second.size() >= 1);
  });
}
