// SPDX-License-Identifier: BSL-1.0
// The smallest program that uses weft, built by .ci/consumers in every way users build: pkg-config,
// CMake, a Meson subproject; shared and static. Exits 0 if the fibers did what they should.
#include <chrono>

#include <weft/weft.hpp>

int main() {
  return weft::run([] {
    auto answer = weft::spawn([] {
      weft::await_sleep(std::chrono::milliseconds(1));
      return 42;
    });
    return answer.get() == 42 ? 0 : 1;
  });
}
