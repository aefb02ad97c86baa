// SPDX-License-Identifier: BSL-1.0
// timeouts: how long something may take is said where it is called, not in what is called
//
// download() knows nothing of time limits. with_timeout() ends it at its next wait, by an exception
// that runs its destructors; the nearest limit counts, and cleanup that must wait asks for a
// shield.
#include <weft/weft.hpp>

#include <chrono>
#include <cstdio>
#include <string>

using namespace std::chrono_literals;

namespace {

struct connection {
  ~connection() {
    // Without the shield this wait would be cut off, too.
    weft::shielded([] { weft::await_sleep(10ms); });
    std::puts("  connection closed in order");
  }
};

std::string download(const char* what, std::chrono::milliseconds takes) {
  const connection open;
  weft::await_sleep(takes);
  return std::string(what) + " is here";
}

}  // namespace

int main() {
  weft::run([] {
    std::puts("in time:");
    std::printf("  %s\n", weft::with_timeout(1s, [] { return download("page", 20ms); }).c_str());

    std::puts("too late:");
    try {
      weft::with_timeout(50ms, [] { return download("film", 1h); });
    } catch (const weft::timeout_error& error) {
      std::printf("  %s\n", error.what());
    }

    std::puts("too late, and no error:");
    const auto maybe = weft::move_on_after(50ms, [] { return download("advert", 1h); });
    std::printf("  %s\n", maybe ? maybe->c_str() : "went on without it");

    std::puts("a limit within a limit: the nearer one counts");
    try {
      weft::with_timeout(50ms, [] {
        weft::with_timeout(1h, [] {
          const auto left = weft::effective_deadline() - weft::now();
          std::printf("  an hour left? %s\n", left > 1min ? "yes" : "no, much less");
          download("series", 1h);
        });
      });
    } catch (const weft::timeout_error& error) {
      std::printf("  %s\n", error.what());
    }
  });
}
