// SPDX-License-Identifier: BSL-1.0
// scheduler_in_80_lines: a whole scheduler in one sitting, on weft's lowest layer alone
//
// Read this to understand what a fiber is. weft's own loop adds timers, the kernel, other threads,
// exceptions and cancellation, and it is fast; the idea is all here.
//
// A fiber is a function with a stack of its own. The stack remembers where the function is, so
// "stop here, go on there" is no more than: save the registers, make another stack the current
// one, load what was saved there. weft's context layer does that in two calls, and they are all
// that is used of weft here:
//
//   make_context(c, top, bytes, entry)   prepares c: the first switch to it calls entry(&c)
//   context_switch(&here, &there)        saves us in `here` and continues `there`; it returns when
//                                        somebody switches to `here` again
//
// The scheduler is a queue of fibers that are ready to run. Three rules keep it right:
//
//   1. A running fiber stops in park(), or by coming to its end; nowhere else.
//   2. A parked fiber becomes ready by wake(); by nothing else. Who parks must be known to somebody
//      who will wake it.
//   3. A fiber that has ended can't free its own stack, for it still stands on it. Whoever runs
//      next does that, so every arrival after a switch begins with bury().
#include <weft/detail/context.hpp>

#include <cstdio>
#include <deque>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

using weft::detail::context;
const auto context_switch = &WEFT_C_NAME(context_switch);  // its name carries weft's version

// A fiber is a context, so that entry(context*) can find the rest of it by a cast.
// valgrind wants to be told of every stack. weft does that; this example does not.
struct fiber : context {
  std::function<void()> body;
  std::vector<char> stack = std::vector<char>(64 * 1024);  // no guard page: don't recurse deeply
};

// One thread, one scheduler, no locks: only the running fiber ever touches these.
std::deque<fiber*> ready;         // in order of their turn
fiber* current = nullptr;         // who runs
std::unique_ptr<fiber> finished;  // has ended, and waits for its burial
context host;                     // where run() was called, on the thread's own stack

void bury() { finished.reset(); }

// Who runs now: the fiber that has been ready for longest, or run() if there is none. This is the
// place where weft asks the kernel what has happened, and sleeps until the next timer.
context* next() {
  if (ready.empty()) return &host;
  current = ready.front();
  ready.pop_front();
  return current;
}

// Makes a parked fiber ready. It does not run before the caller parks.
void wake(fiber* parked) { ready.push_back(parked); }

// Stops the running fiber until somebody wakes it. Meanwhile the others run, each of them going on
// where it had stopped itself.
void park() {
  fiber* const self = current;  // next() changes `current`
  context_switch(self, next());
  bury();  // we are back, on our own stack, with all our locals
}

// Goes behind everybody who is ready: a park that is already woken.
void yield() {
  if (ready.empty()) return;  // a switch to ourselves would load what was never saved
  wake(current);
  park();
}

// Where every fiber begins, on its empty stack. Whom it returns is continued in its place, and this
// stack is never continued again. No exception may leave it; weft keeps them for get().
context* enter(context* self) noexcept {
  bury();
  static_cast<fiber*>(self)->body();
  finished.reset(static_cast<fiber*>(self));
  return next();
}

// Puts a new fiber behind all that are ready. It does not run before the caller parks.
fiber* spawn(std::function<void()> body) {
  fiber* const born = new fiber;
  born->body = std::move(body);
  char* const top = born->stack.data() + born->stack.size();  // stacks grow downwards
  weft::detail::make_context(*born, top, born->stack.size(), enter);
  wake(born);
  return born;
}

// Runs until nothing is ready. A fiber that is still parked then will never be woken: a deadlock.
void run() {
  if (!ready.empty()) context_switch(&host, next());
  bury();
}

// ---- and it works: two take turns, a third one waits for both -----------------------------------
int main() {
  int still_counting = 2;
  fiber* const third = spawn([&] {
    std::printf("the third one waits\n");
    while (still_counting > 0) park();
    std::printf("the third one is woken: both have counted\n");
  });

  for (const char* name : {"one", "two"}) {
    spawn([&still_counting, third, name] {
      for (int i = 1; i <= 3; ++i) {
        std::printf("%s counts %d\n", name, i);
        yield();
      }
      if (--still_counting == 0) wake(third);
    });
  }

  run();
  std::printf("nobody is ready: run() returns\n");
}
