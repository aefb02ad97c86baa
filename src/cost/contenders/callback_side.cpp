// SPDX-License-Identifier: BSL-1.0
// Peer: what one writes where there is neither a second stack nor co_await. Functions are called
// back; what must outlive a wait is a member of an object, and a chain of calls that waits is an
// array of frames, kept by hand. Of the generator rows it is the floor: the same recursion calls a
// function for each value; who consumes must be written inside out, and can't consume two at a time.
#include <time.h>

#include <cstdint>
#include <memory>
#include <queue>
#include <utility>
#include <vector>

#include "callback_queue.hpp"
#include "callback_teams.hpp"
#include "generators.hpp"
#include "sides.hpp"

namespace cost {
namespace {

using callback = void (*)(void* to, std::uint64_t value);

[[gnu::noinline]] void walk(const tree_node* node, callback out, void* to) {
  if (node->left != nullptr) walk(node->left, out, to);
  out(to, node->value);
  if (node->right != nullptr) walk(node->right, out, to);
}

[[gnu::noinline]] void add(void* to, std::uint64_t value) {
  *static_cast<std::uint64_t*>(to) += value;
}

class walks final : public contender {
 public:
  explicit walks(const generator_shape& shape) : tree_(shape.nodes) {}

  std::uint64_t run(std::uint64_t operations) override {
    const std::uint64_t laps = laps_for(operations, tree_.size());
    for (std::uint64_t i = 0; i < laps; ++i) check(0);
    return laps * tree_.size();
  }

  std::uint64_t check(std::uint64_t) override {
    std::uint64_t sum = 0;
    walk(tree_.root(), &add, &sum);
    keep(sum);
    return sum;
  }

 private:
  tree tree_;
};

// Each turn is a call from the loop; a chain is pushed on frames_ and taken down again.
class turns final : public contender {
 public:
  turns(std::size_t count, bool is_mixed) : per_lap_(count), queue_(count + 1), members_(count) {
    for (std::size_t i = 0; i < count; ++i) {
      members_[i].all = this;
      queue_.push(i == 0 ? &drive : is_mixed && i % 2 == 1 ? &step<1> : &step<0>, &members_[i]);
    }
  }
  explicit turns(const chain_shape& shape) : per_lap_(1), queue_(4), members_(2), chain_(shape) {
    for (member& each : members_) each.all = this;
    queue_.push(&drive, &members_[0]);
    queue_.push(&dive, &members_[1]);
    run(1);  // from now on the other waits below its chain when the driver's turn comes
  }

  std::uint64_t run(std::uint64_t operations) override {
    const std::uint64_t laps = laps_for(operations, per_lap_);
    laps_.left = laps;
    stops_ = false;
    queue_.run(stops_);
    return laps * per_lap_;
  }

  std::uint64_t check(std::uint64_t operations) override {
    return count_steps(laps_, [&] { run(operations); });
  }

 private:
  struct member {
    turns* all = nullptr;
    std::vector<unsigned> frames;  // the depth of each call that is not done
  };

  static void drive(void* self) {
    turns& all = *static_cast<member*>(self)->all;
    if (all.laps_.is_counted) ++all.laps_.steps;
    all.queue_.push(&drive, self);
    if (--all.laps_.left == 0) all.stops_ = true;
  }

  template <int Kind>
  static void step(void* self) {
    turns& all = *static_cast<member*>(self)->all;
    if (all.laps_.is_counted) ++all.laps_.steps;
    asm volatile("" : : "i"(Kind) : "memory");
    all.queue_.push(&step<Kind>, self);
  }

  static void dive(void* self) {
    member& own = *static_cast<member*>(self);
    const chain_shape& chain = own.all->chain_;
    lap_count& laps = own.all->laps_;
    const bool is_first = own.frames.empty();
    if (!is_first && chain.stays) {
      if (laps.is_counted) laps.steps += dive_sum(chain.depth);
    } else if (!is_first) {
      unsigned sum = 0;
      for (; !own.frames.empty(); own.frames.pop_back()) sum += own.frames.back();
      if (laps.is_counted) laps.steps += sum;
    }
    for (unsigned depth = chain.depth; own.frames.size() < chain.depth; --depth) {
      own.frames.push_back(depth);
    }
    own.all->queue_.push(&dive, self);
  }

  lap_count laps_;
  std::uint64_t per_lap_;
  callback_queue queue_;
  std::vector<member> members_;
  chain_shape chain_{0};
  bool stops_ = false;
};

// A task is a function in the queue, waited for by counting.
class spawns final : public contender {
 public:
  explicit spawns(const spawn_shape& shape) : batch_(shape.batch), queue_(shape.batch + 1) {}

