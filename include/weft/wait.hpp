// SPDX-License-Identifier: BSL-1.0
// Waiting for some of several tasks, and taking them as they end. Layer: task. Nothing here cancels
// a task or takes its result: get() it. For all results at once use gather().
#pragma once

#include <chrono>
#include <cstddef>
#include <iterator>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/detail/gather_wait.hpp"
#include "weft/task.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN

// When wait() returns.
enum class until {
  first_completed,  // one has ended, however
  first_exception,  // one has ended with an error (a cancelled one has not), or all have ended
  all_completed,
};

// Places in the given range, in its order.
struct wait_result {
  std::vector<std::size_t> done;
  std::vector<std::size_t> pending;
  bool timed_out = false;
};

inline constexpr duration no_timeout = duration::max();

namespace detail {

inline gather_goal goal_of(until what) noexcept {
  if (what == until::first_completed) return gather_goal::first_end;
  return what == until::first_exception ? gather_goal::first_error : gather_goal::all;
}

template <class R>
std::vector<fiber*> records_of(R& tasks) {
  std::vector<fiber*> records;
  for (auto& one : tasks) records.push_back(one.record());
  return records;
}

// Ends of tasks, in their order.
class WEFT_API completion_queue {
 public:
  // Throws: std::logic_error for an empty handle, the calling task or a task of another loop.
  explicit completion_queue(std::vector<fiber*> records);
  ~completion_queue();
  completion_queue(const completion_queue&) = delete;
  completion_queue& operator=(const completion_queue&) = delete;

  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  // The place of the next that ended; none when all were told.
  // Parks: may.  Throws: cancelled.
  std::size_t next();

 private:
  struct place : wait_node {
    completion_queue* queue = nullptr;
  };
  static void on_end(wait_node& node, fiber& ended) noexcept;
  static void visit(const void* on, awaited_visitor& to);
  static const wait_type wait;

  std::vector<fiber*> records_;
  std::vector<place> places_;  // in a task's list, then in ended_
  list ended_;
  std::size_t left_ = 0;
  fiber* waiting_ = nullptr;
};

}  // namespace detail

// Waits until so much of the range of tasks (or task_refs) has ended, or the time is up; a timeout
// is no error and cancels nothing. An empty range is complete.
// Parks: may.  Calls from: fiber.
// Throws: cancelled (the tasks go on); std::logic_error for an empty handle, the calling task
// itself or a task of another loop; std::bad_alloc.
template <class R>
wait_result wait(R& tasks, until what = until::all_completed, duration timeout = no_timeout) {
  const std::vector<detail::fiber*> records = detail::records_of(tasks);
  const time_point deadline =
      timeout == no_timeout ? time_point::max() : detail::saturating_add(now(), timeout);
  const bool is_reached = detail::wait_for_goal(detail::require_loop("wait()"), records.data(),
                                                records.size(), detail::goal_of(what), deadline);
  wait_result result;
  for (std::size_t i = 0; i < records.size(); ++i) {
    (records[i]->state == detail::fiber_state::done ? result.done : result.pending).push_back(i);
  }
  result.timed_out = !is_reached;
  return result;
}
template <class R, class Rep, class Period>
wait_result wait(R& tasks, until what, std::chrono::duration<Rep, Period> timeout) {
  return wait(tasks, what, detail::saturate(timeout));
}

// A single pass over the tasks of `tasks` in the order in which they end; each step waits for the
// next one: for (auto& task : weft::as_completed(tasks)) use(task.get());
// Parks: may (in begin() and ++).  Calls from: fiber.
// Throws: as wait().  Lifetime: the range must stay as it is until the loop is over.
template <class R>
class completions {
 public:
  explicit completions(R& tasks) : queue_(detail::records_of(tasks)) {
    for (auto& one : tasks) tasks_.push_back(std::addressof(one));
  }

  class iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = std::decay_t<decltype(*std::begin(std::declval<R&>()))>;
    using difference_type = std::ptrdiff_t;
    using pointer = value_type*;
    using reference = value_type&;

    iterator() noexcept = default;
    reference operator*() const { return *of_->tasks_[at_]; }
    pointer operator->() const { return of_->tasks_[at_]; }
    iterator& operator++() {
      at_ = of_->queue_.next();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(const iterator& other) const noexcept { return at_ == other.at_; }
    bool operator!=(const iterator& other) const noexcept { return at_ != other.at_; }

   private:
    friend class completions;
    explicit iterator(completions& of) : of_(&of), at_(of.queue_.next()) {}
    completions* of_ = nullptr;
    std::size_t at_ = detail::completion_queue::none;
  };

  iterator begin() { return iterator(*this); }
  iterator end() noexcept { return iterator(); }

 private:
  detail::completion_queue queue_;
  std::vector<std::decay_t<decltype(*std::begin(std::declval<R&>()))>*> tasks_;
};

template <class R>
completions<R> as_completed(R& tasks) {
  return completions<R>(tasks);
}

WEFT_NAMESPACE_END
