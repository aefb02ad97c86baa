// SPDX-License-Identifier: BSL-1.0
// graceful_shutdown: no new work, a while for the old, then an end
//
// Shutting down is a cancel with a grace: the accepting task ends at once, those that work may
// finish inside a shield of bounded time, and who is not done by then is cut off. Nothing is polled
// and nobody has a flag.
#include <weft/weft.hpp>

#include <chrono>
#include <cstdio>

using namespace std::chrono_literals;

namespace {

void handle(int number, std::chrono::milliseconds takes) {
  try {
    // Has 100 ms in all, whoever cancels meanwhile.
    weft::shielded(100ms, [&] { weft::await_sleep(takes); });
    std::printf("  request %d: answered\n", number);
  } catch (const weft::cancelled&) {
    std::printf("  request %d: cut off\n", number);
    throw;
  } catch (const weft::timeout_error&) {
    std::printf("  request %d: took too long\n", number);
  }
}

void accept_forever(weft::task_group& group) {
  for (int number = 1;; ++number) {
    group.spawn([number] { handle(number, number == 3 ? 10'000ms : 30ms); });
    weft::await_sleep(10ms);
  }
}

}  // namespace

int main() {
  weft::run([] {
    weft::cancel_scope server;
    auto operating = weft::spawn([&] {
      weft::await_sleep(35ms);
      std::puts("shutting down");
      server.cancel("shutdown");
    });
    const bool ended = weft::with_scope(server, [] {
      weft::with_task_group([](weft::task_group& group) { accept_forever(group); });
    });
    std::printf("%s, with nothing left behind\n", ended ? "ended" : "stopped");
  });
}
