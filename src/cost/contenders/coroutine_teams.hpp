// SPDX-License-Identifier: BSL-1.0
// The C++20 peer's rows of many tasks: those of fiber_teams.hpp. A part of coroutine_side.cpp.
#pragma once

#include <array>
#include <coroutine>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "coroutine_messages.hpp"
#include "coroutine_started.hpp"
#include "coroutine_task.hpp"
#include "fiber_teams.hpp"

namespace cost {
namespace {

class coroutine_teams final : public contender {
 public:
  explicit coroutine_teams(const team_shape& shape) : shape_(shape) {
    const bool is_crowd = shape.kind == team_kind::crowd;
    const std::size_t channels = is_crowd                              ? 1
                                 : shape.kind == team_kind::token_ring ? shape.size
                                                                       : 0;
    for (std::size_t i = 0; i < channels; ++i) {
      channels_.push_back(std::make_unique<coroutine_channel>(is_crowd ? crowd_capacity : 1));
    }
  }

  // Room for everybody who can be ready at once: all leaves of a tree.
  std::uint64_t run(std::uint64_t operations) override {
    ready.restart(shape_.kind == team_kind::skynet      ? shape_.size * 2
                  : shape_.kind == team_kind::fork_join ? std::size_t{1} << 22
                                                        : shape_.size * 2 + 2);
    done_ = operations;
    task<> driver = drive(operations);
    driver.handle().resume();
    return done_;
  }

  std::uint64_t check(std::uint64_t operations) override {
    // A tree's answer is that of the last run: another one would take as long again.
    if (shape_.kind != team_kind::skynet && shape_.kind != team_kind::fork_join) run(operations);
    return answer_;
  }

 private:
  task<> drive(std::uint64_t operations) {
    switch (shape_.kind) {
      case team_kind::skynet:
        for (std::uint64_t i = 0; i < operations; ++i) answer_ = co_await skynet(0, shape_.size);
        break;
      case team_kind::fork_join:
        for (std::uint64_t i = 0; i < operations; ++i) answer_ = co_await fib(shape_.size);
        break;
      case team_kind::token_ring:
        co_await hand_round(operations);
        break;
      case team_kind::crowd:
        co_await exchange(operations);
        break;
    }
    std::coroutine_handle<> none;
    co_await paused_driver{none};  // back to run()
  }

  static started skynet(std::uint64_t first, std::size_t leaves) {
    if (leaves == 1) co_return first;
    std::array<std::optional<started>, skynet_children> children;
    const std::size_t each = leaves / skynet_children;
    for (std::size_t i = 0; i < skynet_children; ++i) {
      children[i].emplace(skynet(first + i * each, each));
    }
    std::uint64_t sum = 0;
    for (auto& one : children) {
      started& child = *one;  // g++ 12 would copy what `*one` refers to
      sum += co_await child;
    }
    co_return sum;
  }

  // The other call is awaited at once: a coroutine cannot call one that may wait.
  static started fib(std::size_t n) {
    if (n < 2) co_return n;
    started one = fib(n - 1);
    const std::uint64_t two = co_await fib_inside(n - 2);
    co_return co_await one + two;
  }
  static task<std::uint64_t> fib_inside(std::size_t n) {
    if (n < 2) co_return n;
    started one = fib(n - 1);
    const std::uint64_t two = co_await fib_inside(n - 2);
    co_return co_await one + two;
  }

  started member(std::size_t i, std::uint64_t rounds) {
    const std::size_t next = (i + 1) % shape_.size;
    for (; rounds != 0; --rounds) {
      const std::uint64_t number = co_await channels_[i]->recv();
      co_await channels_[next]->send(number + 1);
    }
    co_return 0;
  }

  task<> hand_round(std::uint64_t operations) {
    const std::uint64_t rounds = laps_for(operations, shape_.size);
    std::vector<started> others;
    for (std::size_t i = 1; i < shape_.size; ++i) others.push_back(member(i, rounds));
    std::uint64_t number = 0;
    for (std::uint64_t left = rounds; left != 0; --left) {
      co_await channels_[1 % shape_.size]->send(number + 1);
      number = co_await channels_[0]->recv();
    }
    for (started& each : others) co_await each;
    answer_ = number;
    done_ = rounds * shape_.size;
  }

  started sender(std::uint64_t count) {
    for (std::uint64_t n = 0; n < count; ++n) co_await channels_[0]->send(n);
    co_return 0;
  }
  started receiver(std::uint64_t count) {
    std::uint64_t sum = 0;
    for (std::uint64_t n = 0; n < count; ++n) sum += co_await channels_[0]->recv();
    co_return sum;
  }

  task<> exchange(std::uint64_t operations) {
    const std::uint64_t each = laps_for(operations, shape_.size);
    std::vector<started> all;
    for (std::size_t i = 0; i < shape_.size; ++i) {
      all.push_back(sender(each));
      all.push_back(receiver(each));
    }
    answer_ = 0;
    for (started& one : all) answer_ += co_await one;
    done_ = each * shape_.size;
  }

  team_shape shape_;
  std::vector<std::unique_ptr<coroutine_channel>> channels_;
  std::uint64_t answer_ = 0;
  std::uint64_t done_ = 0;
};

}  // namespace
}  // namespace cost
