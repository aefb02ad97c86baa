// SPDX-License-Identifier: BSL-1.0
// What a step touched, and which steps commute: the sleep sets of testing::explore(). Layer: task.
//
// A step is what a fiber does between two choices. Two steps of different fibers commute if neither
// writes what the other touches; an order that only swaps such neighbours tells nothing new.
// Sleep sets (Godefroid, LNCS 1032): behind a choice, once all that begins with step t is known,
// t sleeps in the other branches until a step comes that does not commute with it.
//
// Objects have numbers instead of addresses, which differ from run to run. A fiber's is made of its
// id; any other gets the next one when it is first touched, and that counts as a write. So two
// steps that meet a new object each are taken for dependent, whichever got the number first.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "weft/detail/chooser.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/fiber.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

struct step_accesses {
  struct one {
    std::uint64_t object;
    bool writes;
  };
  std::vector<one> all;
  bool is_declared = false;
  bool is_everything = false;  // it may have touched anything

  void add(std::uint64_t object, bool writes);
  void clear() noexcept;
};

bool commute(const step_accesses& a, const step_accesses& b) noexcept;

// The next step of a fiber, known from an earlier run.
struct sleeping_step {
  std::uint64_t who = 0;  // fiber id; 0: time
  step_accesses step;
};

using sleep_set = std::vector<sleeping_step>;

bool is_asleep(const sleep_set& set, std::uint64_t who) noexcept;

// Wakes those that do not commute with a step that was taken.
void wake_dependent(sleep_set& set, const step_accesses& taken);

// Numbers of the objects of one run.
class object_numbers {
 public:
  void clear() noexcept;
  static std::uint64_t of_fiber(const fiber& f, bool only_its_end) noexcept {
    return f.id * 4 + (only_its_end ? 2 : 1);
  }
  void note(step_accesses& to, const void* object, access how);

 private:
  std::unordered_map<const void*, std::uint64_t> numbers_;
  std::uint64_t next_ = 0;
};

}  // namespace detail
WEFT_NAMESPACE_END
