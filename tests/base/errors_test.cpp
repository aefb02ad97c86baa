// SPDX-License-Identifier: BSL-1.0
// The types that weft throws: who can catch them, and what they tell.
#include "weft/errors.hpp"

#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>

#include <doctest/doctest.h>


using weft::cancelled;

TEST_CASE("sem 4: a handler of std::exception does not see `cancelled`") {
  static_assert(!std::is_base_of_v<std::exception, cancelled>);
  bool was_swallowed = false;
  bool arrived = false;
  try {
    try {
      throw cancelled();
    } catch (const std::exception&) {
      was_swallowed = true;
    }
  } catch (const cancelled&) {
    arrived = true;
  }
  CHECK_FALSE(was_swallowed);
  CHECK(arrived);
}

TEST_CASE("sem 4: what a joiner sees of a cancelled task is a std::runtime_error") {
  static_assert(std::is_base_of_v<std::runtime_error, weft::task_cancelled>);
  CHECK_THROWS_WITH_AS(throw weft::task_cancelled("why"), "why", std::runtime_error);
}

TEST_CASE("errors: closed_error is a std::runtime_error and keeps its text") {
  static_assert(std::is_base_of_v<std::runtime_error, weft::closed_error>);
  CHECK_THROWS_WITH_AS(throw weft::closed_error("over"), "over", std::runtime_error);
}

TEST_CASE("errors: `cancelled` without a reason has an empty one") {
  CHECK(cancelled().reason().empty());
  CHECK(cancelled(nullptr).reason().empty());
}

TEST_CASE("errors: a copy of `cancelled` keeps the reason alive") {
  auto reason = std::make_shared<const std::string>("the server stops");
  auto first = std::make_unique<cancelled>(reason);
  reason.reset();
  const cancelled copy = *first;
  cancelled assigned;
  assigned = *first;
  first.reset();
  CHECK(copy.reason() == "the server stops");
  CHECK(assigned.reason() == "the server stops");
}

TEST_CASE("errors: copying what is thrown cannot throw") {
  static_assert(std::is_nothrow_copy_constructible_v<cancelled>);
  static_assert(std::is_nothrow_copy_assignable_v<cancelled>);
  static_assert(std::is_nothrow_copy_constructible_v<weft::task_cancelled>);
  static_assert(std::is_nothrow_copy_constructible_v<weft::closed_error>);
  const std::exception_ptr kept = std::make_exception_ptr(cancelled());
  CHECK_THROWS_AS(std::rethrow_exception(kept), cancelled);
}

