// SPDX-License-Identifier: BSL-1.0
// say_twice: two calls one after the other, then the same two as tasks
//
// The program that the documentation of Python's asyncio begins with. Calling a function that
// waits means waiting for it; spawning it means going on. Both are decided by the caller, and
// say_after() is the same function each time. In Python it would have to be `async def`.
#include <weft/weft.hpp>

#include <chrono>
#include <cstdio>
#include <string>

using namespace std::chrono_literals;

void say_after(weft::duration delay, const std::string& what) {
  weft::await_sleep(delay);
  std::puts(what.c_str());
}

// Calls f and prints how long that took, in tenths of a second.
template <class F>
void timed(const char* title, F f) {
  const auto begin = weft::now();
  f();
  const std::chrono::duration<double> took = weft::now() - begin;
  std::printf("%s: %.1f s\n", title, took.count());
}

int main() {
  weft::run([] {
    timed("two calls", [] {
      say_after(200ms, "hello");
      say_after(400ms, "world");
    });

    timed("two tasks", [] {
      weft::task<> first = weft::spawn(say_after, 200ms, "hello");
      weft::task<> second = weft::spawn(say_after, 400ms, "world");
      first.get();
      second.get();  // has been asleep for 200 ms already
    });
  });
}
