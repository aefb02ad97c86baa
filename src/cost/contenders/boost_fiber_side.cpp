// SPDX-License-Identifier: BSL-1.0
// Peer: Boost.Fiber with its default scheduler (round robin). Stacks come from its pool of fixed
// ones: its default allocator maps and unmaps each stack, which would decide every spawn row. The
// parked rows use the default and the guarded allocator, because memory is their subject.
#include <boost/fiber/all.hpp>

#include <chrono>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "fiber_teams.hpp"
#include "flow_ring.hpp"
#include "sides.hpp"

namespace cost {
namespace {

namespace fibers = boost::fibers;

constexpr std::size_t stack_bytes = stack_block::stack_bytes;

// launch::post: made ready, not run at once, as every other side does.
template <class Allocator, class F>
fibers::fiber launch(Allocator& stacks, F&& body) {
  return fibers::fiber(fibers::launch::post, std::allocator_arg, stacks, std::forward<F>(body));
}

struct yield_leaf {
  void operator()() const { boost::this_fiber::yield(); }
};

class yields final : public contender {
 public:
  explicit yields(const yield_shape& shape)
      : per_lap_(shape.fibers), spin_(spinner_of<yield_leaf>(0, shape.calls_above)) {
    for (std::size_t i = 1; i < shape.fibers; ++i) {
      const auto turn =
          spinner_of<yield_leaf>(shape.is_mixed && i % 2 == 1 ? 1 : 0, shape.calls_above);
      others_.push_back(launch(stacks_, [this, turn] { turn(laps_, false, yield_leaf{}); }));
    }
  }

  explicit yields(const chain_shape& shape) : per_lap_(1), spin_(spinner_of<yield_leaf>(0, 0)) {
    others_.push_back(
        launch(stacks_, [this, shape] { dive_forever(laps_, shape, yield_leaf{}); }));
  }

  ~yields() override {
    laps_.left = 0;
    for (auto& other : others_) other.join();
  }

  std::uint64_t run(std::uint64_t operations) override {
    const std::uint64_t laps = laps_for(operations, per_lap_);
    laps_.left = laps;
    spin_(laps_, true, yield_leaf{});
    return laps * per_lap_;
  }

  std::uint64_t check(std::uint64_t operations) override {
    return count_steps(laps_, [&] { run(operations); });
  }

 private:
  lap_count laps_;
  std::uint64_t per_lap_;
  fibers::pooled_fixedsize_stack stacks_{stack_bytes};
  std::vector<fibers::fiber> others_;
  spinner<yield_leaf> spin_;
};

class spawns final : public contender {
 public:
  explicit spawns(const spawn_shape& shape) : batch_(shape.batch) { tasks_.reserve(batch_); }

  std::uint64_t run(std::uint64_t operations) override {
    const std::uint64_t batches = laps_for(operations, batch_);
    for (std::uint64_t i = 0; i < batches; ++i) batch_ == 1 ? one() : all();
    return batches * batch_;
  }

  std::uint64_t check(std::uint64_t operations) override {
    std::uint64_t ran = 0;
    for (std::uint64_t i = 0; i < operations; ++i) launch(stacks_, [&] { ++ran; }).join();
    return ran;
  }

 private:
  void one() {
    launch(stacks_, [] {}).join();
  }

  void all() {
    for (std::size_t i = 0; i < batch_; ++i) tasks_.push_back(launch(stacks_, [] {}));
    for (auto& each : tasks_) each.join();
    tasks_.clear();
  }

  std::size_t batch_;
  fibers::pooled_fixedsize_stack stacks_{stack_bytes};
  std::vector<fibers::fiber> tasks_;
};

class sleepers final : public contender {
 public:
  explicit sleepers(const sleepers_shape& shape) : shape_(shape) {
    if (shape.is_warm) kept_ = std::make_unique<fibers::pooled_fixedsize_stack>(stack_bytes);
  }

  std::uint64_t run(std::uint64_t operations) override {
    for (std::uint64_t i = 0; i < operations; ++i) {
      if (kept_ != nullptr) {
        all(*kept_);
      } else {
        fibers::pooled_fixedsize_stack fresh(stack_bytes);
        all(fresh);
      }
    }
    return operations;
  }

  // Of the last run: another one would take as long again.
  std::uint64_t check(std::uint64_t) override { return std::exchange(woken_, 0); }

 private:
  void all(fibers::pooled_fixedsize_stack& stacks) {
    nap_lengths naps(shape_.longest_ms);
    std::vector<fibers::fiber> tasks;
    tasks.reserve(shape_.fibers);
    for (std::size_t i = 0; i < shape_.fibers; ++i) {
      const std::chrono::milliseconds nap(naps.next_ms());
      tasks.push_back(launch(stacks, [this, nap] {
        boost::this_fiber::sleep_for(nap);
        ++woken_;
      }));
    }
    for (auto& each : tasks) each.join();
  }

