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
    detail::refuse_in_child(*running->shared, "a runner or weft::run() was started");
    detail::misuse("a runner or weft::run() was started inside a running loop (in " +
                   detail::describe(*running->current) +
                   "): spawn() a task there, or run the other loop on a thread of its own");
  }
  loop_ = new detail::loop(how);
}

runner::~runner() {
  if (detail::running_loop() == loop_) return;  // std::exit in a fiber: the process ends anyway
  if (!loop_->is_closed() && loop_->shared->is_of_parent()) return;  // in a child of fork()
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

detail::fiber& runner::new_guest(const detail::spawn_site& site) {
  loop_->become_guest("runner::start()");
  detail::inherit_locals_of_thread(loop_->root);
  detail::fiber& record = detail::new_fiber(loop_, {0, site});
  detail::record_guard made(record);
  record.parent = loop_->root.id;
  detail::inherit_locals(record, loop_->root);
  detail::baggage_of(record).name = loop_->how.name;
  made.release();
  return record;
}

void runner::start_guest(detail::fiber& record) {
  detail::start_fiber(*loop_, record);
  loop_->shared->box.wake_sleeper();
}

duration runner::step(duration max_wait) { return loop_->step(max_wait); }

int runner::pollable_fd() const {
  if (loop_->is_closed()) {
    detail::misuse("runner::pollable_fd() was called after the runner was closed");
  }
  detail::refuse_in_child(*loop_->shared, "runner::pollable_fd() was called");
  return loop_->kernel->descriptor();
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
