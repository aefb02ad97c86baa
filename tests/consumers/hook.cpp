// SPDX-License-Identifier: BSL-1.0
// The smallest program that uses libweft-hook, built by .ci/consumers in every way users build:
// pkg-config, CMake, a Meson subproject; shared and static. Exits 0 if the report says that what
// reads, writes, waits, connects and sleeps comes here, and 50 fibers that block for 100 ms each take
// less than a second.
#include <chrono>
#include <cstdio>
#include <set>
#include <string>
#include <vector>

#include <unistd.h>

#include <weft/hook.hpp>
#include <weft/weft.hpp>

int main() {
  const weft::hook::report report = weft::hook::install(weft::hook::tier::net);
  std::set<std::string> missing = {"read",   "write",      "recv",    "send",   "poll",
                                   "select", "epoll_wait", "connect", "accept", "close",
                                   "sleep",  "usleep",     "nanosleep"};
  for (const auto& one : report.functions) {
    if (one.is_active) missing.erase(one.name);
  }
  if (!missing.empty()) {
    std::fputs(report.to_string().c_str(), stderr);
    return 1;
  }
  const auto begin = std::chrono::steady_clock::now();
  weft::run([] {
    std::vector<weft::task<void>> all;
    for (int i = 0; i < 50; ++i) all.push_back(weft::spawn([] { ::usleep(100000); }));
    for (auto& one : all) one.get();
  });
  const auto span = std::chrono::steady_clock::now() - begin;
  return span >= std::chrono::milliseconds(100) && span < std::chrono::seconds(1) ? 0 : 2;
}
