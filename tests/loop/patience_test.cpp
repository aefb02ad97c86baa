// SPDX-License-Identifier: BSL-1.0
// A loop looks for messages before it sleeps, as long as that pays.
#include <sys/resource.h>

#include <algorithm>
#include <cstdint>

#include <doctest/doctest.h>

#include "loop/patience.hpp"
#include "support/cores.hpp"
#include "support/emulated.hpp"
#include "support/skip.hpp"
#include "weft/weft.hpp"

using namespace std::chrono_literals;
using weft::detail::patience;

namespace {

// Until it no longer looks at all; how often it did.
unsigned look_in_vain(patience& p) {
  unsigned looks = 0;
  for (; p.has_any() && looks < 100; ++looks) {
    CHECK_FALSE(p.look_for([] { return false; }));
  }
  return looks;
}

std::int64_t sleeps_of_this_thread() {
  rusage used{};
  ::getrusage(RUSAGE_THREAD, &used);
  return used.ru_nvcsw;
}

}  // namespace

TEST_CASE("patience: none before a message has come early") {
  patience p;
  CHECK_FALSE(p.has_any());
  p.was_rung_after(1ms);
  CHECK_FALSE(p.has_any());
  p.was_rung_after(10us);
  CHECK(p.has_any());
}

TEST_CASE("patience: shorter each time it looks in vain, and harder to come by") {
  patience p;
  p.was_rung_after(10us);
  CHECK(look_in_vain(p) == 4);  // 20, 10, 5, 2.5 us
  for (unsigned wanted = 2; wanted <= 64; wanted *= 2) {
    for (unsigned ring = 1; ring < wanted; ++ring) p.was_rung_after(10us);
    CHECK_FALSE(p.has_any());
    p.was_rung_after(10us);
    CHECK(look_in_vain(p) == 4);
  }
}

TEST_CASE("patience: a message that was found makes up for all") {
  patience p;
  p.was_rung_after(10us);
  look_in_vain(p);
  p.was_rung_after(10us);
  p.was_rung_after(10us);
  CHECK_FALSE(p.look_for([] { return false; }));
  unsigned looks = 0;
  CHECK(p.look_for([&] { return ++looks == 3; }));
  CHECK(looks == 3);
  CHECK(look_in_vain(p) == 4);
  CHECK_FALSE(p.has_any());
  p.was_rung_after(10us);  // wanted: two
  CHECK_FALSE(p.has_any());
}

TEST_CASE("two loops that answer one another at once hardly sleep") {
  if (weft_tests::is_emulated()) WEFT_SKIP("an emulator's wake-ups are not the kernel's");
  if (weft_tests::allowed_cores().size() < 2) WEFT_SKIP("needs two cores");
  constexpr int there_and_back = 2'000;
  // One that never looks sleeps each time; others may keep this machine's cores busy.
  constexpr int few = there_and_back * 3 / 4;
  constexpr int attempts = 200;  // others may need the second core meanwhile
  weft::background_loop other;
  weft::channel<int> there(1);
  weft::channel<int> back(1);
  std::int64_t fewest = there_and_back;
  for (int attempt = 0; attempt < attempts && fewest > few; ++attempt) {
    auto answers = other.ref().call([&] {
      for (int i = 0; i < there_and_back; ++i) back.send(*there.recv() + 1);
    });
    weft::run([&] {
      const std::int64_t before = sleeps_of_this_thread();
      int value = 0;
      for (int i = 0; i < there_and_back; ++i) {
        there.send(int{value});
        value = *back.recv();
      }
      CHECK(value == there_and_back);
      fewest = std::min(fewest, sleeps_of_this_thread() - before);
      answers.get();
    });
  }
  CHECK(fewest <= few);
}
