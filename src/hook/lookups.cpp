// SPDX-License-Identifier: BSL-1.0
// See lookups.hpp.
#include "lookups.hpp"

#include <cstdlib>
#include <new>
#include <string>

#include "kept.hpp"
#include "offload.hpp"
#include "real.hpp"
#include "weft/detail/sync_policy.hpp"
#include "weft/detail/wait_core.hpp"

WEFT_NAMESPACE_BEGIN
namespace hook {
namespace {

constexpr detail::wait_type lookup_wait{"name lookup", detail::ended_by::world};

struct question {
  std::string host;
  std::string service;
  bool has_host = false;
  bool has_service = false;
  bool has_hints = false;
  addrinfo hints{};

  bool operator==(const question& other) const noexcept {
    return has_host == other.has_host && has_service == other.has_service &&
           has_hints == other.has_hints && host == other.host && service == other.service &&
           hints.ai_flags == other.hints.ai_flags && hints.ai_family == other.hints.ai_family &&
           hints.ai_socktype == other.hints.ai_socktype &&
           hints.ai_protocol == other.hints.ai_protocol;
  }
};

struct lookup;

// In the list of questions that are under way.
struct open_place : detail::list_node {
  lookup* of = nullptr;
};

// One question; under way until it is answered.
struct lookup : detail::thread_job {
  explicit lookup(question&& asked);
  ~lookup() {
    if (answer != nullptr) ::freeaddrinfo(answer);
  }

  void drop_ref() noexcept {
    // acq_rel: the last one destroys what the others read
    if (references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  const question what;
  open_place place;
  std::atomic<unsigned> references{
      2};  // the asker's and the thread's; one more for each that joins
  detail::wait_core<detail::any_thread> core;  // guards all below
  bool is_over = false;
  bool must_ask_again = false;  // nobody asked: whoever waits does it himself
  addrinfo* answer = nullptr;
  int result = 0;
  int error = 0;
};

struct open_lookups {
  detail::spin_lock guard;
  detail::list all;  // of open_place
};

void remove(lookup& one) noexcept {
  open_lookups& open = kept<open_lookups>();
  open.guard.lock();
  one.place.unlink();
  open.guard.unlock();
}

void finish(lookup& one, bool must_ask_again) noexcept {
  remove(one);
  detail::claimed_waiters all;  // signalled when it dies
  one.core.lock();
  one.is_over = true;
  one.must_ask_again = must_ask_again;
  all.claim_all(one.core.queue, 0);
  one.core.unlock();
}

void ask_on_thread(detail::thread_job& job) noexcept {
  auto& one = static_cast<lookup&>(job);
  const question& q = one.what;
  errno = 0;
  one.result = real::getaddrinfo(q.has_host ? q.host.c_str() : nullptr,
                                 q.has_service ? q.service.c_str() : nullptr,
                                 q.has_hints ? &q.hints : nullptr, &one.answer);
  if (one.result != 0) one.answer = nullptr;
  one.error = errno;
  finish(one, false);
}

lookup::lookup(question&& asked)
    : thread_job(&ask_on_thread,
                 // Its place last, when the thread is as good as free: who comes next takes it.
                 [](thread_job& job) noexcept {
                   static_cast<lookup&>(job).drop_ref();
                   leave_threads();
                 }),
      what(std::move(asked)) {
  place.of = this;
}

// The lookup that answers this; `is_own`: it is to be asked by the caller.
lookup* join(question& what, bool& is_own) {
  open_lookups& open = kept<open_lookups>();
  std::unique_ptr<lookup> made(new lookup(question(what)));
  open.guard.lock();
  auto* const known = static_cast<open_place*>(open.all.find_if([&what](detail::list_node& node) {
    return static_cast<open_place&>(node).of->what == what;
  }));
  is_own = known == nullptr;
  lookup* const result = is_own ? made.release() : known->of;
  if (is_own) {
    open.all.push_back(result->place);
  } else {
    result->references.fetch_add(1, std::memory_order_relaxed);
  }
  open.guard.unlock();
  return result;
}

// False: cancelled.
bool wait_for(loop& here, lookup& one) noexcept {
  if (detail::is_cancel_due(here)) return false;
  one.core.lock();
  if (one.is_over) {
    one.core.unlock();
    return true;
  }
  detail::waiter own(&here, &one);
  one.core.queue.push_back(own);
  one.core.unlock();
  return detail::wait_queued(own, one.core, lookup_wait, time_point::max(), true) ==
         detail::queue_end::signalled;
}

// Lets a thread ask. False: cancelled before, or there is none.
bool begin(loop& here, lookup& one) noexcept {
  if (enter_threads(here)) {
    count(tally_of(function_id::getaddrinfo).offloads);
    if (submit_detached(one)) return true;
    leave_threads();
  }
  finish(one, true);
  one.drop_ref();  // the thread's
  return false;
}

// glibc's freeaddrinfo() frees each node and its canonical name, no more.
addrinfo* copy_of(const addrinfo* from) noexcept {
  addrinfo* first = nullptr;
  addrinfo** last = &first;
  for (; from != nullptr; from = from->ai_next) {
    auto* const made = static_cast<addrinfo*>(std::malloc(sizeof(addrinfo) + from->ai_addrlen));
    if (made == nullptr) break;
    *made = *from;
    made->ai_next = nullptr;
    made->ai_addr = reinterpret_cast<sockaddr*>(made + 1);
    std::memcpy(made->ai_addr, from->ai_addr, from->ai_addrlen);
    if (from->ai_canonname != nullptr) made->ai_canonname = ::strdup(from->ai_canonname);
    *last = made;
    last = &made->ai_next;
  }
  if (from == nullptr) return first;
  if (first != nullptr) ::freeaddrinfo(first);
  return nullptr;
}

question question_of(const char* host, const char* service, const addrinfo* hints) {
  question what;
  if ((what.has_host = host != nullptr)) what.host = host;
  if ((what.has_service = service != nullptr)) what.service = service;
  if ((what.has_hints = hints != nullptr)) {
    what.hints.ai_flags = hints->ai_flags;
    what.hints.ai_family = hints->ai_family;
    what.hints.ai_socktype = hints->ai_socktype;
    what.hints.ai_protocol = hints->ai_protocol;
  }
  return what;
}

// The answer of a lookup that is over.
int take(const lookup& one, addrinfo** to) noexcept {
  if (one.result != 0) {
    if (one.result == EAI_SYSTEM) errno = one.error;
    return one.result;
  }
  addrinfo* const copy = copy_of(one.answer);
  if (copy == nullptr) return EAI_MEMORY;
  *to = copy;
  return 0;
}

}  // namespace

int look_up(loop& here, const char* host, const char* service, const addrinfo* hints,
            addrinfo** to) noexcept {
  try {
    question what = question_of(host, service, hints);
    for (;;) {
      bool is_own = false;
      lookup* const one = join(what, is_own);
      if (is_own && !begin(here, *one)) {
        one->drop_ref();
        if (detail::is_cancel_due(here)) return lookup_cancelled;
        return real::getaddrinfo(host, service, hints, to);  // it blocks, as without hooks
      }
      const bool is_over = wait_for(here, *one);
      const bool is_answered = is_over && !one->must_ask_again;
      const int result = is_answered ? take(*one, to) : lookup_cancelled;
      one->drop_ref();
      if (is_answered || !is_over) return result;
    }
  } catch (const std::bad_alloc&) {
    return EAI_MEMORY;
  }
}

}  // namespace hook
WEFT_NAMESPACE_END
