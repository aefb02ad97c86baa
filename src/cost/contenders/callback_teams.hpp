// SPDX-License-Identifier: BSL-1.0
// The rows of many tasks as hand-written state machines: a node of a tree counts the answers that
// are still out, and the last one to come goes on in its parent. A part of callback_side.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "callback_queue.hpp"
#include "fiber_teams.hpp"

namespace cost {
namespace {

class callback_teams final : public contender {
 public:
  explicit callback_teams(const team_shape& shape)
      : shape_(shape),
        queue_(shape.kind == team_kind::skynet      ? shape.size * 2
               : shape.kind == team_kind::fork_join ? std::size_t{1} << 22
                                                    : shape.size * 2) {}

  std::uint64_t run(std::uint64_t operations) override {
    if (shape_.kind == team_kind::token_ring) return hand_round(operations);
    for (std::uint64_t i = 0; i < operations; ++i) {
      node root{this, nullptr, 0, shape_.size, 0, 0};
      queue_.push(shape_.kind == team_kind::skynet ? &grow : &fork, &root);
      queue_.run();
    }
    return operations;
  }

  std::uint64_t check(std::uint64_t operations) override {
    if (shape_.kind == team_kind::token_ring) run(operations);
    return answer_;
  }

 private:
  struct node {
    callback_teams* all;
    node* parent;
    std::uint64_t first;
    std::size_t size;
    unsigned waits_for;
    std::uint64_t sum;
  };

  static void answer(node* from, std::uint64_t value) {
    for (;;) {
      node* const parent = from->parent;
      if (parent == nullptr) {
        from->all->answer_ = value;
        return;
      }
      delete from;
      parent->sum += value;
      if (--parent->waits_for != 0) return;
      from = parent;
      value = parent->sum;
    }
  }

  static void grow(void* self) {
    node* const own = static_cast<node*>(self);
    if (own->size == 1) return answer(own, own->first);
    own->waits_for = skynet_children;
    const std::size_t each = own->size / skynet_children;
    for (std::size_t i = 0; i < skynet_children; ++i) {
      own->all->queue_.push(&grow, new node{own->all, own, own->first + i * each, each, 0, 0});
    }
  }

  // One call is a task, the other is gone into at once, as the others do it.
  static void fork(void* self) {
    for (node* own = static_cast<node*>(self);;) {
      if (own->size < 2) return answer(own, own->size);
      own->waits_for = 2;
      own->all->queue_.push(&fork, new node{own->all, own, 0, own->size - 1, 0, 0});
      own = new node{own->all, own, 0, own->size - 2, 0, 0};
    }
  }

  struct member {
    callback_teams* all;
    member* next;
    std::uint64_t number;
  };

  static void hop(void* self) {
    member* const own = static_cast<member*>(self);
    if (own->number == own->all->goal_) {
      own->all->answer_ = own->number;
      return;
    }
    own->next->number = own->number + 1;
    own->all->queue_.push(&hop, own->next);
  }

  std::uint64_t hand_round(std::uint64_t operations) {
    goal_ = laps_for(operations, shape_.size) * shape_.size;
    members_.resize(shape_.size);
    for (std::size_t i = 0; i < shape_.size; ++i) {
      members_[i] = {this, &members_[(i + 1) % shape_.size], 0};
    }
    queue_.push(&hop, &members_[0]);
    queue_.run();
    return goal_;
  }

  team_shape shape_;
  callback_queue queue_;
  std::uint64_t answer_ = 0;
  std::uint64_t goal_ = 0;
  std::vector<member> members_;
};

}  // namespace
}  // namespace cost
