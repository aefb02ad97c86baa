// SPDX-License-Identifier: BSL-1.0
// supervisor: a group of workers fails together, is told why, and is started again
//
// In a task group the first failure cancels the others, and the block ends only when all have
// ended: no worker is left behind, none runs on half of the others' state. The errors come out
// together. The supervisor is a loop around that block.
#include <weft/weft.hpp>

#include <chrono>
#include <cstdio>
#include <stdexcept>

using namespace std::chrono_literals;

namespace {

void serve(int attempt) {
  for (int request = 1;; ++request) {
    weft::await_sleep(10ms);
    if (attempt < 3 && request == 3) throw std::runtime_error("the database hung up");
    if (attempt == 3 && request == 5) return;
  }
}

void heartbeat() {
  try {
    for (;;) weft::await_sleep(5ms);
  } catch (const weft::cancelled&) {
    std::puts("  heartbeat stopped");
    throw;
  }
}

void run_service(int attempt) {
  weft::with_task_group([attempt](weft::task_group& group) {
    weft::spawn_options beat{"heartbeat"};
    beat.daemon = true;  // ends with the last ordinary child
    group.spawn(beat, heartbeat);
    group.spawn({"server"}, [attempt] { serve(attempt); });
  });
}

}  // namespace

int main() {
  weft::run([] {
    for (int attempt = 1;; ++attempt) {
      std::printf("attempt %d\n", attempt);
      try {
        run_service(attempt);
        std::puts("done");
        return;
      } catch (const weft::exception_group& errors) {
        std::printf("  failed: %s\n", errors.what());
      }
      weft::await_sleep(attempt * 20ms);  // wait longer each time
    }
  });
}
