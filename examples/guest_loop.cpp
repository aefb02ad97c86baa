// SPDX-License-Identifier: BSL-1.0
// guest_loop: weft as a guest in a loop that was there before
//
// The program has an event loop of its own: here the smallest, around poll(); it could be that of
// libuv, Asio, GLib or a game. weft runs inside it, on the same thread: step() runs what is ready
// and says how long it has time, and one descriptor tells when there is news.
#include <weft/weft.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>

#include <poll.h>

using namespace std::chrono_literals;

// What the host does besides: a frame, a window, a connection of an older kind.
void draw_frame(int number) { std::printf("host: frame %d\n", number); }

std::string fetch(weft::channel<std::string>& letters) {
  std::puts("guest: waits for a letter");
  auto letter = letters.recv();  // parks this fiber, never the host
  weft::await_sleep(20ms);       // reads it
  return letter.value();
}

int main() {
  weft::runner guest;
  weft::channel<std::string> letters(1);
  auto reading = guest.start([&] { return fetch(letters); });

  // Another thread wakes the guest, and through its descriptor the host.
  std::thread postman([&] {
    std::this_thread::sleep_for(30ms);
    letters.send("hello from a thread");
  });

  using clock = std::chrono::steady_clock;
  int frames = 0;
  auto next_frame = clock::now();
  auto next_step = clock::time_point::max();
  while (!reading.done()) {
    // The sooner of the host's own time and the guest's; rounded up, or it would spin.
    const auto due = std::min(next_frame, next_step) - clock::now();
    const auto wait =
        std::chrono::ceil<std::chrono::milliseconds>(std::max(due, clock::duration()));
    pollfd news{guest.pollable_fd(), POLLIN, 0};
    poll(&news, 1, static_cast<int>(wait.count()));

    if (clock::now() >= next_frame) {
      if (++frames <= 2) draw_frame(frames);
      next_frame = clock::now() + 10ms;
    }
    if (news.revents != 0 || clock::now() >= next_step) {
      const weft::duration most = guest.step();
      next_step = most == weft::duration::max() ? clock::time_point::max() : clock::now() + most;
    }
  }
  postman.join();
  std::printf("host: drew on while its guest waited: %s\n", frames >= 2 ? "yes" : "no");
  std::printf("guest: has read '%s'\n", reading.get().c_str());
}
