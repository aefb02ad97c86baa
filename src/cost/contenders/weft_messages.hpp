// SPDX-License-Identifier: BSL-1.0
// weft's side of the sync rows: a part of weft_side.cpp, compiled once for each backend.
#pragma once

#include <weft/weft.hpp>

#include <cstdint>
#include <memory>
#include <mutex>

#include "messages.hpp"
#include "side.hpp"
#include "two_cores.hpp"
#include "weft_quiet.hpp"

namespace cost {
namespace {

template <class Channel>
class messages final : public summing {
 public:
  explicit messages(std::size_t capacity) : loop_(quiet()), channel_(capacity) {}
  std::uint64_t run(std::uint64_t operations) override {
    loop_.run([&] {
      auto sends = weft::spawn([&] {
        for (std::uint64_t i = 0; i < operations; ++i) channel_.send(std::uint64_t{i});
      });
      for (std::uint64_t i = 0; i < operations; ++i) sum_ += *channel_.recv();
      sends.get();
    });
    return operations;
  }

 private:
  weft::runner loop_;
  Channel channel_;
};

// A loop on this core and one on another.
class across final : public contender {
 public:
  explicit across(std::size_t capacity) : loop_(quiet()), channel_(capacity) {
    const int here = ::sched_getcpu();
    has_core_ = beside_.ref().call([here] { return leave_core(here); }).get();
  }
  bool has_core() const { return has_core_; }
  std::uint64_t run(std::uint64_t operations) override {
    auto sent = beside_.ref().call([this, operations] {
      for (std::uint64_t i = 0; i < operations; ++i) channel_.send(std::uint64_t{i});
    });
    loop_.run([&] {
      for (std::uint64_t i = 0; i < operations; ++i) sum_ += *channel_.recv();
      sent.get();
    });
    return operations;
  }

 private:
  weft::runner loop_;
  weft::channel<std::uint64_t> channel_;
  std::uint64_t sum_ = 0;
  bool has_core_ = false;
  weft::background_loop beside_{quiet()};
};

template <class Mutex>
class locks final : public contender {
 public:
  locks() : loop_(quiet()) {}
  std::uint64_t run(std::uint64_t operations) override {
    loop_.run([&] {
      for (std::uint64_t i = 0; i < operations; ++i) {
        const std::lock_guard<Mutex> hold(mutex_);
        asm volatile("" : : : "memory");
      }
    });
    return operations;
  }

 private:
  weft::runner loop_;
  Mutex mutex_;
};

template <class Mutex>
class hand_overs final : public contender {
 public:
  hand_overs() : loop_(quiet()) {}
  std::uint64_t run(std::uint64_t operations) override {
    const auto half = [&] {
      for (std::uint64_t i = 0; i < operations / 2; ++i) {
        const std::lock_guard<Mutex> hold(mutex_);
        weft::yield();
      }
    };
    loop_.run([&] {
      auto other = weft::spawn(half);
      half();
      other.get();
    });
    return operations;
  }

 private:
  weft::runner loop_;
  Mutex mutex_;
};

template <bool Selects>
class receives final : public contender {
 public:
  receives() : loop_(quiet()), a_(64), b_(64) {}
  std::uint64_t run(std::uint64_t operations) override {
    const auto take = [&](std::optional<std::uint64_t> value) { sum_ += *value; };
    loop_.run([&] {
      for (std::uint64_t left = operations; left != 0;) {
        for (int i = 0; i < 32; ++i) {
          a_.send(1);
          b_.send(1);
        }
        for (int i = 0; i < 64 && left != 0; ++i, --left) {
          if constexpr (Selects) {
            weft::select(weft::on_recv(a_, take), weft::on_recv(b_, take));
          } else {
            take((i % 2 == 0 ? a_ : b_).recv());
          }
        }
        for (std::uint64_t rest = 0; a_.try_recv(rest) || b_.try_recv(rest);) sum_ += rest;
      }
    });
    return operations;
  }

 private:
  weft::runner loop_;
  weft::channel<std::uint64_t> a_;
  weft::channel<std::uint64_t> b_;
  std::uint64_t sum_ = 0;
};

std::unique_ptr<contender> make_messages(const message_shape& shape) {
  switch (shape.kind) {
    case message_kind::channel:
      return std::make_unique<messages<weft::channel<std::uint64_t>>>(shape.capacity);
    case message_kind::across: {
      auto made = std::make_unique<across>(shape.capacity);
      if (!made->has_core()) return nullptr;
      return std::make_unique<by_the_wall>(std::move(made));
    }
    case message_kind::local_channel:
      return std::make_unique<messages<weft::local::channel<std::uint64_t>>>(shape.capacity);
    case message_kind::mutex:
      return std::make_unique<locks<weft::mutex>>();
    case message_kind::local_mutex:
      return std::make_unique<locks<weft::local::mutex>>();
    case message_kind::hand_over:
      return std::make_unique<hand_overs<weft::mutex>>();
    case message_kind::receive:
      return std::make_unique<receives<false>>();
    case message_kind::select:
      return std::make_unique<receives<true>>();
  }
  return nullptr;
}

}  // namespace
}  // namespace cost
