// SPDX-License-Identifier: BSL-1.0
// The threads of a pool of loops, from the first to the last: see loop_pool.hpp. Who runs what is
// decided in pool_queue.cpp.
#include "weft/loop_pool.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <string>
#include <thread>
#include <vector>

#include "../loop/loop.hpp"
#include "pool_queue.hpp"
#include "weft/detail/check.hpp"
#include "weft/detail/waker.hpp"
#include "weft/future.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

constexpr unsigned most_loops =
    4096;  // more than any machine has cores; -1 is not a number of them
constexpr wait_type start_wait{"loop_pool", ended_by::threads};
constexpr wait_type close_wait{"loop_pool::close", ended_by::threads};

}  // namespace

// Lets whoever made it wait until so many threads have come.
class head_count {
 public:
  explicit head_count(std::size_t threads) noexcept : left_(threads) {}
  void arrive() noexcept {
    // acq_rel: the last one takes over what the others wrote, for whoever waits
    if (left_.fetch_sub(1, std::memory_order_acq_rel) == 1) all_here_.signal();
  }
  void wait(const wait_type& what) noexcept { all_here_.wait(what); }

 private:
  std::atomic<std::size_t> left_;
  waker all_here_;
};

struct pool_core {
  struct worker {
    promise<void> stop;
    std::exception_ptr error;  // of making the loop; read once all have started
    std::thread thread;
  };

  pool_core(unsigned loops, const options& how) : queue(loops), workers(loops) { start(how); }

  void start(const options& how);
  void run_loop(const options& how, unsigned index, head_count& started) noexcept;
  void stop() noexcept;

  pool_queue queue;
  std::vector<worker> workers;   // empty once they are joined
  head_count* ending = nullptr;  // set before the first is told to stop
};

void pool_core::run_loop(const options& how, unsigned index, head_count& started) noexcept {
  bool is_up = false;
  try {
    future<void> stopped = workers[index].stop.get_future();
    weft::run(how, [&] {
      loop& here = whole(*running_loop());
      queue.join(here, index);
      is_up = true;
      started.arrive();
      stopped.get();
      queue.drain(here);
    });
  } catch (...) {
    // Once up, main only waits: an error can only come from making the loop.
    WEFT_ASSERT(!is_up);
    workers[index].error = std::current_exception();
    started.arrive();
    return;
  }
  ending->arrive();
}

void pool_core::start(const options& how) {
  head_count started(workers.size());
  std::exception_ptr error;
  for (unsigned i = 0; i < workers.size(); ++i) {
    try {
      if (!error) {
        workers[i].thread = std::thread([this, how, i, &started] { run_loop(how, i, started); });
        continue;
      }
    } catch (...) {
      error = std::current_exception();
    }
    started.arrive();  // for the one that is not there
  }
  started.wait(start_wait);
  for (const worker& one : workers) {
    if (!error) error = one.error;
  }
  if (!error) return;
  stop();
  std::rethrow_exception(error);
}

// Waits for the loops before it joins the threads: a fiber that did so at once would keep its own
// loop from answering theirs.
void pool_core::stop() noexcept {
  queue.close();
  const auto is_up = [](const worker& one) { return one.thread.joinable() && !one.error; };
  const auto up = static_cast<std::size_t>(std::count_if(workers.begin(), workers.end(), is_up));
  if (up != 0) {
    head_count ended(up);
    ending = &ended;
    for (worker& one : workers) {
      if (is_up(one)) one.stop.set_value();
    }
    ended.wait(close_wait);
  }
  for (worker& one : workers) {
    if (one.thread.joinable()) one.thread.join();
  }
  workers.clear();
}

}  // namespace detail

unsigned loop_pool::one_per_core() noexcept {
  return std::max(std::thread::hardware_concurrency(), 1U);  // 0: it cannot be told
}

loop_pool::loop_pool(unsigned loops, options how) : size_(loops), how_(how) {
  if (loops == 0 || loops > detail::most_loops) {
    detail::misuse("a loop_pool of " + std::to_string(loops) +
                   " loops was asked for: it has 1 to " + std::to_string(detail::most_loops) +
                   "; without that argument there is one for each core");
  }
  if (how.time != nullptr && !how.time->is_wall_time()) {
    detail::misuse(
        "a loop_pool was given a clock that jumps: such a clock belongs to one loop, because "
        "nobody can tell when all of several are idle. Test what runs in the pool in a "
        "weft::run() of its own");
  }
  core_ = std::make_unique<detail::pool_core>(loops, how);
}

loop_pool::~loop_pool() {
  const detail::loop_core* const here = detail::running_loop();
  if (here != nullptr && core_->queue.has(static_cast<const detail::loop&>(*here))) {
    detail::fatal("a loop_pool was destroyed inside itself, by " +
                  detail::describe(*here->current) + ": its loops cannot wait for their own end");
  }
  if (core_->queue.is_of_parent()) {
    static_cast<void>(core_.release());  // a child of fork() has no such threads to join
    return;
  }
  core_->stop();
}

void loop_pool::close() {
  const detail::loop_core* const here = detail::running_loop();
  if (here != nullptr && core_->queue.has(static_cast<const detail::loop&>(*here))) {
    detail::misuse("loop_pool::close() was called inside the pool, by " +
                   detail::describe(*here->current) +
                   ": its loops cannot wait for their own end. Let who made the pool close it");
  }
  core_->queue.refuse_in_child("loop_pool::close() was called");
  core_->stop();
}

void loop_pool::require(unsigned loop) const {
  if (loop < size_) return;
  detail::misuse("loop_pool::spawn_on(" + std::to_string(loop) + ", ...) was called on a pool of " +
                 std::to_string(size_) + " loops: they are counted from 0 to " +
                 std::to_string(size_ - 1));
}

detail::fiber& loop_pool::make(const detail::spawn_site& site, spawn_options&& how) {
  if (how.stack_bytes != 0 || how.daemon || how.eager) {
    detail::misuse("loop_pool::spawn() was given " +
                   (how.stack_bytes != 0
                        ? "a stack of " + std::to_string(how.stack_bytes) + " bytes"
                        : std::string(how.daemon ? "a daemon" : "an eager task")) +
                   ": the loop that will run it is not known yet. Give all stacks that size by "
                   "options::stack_bytes or one call by with_stack(); spawn daemons and eager "
                   "tasks from inside a task of the pool");
  }
  detail::fiber& record = detail::new_fiber(nullptr, {});
  record.site = site;
  record.on_cancel = how.cancel;
  const detail::loop_core* const here = detail::running_loop();
  if (here != nullptr) detail::inherit_locals(record, *here->current);
  if (how.name.empty()) return record;
  detail::record_guard made(record);
  detail::baggage_of(record).name = std::move(how.name);
  made.release();
  return record;
}

void loop_pool::send(detail::fiber& record, unsigned loop) {
  core_->queue.refuse_in_child("loop_pool::spawn() was called");
  const bool is_taken =
      loop == any_loop ? core_->queue.put(record) : core_->queue.put(record, loop);
  if (!is_taken) throw closed_error("weft: loop_pool::spawn() came after the pool was closed");
}

WEFT_NAMESPACE_END
