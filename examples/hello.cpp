// SPDX-License-Identifier: BSL-1.0
// hello: two greeters sleep a second each, together one second in all
//
// greet() is an ordinary function: nothing in its signature says that it waits. While one greeter
// sleeps the other one runs, on the same thread, so the two seconds pass at the same time.
#include <weft/weft.hpp>

#include <chrono>
#include <cmath>
#include <cstdio>

using namespace std::chrono_literals;

void greet(const char* name) {
  std::printf("hello, %s\n", name);
  weft::await_sleep(1s);  // only this greeter waits; the thread goes on with the other one
  std::printf("goodbye, %s\n", name);
}

int main() {
  const auto begin = weft::now();

  weft::run([] {                           // starts a loop; returns when the function does
    weft::gather([] { greet("Ada"); },     // runs them all at once, and returns
                 [] { greet("Grace"); });  // when the last one is done
  });

  const std::chrono::duration<double> took = weft::now() - begin;
  std::printf("%ld s in all\n", std::lround(took.count()));
}
