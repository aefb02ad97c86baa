// SPDX-License-Identifier: BSL-1.0
// Rows of many tasks that work together, once for every side whose tasks have stacks: fibers of weft
// and of Boost, threads. An Api has run(f), which calls f where tasks may be started; start(f), which
// returns something with join(); and `channel`, with send(number) and recv(). Like spin.hpp's, an Api
// must be of an unnamed namespace.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "side.hpp"
#include "spin.hpp"

namespace cost {

// What all sides count, whatever they are: see fiber_teams, coroutine_teams.hpp, callback_teams.hpp.
constexpr std::size_t skynet_children = 10;
constexpr std::size_t crowd_capacity = 64;

template <class Api>
class fiber_teams final : public contender {
 public:
  explicit fiber_teams(const team_shape& shape) : shape_(shape), api_(shape) {
    const std::size_t channels = shape.kind == team_kind::token_ring ? shape.size
                                 : shape.kind == team_kind::crowd    ? 1
                                                                     : 0;
    for (std::size_t i = 0; i < channels; ++i) {
      channels_.push_back(std::make_unique<typename Api::channel>(
          shape.kind == team_kind::crowd ? crowd_capacity : 1));
    }
  }

  std::uint64_t run(std::uint64_t operations) override {
    std::uint64_t done = operations;
    api_.run([&] {
      switch (shape_.kind) {
        case team_kind::skynet:
          for (std::uint64_t i = 0; i < operations; ++i) answer_ = skynet(0, shape_.size);
          break;
        case team_kind::fork_join:
          for (std::uint64_t i = 0; i < operations; ++i) answer_ = fib(shape_.size);
          break;
        case team_kind::token_ring:
          done = hand_round(operations);
          break;
        case team_kind::crowd:
          done = exchange(operations);
          break;
      }
    });
    return done;
  }

  std::uint64_t check(std::uint64_t operations) override {
    // A tree's answer is that of the last run: another one would take as long again.
    if (shape_.kind != team_kind::skynet && shape_.kind != team_kind::fork_join) run(operations);
    return answer_;
  }

 private:
  using handle = decltype(Api::start(std::declval<void (*)()>()));

  static std::uint64_t skynet(std::uint64_t first, std::size_t leaves) {
    if (leaves == 1) return first;
    std::array<std::uint64_t, skynet_children> results{};
    std::vector<handle> children;
    children.reserve(skynet_children);
    const std::size_t each = leaves / skynet_children;
    for (std::size_t i = 0; i < skynet_children; ++i) {
      children.push_back(Api::start(
          [to = &results[i], from = first + i * each, each] { *to = skynet(from, each); }));
    }
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < skynet_children; ++i) {
      children[i].join();
      sum += results[i];
    }
    return sum;
  }

  static std::uint64_t fib(std::size_t n) {
    if (n < 2) return n;
    std::uint64_t one = 0;
    handle other = Api::start([&one, n] { one = fib(n - 1); });
    const std::uint64_t two = fib(n - 2);
    other.join();
    return one + two;
  }

  // Each adds one; after so many rounds the number is that of the hops.
  std::uint64_t hand_round(std::uint64_t operations) {
    const std::size_t members = shape_.size;
    const std::uint64_t rounds = laps_for(operations, members);
    std::vector<handle> others;
    for (std::size_t i = 1; i < members; ++i) {
      others.push_back(Api::start([this, i, members, rounds] {
        for (std::uint64_t left = rounds; left != 0; --left) {
          const std::uint64_t number = channels_[i]->recv();
          channels_[(i + 1) % members]->send(number + 1);
        }
      }));
    }
    std::uint64_t number = 0;
    for (std::uint64_t left = rounds; left != 0; --left) {
      channels_[1 % members]->send(number + 1);
      number = channels_[0]->recv();
    }
    for (handle& each : others) each.join();
    answer_ = number;
    return rounds * members;
  }

  // The sum of what was received.
  std::uint64_t exchange(std::uint64_t operations) {
    const std::uint64_t each = laps_for(operations, shape_.size);
    std::vector<std::uint64_t> sums(shape_.size);
    std::vector<handle> all;
    for (std::size_t i = 0; i < shape_.size; ++i) {
      all.push_back(Api::start([this, each] {
        for (std::uint64_t n = 0; n < each; ++n) channels_[0]->send(n);
      }));
      all.push_back(Api::start([this, each, to = &sums[i]] {
        for (std::uint64_t n = 0; n < each; ++n) *to += channels_[0]->recv();
      }));
    }
    for (handle& one : all) one.join();
    answer_ = 0;
    for (const std::uint64_t sum : sums) answer_ += sum;
    return each * shape_.size;
  }

  team_shape shape_;
  Api api_;
  std::vector<std::unique_ptr<typename Api::channel>> channels_;
  std::uint64_t answer_ = 0;
};

}  // namespace cost
