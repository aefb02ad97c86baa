// SPDX-License-Identifier: BSL-1.0
// find_the_stall: a fiber that holds the thread for too long is named, with the line to mend
//
// Fibers of one loop share a thread. One that computes, or calls something that blocks, without
// ever waiting the way weft waits, keeps all the others standing. weft watches for that from
// another thread: what takes longer than options::slow_step (100 ms) is reported while it lasts.
// Here a metronome should tick every 20 ms, and two of its neighbours do not let it.
#include <weft/debug.hpp>
#include <weft/weft.hpp>

#include <chrono>
#include <cstdio>
#include <thread>

using namespace std::chrono_literals;

// Plain C names: they are what the report shows. A program's own functions have names there if it
// was linked with -rdynamic, as this one was; else `addr2line` knows them.
extern "C" {

// Computes for a third of a second and never lets go of the thread.
void sort_the_archive() {
  const auto end = std::chrono::steady_clock::now() + 300ms;
  while (std::chrono::steady_clock::now() < end) continue;
}

// Blocks the thread. weft::await_sleep() would have parked the fiber.
void wait_for_the_printer() {
  std::this_thread::sleep_for(300ms);
  std::printf("the printer has printed\n");
}

// The first one mended: others get their turn about once a millisecond.
void sort_the_archive_politely() {
  const auto end = std::chrono::steady_clock::now() + 300ms;
  while (std::chrono::steady_clock::now() < end) weft::maybe_yield();
}
}

int ticks_during(const char* name, void (*work)()) {
  int ticks = 0;
  auto metronome = weft::spawn([&ticks] {
    for (;; ++ticks) weft::await_sleep(20ms);
  });
  weft::spawn({name}, work).get();
  return ticks;
}

int main() {
  // Without this, reports go to stderr.
  weft::debug::on_stall([](const weft::debug::stall& found) noexcept {
    std::printf("%.*s\n", static_cast<int>(found.text.size()), found.text.data());
    std::fflush(stdout);
  });
  weft::run([] {
    const int hogged = ticks_during("archivist", sort_the_archive);
    std::printf("%d ticks meanwhile\n\n", hogged);

    const int blocked = ticks_during("printer", wait_for_the_printer);
    std::printf("%d ticks meanwhile\n\n", blocked);

    const int polite = ticks_during("polite archivist", sort_the_archive_politely);
    std::printf("polite, and no report: %s\n", polite >= 3 ? "several ticks" : "too few ticks");
    const int handed_over =
        ticks_during("offloaded printer", [] { weft::to_thread(wait_for_the_printer); });
    std::printf("on a thread, and no report: %s\n", handed_over >= 3 ? "several ticks" : "too few");
  });
}
