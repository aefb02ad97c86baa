// SPDX-License-Identifier: BSL-1.0
// See measure.hpp.
#include "measure.hpp"

#include <algorithm>
#include <atomic>
#include <ctime>
#include <fstream>
#include <thread>

#include "weft/cancel_scope.hpp"
#include "weft/errors.hpp"
#include "weft/hook.hpp"
#include "weft/run.hpp"
#include "weft/spawn.hpp"
#include "weft/this_fiber.hpp"
#include "weft/time.hpp"

namespace legacy {
namespace {

using std::chrono::steady_clock;
using namespace std::chrono_literals;

unsigned count_threads() {
  const weft::hook::off plainly;
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.rfind("Threads:", 0) == 0) return static_cast<unsigned>(std::stoul(line.substr(8)));
  }
  return 0;
}

seconds cpu_time() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

// Nanoseconds that this thread ran, and that it could have and had no processor. Source:
// Documentation/scheduler/sched-stats.rst of Linux.
struct processor_times {
  double ran = 0;
  double waited = 0;
};
processor_times times_of_thread() {
  const weft::hook::off plainly;
  processor_times times;
  std::ifstream("/proc/thread-self/schedstat") >> times.ran >> times.waited;
  return times;
}

// Sleeps for a millisecond, over and over, and notes how much longer each one took.
class ticker {
 public:
  void run() {
    constexpr auto period = 1ms;
    for (unsigned turn = 0; !must_end; ++turn) {
      const auto due = weft::now() + period;
      weft::await_sleep_until(due);
      late_.push_back(weft::now() - due);
      if (turn % 8 == 0) threads = std::max(threads, count_threads());
    }
  }

  // So late was one in a hundred, or later.
  seconds late() {
    if (late_.empty()) return seconds(0);
    std::sort(late_.begin(), late_.end());
    return late_[(late_.size() - 1) * 99 / 100];
  }
  seconds latest() { return late_.empty() ? seconds(0) : seconds(late_.back()); }

  bool must_end = false;
  unsigned threads = 0;

 private:
  std::vector<weft::duration> late_;
};

}  // namespace

seconds measure_serially(const std::function<void(int)>& body, int count) {
  const auto begin = steady_clock::now();
  for (int i = 0; i < count; ++i) body(i);
  return seconds(steady_clock::now() - begin) / std::max(count, 1);
}

measurement measure_together(const std::function<void(int)>& body, int count,
                             std::chrono::milliseconds apart) {
  measurement result;
  std::string wrong;
  const auto guarded = [&](int index) {
    try {
      body(index);
    } catch (const std::exception& error) {
      if (wrong.empty()) wrong = error.what();
    }
  };
  weft::run([&] {
    ticker ticks;
    auto ticking = weft::spawn({"ticker"}, [&] { ticks.run(); });
    const processor_times before = times_of_thread();
    const auto begin = steady_clock::now();
    std::vector<weft::task<void>> all;
    for (int i = 0; i < count; ++i) {
      all.push_back(weft::spawn([&guarded, i] { guarded(i); }));
      if (apart > 0ms) weft::await_sleep(apart);
    }
    for (auto& one : all) one.get();
    result.together = steady_clock::now() - begin;
    const processor_times after = times_of_thread();
    if (after.ran > before.ran) {
      result.slowed = 1 + (after.waited - before.waited) / (after.ran - before.ran);
    }
    ticks.must_end = true;
    ticking.get();
    result.late = ticks.late();
    result.latest = ticks.latest();
    result.threads = ticks.threads;
    result.threads_after = count_threads();
  });
  require(wrong.empty(), wrong);
  return result;
}

seconds measure_threads(const std::function<void(int)>& body, int count) {
  std::vector<std::thread> all;
  std::atomic<bool> is_wrong{false};
  const auto begin = steady_clock::now();
  for (int i = 0; i < count; ++i) {
    all.emplace_back([&body, &is_wrong, i] {
      try {
        body(i);
      } catch (const std::exception&) {
        is_wrong = true;
      }
    });
  }
  for (std::thread& one : all) one.join();
  require(!is_wrong, "a client on a thread got a wrong answer");
  return steady_clock::now() - begin;
}

ended_call end_by_timeout(const row& what, std::chrono::milliseconds timeout) {
  ended_call result;
  weft::run([&] {
    std::unique_ptr<long_call> call = what.open();
    const seconds cpu = cpu_time();
    const auto begin = steady_clock::now();
    try {
      weft::with_timeout(timeout, [&] { result.has_failed = call->fails(); });
    } catch (const weft::timeout_error&) {  // if the library waits by a call of weft's
    }
    const auto back = steady_clock::now();
    result.back = back - begin;
    result.cpu = cpu_time() - cpu;
    call.reset();
    result.close = steady_clock::now() - back;
    what.once(7);
  });
  return result;
}

}  // namespace legacy
