// SPDX-License-Identifier: BSL-1.0
// tour: eight small things that weft does, explained while they run
//
// Each stop of the tour is a function of its own below: what it prints first is what it is about,
// what stands behind a bar is the program itself speaking. The other examples go deeper.
#include <weft/weft.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "machine.hpp"

using namespace std::chrono_literals;
using machine::stopwatch;

void heading(const char* title) {
  static int number = 0;
  std::printf("\n%d. %s\n", ++number, title);
}

// The text begins with the line break that stands behind R"(.
void explain(const char* text) { std::printf("%s\n", text + 1); }

// What the running program says, in contrast to what the guide says.
void say(const std::string& text) { std::printf("   | %s\n", text.c_str()); }

std::string with_commas(int number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, ",");
  return digits;
}

// ---- 1
void greet(const std::string& name) {
  say("hello, " + name);
  weft::await_sleep(500ms);
  say("goodbye, " + name);
}

void two_greeters() {
  heading("Two at once, on one thread");
  explain(R"(
   greet() is an ordinary function that prints, sleeps half a second, and prints again.
   While one greeter sleeps, the other one runs:

     weft::run([] { weft::gather([] { greet("Ada"); }, [] { greet("Grace"); }); });
)");
  const stopwatch watch;
  weft::run([] { weft::gather([] { greet("Ada"); }, [] { greet("Grace"); }); });
  std::printf("\n   That took %.2f s, not 1 s.\n", watch.seconds());
}

// ---- 2
void ten_tasks() {
  heading("Ten tasks take as long as the longest");
  explain(R"(
   spawn() starts a function as a task. The first of these sleeps 50 ms, the tenth 500 ms:

     tasks.push_back(weft::spawn([n] { weft::await_sleep(n * 50ms); ... }));
)");
  const stopwatch watch;
  weft::run([] {
    std::vector<weft::task<>> tasks;
    std::printf("   | done:");
    for (int n = 1; n <= 10; ++n) {
      tasks.push_back(weft::spawn([n] {
        weft::await_sleep(n * 50ms);
        std::printf(" %d", n);
        std::fflush(stdout);
      }));
    }
    weft::gather(tasks);
  });
  std::printf("\n\n   That took %.2f s; one after another it would be 2.75 s.\n", watch.seconds());
}

// ---- 3
std::string slow_answer(int question) {
  weft::await_sleep(100ms);
  return "the answer to question " + std::to_string(question) + " is 42";
}

void a_result() {
  heading("What a task returns comes back");
  explain(R"(
   get() waits for the task and returns its result; run() returns what its function returns:

     std::string s = weft::run([] { return weft::spawn(slow_answer, 7).get(); });
)");
  say(weft::run([] { return weft::spawn(slow_answer, 7).get(); }));
}

// ---- 4
void ping_pong(int silent_turns) {
  heading("Taking turns");
  explain(R"(
   yield() lets everybody else who is ready have a turn. Two fibers change places only there,
   so what they share needs no lock.
)");
  weft::run([] {
    const auto play = [](const char* sound) {
      for (int i = 0; i < 3; ++i) {
        say(sound);
        weft::yield();
      }
    };
    weft::gather([&] { play("ping"); }, [&] { play("        pong"); });
  });
  const stopwatch watch;
  weft::run([&] {
    const auto play = [&] {
      for (int i = 0; i < silent_turns; ++i) weft::yield();
    };
    weft::gather(play, play);
  });
  const double nanoseconds = watch.seconds() * 1e9 / (2.0 * silent_turns);
  std::printf("\n   %s more turns like these, without the printing: %.0f ns each.\n",
              with_commas(2 * silent_turns).c_str(), nanoseconds);
}

// ---- 5
void many_sleepers(int count) {
  heading("Many at once");
  std::printf("   %s tasks in this one thread, each asleep for 0.2 s.\n\n",
              with_commas(count).c_str());
  const long before = machine::resident_kib();
  long during = 0;
  const stopwatch watch;
  weft::run([&] {
    std::vector<weft::task<>> tasks;
    for (int i = 0; i < count; ++i) {
      tasks.push_back(weft::spawn([] { weft::await_sleep(200ms); }));
    }
    weft::yield();  // all of them begin, and sleep
    during = machine::resident_kib();
    weft::gather(tasks);
  });
  const double kib = static_cast<double>(during - before);
  std::printf("   | all done after %.2f s\n", watch.seconds());
  std::printf("   | while they slept, the process was %.0f MiB larger: %.1f KiB for each\n\n",
              kib / 1024, kib / count);
  std::printf("   Each has a stack of its own: address space, filled by the page as it is used.\n");
}

