// SPDX-License-Identifier: BSL-1.0
// The refusals that no other test reads to the end, word for word: what, with which value, what to
// do. Those that end the process run in a child.
#include <chrono>
#include <cstdlib>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>

#include <sys/resource.h>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/capture_reports.hpp"
#include "support/child.hpp"
#include "support/skip.hpp"
#include "weft/detail/check.hpp"
#include "weft/testing.hpp"
#include "weft/weft.hpp"

using namespace std::chrono_literals;
using weft_tests::capture_reports;
using weft_tests::run_child;

namespace {

template <class F>
std::string refusal(F&& f) {
  try {
    f();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "it was not refused";
}

bool is_memory_gone = false;  // one thread at a time

}  // namespace

#if !WEFT_TESTS_ASAN && !WEFT_TESTS_TSAN  // which bring their own
// Not inlined: g++ would see free() meet a pointer of operator new, and warn.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  void* const memory = is_memory_gone ? nullptr : std::malloc(bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
#endif

TEST_CASE("messages: gather names the argument that it refuses") {
  weft::run([] {
    weft::task<int> empty;
    CHECK(refusal([&] { weft::gather([] {}, empty); }) ==
          "weft: gather() was given an empty handle as argument 2");
    auto taken = weft::spawn({"taken"}, [] { return 1; });
    CHECK(taken.get() == 1);
    CHECK(refusal([&] { weft::gather(taken); }) ==
          "weft: gather() was given fiber " + std::to_string(static_cast<long>(taken.id())) +
              " 'taken', whose result was taken already by get() or gather()");
    weft::task<std::string> own;
    own = weft::spawn({"own"}, [&own] { return refusal([&own] { weft::gather(own); }); });
    const auto id = std::to_string(static_cast<long>(own.id()));
    CHECK(own.get() == "weft: gather() in fiber " + id +
                           " 'own' was given that task itself: it would wait for its own end");
    weft::task<> far;
    std::thread([&far] { weft::run([&far] { far = weft::spawn({"far"}, [] {}); }); }).join();
    CHECK(refusal([&] { weft::gather(far); }) ==
          "weft: gather() takes tasks of its own loop; fiber 2 'far' belongs to another: get() it "
          "instead");
  });
}

TEST_CASE("messages: a loop that has ended says so to each who comes later") {
  weft::loop_ref late;
  weft::task<> ended;
  weft::future<int> answer;
  weft::run([&] {
    late = weft::this_loop();
    ended = weft::spawn([] {});
    answer = late.call([] {
      weft::await_sleep(1h);
      return 1;
    });
    weft::testing::wait_all_blocked();
  });
  CHECK(refusal([&] { late.post([] {}); }) ==
        "weft: loop_ref::post() came after the loop had ended");
  CHECK(refusal([&] { ended.on_done([] {}); }) ==
        "weft: on_done() was called after the task's loop had ended");
  CHECK(refusal([&] { answer.get(); }) == "weft: the loop ended before loop_ref::call() was done");
  CHECK(refusal([] { weft::loop_ref().post([] {}); }) ==
        "weft: loop_ref::post() was called on an empty ref: take one with this_loop() or "
        "background_loop::ref()");
}

TEST_CASE("messages: what needs a fiber, or a loop, says what it was called on") {
  CHECK(refusal([] { weft::this_fiber::id(); }) ==
        "weft: this_fiber::id() was called on a plain thread: it tells of the running fiber");
  CHECK(refusal([] { weft::testing::wait_all_blocked(); }) ==
        "weft: testing::wait_all_blocked() needs a running loop, and this thread has none: call it "
        "from inside weft::run(), or hand the work over with loop_ref::post()");
}

TEST_CASE("messages: a runner that is destroyed where it cannot close ends the process") {
  const auto other_thread = run_child([] {
    auto one = std::make_unique<weft::runner>();
    std::thread([&one] { one.reset(); }).join();
    return 0;
  });
  CHECK(other_thread.signal == SIGABRT);
  CHECK(other_thread.says(
      "weft: a runner cannot be destroyed here: runner::close() was called on another thread than "
      "the one that made the runner: a loop belongs to one thread; use loop_ref::post() to reach "
      "it\n"));
  const auto other_loop = run_child([] {
    auto one = std::make_unique<weft::runner>();
    weft::run([&one] { one.reset(); });
    return 0;
  });
  CHECK(other_loop.signal == SIGABRT);
  CHECK(
      other_loop.says("weft: a runner cannot be destroyed here: runner::close() was called inside "
                      "a running loop (in fiber 1 'main')"));
}

TEST_CASE("messages: a task that nobody could end any more ends the process") {
  const auto end = run_child([] {
    weft::runner standing;
    weft::task<> left = standing.run([] { return weft::spawn({"left"}, [] {}); });
    weft::run([&left] { left = {}; });
    return 0;
  });
  CHECK(end.signal == SIGABRT);
  CHECK(end.says("weft: the task of fiber 2 'left' (spawned at messages_test.cpp:"));
  CHECK(end.says(
      ") was destroyed inside another loop while its own loop, which belongs to the same thread, "
      "stands still: close its runner first.\n"));
}

TEST_CASE("messages: a loop that gets no descriptor says which one") {
  const auto made_with = [](rlim_t spare) {
    return run_child([spare] {
      // The next free number is where the limit bites.
      const int next = dup(0);
      close(next);
      const rlimit few{static_cast<rlim_t>(next) + spare, static_cast<rlim_t>(next) + spare};
      setrlimit(RLIMIT_NOFILE, &few);
      const std::string said = refusal([] { weft::run([] {}); });
      std::fprintf(stderr, "%s\n", said.c_str());
      return 0;
    });
  };
  CHECK(made_with(0).says(
      "weft: a loop needs an eventfd, and the system refused it: Too many open files\n"));
  CHECK(made_with(1).says(
      "weft: a loop needs an epoll descriptor, and the system refused it: Too many open files\n"));
}

TEST_CASE("messages: a broken invariant tells condition, place, fiber and what it means") {
  const auto end = run_child([] {
    weft::run([] { weft::detail::invariant_failed("a == b", "here.cpp", 12); });
    return 0;
  });
  CHECK(end.signal == SIGABRT);
  CHECK(
      end.says("weft: broken invariant: a == b (here.cpp:12, running fiber 1 'main'). This is a "
               "defect in weft or memory was overwritten; a core dump shows where.\n"));
}

TEST_CASE("messages: without memory for a message there is a shorter one") {
  if (weft_tests::is_sanitized) WEFT_SKIP("the sanitizers bring an operator new of their own");
  const auto reports_of = [](auto body) {
    const capture_reports reports;
    const auto end = run_child([&] {
      weft::set_report_handler(nullptr);
      weft::run(body);
      return 0;
    });
    return end.output;
  };
  CHECK(reports_of([] {
          auto dropped = weft::spawn([] {});
          is_memory_gone = true;
          { const auto here = std::move(dropped); }
          is_memory_gone = false;
        }) == "weft: a task was dropped before it ran, and there was no memory to name it.\n");
  CHECK(reports_of([] {
          auto lost =
              weft::spawn([] { throw std::runtime_error("a text too long to lie in place"); });
          lost.join();
          is_memory_gone = true;
          { const auto here = std::move(lost); }
          is_memory_gone = false;
        }) == "weft: a task's error was lost, and there was no memory to name it.\n");
}
