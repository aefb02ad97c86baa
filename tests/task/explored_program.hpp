// SPDX-License-Identifier: BSL-1.0
// A small random program of fibers for explore(): every operation is one that weft or shared<T>
// tells of, and what each fiber saw is kept. Two reductions are right if they lead to the same
// ends.
#pragma once

#include <chrono>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "weft/explore.hpp"
#include "weft/weft.hpp"

namespace weft_tests {

class explored_program {
 public:
  explored_program(unsigned seed, std::size_t fibers, std::size_t operations)
      : main_does_(seed % 4),
        // main's own steps multiply the orders: one fiber less
        lists_(main_does_ % 2 == 0 ? fibers : fibers - 1) {
    std::mt19937 random(seed);
    const auto draw = [&random](std::size_t below) { return random() % below; };
    for (auto& list : lists_) {
      for (std::size_t i = 0; i < operations; ++i) {
        list.push_back({static_cast<unsigned>(draw(9)), draw(2), draw(lists_.size())});
      }
    }
  }

  // What any order may lead to.
  std::set<std::string> ends(weft::testing::explore_options how,
                             weft::testing::explore_result& found) const {
    std::set<std::string> all;
    how.print = false;
    found = weft::testing::explore([&] { all.insert(run()); }, how);
    return all;
  }

 private:
  struct operation {
    unsigned what;
    std::size_t object;
    std::size_t fiber;
  };
  struct world {
    weft::testing::shared<int> x[2];
    weft::promise<int> promises[2];
    weft::future<int> futures[2] = {promises[0].get_future(), promises[1].get_future()};
    std::vector<weft::task<>> tasks;
    std::vector<std::string> seen;
  };

  static void perform(world& in, std::size_t self, const operation& one) {
    using namespace std::chrono_literals;
    std::string& log = in.seen[self];
    switch (one.what) {
      case 0:
      case 1:
        log += std::to_string(in.x[one.object].load());
        return;
      case 2:
        in.x[one.object] = static_cast<int>(self + 1);
        return;
      case 3:
        log += std::to_string(in.x[one.object].update([](int& now) { return now += 10; }));
        return;
      case 4:
        weft::yield();
        return;
      case 5:
        try {
          in.promises[one.object].set_value(1);
          log += 's';
        } catch (const std::future_error&) {
          log += 't';
        }
        return;
      case 6:
        log += in.futures[self % 2].is_ready() ? 'r' : 'u';
        return;
      case 7:
        if (one.fiber != self) in.tasks[one.fiber].cancel();
        return;
      case 8:
        log += in.tasks[one.fiber].done() ? 'd' : 'n';
        return;
    }
  }

  // Also looks at the tasks meanwhile, or at the order of their ends.
  std::string await_tasks(world& in) const {
    std::string end;
    if (main_does_ == 1) {
      for (auto& one : weft::as_completed(in.tasks)) {
        end += std::to_string(static_cast<std::uint64_t>(one.id()));
      }
    } else if (main_does_ == 2) {
      weft::yield();
      const auto first = weft::wait(in.tasks, weft::until::first_completed);
      end += std::to_string(first.done.size());
    } else if (main_does_ == 3) {
      for (auto& one : in.tasks) {
        one.join();
        end += in.x[0].load() == 0 ? '0' : '1';
      }
    }
    weft::wait(in.tasks);
    return end + " ";
  }

  std::string run() const {
    world in;
    in.seen.resize(lists_.size());
    for (std::size_t self = 0; self < lists_.size(); ++self) {
      in.tasks.push_back(weft::spawn([&in, self, this] {
        try {
          for (const operation& one : lists_[self]) perform(in, self, one);
        } catch (const weft::cancelled&) {
          in.seen[self] += 'c';
          throw;
        }
      }));
    }
    std::string end = await_tasks(in);
    for (std::size_t self = 0; self < lists_.size(); ++self) {
      end += in.seen[self] + (in.tasks[self].was_cancelled() ? "! " : " ");
    }
    return end + std::to_string(in.x[0].peek()) + " " + std::to_string(in.x[1].peek());
  }

  unsigned main_does_;
  std::vector<std::vector<operation>> lists_;
};

}  // namespace weft_tests
