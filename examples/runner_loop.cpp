// SPDX-License-Identifier: BSL-1.0
// runner_loop: one loop, several runs, and a task that survives between them
//
// weft::run() makes a loop, runs one function and ends the loop. A runner keeps the loop: a program
// that is threaded, or has an event loop of its own, can step in and out of weft as it likes. What
// a run leaves behind stays parked until the next run, and close() ends it.
#include <weft/weft.hpp>

#include <chrono>
#include <cstdio>
#include <thread>

using namespace std::chrono_literals;

int ticks = 0;  // no lock and no atomic: one loop is one thread

void tick_forever() {
  try {
    for (;;) {
      weft::await_sleep(10ms);
      ++ticks;
    }
  } catch (const weft::cancelled&) {  // close() gets here; tidy up, then let it pass
    std::puts("the ticker is told to stop");
    throw;
  }
}

int main() {
  weft::runner loop;

  // detach(): nobody holds a handle, the task belongs to the loop.
  loop.run([] { weft::spawn(tick_forever).detach(); });
  std::printf("after the first run: %s\n", ticks == 0 ? "no tick yet" : "ticks already?");

  // A run returns what its function returns.
  const int seen = loop.run([] {
    weft::await_sleep(105ms);
    return ticks;
  });
  std::printf("during the second run: %s\n", seen >= 2 ? "the ticker ticks" : "no ticks?");

  // Between runs nothing moves: fibers run on our thread, and we are not giving it to them.
  std::this_thread::sleep_for(50ms);
  std::printf("between the runs: %d more ticks\n", ticks - seen);

  loop.run([] { weft::await_sleep(50ms); });
  std::printf("during the third run: %s\n", ticks > seen ? "it goes on" : "no ticks?");

  loop.close();  // cancels what is left and waits for it; the destructor would do the same
  std::puts("closed");
}
