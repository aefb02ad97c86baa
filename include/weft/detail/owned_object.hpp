// SPDX-License-Identifier: BSL-1.0
// The window behind fiber_owned<T>: an object of the thread's that changes with the fibers, and
// what each has of it while another one runs. Layer: fiber. The loop knows when (src/loop/owned.cpp),
// only the template knows what. A fiber's values hang in one chain, in the order of its loop's list.
#pragma once

#include <cstdint>
#include <memory>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

struct owned_object;

// Empty while its fiber runs: the thread's object has the value then.
struct owned_value {
  owned_value() = default;
  owned_value(const owned_value&) = delete;
  owned_value& operator=(const owned_value&) = delete;
  virtual ~owned_value() = default;

  // In the middle of a switch: neither may park or throw.
  virtual void put_aside() noexcept = 0;  // out of the thread's object, into this
  virtual void put_back() noexcept = 0;   // out of this, if it is not empty

  const owned_object* of = nullptr;
  owned_value* next = nullptr;
};

struct owned_object {
  owned_object() = default;
  owned_object(const owned_object&) = delete;
  owned_object& operator=(const owned_object&) = delete;
  virtual ~owned_object() = default;

  // A fiber's value: with what fibers begin with, or empty.  Throws: as the user's function.
  virtual std::unique_ptr<owned_value> make(bool is_filled) const = 0;

  std::uintptr_t thread = 0;  // whose loops it counts for, a thread_word(); 0: everybody's
};

// One fiber's chain. Deletes what is left, with no look at the thread's object.
class owned_values {
 public:
  owned_values() = default;
  owned_values(const owned_values&) = delete;
  owned_values& operator=(const owned_values&) = delete;
  ~owned_values() {
    while (take_first() != nullptr) {
    }
  }

  owned_value* first() const noexcept { return first_; }

  bool has(const owned_object& one) const noexcept {
    const owned_value* at = first_;
    while (at != nullptr && at->of != &one) at = at->next;
    return at != nullptr;
  }

  void append(std::unique_ptr<owned_value> one) noexcept {
    owned_value** end = &first_;
    while (*end != nullptr) end = &(*end)->next;
    one->next = nullptr;
    *end = one.release();
  }

  std::unique_ptr<owned_value> take_first() noexcept {
    std::unique_ptr<owned_value> taken(first_);
    if (taken != nullptr) first_ = taken->next;
    return taken;
  }

  // nullptr if there is none.
  std::unique_ptr<owned_value> take(const owned_object& one) noexcept {
    owned_value** link = &first_;
    while (*link != nullptr && (*link)->of != &one) link = &(*link)->next;
    std::unique_ptr<owned_value> taken(*link);
    if (taken != nullptr) *link = taken->next;
    return taken;
  }

 private:
  owned_value* first_ = nullptr;
};

// A fiber_owned's place among those of the process.
struct owned_entry {
  std::shared_ptr<const owned_object> what;
  owned_entry* next = nullptr;
};

// From now on the object changes with the fibers of the running loop, and of loops that are entered
// after this.  Throws: std::bad_alloc and what make() throws, with nothing done.
WEFT_API void add_owned(owned_entry& entry);

// The running fiber's value stays in the object, all others of the running loop are destroyed.
WEFT_API void remove_owned(owned_entry& entry) noexcept;

}  // namespace detail
WEFT_NAMESPACE_END
