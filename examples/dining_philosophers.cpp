// SPDX-License-Identifier: BSL-1.0
// dining_philosophers: two ways to take two locks, and the deadlock of a third one, named
//
// Each philosopher needs the forks on both sides. std::scoped_lock takes both or none; taking the
// lower one first, everywhere, does as well. If all take the left one first, each waits for a
// neighbour, in a circle, for ever. weft notices that nothing can end these waits and throws
// would_deadlock at main, with the graph of who waits for whom.
#include <weft/weft.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace {

constexpr std::array names{"Kant", "Hume", "Mill", "Marx", "Sartre"};
constexpr std::size_t seats = names.size();

void eat() {
  weft::await_sleep(10ms);
  std::printf("  %s has eaten\n", std::string(weft::this_fiber::name()).c_str());
}

// dine(left, right) takes both forks and eats.
using manners = void (*)(weft::mutex&, weft::mutex&);

void all_or_none(weft::mutex& left, weft::mutex& right) {
  const std::scoped_lock both(left, right);
  eat();
}

void lower_first(weft::mutex& left, weft::mutex& right) {
  const bool is_left_lower = std::less<>()(&left, &right);
  const std::lock_guard lower(is_left_lower ? left : right);
  const std::lock_guard upper(is_left_lower ? right : left);
  eat();
}

void left_first(weft::mutex& left, weft::mutex& right) {
  const std::lock_guard one(left);
  weft::yield();  // the others sit down
  const std::lock_guard two(right);
  eat();
}

void serve(manners dine) {
  std::array<weft::mutex, seats> forks;
  std::vector<weft::task<>> guests;
  for (std::size_t i = 0; i != seats; ++i) {
    guests.push_back(
        weft::spawn({names[i]}, dine, std::ref(forks[i]), std::ref(forks[(i + 1) % seats])));
  }
  try {
    for (auto& guest : guests) guest.get();
  } catch (const weft::would_deadlock& e) {
    std::printf("%s\n", e.what());
    std::fflush(stdout);
    // A lock() is no point of cancellation, so nobody can be sent home from this table.
    std::_Exit(0);
  }
}

}  // namespace

int main() {
  weft::run([] {
    std::puts("both forks or none:");
    serve(all_or_none);
    std::puts("the lower fork first:");
    serve(lower_first);
    std::puts("the left fork first:");
    serve(left_first);
  });
}
