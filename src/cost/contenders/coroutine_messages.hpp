// SPDX-License-Identifier: BSL-1.0
// The C++20 peer's channel, for one thread: a ring of values, and lists of who waits; whoever can
// go on goes to the end of the handle ring. A part of coroutine_side.cpp.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "coroutine_task.hpp"
#include "messages.hpp"
#include "side.hpp"

namespace cost {
namespace {

class coroutine_channel {
  struct waiting {
    std::coroutine_handle<> who;
    std::uint64_t* value = nullptr;
    waiting* next = nullptr;
  };
  struct queue {
    waiting* first = nullptr;
    waiting** last = &first;
    void push(waiting& one) noexcept {
      one.next = nullptr;
      *last = &one;
      last = &one.next;
    }
    waiting& pop() noexcept {
      waiting& one = *first;
      first = one.next;
      if (first == nullptr) last = &first;
      return one;
    }
  };

 public:
  explicit coroutine_channel(std::size_t capacity)
      : ring_(std::make_unique<std::uint64_t[]>(capacity + 1)), capacity_(capacity) {}

  struct sending : waiting {
    coroutine_channel& to;
    std::uint64_t number;
    sending(coroutine_channel& channel, std::uint64_t given) noexcept
        : to(channel), number(given) {}
    bool await_ready() noexcept {
      if (to.receivers_.first != nullptr) {
        waiting& partner = to.receivers_.pop();
        *partner.value = number;
        ready.push(partner.who);
        return true;
      }
      if (to.count_ == to.capacity_) return false;
      to.put(number);
      return true;
    }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> self) noexcept {
      who = self;
      value = &number;
      to.senders_.push(*this);
      return ready.pop();
    }
    void await_resume() const noexcept {}
  };

  struct receiving : waiting {
    coroutine_channel& from;
    std::uint64_t number = 0;
    explicit receiving(coroutine_channel& channel) noexcept : from(channel) {}
    bool await_ready() noexcept {
      if (from.count_ != 0) {
        number = from.take();
        if (from.senders_.first != nullptr) {
          waiting& partner = from.senders_.pop();
          from.put(*partner.value);
          ready.push(partner.who);
        }
        return true;
      }
      if (from.senders_.first == nullptr) return false;
      waiting& partner = from.senders_.pop();
      number = *partner.value;
      ready.push(partner.who);
      return true;
    }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> self) noexcept {
      who = self;
      value = &number;
      from.receivers_.push(*this);
      return ready.pop();
    }
    std::uint64_t await_resume() const noexcept { return number; }
  };

  sending send(std::uint64_t number) noexcept { return {*this, number}; }
  receiving recv() noexcept { return receiving(*this); }

 private:
  void put(std::uint64_t number) noexcept { ring_[(head_ + count_++) % (capacity_ + 1)] = number; }
  std::uint64_t take() noexcept {
    const std::uint64_t number = ring_[head_];
    head_ = (head_ + 1) % (capacity_ + 1);
    --count_;
    return number;
  }

  std::unique_ptr<std::uint64_t[]> ring_;
  std::size_t capacity_;
  std::size_t head_ = 0;
  std::size_t count_ = 0;
  queue senders_;
  queue receivers_;
};

struct paused_driver {
  std::coroutine_handle<>& paused;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> self) const noexcept { paused = self; }
  void await_resume() const noexcept {}
};

class coroutine_messages final : public summing {
 public:
  explicit coroutine_messages(std::size_t capacity) : channel_(capacity) {}
  std::uint64_t run(std::uint64_t operations) override {
    ready.restart(4);
    task<> sends = send(operations);
    task<> receives = receive(operations);
    ready.push(sends.handle());
    is_done_ = false;
    receives.handle().resume();
    while (!is_done_) ready.pop().resume();  // the sender may have ended before the last was received
    return operations;
  }

 private:
  task<> send(std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) co_await channel_.send(i);
  }
  task<> receive(std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) sum_ += co_await channel_.recv();
    is_done_ = true;
    std::coroutine_handle<> none;
    co_await paused_driver{none};  // back to run()
  }

  coroutine_channel channel_;
  bool is_done_ = false;
};

[[maybe_unused]] std::unique_ptr<contender> make_coroutine_messages(const message_shape& shape) {
  if (shape.kind != message_kind::channel && shape.kind != message_kind::local_channel) {
    return nullptr;
  }
  return std::make_unique<coroutine_messages>(shape.capacity);
}

}  // namespace
}  // namespace cost
