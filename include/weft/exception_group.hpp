// SPDX-License-Identifier: BSL-1.0
// Several errors at once: what a task group throws, also for a single one. Layer: task.
#pragma once

#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"

WEFT_NAMESPACE_BEGIN

// The errors of a task_group's children and body. what() prints them as a tree, with the names and
// spawn sites of the tasks. Cheap to copy.
class WEFT_API exception_group : public std::exception {
 public:
  struct entry {
    std::exception_ptr error;
    std::string from;  // "fiber 5 'reader' (spawned at server.cpp:41)"
  };

  // Throws: std::bad_alloc; std::logic_error without an error, or with an empty one.
  explicit exception_group(std::vector<entry> errors);
  explicit exception_group(const std::vector<std::exception_ptr>& errors);
  exception_group(const exception_group&) noexcept;
  exception_group& operator=(const exception_group&) noexcept;
  ~exception_group() override;

  // Lists the errors, in the order in which the tasks failed; a nested group is one of them.
  const char* what() const noexcept override;

  // The errors themselves, in the same order.
  std::vector<std::exception_ptr> exceptions() const;
  const std::vector<entry>& entries() const noexcept;
  std::size_t size() const noexcept { return entries().size(); }

  // Divides into what an `catch (const E&)` would take and the rest; nested groups are divided,
  // too, and keep their form. Either part is empty if nothing belongs to it. Throws:
  // std::bad_alloc.
  template <class E>
  std::pair<std::optional<exception_group>, std::optional<exception_group>> split() const {
    return split_by([](const std::exception_ptr& error) {
      try {
        std::rethrow_exception(error);
      } catch (const E&) {
        return true;
      } catch (...) {
        return false;
      }
    });
  }

  // True if one of the errors, however deep, is an E.
  template <class E>
  bool contains() const {
    return split<E>().first.has_value();
  }

  // Rethrows the error if it is the only one (in nested groups of one, too); else returns.
  void rethrow_if_only() const;

 private:
  struct state;
  using predicate = bool (*)(const std::exception_ptr&);
  std::pair<std::optional<exception_group>, std::optional<exception_group>> split_by(
      predicate belongs) const;

  std::shared_ptr<const state> state_;
};

WEFT_NAMESPACE_END
