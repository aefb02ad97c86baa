// SPDX-License-Identifier: BSL-1.0
// See owned.hpp. A value is in one of two places: in the thread's object while its fiber runs, in
// the fiber's chain otherwise. Between the two, in the middle of a switch, the object holds what a
// move leaves behind, and nobody looks. A fiber's chain hangs in its baggage; what it lacks of its
// loop's list it gets when it begins.
#include "owned.hpp"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <utility>

#include "loop.hpp"
#include "weft/detail/spin_lock.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

using object_ref = std::shared_ptr<const owned_object>;

// Of the process; never destroyed, as static fiber_owneds may go late.
struct owned_registry {
  std::mutex lock;  // guards all below, and is taken around fork()
  owned_entry* first = nullptr;
  std::uint64_t changes = 0;
};

owned_registry& the_registry();

// Asked at each enter(): release where it grows; acquire here, though the lock follows.
std::atomic<std::uint64_t> changes_so_far{0};

owned_registry& the_registry() {
  static owned_registry* const all = [] {
    pthread_atfork([] { the_registry().lock.lock(); }, [] { the_registry().lock.unlock(); },
                   [] { the_registry().lock.unlock(); });
    return new owned_registry;
  }();
  return *all;
}

void note_change(owned_registry& all) noexcept {
  changes_so_far.store(++all.changes, std::memory_order_release);
}

fiber& keeper_of(loop_core& here, fiber& f) noexcept { return &f == &here.idle ? here.root : f; }

bool has_values(const fiber& f) noexcept {
  return f.bag != nullptr && f.bag->owned.first() != nullptr;
}

// One that is queued with a stack and has not begun is among them: what it gets early is its own.
bool may_have_begun(const fiber& f) noexcept {
  return f.state == fiber_state::ready || f.state == fiber_state::parked;
}

void set_attention(fiber& f, bool is_on) noexcept {
  f.attention = static_cast<std::uint8_t>(is_on ? f.attention | attention_owned
                                                : f.attention & ~attention_owned);
}

void mark_fibers(loop& here) noexcept {
  const bool is_on = !here.owned.objects.empty();
  here.for_each_fiber([is_on](fiber& f) {
    if (f.state != fiber_state::blank && f.state != fiber_state::done) set_attention(f, is_on);
  });
  set_attention(here.root, is_on);
  set_attention(here.idle, is_on);
  here.born_attention = static_cast<std::uint8_t>(
      is_on ? here.born_attention | attention_owned : here.born_attention & ~attention_owned);
}

// `present`: whose value stands in the object.
void add_object(loop& here, const object_ref& added, fiber& present) {
  std::vector<fiber*> keepers{&here.root};
  here.for_each_fiber([&keepers](fiber& f) {
    if (may_have_begun(f)) keepers.push_back(&f);
  });
  std::vector<std::unique_ptr<owned_value>> values;
  for (fiber* const f : keepers) {
    baggage_of(*f);
    values.push_back(added->make(f != &present));
  }
  here.owned.objects.push_back(added);
  for (std::size_t i = 0; i < keepers.size(); ++i) {
    keepers[i]->bag->owned.append(std::move(values[i]));
    if (keepers[i] != &here.root) keepers[i]->has_locals = true;  // to be dropped at its end
  }
  mark_fibers(here);
}

void remove_object(loop& here, const owned_object& removed) noexcept {
  auto& objects = here.owned.objects;
  const auto found = std::find_if(objects.begin(), objects.end(),
                                  [&removed](const object_ref& o) { return o.get() == &removed; });
  if (found == objects.end()) return;
  owned_values ended;  // their destructors are user code: when all else is done
  const auto take = [&](fiber& f) {
    if (!has_values(f)) return;
    if (auto value = f.bag->owned.take(removed)) ended.append(std::move(value));
  };
  const object_ref kept = std::move(*found);
  objects.erase(found);
  take(here.root);
  here.for_each_fiber(take);
  mark_fibers(here);
}

void update(loop& here, fiber& present) {
  std::vector<object_ref> wanted;
  std::uint64_t as_of = 0;
  {
    owned_registry& all = the_registry();
    const std::lock_guard<std::mutex> hold(all.lock);
    for (const owned_entry* e = all.first; e != nullptr; e = e->next) {
      if (e->what->thread == 0 || e->what->thread == thread_word()) wanted.push_back(e->what);
    }
    as_of = all.changes;
  }
  const std::vector<object_ref> had = here.owned.objects;
  const auto is_in = [](const std::vector<object_ref>& all, const object_ref& one) {
    return std::find(all.begin(), all.end(), one) != all.end();
  };
  for (const object_ref& one : had) {
    if (!is_in(wanted, one)) remove_object(here, *one);
  }
  for (const object_ref& one : wanted) {
    if (!is_in(had, one)) add_object(here, one, present);
  }
  here.owned.seen = as_of;
}

}  // namespace

void refresh_owned(loop& here) {
  if (changes_so_far.load(std::memory_order_acquire) != here.owned.seen) update(here, here.root);
}

void put_owned_aside(loop_core& here, fiber& self) noexcept {
  fiber& keeper = keeper_of(here, self);
  if (!has_values(keeper)) return;
  const int error = errno;
  for (owned_value* v = keeper.bag->owned.first(); v != nullptr; v = v->next) v->put_aside();
  errno = error;
}

void put_owned_back(loop_core& here, fiber& self) noexcept {
  fiber& keeper = keeper_of(here, self);
  if (!has_values(keeper)) return;
  const int error = errno;
  for (owned_value* v = keeper.bag->owned.first(); v != nullptr; v = v->next) v->put_back();
  errno = error;
}

void begin_owned(loop_core& here, fiber& self) noexcept {
  const auto& objects = whole(here).owned.objects;
  try {
    owned_values& own = baggage_of(self).owned;
    self.has_locals = true;
    for (const object_ref& one : objects) {
      if (own.has(*one)) continue;
      auto value = one->make(true);
      value->put_back();
      own.append(std::move(value));
    }
  } catch (...) {
    self.error = std::current_exception();
    self.has_baggage = true;
    self.outcome = fiber_outcome::error;
  }
  errno = 0;
}

void drop_owned(fiber& self) noexcept {
  if (self.bag == nullptr || &self == &self.home->root) return;
  // One by one: a destructor may park, and the others' values must then go aside as ever.
  while (const auto last = self.bag->owned.take_first()) last->put_aside();
}

void end_owned(loop& here) noexcept {
  while (!here.owned.objects.empty()) remove_object(here, *here.owned.objects.back());
}

void add_owned(owned_entry& entry) {
  {
    owned_registry& all = the_registry();
    const std::lock_guard<std::mutex> hold(all.lock);
    owned_entry** end = &all.first;
    while (*end != nullptr) end = &(*end)->next;
    *end = &entry;
    note_change(all);
  }
  loop_core* const here = running_loop();
  if (here == nullptr) return;
  try {
    update(whole(*here), keeper_of(*here, *here->current));
  } catch (...) {
    remove_owned(entry);
    throw;
  }
}

void remove_owned(owned_entry& entry) noexcept {
  {
    owned_registry& all = the_registry();
    const std::lock_guard<std::mutex> hold(all.lock);
    owned_entry** link = &all.first;
    while (*link != &entry) link = &(*link)->next;
    *link = entry.next;
    note_change(all);
  }
  if (loop_core* const here = running_loop()) remove_object(whole(*here), *entry.what);
}

}  // namespace detail
WEFT_NAMESPACE_END
