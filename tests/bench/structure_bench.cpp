// SPDX-License-Identifier: BSL-1.0
// What structure costs: a scope or a timeout around a wait, a timeout among many timers, gather.
// weft over the backend that the build names; its own plain operations are the peers, libuv's
// timers, Go and Python's asyncio where they are installed.
#include <weft/weft.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "process.hpp"
#include "program.hpp"
#include "weft_quiet.hpp"

#if COST_HAVE_LIBUV
#include <uv.h>
#endif

namespace {

using namespace cost;
using namespace std::chrono_literals;

// Ten fibers that all do the same, for ever; main is one of them.
template <class Step>
class ring final : public contender {
 public:
  ring() {
    loop_.run([this] {
      for (int i = 1; i < fibers; ++i) {
        others_.push_back(weft::spawn([this] {
          while (!stops_) Step::take();
        }));
      }
      weft::yield();
    });
  }
  ~ring() override {
    stops_ = true;
    loop_.run([this] { others_.clear(); });
  }
  std::uint64_t run(std::uint64_t operations) override {
    const std::uint64_t rounds = operations / fibers + 1;
    loop_.run([rounds] {
      for (std::uint64_t i = 0; i < rounds; ++i) Step::take();
    });
    return rounds * fibers;
  }

 private:
  static constexpr int fibers = 10;
  weft::runner loop_{quiet()};
  std::vector<weft::task<>> others_;
  bool stops_ = false;
};

struct plain {
  static void take() { weft::yield(); }
};
struct scoped {
  static void take() {
    weft::cancel_scope scope;
    weft::with_scope(scope, [] { weft::yield(); });
  }
};
struct timed {
  static void take() {
    weft::with_timeout(1h, [] { weft::yield(); });
  }
};
struct hidden {
  static void take() {
    weft::shielded([] { weft::yield(); });
  }
};

template <class Step>
entry in_ring(const char* name) {
  return {name, []() -> std::unique_ptr<contender> { return std::make_unique<ring<Step>>(); }};
}

// Milliseconds in which the many timers are spread, and the one that is set and withdrawn falls.
constexpr unsigned spread_ms = 1'000'000;

// The region does nothing: what is left is the timer.
class timeouts final : public contender {
 public:
  explicit timeouts(std::size_t timers) {
    loop_.run([&] {
      nap_lengths naps(spread_ms);
      for (std::size_t i = 0; i < timers; ++i) {
        sleepers_.push_back(
            weft::spawn([nap = 1h + naps.next_ms() * 1ms] { weft::await_sleep(nap); }));
      }
      weft::await_sleep(1ms);
    });
  }
  ~timeouts() override {
    loop_.run([this] { sleepers_.clear(); });
  }
  std::uint64_t run(std::uint64_t operations) override {
    loop_.run([&] {
      for (std::uint64_t i = 0; i < operations; ++i) {
        weft::with_timeout(1h + naps_.next_ms() * 1ms, [] { asm volatile("" : : : "memory"); });
      }
    });
    return operations;
  }

 private:
  weft::runner loop_{quiet()};
  std::vector<weft::task<>> sleepers_;
  nap_lengths naps_{spread_ms};
};

#if COST_HAVE_LIBUV
class uv_timeouts final : public contender {
 public:
  explicit uv_timeouts(std::size_t timers) : timers_(timers + 1) {
    uv_loop_init(&loop_);
    nap_lengths naps(spread_ms);
    for (uv_timer_t& one : timers_) {
      uv_timer_init(&loop_, &one);
      if (&one != &timers_.back()) uv_timer_start(&one, &nothing, 3'600'000 + naps.next_ms(), 0);
    }
  }
  ~uv_timeouts() override {
    for (uv_timer_t& one : timers_) uv_close(reinterpret_cast<uv_handle_t*>(&one), nullptr);
    uv_run(&loop_, UV_RUN_DEFAULT);
    uv_loop_close(&loop_);
  }
  std::uint64_t run(std::uint64_t operations) override {
    for (std::uint64_t i = 0; i < operations; ++i) {
      uv_timer_start(&timers_.back(), &nothing, 3'600'000 + naps_.next_ms(), 0);
      uv_timer_stop(&timers_.back());
    }
    return operations;
  }

