// SPDX-License-Identifier: BSL-1.0
// Peer: the kernel's threads, all on our one core. A switch hands a turn to the next thread by a
// semaphore; the time of all threads of the process counts.
#include <pthread.h>
#include <semaphore.h>
#include <time.h>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "fiber_teams.hpp"
#include "measure.hpp"
#include "sides.hpp"

namespace cost {
namespace {

// More would not fit into a default limit of processes.
constexpr std::size_t most_threads = 10000;

class many_threads : public contender {
 public:
  double elsewhere_ns() const override {
    timespec all{};
    timespec own{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &all);
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &own);
    return static_cast<double>(all.tv_sec - own.tv_sec) * 1e9 +
           static_cast<double>(all.tv_nsec - own.tv_nsec);
  }
};

struct seat {
  sem_t turn;
  seat() { ::sem_init(&turn, 0, 0); }
  ~seat() { ::sem_destroy(&turn); }
  void wait() {
    while (::sem_wait(&turn) != 0) {
    }
  }
};

struct hand_on {
  seat* own;
  seat* next;
  void operator()() const {
    ::sem_post(&next->turn);
    own->wait();
  }
};

class turns final : public many_threads {
 public:
  turns(std::size_t threads, int calls_above, bool is_mixed)
      : seats_(threads), spin_(spinner_of<hand_on>(0, calls_above)) {
    for (std::size_t i = 1; i < threads; ++i) {
      const auto spin = spinner_of<hand_on>(is_mixed && i % 2 == 1 ? 1 : 0, calls_above);
      threads_.emplace_back([this, i, spin] {
        seats_[i].wait();
        spin(laps_, false, {&seats_[i], &seats_[(i + 1) % seats_.size()]});
        ::sem_post(&seats_[(i + 1) % seats_.size()].turn);  // the next goes home, too
      });
    }
  }
  ~turns() override {
    laps_.left = 0;
    if (seats_.size() > 1) {
      ::sem_post(&seats_[1].turn);
      seats_[0].wait();
    }
    for (std::thread& each : threads_) each.join();
  }

  std::uint64_t run(std::uint64_t operations) override {
    const std::uint64_t laps = laps_for(operations, seats_.size());
    laps_.left = laps;
    spin_(laps_, true, {&seats_[0], &seats_[1 % seats_.size()]});
    return laps * seats_.size();
  }

  std::uint64_t check(std::uint64_t operations) override {
    return count_steps(laps_, [&] { run(operations); });
  }

 private:
  lap_count laps_;
  std::vector<seat> seats_;
  spinner<hand_on> spin_;
  std::vector<std::thread> threads_;
};

class spawns final : public many_threads {
 public:
  explicit spawns(const spawn_shape& shape) : batch_(shape.batch) {}

  std::uint64_t run(std::uint64_t operations) override {
    const std::uint64_t batches = laps_for(operations, batch_);
    for (std::uint64_t i = 0; i < batches; ++i) {
      std::vector<std::thread> all;
      for (std::size_t n = 0; n < batch_; ++n) all.emplace_back([] {});
      for (std::thread& each : all) each.join();
    }
    return batches * batch_;
  }

  std::uint64_t check(std::uint64_t operations) override {
    std::uint64_t ran = 0;
    for (std::uint64_t i = 0; i < operations; ++i) std::thread([&] { ++ran; }).join();
    return ran;
  }

 private:
  std::size_t batch_;
};

// Parked for good: the process that made them looks at its memory and leaves.
class parked final : public contender {
 public:
  explicit parked(const parked_shape& shape) {
    for (std::size_t i = 0; i < shape.fibers; ++i) {
      std::thread([this, has_live = shape.has_live_frame] {
        volatile char live[live_frame_bytes];
        if (has_live) {
          for (std::size_t n = 0; n < sizeof live; ++n) live[n] = 1;
        }
        ::sem_post(&there_.turn);
        never_.wait();
      }).detach();
      there_.wait();
    }
  }
  std::uint64_t run(std::uint64_t) override { return 0; }

 private:
  seat there_;
  seat never_;
};

class locked_channel {
 public:
  explicit locked_channel(std::size_t capacity) : capacity_(capacity == 0 ? 1 : capacity) {}
  void send(std::uint64_t number) {
    std::unique_lock<std::mutex> hold(lock_);
    room_.wait(hold, [this] { return values_.size() < capacity_; });
    values_.push_back(number);
    filled_.notify_one();
  }
  std::uint64_t recv() {
    std::unique_lock<std::mutex> hold(lock_);
    filled_.wait(hold, [this] { return !values_.empty(); });
    const std::uint64_t number = values_.front();
    values_.pop_front();
    room_.notify_one();
    return number;
  }

 private:
  std::mutex lock_;
  std::condition_variable room_;
  std::condition_variable filled_;
  std::deque<std::uint64_t> values_;
  std::size_t capacity_;
};

struct thread_api {
  using channel = locked_channel;
  explicit thread_api(const team_shape&) {}
  template <class F>
  void run(F&& f) {
    f();
  }
  template <class F>
  static std::thread start(F&& f) {
    return std::thread(std::forward<F>(f));
  }
};

class messages final : public many_threads {
 public:
  explicit messages(std::size_t capacity) : channel_(capacity) {}
  std::uint64_t run(std::uint64_t operations) override {
    std::thread sends([&] {
      for (std::uint64_t i = 0; i < operations; ++i) channel_.send(i);
    });
    for (std::uint64_t i = 0; i < operations; ++i) sum_ += channel_.recv();
    sends.join();
    return operations;
  }
  std::uint64_t check(std::uint64_t operations) override {
    sum_ = 0;
    run(operations);
    return sum_;
  }

 private:
  locked_channel channel_;
  std::uint64_t sum_ = 0;
};

class teams final : public many_threads {
 public:
  explicit teams(const team_shape& shape) : all_(shape) {}
  std::uint64_t run(std::uint64_t operations) override { return all_.run(operations); }
  std::uint64_t check(std::uint64_t operations) override { return all_.check(operations); }

 private:
  fiber_teams<thread_api> all_;
};

std::unique_ptr<contender> make_switches(const switch_shape& shape) {
  if (shape.contexts > most_threads || shape.flags == sticky_flags::differing) return nullptr;
  return std::make_unique<turns>(shape.contexts, 0, shape.is_mixed);
}

std::unique_ptr<contender> make_yields(const yield_shape& shape) {
  if (shape.fibers == 1 || shape.fibers > most_threads) return nullptr;
  return std::make_unique<turns>(shape.fibers, shape.calls_above, shape.is_mixed);
}

std::unique_ptr<contender> make_spawns(const spawn_shape& shape) {
  if (shape.batch > 100) return nullptr;  // some 30 us each, and as much to check
  return std::make_unique<spawns>(shape);
}

std::unique_ptr<contender> make_parked(const parked_shape& shape) {
  if (shape.fibers > most_threads / 10) return nullptr;  // ten times so many are there in the end
  return std::make_unique<parked>(shape);
}

std::unique_ptr<contender> make_messages(const message_shape& shape) {
  if (shape.kind != message_kind::channel) return nullptr;
  return std::make_unique<messages>(shape.capacity);
}

std::unique_ptr<contender> make_teams(const team_shape& shape) {
  if (shape.kind == team_kind::skynet || shape.kind == team_kind::fork_join) return nullptr;
  return std::make_unique<teams>(shape);
}

}  // namespace

const side thread_side = {"thread", &make_switches, &make_yields, &make_spawns,
                          nullptr,  nullptr,        &make_parked, 0,
                          nullptr,  &make_messages, &make_teams};

}  // namespace cost
