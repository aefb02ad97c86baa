// SPDX-License-Identifier: BSL-1.0
// Several loops, each on a thread of its own, for programs that need more than one core.
// Layer: sync. A fiber that has begun stays on its thread for ever; one that has not may begin on
// any loop.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/detail/loop_core.hpp"
#include "weft/detail/payload.hpp"
#include "weft/options.hpp"
#include "weft/run.hpp"
#include "weft/spawn.hpp"
#include "weft/task.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
struct pool_core;
}

// Starts tasks on the loop that has the least to do. Tasks of different loops run at the same time:
// what they share must be safe between threads, unlike within one loop.
// Lifetime: the pool must outlive every call of its functions; its tasks' handles may outlive it.
class WEFT_API loop_pool {
 public:
  // Starts so many loops, one a core unless told otherwise, and returns once all run. `how` is for
  // each of them; stacks, if given, must be safe to use from several threads.
  // Parks: may.  Calls from: fiber, any thread.
  // Throws: std::logic_error for no loops, too many, impossible options, or a clock that jumps;
  // std::system_error or std::bad_alloc if the machine refuses what they need: then none is left.
  explicit loop_pool(unsigned loops = one_per_core(), options how = {});

  // As close().  Calls from: as close(); inside the pool it is a broken invariant.
  ~loop_pool();
  loop_pool(const loop_pool&) = delete;
  loop_pool& operator=(const loop_pool&) = delete;

  // Runs main as weft::run() does: on the caller's own stack, in one more loop that is no part of
  // the pool. There spawn() stays on the caller's thread, and this pool's spawn() leaves it. Tasks
  // that main leaves behind in the pool run on. After Ctrl-C the pool is closed as well.
  // Parks: blocks the thread while nothing can run.  Calls from: any thread without a running loop.
  // Throws: as weft::run().
  template <class F>
  auto run(F&& main) -> decltype(std::forward<F>(main)()) {
    runner one(how_);
    try {
      return one.run(std::forward<F>(main));
    } catch (const cancelled&) {
      if (!one.was_interrupted()) throw;
    }
    one.close();
    close();
    detail::die_of_sigint();
  }

  // Starts f() as a task of one of the loops: of the least loaded one that has nothing to do, else
  // of the first that comes to look. No loop takes a task before it can begin it, or share it out
  // fairly when all are busy, so one that is stuck in a long step holds up to 16 of them, mostly
  // none. The task's id() is 0 until then.
  // Parks: never.  Calls from: fiber (of any loop), any thread.
  // Throws: closed_error once the pool is closed; std::bad_alloc; what copying f and the arguments
  // throws. Then they have been destroyed.
  template <class F, std::enable_if_t<!detail::is_spawn_detail<F>, int> = 0>
  [[nodiscard]] task<detail::result_of<F>> spawn(
      F&& f, detail::spawn_site site = detail::spawn_site::here()) {
    return start(any_loop, site, {}, std::forward<F>(f));
  }

  // The same with a name, or another way to be cancelled.
  // Throws: std::logic_error for a daemon, an eager task, or a stack size of its own: that is the
  // loops' business (options::stack_bytes); with_stack() gives a larger one to a call.
  template <class F>
  [[nodiscard]] task<detail::result_of<F>> spawn(
      spawn_options how, F&& f, detail::spawn_site site = detail::spawn_site::here()) {
    return start(any_loop, site, std::move(how), std::forward<F>(f));
  }

  // The same with arguments, as weft::spawn().
  template <class F, class A0, class... A,
            std::enable_if_t<!detail::is_spawn_detail<F> && !detail::is_spawn_detail<A0>, int> = 0>
  [[nodiscard]] task<detail::result_of<F, A0, A...>> spawn(F&& f, A0&& arg, A&&... args) {
    return start(any_loop, {detail::code_address(), 0}, {}, std::forward<F>(f),
                 std::forward<A0>(arg), std::forward<A>(args)...);
  }

  // The same on one of the loops, counted from 0, after what was handed to it before. For what must
  // share a thread: nobody else takes it, however long that loop is busy.
  // Throws: std::logic_error if there is no such loop; as spawn().
  template <class F>
  [[nodiscard]] task<detail::result_of<F>> spawn_on(
      unsigned loop, F&& f, detail::spawn_site site = detail::spawn_site::here()) {
    require(loop);
    return start(loop, site, {}, std::forward<F>(f));
  }

  // How many loops there are.  Calls from: any thread.
  unsigned size() const noexcept { return size_; }

  // Refuses new tasks, cancels all that are left, waits for their end, and joins the threads. Tasks
  // that have not begun never will. A second call does nothing.
  // Parks: may, and is no cancellation point.  Calls from: fiber of another loop, any thread; one
  // at a time.  Throws: std::logic_error from inside the pool.
  void close();

 private:
  static constexpr unsigned any_loop = ~0U;
  static unsigned one_per_core() noexcept;

  void require(unsigned loop) const;
  // A record for another thread, and its way there: throws before it takes the record.
  static detail::fiber& make(const detail::spawn_site& site, spawn_options&& how);
  void send(detail::fiber& record, unsigned loop);

  template <class F, class... A>
  task<detail::result_of<F, A...>> start(unsigned loop, const detail::spawn_site& site,
                                         spawn_options how, F&& f, A&&... args) {
    using T = detail::result_of<F, A...>;
    detail::fiber& record = make(site, std::move(how));
    detail::record_guard made(record);
    detail::emplace_payload<T>(record, std::forward<F>(f), std::forward<A>(args)...);
    record.has_handle = true;  // before it is sent: it may end at once
    send(record, loop);
    made.release();
    return task<T>(record);
  }

  unsigned size_;
  options how_;
  std::unique_ptr<detail::pool_core> core_;
};

WEFT_NAMESPACE_END
