// SPDX-License-Identifier: BSL-1.0
// pipeline: stages connected by queues; the slowest one sets the pace, and little piles up
//
// Each stage takes from one queue and puts into the next. A queue of bounded size makes its
// producer wait when it is full: that is back-pressure, and it goes all the way up to the source.
// When a stage has nothing more to put, it shuts the next queue down: get() gives what is left
// there, and then throws closed_error.
#include <weft/weft.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <string>
#include <utility>

using namespace std::chrono_literals;

namespace {

struct photo {
  std::string name;
  int width;
};

using photos = weft::queue<photo>;

// Calls f for all that comes out of a queue, until it is shut down and empty.
template <class F>
void for_each(photos& from, F f) {
  try {
    for (;;) f(from.get());
  } catch (const weft::closed_error&) {
  }
}

void load(int count, photos& to) {
  std::size_t most = 0;
  for (int i = 1; i <= count; ++i) {
    weft::await_sleep(1ms);  // the disk is fast
    to.put({"photo " + std::to_string(i), 1000 * i});
    most = std::max(most, to.size());
  }
  std::printf("  loaded all; at most %zu waited to be shrunk\n", most);
  to.shutdown();
}

void shrink(photos& from, photos& to) {
  for_each(from, [&](photo one) {
    weft::await_sleep(2ms);
    one.width = std::min(one.width, 8000);
    to.put(std::move(one));
  });
  to.shutdown();
}

void upload(photos& from, int& sent) {
  for_each(from, [&](const photo& one) {
    weft::await_sleep(20ms);  // the network is slow
    std::printf("  %s: %d pixels wide\n", one.name.c_str(), one.width);
    ++sent;
  });
}

}  // namespace

int main() {
  weft::run([] {
    photos to_shrink(4);
    photos to_send(2);
    int sent = 0;
    const auto begin = weft::now();
    weft::gather([&] { load(20, to_shrink); },         //
                 [&] { shrink(to_shrink, to_send); },  //
                 [&] { upload(to_send, sent); },       //
                 [&] { upload(to_send, sent); });      // two at the slowest stage
    const std::chrono::duration<double> took = weft::now() - begin;
    std::printf("%d sent in %.2f s; one after another they would have taken %.2f s\n", sent,
                took.count(), 20 * 0.023);
  });
}
