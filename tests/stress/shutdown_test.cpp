// SPDX-License-Identifier: BSL-1.0
// Threads that hand work to a loop while it ends: each piece runs or is dropped, its callable is
// destroyed exactly once, and the caller is told.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/no_leaks.hpp"
#include "weft/weft.hpp"

using weft_tests::no_leaks;
using weft_tests::scaled;
using weft_tests::scaled_on_demand;

namespace {

constexpr int threads = 8;

struct tally {
  std::atomic<long> made{0};
  std::atomic<long> ran{0};
  std::atomic<long> destroyed{0};
  std::atomic<long> refused{0};
  std::atomic<long> twice{0};
};

// One piece of work. Only the object that was not moved from counts.
class piece {
 public:
  explicit piece(tally& all) : all_(&all) { ++all.made; }
  piece(piece&& from) noexcept : all_(std::exchange(from.all_, nullptr)), ran_(from.ran_) {}
  piece& operator=(piece&&) = delete;
  ~piece() {
    if (all_ != nullptr) ++all_->destroyed;
  }
  void operator()() {
    if (std::exchange(ran_, true)) ++all_->twice;
    ++all_->ran;
    weft::yield();
  }

 private:
  tally* all_;
  bool ran_ = false;
};

// Posts until the loop refuses; false if it never does. Holds back while much is under way, so that
// a loop that cannot end fails the test instead of eating the machine's memory.
bool post_until_refused(weft::loop_ref loop, tally& all) {
  for (int posted = 0; posted < 200'000; ++posted) {
    try {
      loop.post(piece(all));
    } catch (const weft::closed_error&) {
      ++all.refused;
      return true;
    }
    while (all.made - all.destroyed > 10'000) std::this_thread::yield();
  }
  return false;
}

}  // namespace

TEST_CASE_FIXTURE(no_leaks,
                  "torture 27: posts from eight threads during the end run or are dropped, once") {
  tally all;
  long rounds = 0;
  const long wanted = static_cast<long>(scaled(100'000, 10'000));
  std::atomic<bool> has_ended{true};
  while (has_ended && (all.made < wanted || rounds < 20)) {
    ++rounds;
    std::vector<std::thread> posters;
    {
      weft::background_loop loop;
      for (int t = 0; t < threads; ++t) {
        posters.emplace_back([&, ref = loop.ref()] {
          if (!post_until_refused(ref, all)) has_ended = false;
        });
      }
      const long before = all.made;
      while (all.made < before + 200) std::this_thread::yield();
    }
    for (auto& one : posters) one.join();
  }
  CHECK(has_ended);
  CHECK(all.destroyed.load() == all.made.load());
  CHECK(all.refused == rounds * threads);
  CHECK(all.ran <= all.made - all.refused);
  CHECK(all.ran > 0);
  CHECK(all.twice == 0);
}

// The threads stay, and the loops come and go: a thread takes longer to make than a loop. Each has
// a few pieces for each loop that it meets, so that the loop's own thread has its turn as well.
TEST_CASE_FIXTURE(no_leaks, "torture 27: eight threads post while one loop after the other ends") {
  tally all;
  const std::size_t rounds = scaled_on_demand(10'000, 300);
  std::mutex guard;
  std::condition_variable changed;
  std::size_t round = 0;  // this and `current` under guard
  constexpr std::size_t over = SIZE_MAX;
  weft::loop_ref current;
  std::vector<std::thread> posters;
  for (int t = 0; t < threads; ++t) {
    posters.emplace_back([&, t] {
      for (std::size_t seen = 0;;) {
        weft::loop_ref ref;
        {
          std::unique_lock<std::mutex> hold(guard);
          changed.wait(hold, [&] { return round > seen; });
          seen = round;
          ref = current;
        }
        if (seen == over) return;
        try {
          for (std::size_t i = 0; i <= (seen + static_cast<std::size_t>(t)) % 4; ++i) {
            ref.post(piece(all));
          }
        } catch (const weft::closed_error&) {
          ++all.refused;
        }
      }
    });
  }
  const auto tell = [&](std::size_t what, weft::loop_ref which) {
    {
      const std::lock_guard<std::mutex> hold(guard);
      current = std::move(which);
      round = what;
    }
    changed.notify_all();
  };
  // And on until somebody came too late, which on a slow machine is rare.
  for (std::size_t i = 1; i <= rounds || (all.refused == 0 && i <= 100 * rounds); ++i) {
    const long before = all.made;
    weft::background_loop loop;
    tell(i, loop.ref());
    while (all.made < before + static_cast<long>(i % 4)) std::this_thread::yield();
  }
  tell(over, {});
  for (auto& one : posters) one.join();
  CHECK(all.destroyed.load() == all.made.load());
  CHECK(all.ran <= all.made - all.refused);
  CHECK(all.ran > 0);
  CHECK(all.refused > 0);
  CHECK(all.twice == 0);
}

TEST_CASE_FIXTURE(no_leaks,
                  "torture 27: threads that never stop posting do not keep a loop from ending") {
  tally all;
  std::vector<std::thread> posters;
  std::atomic<long> refused{0};
  run([&] {
    for (int t = 0; t < threads; ++t) {
      posters.emplace_back([&, ref = weft::this_loop()]() mutable {
        try {
          // A bound for the machine's sake; a loop that ends refuses long before.
          for (std::size_t i = 0; i < scaled(100'000, 30'000); ++i) ref.post(piece(all));
        } catch (const weft::closed_error&) {
          ++refused;
        }
      });
    }
    // Few are enough: on a slow machine a yield among a thousand lets in a thousand more.
    while (all.made < threads) weft::yield();
  });
  for (auto& one : posters) one.join();
  CHECK(refused.load() == threads);
  CHECK(all.destroyed.load() == all.made.load());
}

TEST_CASE_FIXTURE(no_leaks,
                  "torture 27: calls during the end: every caller gets a value or an error") {
  std::atomic<long> values{0};
  std::atomic<long> errors{0};
  std::atomic<long> asked{0};
  const std::size_t rounds = scaled(100, 15);
  for (std::size_t round = 0; round < rounds; ++round) {
    std::vector<std::thread> callers;
    {
      weft::background_loop loop;
      for (int t = 0; t < threads; ++t) {
        callers.emplace_back([&, ref = loop.ref()]() mutable {
          for (bool is_open = true; is_open;) {
            ++asked;
            try {
              values += ref.call([] {
                             weft::yield();
                             return 1;
                           })
                            .get();
            } catch (const weft::closed_error&) {
              ++errors;
              is_open = false;
            } catch (const weft::task_cancelled&) {
              ++errors;
            } catch (const std::future_error&) {
              ++errors;
            }
          }
        });
      }
      while (values < static_cast<long>(20 * (round + 1))) std::this_thread::yield();
    }
    for (auto& one : callers) one.join();
  }
  CHECK(values + errors == asked);
  CHECK(errors >= static_cast<long>(rounds) * threads);
}

TEST_CASE_FIXTURE(no_leaks,
                  "torture 27: tasks spawned through call() during the end are joined from afar") {
  std::atomic<long> ended{0};
  std::atomic<long> got{0};
  for (std::size_t round = 0; round < scaled(100, 15); ++round) {
    std::vector<std::thread> owners;
    std::atomic<int> first_ones{0};  // outlives the loop: the owners do
    {
      weft::background_loop loop;
      for (int t = 0; t < threads; ++t) {
        owners.emplace_back([&, t, ref = loop.ref()]() mutable {
          for (bool is_open = true; is_open;) {
            try {
              auto task = ref.call([] { return weft::spawn([] { weft::yield(); }); }).get();
              ++got;
              ++first_ones;
              if (t % 3 == 0) task.cancel();
              if (t % 3 == 1) task.detach();
              if (t % 3 != 1) task.join();
              ++ended;
            } catch (const weft::closed_error&) {
              is_open = false;
            } catch (const weft::task_cancelled&) {
            } catch (const std::future_error&) {
            }
          }
        });
      }
      while (first_ones < threads) std::this_thread::yield();
    }
    for (auto& one : owners) one.join();
  }
  CHECK(got > 0);
  CHECK(ended == got);
}

TEST_CASE_FIXTURE(no_leaks,
                  "torture 15: cancel racing the end of a task: one outcome, never both") {
  weft::background_loop beside;
  long values = 0;
  long cancels = 0;
  const std::size_t rounds = scaled(20'000, 2'000);
  for (std::size_t round = 0; round < rounds; ++round) {
    auto task = beside.ref()
                    .call([turns = round % 5] {
                      return weft::spawn([turns] {
                        for (std::size_t i = 0; i < turns; ++i) weft::yield();
                        return 1;
                      });
                    })
                    .get();
    task.cancel();
    try {
      values += task.get();
    } catch (const weft::task_cancelled&) {
      ++cancels;
    }
  }
  CHECK(values + cancels == static_cast<long>(rounds));
}