 private:
  static void nothing(uv_timer_t*) {}
  uv_loop_t loop_{};
  std::vector<uv_timer_t> timers_;
  nap_lengths naps_{spread_ms};
};
#endif

// All of a batch started, then all waited for.
class batches final : public contender {
 public:
  batches(std::size_t batch, bool gathers) : batch_(batch), gathers_(gathers) {}
  std::uint64_t run(std::uint64_t operations) override {
    const std::uint64_t rounds = operations / batch_ + 1;
    loop_.run([&] {
      for (std::uint64_t i = 0; i < rounds; ++i) {
        std::vector<weft::task<int>> tasks;
        tasks.reserve(batch_);
        for (std::size_t each = 0; each < batch_; ++each) tasks.push_back(weft::spawn(&one));
        if (gathers_) {
          sum_ += weft::gather(tasks).size();
        } else {
          for (weft::task<int>& task : tasks) sum_ += static_cast<std::size_t>(task.get());
        }
      }
    });
    return rounds * batch_;
  }

 private:
  static int one() { return 1; }
  weft::runner loop_{quiet()};
  std::size_t batch_;
  bool gathers_;
  std::size_t sum_ = 0;
};

// The same in other languages, for the rows that they have: see go_peer.go and asyncio_peer.py.
void add_languages(row& to, [[maybe_unused]] const std::string& what,
                   [[maybe_unused]] const std::string& count = "0",
                   [[maybe_unused]] bool is_timed = false) {
  [[maybe_unused]] const auto add = [&to](const char* name, std::vector<std::string> arguments) {
    to.entries.push_back({name, [arguments]() -> std::unique_ptr<contender> {
                            return std::make_unique<process>(arguments);
                          }});
  };
#if COST_HAVE_GO
  add(is_timed ? "Go, in a timeout" : "Go", {peer_program("cost_go_peer"), what, count});
#endif
#if COST_HAVE_ASYNCIO
  add(is_timed ? "asyncio, in a timeout" : "asyncio", {"python3", peer_program("asyncio_peer.py"), what, count});
#endif
}

std::vector<row> rows(const arguments& given) {
  constexpr const char* yield = "yield";
  constexpr const char* scope = "in a scope";
  row waits;
  waits.name = "a yield among 10 fibers";
  waits.peer = yield;
  waits.entries = {in_ring<plain>(yield), in_ring<scoped>(scope), in_ring<timed>("in with_timeout"),
                   in_ring<hidden>("in shielded")};
  add_languages(waits, "yield");
  add_languages(waits, "timeout", "0", true);
  waits.goals = {{scope, yield, 3.0}};

  const std::size_t timers = given.is_quick ? 10'000 : 100'000;
  row withdrawn;
  withdrawn.name = std::to_string(timers) + " timers, one more set and withdrawn";
  withdrawn.peer = "libuv";
  withdrawn.entries = {{"with_timeout", [timers]() -> std::unique_ptr<contender> {
                          return std::make_unique<timeouts>(timers);
                        }}};
#if COST_HAVE_LIBUV
  withdrawn.entries.push_back({"libuv", [timers]() -> std::unique_ptr<contender> {
                                 return std::make_unique<uv_timeouts>(timers);
                               }});
#endif
  add_languages(withdrawn, "timers", std::to_string(timers));
  withdrawn.goals = {{"with_timeout", "libuv", 0.25}};

  const auto batch_of = [](bool gathers) -> std::function<std::unique_ptr<contender>()> {
    return [gathers] { return std::make_unique<batches>(10'000, gathers); };
  };
  row gathered;
  gathered.name = "10,000 tasks started and waited for";
  gathered.peer = "get() of each";
  gathered.entries = {{"get() of each", batch_of(false)}, {"gather", batch_of(true)}};
  add_languages(gathered, "gather", "10000");
  gathered.goals = {{"gather", "get() of each", 1.3}};
  return {waits, withdrawn, gathered};
}

}  // namespace

int main(int argc, char** argv) {
  return run_program({"structure", {"ns", 1, 1}, &rows}, argc, argv);
}
