// SPDX-License-Identifier: BSL-1.0
// Classic bugs in which a cancel or a timeout comes at the wrong moment, each found by explore(),
// and each gone in every order once it is mended.
#include <doctest/doctest.h>

#include <optional>

#include "explored.hpp"

using namespace weft_tests;
using namespace std::chrono_literals;
using weft::testing::check;

namespace {

// Hands its permits over. A waiter that got one and is cancelled before it uses it must pass it on.
template <bool is_mended>
class permits {
 public:
  explicit permits(int count) : free_(count) {}
  void acquire() {
    if (free_ > 0) {
      --free_;
      return;
    }
    room_.wait();
    try {
      weft::checkpoint();
    } catch (...) {
      if (is_mended) release();
      throw;
    }
  }
  void release() {
    if (!room_.wake_one()) ++free_;
  }
  int free() const { return free_; }

 private:
  int free_;
  waiting_room room_;
};

template <bool is_mended>
void cancel_a_waiter() {
  permits<is_mended> all(1);
  auto holder = weft::spawn([&] {
    all.acquire();
    weft::yield();
    all.release();
  });
  auto waiter = weft::spawn([&] {
    all.acquire();
    all.release();
  });
  weft::yield();
  waiter.cancel();
  waiter.join();
  holder.join();
  check(all.free() == 1, "the permit is back");
}

// A client with a limit for each request. The timer of an answered request goes off all the same,
// and must not end the next one.
template <bool is_mended>
class client {
 public:
  // False if the time was up.
  bool ask(weft::duration limit) {
    const unsigned mine = ++request_;
    answer_.emplace();
    weft::future<bool> got = answer_->get_future();
    timers_.push_back(weft::spawn([this, limit, mine] {
      weft::await_sleep(limit);
      if (answer_ && (!is_mended || mine == request_)) settle(false);
    }));
    auto server = weft::spawn([this] {
      weft::yield();
      if (answer_) settle(true);
    });
    const bool is_in_time = got.get();
    server.join();
    return is_in_time;
  }

 private:
  void settle(bool is_in_time) {
    answer_->set_value(is_in_time);
    answer_.reset();
  }
  unsigned request_ = 0;
  std::optional<weft::promise<bool>> answer_;
  std::vector<weft::task<>> timers_;
};

template <bool is_mended>
void ask_twice() {
  client<is_mended> one;
  one.ask(10ms);
  const weft::time_point end = weft::now() + 50ms;
  const bool is_in_time = one.ask(50ms);
  check(is_in_time || weft::now() >= end, "a request had all of its time");
}

}  // namespace

TEST_CASE_FIXTURE(exploring, "torture 35: explore finds a cancelled waiter that keeps its permit") {
  finds("the permit is back", cancel_a_waiter<false>);
  passes(cancel_a_waiter<true>);
}

TEST_CASE_FIXTURE(exploring, "torture 35: explore finds a stale timeout") {
  const auto found = finds("a request had all of its time", ask_twice<false>);
  CHECK(found.timeline.find("time: +10000000 ns: wakes fiber") != std::string::npos);
  passes(ask_twice<true>);
}

TEST_CASE_FIXTURE(exploring,
                  "explore: without timers_race time passes only when nothing is ready") {
  weft::testing::explore_options patient;
  patient.timers_race = false;
  passes(ask_twice<false>, patient);
}
