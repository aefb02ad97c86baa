// SPDX-License-Identifier: BSL-1.0
// Conformance of a backend: exceptions, forced unwinding and longjmp inside one side, while others
// run in between.
// The checks of longjmp that _FORTIFY_SOURCE adds compare stack addresses; they are switched on
// here whatever the build says, where the compiler optimises, without which libc has none.
#if defined(__OPTIMIZE__)
#undef _FORTIFY_SOURCE
#define _FORTIFY_SOURCE 2
#endif

#include <csetjmp>
#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include <pthread.h>
#include <unwind.h>

#include <doctest/doctest.h>

#include "context/flow.hpp"
#include "support/build_kind.hpp"
#include "support/child.hpp"
#include "support/no_leaks.hpp"
#include "support/skip.hpp"
#include "weft/weft.hpp"

using weft_tests::counted;
using weft_tests::flow;
using weft_tests::hop;
using weft_tests::no_leaks;

namespace {

constexpr const char* no_bare_stacks = "nobody tells AddressSanitizer where a bare stack lies";

WEFT_NOINLINE void throw_below(int levels, int what) {
  const counted here;
  if (levels == 0) throw what;
  throw_below(levels - 1, what);
  asm volatile("" : : : "memory");  // no tail call
}

int caught_from_below(int what) {
  try {
    throw_below(20, what);
  } catch (int got) {
    return got;
  }
  return -1;
}

}  // namespace

TEST_CASE(WEFT_BACKEND_NAME ": exceptions are thrown and caught on every side, between switches") {
  if (weft_tests::is_asan) WEFT_SKIP(no_bare_stacks);
  const long alive = counted::alive();
  flow here;
  int caught = 0;
  flow there([&](flow& self) {
    for (int i = 0; i < 1000; ++i) {
      caught += caught_from_below(1) == 1 ? 1 : 0;
      hop(self, here);
    }
    return &here;
  });
  for (int i = 0; i < 1000; ++i) {
    hop(here, there);
    caught += caught_from_below(2) == 2 ? 1 : 0;
  }
  hop(here, there);
  CHECK(caught == 2000);
  CHECK(counted::alive() == alive);
}

TEST_CASE_FIXTURE(no_leaks, WEFT_BACKEND_NAME
                  ": sem 84: fibers that park inside handlers and destructors rethrow their own") {
  struct parks {
    ~parks() { weft::yield(); }
  };
  auto rethrown = [](int mine) {
    try {
      try {
        const parks here;
        throw_below(5, mine);
      } catch (int) {
        for (int i = 0; i < mine % 5; ++i) weft::yield();
        throw;
      }
    } catch (int got) {
      return got;
    }
    return -1;
  };
  run([&] {
    std::vector<weft::task<int>> fibers;
    for (int i = 0; i < 100; ++i) fibers.push_back(weft::spawn(rethrown, i));
    CHECK(rethrown(1000) == 1000);
    for (int i = 0; i < 100; ++i) CHECK(fibers[static_cast<std::size_t>(i)].get() == i);
    CHECK(std::uncaught_exceptions() == 0);
  });
}

namespace {

// What pthread_exit() does, but only up to one frame: unwinds by force, running destructors, until
// the stack pointer has passed `until`, and jumps from there.
struct forced {
  std::jmp_buf home;
  std::uintptr_t until = 0;
  int frames = 0;
  bool ended_early = false;
  _Unwind_Exception exception{};
};

_Unwind_Reason_Code stop_at_home(int, _Unwind_Action actions, _Unwind_Exception_Class,
                                 _Unwind_Exception*, _Unwind_Context* frame, void* argument) {
  forced& way = *static_cast<forced*>(argument);
  ++way.frames;
  way.ended_early = (actions & _UA_END_OF_STACK) != 0;
  if (way.ended_early || _Unwind_GetCFA(frame) > way.until) std::longjmp(way.home, 1);
  return _URC_NO_REASON;
}

WEFT_NOINLINE void force_below(int levels, forced& way) {
  const counted here;
  if (levels == 0) {
    _Unwind_ForcedUnwind(&way.exception, &stop_at_home, &way);  // returns if it fails
    return;
  }
  force_below(levels - 1, way);
  asm volatile("" : : : "memory");
}

// Frames that a forced unwind passed on its way up twenty calls; 0 if it failed.
WEFT_NOINLINE int forced_frames() {
  static thread_local forced way;  // jumped over: must not live in a register
  way = forced{};
  way.until = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  if (setjmp(way.home) == 0) {
    force_below(20, way);
    return 0;
  }
  return way.ended_early ? 0 : way.frames;
}

}  // namespace

