// SPDX-License-Identifier: BSL-1.0
// producer_consumer_yield: two fibers share a std::deque, with nothing but yield()
//
// Fibers of one loop run on one thread, one at a time, and change places only where one of them
// waits. Between two such places nobody else can touch the deque, so it needs no lock and no
// atomic: `if (shelf.size() < room) shelf.push_back(...)` can't be torn apart.
//
// yield() lets everybody else who is ready have a turn. It suits a computation that wants to be
// polite. To wait for something rare, sleep or get() a future: a loop of yields keeps a core busy.
#include <weft/weft.hpp>

#include <cstddef>
#include <cstdio>
#include <deque>

constexpr std::size_t room = 3;
constexpr int loaves = 8;

void bake(std::deque<int>& shelf) {
  for (int loaf = 1; loaf <= loaves; ++loaf) {
    while (shelf.size() == room) {
      std::printf("baker:    the shelf is full\n");
      weft::yield();
    }
    shelf.push_back(loaf);
    std::printf("baker:    loaf %d\n", loaf);
  }
}

void eat(std::deque<int>& shelf) {
  for (int eaten = 0; eaten < loaves;) {
    while (shelf.empty()) {
      std::printf("           customer: nothing there\n");
      weft::yield();
    }
    std::printf("           customer: eats loaf %d\n", shelf.front());
    shelf.pop_front();
    ++eaten;
  }
}

int main() {
  weft::run([] {
    std::deque<int> shelf;  // a local: gather() returns only when both are done with it
    weft::gather([&] { eat(shelf); }, [&] { bake(shelf); });
    std::printf("%d loaves baked and eaten, %zu left\n", loaves, shelf.size());
  });
}
