// SPDX-License-Identifier: BSL-1.0
// See weft/fork.hpp and fork.hpp. In the child a loop is inherited at first: its descriptors are
// closed (an epoll_ctl would change the parent's set, which is the same object), and the tests that
// hot paths make anyway all fail:
//   the running fiber's attention_cancel   waits ask whether a cancel is due, and throw
//   loop_core::turn_end                    who takes the next fiber takes the slow path, and ends
//   loop_core::free_records                a spawn asks for records, and throws
//   shared_side::refuses_work              a post asks why, and throws
#include "weft/fork.hpp"

#include <pthread.h>

#include <mutex>
#include <utility>
#include <vector>

#include "../base/syscalls.hpp"
#include "fork.hpp"
#include "loop.hpp"
#include "weft/detail/check.hpp"
#include "weft/detail/scope.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

// Of all loops; never destroyed, as loops may outlive static objects.
struct loop_book {
  std::mutex lock;  // guards all below
  list loops;       // of loop_link
  int forking = 0;  // the thread inside fork(), between its handlers
};

loop_book& the_book();

void before_fork() noexcept {
  lock_sigquit();
  the_book().lock.lock();
  the_book().forking = this_thread();
}

void after_fork_in_parent() noexcept {
  the_book().lock.unlock();
  unlock_sigquit();
}

void after_fork_in_child() noexcept {
  loop_book& book = the_book();
  // First: their handlers write to descriptors that are about to be closed.
  uninstall_sigint_handler();
  take_sigint();
  forget_sigquit_listeners();
  book.loops.for_each([&book](list_node& node) {
    loop& one = *static_cast<loop_link&>(node).of;
    one.become_inherited(one.shared->thread == book.forking);
  });
  book.lock.unlock();
  unlock_sigquit();
}

loop_book& the_book() {
  static loop_book* const book = new loop_book;
  return *book;
}

thread_local const stack* left_on = nullptr;

}  // namespace

void note_loop(loop_link& made) {
  loop_book& book = the_book();
  static const int is_registered =
      pthread_atfork(&before_fork, &after_fork_in_parent, &after_fork_in_child);
  static_cast<void>(is_registered);  // ENOMEM: a child would not be noticed
  const std::lock_guard<std::mutex> hold(book.lock);
  book.loops.push_back(made);
}

void for_each_loop(const std::function<void(loop&)>& f) noexcept {
  const std::lock_guard<std::mutex> hold(the_book().lock);
  the_book().loops.for_each([&f](list_node& node) { f(*static_cast<loop_link&>(node).of); });
}

void forget_loop(loop_link& ending) noexcept {
  const std::lock_guard<std::mutex> hold(the_book().lock);
  if (ending.is_linked()) ending.unlink();
}

const stack* stack_left_on() noexcept { return left_on; }

std::string refusal_in_child(const shared_side& side, const std::string& call) {
  const bool is_lost = side.whose.load(std::memory_order_relaxed) == ownership::lost;
  return call + " in a child of fork(): this loop belongs to the parent process" +
         (is_lost ? ", and so does the thread that runs it. Make a loop of your own with "
                    "weft::run()"
                  : ". Call weft::after_fork_child() first, or only exec or _exit");
}

void refuse_in_child(const shared_side& side, const char* call) {
  if (WEFT_UNLIKELY(side.is_of_parent())) misuse(refusal_in_child(side, call));
}

void loop::become_inherited(bool is_of_this_thread) noexcept {
  kernel->abandon();
  shared->box.abandon();
  tree_bell.abandon();
  shared->refuses_work.store(true, std::memory_order_relaxed);
  shared->whose.store(is_of_this_thread ? ownership::inherited : ownership::lost,
                      std::memory_order_relaxed);
  if (!is_of_this_thread) return;
  shared->thread = this_thread();
  turn_end = 0;
  records_aside_ = std::exchange(free_records, nullptr);
  // Handles of ended tasks must ask, too: they give records back.
  for_each_fiber([](fiber& f) {
    if (f.state == fiber_state::done && f.has_handle) f.has_baggage = true;
  });
  if (running_loop() == this) {
    current->attention = static_cast<std::uint8_t>(current->attention | attention_cancel);
  }
}

void loop::go_on_in_child() {
  if (has_left_task) {
    misuse(
        "after_fork_child() came too late: the handle of a task was destroyed in the child before, "
        "and its task must not go on without what it refers to. Call it right after fork()");
  }
  shared->box.renew();
  kernel->renew(shared->box.event_fd());
  shared->refuses_work.store(is_closing, std::memory_order_relaxed);
  shared->whose.store(ownership::ours, std::memory_order_relaxed);
  while (fiber* const one = free_records) {
    free_records = static_cast<fiber*>(one->payload);
    one->payload = records_aside_;
    records_aside_ = one;
  }
  free_records = std::exchange(records_aside_, nullptr);
  const bool is_running = running_loop() == this;
  if (is_running) refresh_cancel(*current);
  if (has_sigint_handler_) has_sigint_handler_ = install_sigint_handler(shared->box.event_fd());
  if (has_handlers_) listen_for_sigquit();
  if ((is_running || is_guest_) && watched.limit != duration::zero()) start_watching(watched);
  if (is_guest_) shared->box.wake_sleeper();  // the host watches another descriptor from now on
}

void loop::stay_behind() noexcept {
  shared->whose.store(ownership::lost, std::memory_order_relaxed);
  if (running_loop() != this) return;
  left_on = current->bound;
  WEFT_C_NAME(current_loop) = nullptr;
}

}  // namespace detail

void after_fork_child(inherited_fibers what) {
  std::vector<detail::loop*> mine;
  {
    detail::loop_book& book = detail::the_book();
    const std::lock_guard<std::mutex> hold(book.lock);
    book.loops.for_each([&mine](detail::list_node& node) {
      detail::loop* const one = static_cast<detail::loop_link&>(node).of;
      const bool is_inherited =
          one->shared->whose.load(std::memory_order_relaxed) == detail::ownership::inherited;
      if (is_inherited && one->shared->thread == detail::this_thread()) mine.push_back(one);
    });
  }
  for (detail::loop* const one : mine) {
    if (what == inherited_fibers::go_on) {
      one->go_on_in_child();
    } else {
      one->stay_behind();
    }
  }
}

WEFT_NAMESPACE_END
