// SPDX-License-Identifier: BSL-1.0
// task_result: a task's string comes back through get(), and through run()
//
// spawn() starts a function as a task and gives back a handle. get() waits for the function's end
// and returns what it returned. The function keeps its plain return type; there is no future to
// fill and no callback.
#include <weft/weft.hpp>

#include <chrono>
#include <cstdio>
#include <string>

using namespace std::chrono_literals;

std::string look_up_capital(const std::string& country) {
  weft::await_sleep(200ms);  // stands for a slow server
  return country == "Peru" ? "Lima" : "nobody knows";
}

int main() {
  const std::string answer = weft::run([] {
    // Arguments are copied into the task, as std::thread does it.
    weft::task<std::string> capital = weft::spawn(look_up_capital, "Peru");
    std::puts("asked, and free to do something else");  // the task has not even begun
    return "the capital of Peru is " + capital.get();   // now it runs, and we wait for it
  });
  std::puts(answer.c_str());
}