TEST_CASE(WEFT_BACKEND_NAME ": a forced unwind runs the destructors of its own side, and no more") {
  if (weft_tests::is_sanitized) WEFT_SKIP("sanitizers follow neither bare stacks nor such jumps");
  const long alive = counted::alive();
  flow here;
  int there_frames[2] = {0, 0};
  flow there([&](flow& self) {
    there_frames[0] = forced_frames();
    hop(self, here);
    there_frames[1] = forced_frames();
    return &here;
  });
  const int here_frames = forced_frames();
  hop(here, there);
  CHECK(forced_frames() == here_frames);
  hop(here, there);
  CHECK(here_frames >= 20);
  for (const int frames : there_frames) CHECK(frames == here_frames);
  CHECK(counted::alive() == alive);
}

TEST_CASE_FIXTURE(no_leaks, WEFT_BACKEND_NAME
                  ": sem 89: pthread_exit() in a fiber unwinds it, then the process says why") {
  if (weft_tests::is_sanitized) WEFT_SKIP("sanitizers do not follow a thread's forced end");
  const auto end = weft_tests::run_child([] {
    weft::run([] {
      weft::spawn([] {
        weft::yield();
        struct says_so {
          ~says_so() { std::fputs("destroyed\n", stderr); }
        } here;
        pthread_exit(nullptr);
      }).get();
    });
    return 0;
  });
  CAPTURE(end.output);
  CHECK(end.signal == SIGABRT);
  CHECK(end.says("destroyed"));
  CHECK(end.says("pthread_exit() or pthread_cancel() ended the thread inside"));
}

namespace {

template <class F>
WEFT_NOINLINE void jump_from_below(int levels, std::jmp_buf& home, F& before_jump, int value) {
  if (levels > 0) {
    jump_from_below(levels - 1, home, before_jump, value);
    asm volatile("" : : : "memory");  // no tail call
    return;
  }
  before_jump();
  asm volatile("" : "+r"(value));  // hides from the compiler that it is never 0
  if (value != 0) std::longjmp(home, value);
}

// Jumps out of ten calls, `before_jump` having let others run meanwhile. True if it arrives, with
// what it had.
template <class F>
WEFT_NOINLINE bool jumps_home(int round, F before_jump) {
  std::jmp_buf home;
  volatile int mine = round;
  const int came = setjmp(home);
  if (came == 0) {
    before_jump();
    jump_from_below(10, home, before_jump, round + 1);
    return false;
  }
  return came == mine + 1;
}

}  // namespace

TEST_CASE(WEFT_BACKEND_NAME ": H21: longjmp inside a side passes the checks of fortified libc") {
  if (weft_tests::is_sanitized) WEFT_SKIP("sanitizers do not follow longjmp over bare stacks");
  flow here;
  int arrived_there = 0;
  flow there([&](flow& self) {
    for (int i = 0; i < 100; ++i) {
      if (jumps_home(i, [&] { hop(self, here); })) ++arrived_there;
    }
    return &here;
  });
  int arrived_here = 0;
  for (int i = 0; i < 100; ++i) {
    if (jumps_home(i, [&] { hop(here, there); })) ++arrived_here;
  }
  hop(here, there);
  CHECK(arrived_here == 100);
  CHECK(arrived_there == 100);
}

TEST_CASE_FIXTURE(no_leaks,
                  WEFT_BACKEND_NAME ": H21: longjmp inside a fiber, across yields of many") {
  if (weft_tests::is_tsan) WEFT_SKIP("ThreadSanitizer refuses longjmp within its fibers");
  run([] {
    auto jumping = [] {
      int arrived = 0;
      for (int i = 0; i < 20; ++i) arrived += jumps_home(i, [] { weft::yield(); }) ? 1 : 0;
      return arrived;
    };
    std::vector<weft::task<int>> fibers;
    for (int i = 0; i < 20; ++i) fibers.push_back(weft::spawn(jumping));
    CHECK(jumping() == 20);
    for (auto& one : fibers) CHECK(one.get() == 20);
  });
}
