// SPDX-License-Identifier: BSL-1.0
// find_the_bug: an update is lost once in a blue moon; explore() finds the order, and repeats it
//
// Two fibers book places in the same train. Booking reads how many are free, asks the bank, and
// writes what is left: whoever writes last undoes what the other wrote. A test runs it 10,000 times
// and sees nothing, because one bank has always answered before the other was asked.
// explore() runs the same function in every order that its waits allow.
#include <weft/explore.hpp>
#include <weft/weft.hpp>

#include <chrono>
#include <cstdio>

namespace testing = weft::testing;

class train {
 public:
  void book() {
    const int seen = free_;
    ask_the_bank();
    free_ = seen - 1;
  }

  // Mended: nobody comes between reading and writing.
  void book_safely() {
    ask_the_bank();
    --free_;
  }

  int free() const { return free_; }

 private:
  // Answers at once, as a bank in a test does: here another fiber could come in, and never does.
  static void ask_the_bank() { testing::maybe_switch(); }

  int free_ = 100;
};

void two_book() {
  train night_train;
  auto ada = weft::spawn({"ada"}, [&] { night_train.book(); });
  auto bob = weft::spawn({"bob"}, [&] { night_train.book(); });
  weft::gather(ada, bob);
  testing::check(night_train.free() == 98, "two places were booked, and 98 are free");
}

void two_book_safely() {
  train night_train;
  auto ada = weft::spawn({"ada"}, [&] { night_train.book_safely(); });
  auto bob = weft::spawn({"bob"}, [&] { night_train.book_safely(); });
  weft::gather(ada, bob);
  testing::check(night_train.free() == 98, "two places were booked, and 98 are free");
}

int main() {
  int passed = 0;
  weft::runner ordinary;
  for (int i = 0; i < 10'000; ++i) {
    ordinary.run(two_book);
    ++passed;
  }
  std::printf("%d ordinary runs: no failure\n\n", passed);

  testing::explore_options how;
  how.print = false;  // else it is reported on stderr
  const testing::explore_result found = testing::explore(two_book, how);
  std::printf("explore: schedule %d failed: %s\n%s\n\n", static_cast<int>(found.schedules),
              found.failure.c_str(), found.timeline.c_str());

  how.replay = found.seed;  // or WEFT_EXPLORE_SEED in the environment
  int failed = 0;
  for (int i = 0; i < 100; ++i) failed += testing::explore(two_book, how).failed;
  std::printf("with the seed %s it fails %d times of 100\n\n", found.seed.c_str(), failed);

  how.replay.clear();
  const testing::explore_result mended = testing::explore(two_book_safely, how);
  std::printf("mended: %d schedules, %s, %s\n", static_cast<int>(mended.schedules),
              mended.exhaustive ? "all there are" : "not all", mended ? "no failure" : "it fails");
}