  sleepers_shape shape_;
  std::uint64_t woken_ = 0;
  std::unique_ptr<fibers::pooled_fixedsize_stack> kept_;
};

[[gnu::noinline]] void hold_live_frame() {
  volatile char live[live_frame_bytes];
  for (std::size_t i = 0; i < sizeof live; ++i) live[i] = 1;
  boost::this_fiber::sleep_for(std::chrono::hours(1));
  live[0] = live[sizeof live - 1];
}

// Never ended: the process that made it looks at its memory and leaves.
template <class Allocator>
class parked final : public contender {
 public:
  explicit parked(const parked_shape& shape) {
    tasks_.reserve(shape.fibers);
    for (std::size_t i = 0; i < shape.fibers; ++i) {
      tasks_.push_back(shape.has_live_frame ? launch(stacks_, [] { hold_live_frame(); })
                                            : launch(stacks_, [] {
                                                boost::this_fiber::sleep_for(std::chrono::hours(1));
                                              }));
    }
    boost::this_fiber::yield();
  }
  std::uint64_t run(std::uint64_t) override { return 0; }

 private:
  Allocator stacks_;
  std::vector<fibers::fiber> tasks_;
};

// Its stacks need one mapping each, guarded ones two: beyond this vm.max_map_count ends it.
constexpr std::size_t most_parked = 30000;

template <class Contender, class Shape>
std::unique_ptr<contender> make(const Shape& shape) {
  return std::make_unique<Contender>(shape);
}

template <class Allocator>
std::unique_ptr<contender> make_parked(const parked_shape& shape) {
  if (shape.fibers > most_parked) return nullptr;
  return std::make_unique<parked<Allocator>>(shape);
}

class messages final : public summing {
 public:
  explicit messages(std::size_t capacity) : buffered_(capacity > 1 ? capacity : 2) {
    is_rendezvous_ = capacity == 0;
  }
  std::uint64_t run(std::uint64_t operations) override {
    is_rendezvous_ ? all(unbuffered_, operations) : all(buffered_, operations);
    return operations;
  }

 private:
  template <class Channel>
  void all(Channel& channel, std::uint64_t operations) {
    fibers::fiber sends = launch(stacks_, [&] {
      for (std::uint64_t i = 0; i < operations; ++i) channel.push(i);
    });
    for (std::uint64_t i = 0; i < operations; ++i) sum_ += channel.value_pop();
    sends.join();
  }

  fibers::pooled_fixedsize_stack stacks_{stack_bytes};
  fibers::unbuffered_channel<std::uint64_t> unbuffered_;
  fibers::buffered_channel<std::uint64_t> buffered_;
  bool is_rendezvous_ = false;
};

class locks final : public contender {
 public:
  explicit locks(bool hands_over) : hands_over_(hands_over) {}
  std::uint64_t run(std::uint64_t operations) override {
    if (!hands_over_) {
      for (std::uint64_t i = 0; i < operations; ++i) {
        const std::lock_guard<fibers::mutex> hold(mutex_);
        asm volatile("" : : : "memory");
      }
      return operations;
    }
    const auto half = [&] {
      for (std::uint64_t i = 0; i < operations / 2; ++i) {
        const std::lock_guard<fibers::mutex> hold(mutex_);
        boost::this_fiber::yield();
      }
    };
    fibers::fiber other = launch(stacks_, half);
    half();
    other.join();
    return operations;
  }

 private:
  fibers::pooled_fixedsize_stack stacks_{stack_bytes};
  fibers::mutex mutex_;
  bool hands_over_;
};

std::unique_ptr<contender> make_messages(const message_shape& shape) {
  switch (shape.kind) {
    case message_kind::channel:
      return std::make_unique<messages>(shape.capacity);
    case message_kind::mutex:
      return std::make_unique<locks>(false);
    case message_kind::hand_over:
      return std::make_unique<locks>(true);
    default:
      return nullptr;
  }
}

// What fiber_teams.hpp asks for.
class fiber_api {
 public:
  explicit fiber_api(const team_shape&) {}

  class channel {
   public:
    explicit channel(std::size_t capacity) : values_(capacity > 1 ? capacity : 2) {}
    void send(std::uint64_t number) { values_.push(number); }
    std::uint64_t recv() { return values_.value_pop(); }

   private:
    fibers::buffered_channel<std::uint64_t> values_;
  };

  template <class F>
  void run(F&& f) {
    f();
  }
  template <class F>
  static fibers::fiber start(F&& f) {
    return launch(stacks(), std::forward<F>(f));
  }

 private:
  static fibers::pooled_fixedsize_stack& stacks() {
    static fibers::pooled_fixedsize_stack all(stack_bytes);
    return all;
  }
};

}  // namespace

const side boost_fiber_side = {boost_fiber,
                               nullptr,
                               &make<yields, yield_shape>,
                               &make<spawns, spawn_shape>,
                               &make<yields, chain_shape>,
                               &make<sleepers, sleepers_shape>,
                               &make_parked<fibers::fixedsize_stack>,
                               0,
                               nullptr,
                               &make_messages,
                               &make<fiber_teams<fiber_api>, team_shape>};

const side boost_fiber_protected_side = {"Boost.Fiber guarded",
                                         nullptr,
                                         nullptr,
                                         nullptr,
                                         nullptr,
                                         nullptr,
                                         &make_parked<fibers::protected_fixedsize_stack>,
                                         0};

}  // namespace cost