// ---- 6
void cancelling() {
  heading("Stopping what is no longer wanted");
  explain(R"(
   cancel() ends a task where it waits, by an exception: destructors run as always.

     weft::task<> patient = weft::spawn([] { tidy_up at_the_end; weft::await_sleep(1h); });
     weft::await_sleep(100ms);
     patient.cancel();
)");
  struct tidy_up {
    ~tidy_up() { say("the patient one tidies up"); }
  };
  const stopwatch watch;
  weft::run([] {
    weft::task<> patient = weft::spawn([] {
      const tidy_up at_the_end;
      weft::await_sleep(1h);
    });
    weft::await_sleep(100ms);
    patient.cancel();
    patient.join();
    say(patient.was_cancelled() ? "and was cancelled" : "and was not cancelled?");
  });
  std::printf("\n   That took %.2f s, not an hour.\n", watch.seconds());
}

// ---- 7
void an_error() {
  heading("An error comes back where the result would");
  explain(R"(
   What a task throws is kept, and get() throws it again, to whoever wants the result.

     try { connecting.get(); } catch (const std::runtime_error& error) { ... }
)");
  weft::run([] {
    weft::task<int> connecting = weft::spawn([]() -> int {
      weft::await_sleep(50ms);
      throw std::runtime_error("nobody listens at port 4711");
    });
    try {
      connecting.get();
    } catch (const std::runtime_error& error) {
      say(std::string("caught: ") + error.what());
    }
  });
}

// ---- 8
extern "C" {
static int slow_compare(const void* a, const void* b) {
  weft::await_sleep(5ms);
  return *static_cast<const int*>(a) - *static_cast<const int*>(b);
}
}

void through_qsort() {
  heading("Waiting in the middle of somebody else's code");
  explain(R"(
   The C library's qsort() calls our comparison, and the comparison sleeps. qsort() knows of
   nothing; it just stands still for a while, and other tasks run. A coroutine without a stack
   of its own could not do that: qsort() would have to be a coroutine, too.
)");
  weft::run([] {
    int ticks = 0;
    weft::task<> ticker = weft::spawn([&] {
      for (;;) {
        weft::await_sleep(2ms);
        ++ticks;
      }
    });
    int numbers[] = {5, 3, 8, 1, 9, 2};
    std::qsort(numbers, 6, sizeof(int), slow_compare);
    std::string sorted = "sorted:";
    for (const int number : numbers) sorted += " " + std::to_string(number);
    say(sorted);
    say("another task ran " + std::to_string(ticks) + " times during qsort()");
  });  // the ticker's handle ends here: that cancels the ticker and waits for it
}

int main(int argc, char** argv) {
  const bool is_quick = argc == 2 && std::strcmp(argv[1], "--quick") == 0;
  if (argc > 1 && !is_quick) {
    std::fprintf(stderr, "usage: %s [--quick]     --quick: smaller numbers\n", argv[0]);
    return 2;
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 0);  // also into a pipe: a tour is to be watched
  const stopwatch watch;

  explain(R"(
weft runs many things at once on one thread. Each is a fiber: a function with a stack of its
own, that waits without making the thread wait. Any function may do so, and looks no different
for it. The program that you are watching is examples/tour.cpp.)");
  two_greeters();
  ten_tasks();
  a_result();
  ping_pong(is_quick ? 1000 : 500000);
  many_sleepers(is_quick ? 500 : 10000);
  cancelling();
  an_error();
  through_qsort();

  std::printf("\nThat was the tour, in %.1f s.", watch.seconds());
  explain(R"(
 Go on with one of these (examples/run NAME):

   hello                     the smallest program
   say_twice                 calling a function, or spawning it: what asyncio's tutorial does
   task_result, ten_tasks    stops 3 and 2, without the talk
   runner_loop               a loop that you enter and leave as you like
   producer_consumer_yield   sharing without locks
   threads_and_processes     what threads cost beside fibers, and when they win
   legacy                    qsort() and a visitor in C, in full
   scheduler_in_80_lines     how all this works)");
}
