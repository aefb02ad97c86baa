// SPDX-License-Identifier: BSL-1.0
// The way in: see run.hpp.
#include <cxxabi.h>

#include <exception>
#include <string_view>

#include "../loop/loop.hpp"
#include "weft/detail/check.hpp"
#include "weft/detail/compiler.hpp"
#include "weft/run.hpp"

WEFT_NAMESPACE_BEGIN

runner::runner(options how) {
  if (const detail::loop_core* const running = detail::running_loop()) {
    detail::misuse("a runner or weft::run() was started inside a running loop (in " +
                   detail::describe(*running->current) +
                   "): spawn() a task there, or run the other loop on a thread of its own");
  }
  loop_ = new detail::loop(how);
}

runner::~runner() {
  if (detail::running_loop() == loop_) return;  // std::exit in a fiber: the process ends anyway
  try {
    loop_->close();
  } catch (const std::exception& refused) {  // on another thread, or inside another loop
    detail::fatal("a runner cannot be destroyed here: " +
                  std::string(refused.what()).substr(std::string_view("weft: ").size()));
  }
  delete loop_;
}

WEFT_NO_SANITIZE_NULL void runner::call_as_main(void (*call)(void*), void* argument) {
  loop_->enter("runner::run()");
  loop_->was_interrupted = false;
  struct leaver {
    detail::loop* entered;
    ~leaver() { entered->leave(); }
  } leave{loop_};
  try {
    call(argument);
  } catch (const abi::__forced_unwind&) {
    detail::fatal("pthread_exit() or pthread_cancel() ended the thread inside " +
                  detail::describe(loop_->root) +
                  ". A thread's end would leave the other fibers of its loop hanging: return from "
                  "the function instead, or cancel the task.");
  }
}

void runner::close() {
  if (detail::running_loop() == loop_) {
    detail::misuse("runner::close() was called from inside its own loop (in " +
                   detail::describe(*loop_->current) + "): return from main first");
  }
  loop_->close();
}

bool runner::was_interrupted() const noexcept { return loop_->was_interrupted; }

WEFT_NAMESPACE_END
