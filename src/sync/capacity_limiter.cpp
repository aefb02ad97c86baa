// SPDX-License-Identifier: BSL-1.0
// Lending tokens, and what is said to who takes two: see capacity_limiter.hpp. A borrower is in the
// book from the moment it asks. Entries are made before the lock is taken and freed after it.
#include "weft/capacity_limiter.hpp"

#include <sstream>
#include <string>
#include <utility>

#include "weft/detail/check.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

template <class Policy>
constexpr wait_type token_wait{"capacity limiter", Policy::by};

std::string describe_borrower(const void* borrower) {
  const loop_core* const here = fibers_loop();
  if (borrower == reinterpret_cast<const void*>(this_holder(here))) {
    return here != nullptr ? describe(*here->current) : "the calling thread";
  }
  std::ostringstream text;
  text << "the borrower " << borrower;
  return text.str();
}

[[noreturn]] void misuse_of_second(const void* borrower, bool has_one) {
  misuse("capacity_limiter::acquire() was called for " + describe_borrower(borrower) + ", which " +
         (has_one ? "has a token" : "waits for a token") +
         " already: one borrower may hold one, acquire_on_behalf_of() takes another borrower");
}

}  // namespace

template <class Policy>
struct basic_capacity_limiter<Policy>::asker : waiter {
  asker(loop_core* here, const void* on, bool& entry) noexcept : waiter(here, on), has_one(entry) {}
  bool& has_one;  // its entry in the book
};

template <class Policy>
auto basic_capacity_limiter<Policy>::new_entry(const void* borrower) -> book::node_type {
  book one;
  return one.extract(one.emplace(borrower, false).first);
}

template <class Policy>
const void* basic_capacity_limiter<Policy>::acquire_as(const void* borrower, time_point deadline) {
  loop_core* const here = fibers_loop();
  auto entry = new_entry(borrower);
  core_.lock();
  auto asked = askers_.insert(std::move(entry));
  bool& has_one = asked.position->second;
  if (!asked.inserted) {
    const bool had_one = has_one;
    core_.unlock();
    misuse_of_second(borrower, had_one);
  }
  if (has_free()) {
    has_one = true;
    ++borrowed_;
    core_.unlock();
    spend_of(here);
    return borrower;
  }
  asker own(here, this, has_one);
  core_.queue.push_back(own);
  ++waiting_;
  core_.unlock();
  const queue_end end = wait_queued(own, core_, token_wait<Policy>, deadline, true);
  if (end == queue_end::signalled) return borrower;
  core_.lock();
  --waiting_;
  entry = askers_.extract(borrower);
  core_.unlock();
  if (end == queue_end::cancelled) throw_cancelled(*own.waiting_fiber()->home);
  return nullptr;
}

template <class Policy>
bool basic_capacity_limiter<Policy>::try_acquire_as(const void* borrower) {
  auto entry = new_entry(borrower);
  core_.lock();
  const auto known = askers_.find(borrower);
  const bool is_second = known != askers_.end();
  const bool had_one = is_second && known->second;
  const bool is_taken = !is_second && has_free();
  if (is_taken) {
    entry.mapped() = true;
    askers_.insert(std::move(entry));
    ++borrowed_;
  }
  core_.unlock();
  if (is_second) misuse_of_second(borrower, had_one);
  return is_taken;
}

template <class Policy>
void basic_capacity_limiter<Policy>::give_back(const void* borrower, const char* call) {
  typename book::node_type entry;
  claimed_waiters woken;  // signalled when it dies, after unlock()
  core_.lock();
  const auto known = askers_.find(borrower);
  const bool has_one = known != askers_.end() && known->second;
  if (has_one) {
    entry = askers_.extract(known);
    --borrowed_;
    lend_free(woken);
  }
  core_.unlock();
  if (!has_one) {
    misuse(std::string(call) + " was called for " + describe_borrower(borrower) +
           ", which has no token");
  }
}

// Precondition: the lock is held.
template <class Policy>
void basic_capacity_limiter<Policy>::lend_free(claimed_waiters& woken) noexcept {
  if (core_.queue.empty()) return;
  const loop_core* const here = running_loop();
  while (has_free()) {
    wait_place* const first = first_waiting(core_.queue, here);
    if (first == nullptr) return;
    static_cast<asker*>(first)->has_one = true;
    ++borrowed_;
    --waiting_;
    woken.claim(*first, 0);
  }
}

template <class Policy>
void basic_capacity_limiter<Policy>::set_total_tokens(std::size_t total) noexcept {
  claimed_waiters woken;
  core_.lock();
  total_ = total;
  lend_free(woken);
  core_.unlock();
}

template <class Policy>
std::size_t basic_capacity_limiter<Policy>::total_tokens() const noexcept {
  core_.lock();
  const std::size_t total = total_;
  core_.unlock();
  return total;
}

template <class Policy>
std::size_t basic_capacity_limiter<Policy>::borrowed() const noexcept {
  core_.lock();
  const std::size_t borrowed = borrowed_;
  core_.unlock();
  return borrowed;
}

template <class Policy>
std::size_t basic_capacity_limiter<Policy>::available() const noexcept {
  core_.lock();
  const std::size_t free = has_free() ? total_ - borrowed_ : 0;
  core_.unlock();
  return free;
}

template <class Policy>
capacity_figures basic_capacity_limiter<Policy>::statistics() const {
  capacity_figures figures;
  for (std::size_t room = borrowed();; room *= 2) {
    figures.borrowers.reserve(++room);
    core_.lock();
    const bool has_room = borrowed_ <= figures.borrowers.capacity();
    if (has_room) {
      figures.total_tokens = total_;
      figures.borrowed = borrowed_;
      figures.waiting = waiting_;
      for (const auto& [borrower, has_one] : askers_) {
        if (has_one) figures.borrowers.push_back(borrower);
      }
    }
    core_.unlock();
    if (has_room) return figures;
  }
}

template class basic_capacity_limiter<any_thread>;
template class basic_capacity_limiter<one_loop>;

}  // namespace detail
WEFT_NAMESPACE_END