  std::uint64_t run(std::uint64_t operations) override {
    const std::uint64_t batches = laps_for(operations, batch_);
    for (std::uint64_t i = 0; i < batches; ++i) {
      for (std::size_t n = 0; n < batch_; ++n) queue_.push(&end, this);
      queue_.run();
    }
    return batches * batch_;
  }

  std::uint64_t check(std::uint64_t operations) override {
    ended_ = 0;
    for (std::uint64_t i = 0; i < operations; ++i) {
      queue_.push(&end, this);
      queue_.run();
    }
    return ended_;
  }

 private:
  static void end(void* self) { ++static_cast<spawns*>(self)->ended_; }

  std::size_t batch_;
  std::uint64_t ended_ = 0;
  callback_queue queue_;
};

std::int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// A heap of deadlines and what is to be called.
class sleepers final : public contender {
 public:
  explicit sleepers(const sleepers_shape& shape) : shape_(shape) {}

  std::uint64_t run(std::uint64_t operations) override {
    for (std::uint64_t i = 0; i < operations; ++i) all();
    return operations;
  }
  std::uint64_t check(std::uint64_t) override { return std::exchange(woken_, 0); }

 private:
  struct nap {
    std::int64_t deadline;
    callback_queue::function what;
    void* self;
    bool operator<(const nap& other) const noexcept { return deadline > other.deadline; }
  };

  static void wake(void* self) { ++static_cast<sleepers*>(self)->woken_; }

  void all() {
    nap_lengths lengths(shape_.longest_ms);
    for (std::size_t i = 0; i < shape_.fibers; ++i) {
      naps_.push({now_ns() + std::int64_t{lengths.next_ms()} * 1'000'000, &wake, this});
    }
    while (!naps_.empty()) {
      const std::int64_t first = naps_.top().deadline;
      if (now_ns() < first) {
        const timespec until{first / 1'000'000'000, first % 1'000'000'000};
        ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
      }
      for (const std::int64_t now = now_ns(); !naps_.empty() && naps_.top().deadline <= now;) {
        const nap due = naps_.top();
        naps_.pop();
        due.what(due.self);
      }
    }
  }

  sleepers_shape shape_;
  std::uint64_t woken_ = 0;
  std::priority_queue<nap> naps_;
};

// What waits is an object: whom to call, and its state.
class parked final : public contender {
 public:
  explicit parked(const parked_shape& shape) {
    waiting_.reserve(shape.fibers);
    const std::size_t bytes = sizeof(operation) + (shape.has_live_frame ? live_frame_bytes : 0);
    for (std::size_t i = 0; i < shape.fibers; ++i) {
      auto block = std::make_unique<char[]>(bytes);  // zeroed, which touches it
      waiting_.push_back(std::move(block));
    }
  }
  std::uint64_t run(std::uint64_t) override { return 0; }

 private:
  struct operation {
    callback_queue::function what;
    void* self;
  };
  std::vector<std::unique_ptr<char[]>> waiting_;
};

template <class Contender, class Shape>
std::unique_ptr<contender> make(const Shape& shape) {
  return std::make_unique<Contender>(shape);
}

std::unique_ptr<contender> make_walks(const generator_shape& shape) {
  if (shape.nodes == 0) return nullptr;
  return std::make_unique<walks>(shape);
}

std::unique_ptr<contender> make_switches(const switch_shape& shape) {
  if (shape.flags == sticky_flags::differing) return nullptr;
  return std::make_unique<turns>(shape.contexts, shape.is_mixed);
}

// Without a stack there are no calls above.
std::unique_ptr<contender> make_yields(const yield_shape& shape) {
  if (shape.calls_above != 0) return nullptr;
  return std::make_unique<turns>(shape.fibers, shape.is_mixed);
}

std::unique_ptr<contender> make_teams(const team_shape& shape) {
  if (shape.kind == team_kind::crowd) return nullptr;
  return std::make_unique<callback_teams>(shape);
}

}  // namespace

const side callback_side = {callbacks,
                            &make_switches,
                            &make_yields,
                            &make<spawns, spawn_shape>,
                            &make<turns, chain_shape>,
                            &make<sleepers, sleepers_shape>,
                            &make<parked, parked_shape>,
                            0,
                            &make_walks,
                            nullptr,
                            &make_teams};

}  // namespace cost
