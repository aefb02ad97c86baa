// SPDX-License-Identifier: BSL-1.0
// A guest inside the smallest host there is: a loop around poll(2). Also how one is written.
#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/guest_cases.hpp"

namespace {

class poll_host {
 public:
  explicit poll_host(weft::runner& guest) : guest_(guest), news_(guest.pollable_fd()) {}
  ~poll_host() { stop_echo(); }
  poll_host(const poll_host&) = delete;
  poll_host& operator=(const poll_host&) = delete;

  void run_until(const std::function<bool()>& is_over) {
    while (!is_over()) {
      const auto due = std::min(step_at_, timer_at_);
      // Rounded up: early, the step would find nothing and ask to come again.
      const auto wait = std::chrono::ceil<std::chrono::milliseconds>(due - clock::now());
      const auto limit = std::clamp<long long>(wait.count(), 0, 60'000);
      pollfd all[2] = {{news_, POLLIN, 0}, {echo_, POLLIN, 0}};
      if (poll(all, 2, static_cast<int>(limit)) < 0) continue;
      if (clock::now() >= timer_at_) {
        timer_at_ = clock::time_point::max();
        std::exchange(on_timer_, nullptr)();
      }
      if (all[1].revents != 0) pass_on();
      if (all[0].revents != 0 || clock::now() >= step_at_) step();
    }
  }

  void after(std::chrono::milliseconds span, std::function<void()> call) {
    timer_at_ = clock::now() + span;
    on_timer_ = std::move(call);
  }

  void echo(int fd) { echo_ = fd; }

  void leave_alone() {}

  std::size_t steps = 0;

 private:
  using clock = std::chrono::steady_clock;

  void step() {
    ++steps;
    const weft::duration wait = guest_.step();
    step_at_ = wait == weft::duration::max() ? clock::time_point::max() : clock::now() + wait;
  }

  void pass_on() {
    char block[4096];
    const ssize_t got = recv(echo_, block, sizeof block, 0);
    if (got <= 0) {
      stop_echo();
      return;
    }
    for (ssize_t sent = 0; sent < got;) {
      const ssize_t now = send(echo_, block + sent, static_cast<std::size_t>(got - sent), 0);
      if (now < 0) {
        // No room: the guest must read first.
        if (errno != EAGAIN) return;
        step();
      } else {
        sent += now;
      }
    }
  }

  void stop_echo() {
    if (echo_ >= 0) close(std::exchange(echo_, -1));
  }

  weft::runner& guest_;
  const int news_;
  int echo_ = -1;
  clock::time_point step_at_ = clock::time_point::max();
  clock::time_point timer_at_ = clock::time_point::max();
  std::function<void()> on_timer_;
};

}  // namespace

WEFT_GUEST_CASES(poll_host, "guest of poll()")
