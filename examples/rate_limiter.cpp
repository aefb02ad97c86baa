// SPDX-License-Identifier: BSL-1.0
// rate_limiter: a token bucket: ten calls a second on average, three at once after a pause
//
// A bucket holds tokens, and a call takes one. An interval puts a token in every now and then, as
// long as there is room. In weft that is a semaphore and a daemon of a few lines: who calls waits
// in acquire(), in the order in which they came.
#include <weft/weft.hpp>

#include <chrono>
#include <cstddef>
#include <cstdio>

using namespace std::chrono_literals;

namespace {

class token_bucket {
 public:
  token_bucket(std::size_t size, weft::duration period)
      : size_(size), tokens_(size), refill_(weft::spawn({"refill"}, [this, period] {
          weft::interval every(period);
          for (;;) {
            every.tick();
            // Nothing can come between these two: fibers change places only where they wait.
            if (tokens_.available() < size_) tokens_.release();
          }
        })) {}

  void take() { tokens_.acquire(); }

 private:
  const std::size_t size_;
  weft::local::semaphore tokens_;
  weft::task<> refill_;  // cancelled and joined with the bucket
};

void call(token_bucket& bucket, int number, weft::time_point begin) {
  bucket.take();
  const std::chrono::duration<double> waited = weft::now() - begin;
  std::printf("  call %d after %.1f s\n", number, waited.count());
}

}  // namespace

int main() {
  weft::run([] {
    token_bucket bucket(3, 100ms);
    const auto begin = weft::now();
    std::printf("eight calls at once; three tokens are there\n");
    weft::with_task_group([&](weft::task_group& group) {
      for (int i = 1; i <= 8; ++i) group.spawn([&, i] { call(bucket, i, begin); });
    });
    std::printf("a pause fills the bucket again, and not over its brim\n");
    weft::await_sleep(450ms);
    const auto again = weft::now();
    for (int i = 9; i <= 11; ++i) call(bucket, i, again);
    const bool was_fast = weft::move_on_after(30ms, [&] { bucket.take(); });
    std::printf("  call 12 %s\n", was_fast ? "was not limited" : "would have to wait");
  });
}
