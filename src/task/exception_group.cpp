// SPDX-License-Identifier: BSL-1.0
// The tree of a group's errors: see exception_group.hpp.
#include "weft/exception_group.hpp"

#include <string_view>

#include "../base/describe_exception.hpp"
#include "weft/detail/check.hpp"

WEFT_NAMESPACE_BEGIN

struct exception_group::state {
  std::vector<entry> errors;
  std::string text;
};

namespace {

std::optional<exception_group> as_group(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const exception_group& group) {
    return group;
  } catch (...) {
    return std::nullopt;
  }
}

// All lines but the first get `indent`.
void append_indented(std::string& to, std::string_view text, const char* indent) {
  for (const char c : text) {
    to += c;
    if (c == '\n') to += indent;
  }
}

std::string draw(const std::vector<exception_group::entry>& errors) {
  std::string text = std::to_string(errors.size()) + (errors.size() == 1 ? " error" : " errors") +
                     " in a task group";
  for (std::size_t i = 0; i < errors.size(); ++i) {
    const bool is_last = i + 1 == errors.size();
    text += is_last ? "\n`- " : "\n|- ";
    std::string one;
    if (!errors[i].from.empty()) one = errors[i].from + ": ";
    const std::optional<exception_group> nested = as_group(errors[i].error);
    one += nested ? nested->what() : detail::describe_exception(errors[i].error);
    append_indented(text, one, is_last ? "   " : "|  ");
  }
  return text;
}

std::vector<exception_group::entry> without_names(const std::vector<std::exception_ptr>& errors) {
  std::vector<exception_group::entry> all;
  for (const std::exception_ptr& error : errors) all.push_back({error, {}});
  return all;
}

}  // namespace

exception_group::exception_group(std::vector<entry> errors) {
  if (errors.empty()) detail::misuse("an exception_group was made without an error");
  for (const entry& one : errors) {
    if (one.error == nullptr) detail::misuse("an exception_group was given an empty exception_ptr");
  }
  std::string text = draw(errors);
  state_ = std::make_shared<const state>(state{std::move(errors), std::move(text)});
}

exception_group::exception_group(const std::vector<std::exception_ptr>& errors)
    : exception_group(without_names(errors)) {}
exception_group::exception_group(const exception_group&) noexcept = default;
exception_group& exception_group::operator=(const exception_group&) noexcept = default;
exception_group::~exception_group() = default;

const char* exception_group::what() const noexcept { return state_->text.c_str(); }

std::vector<std::exception_ptr> exception_group::exceptions() const {
  std::vector<std::exception_ptr> all;
  for (const entry& one : state_->errors) all.push_back(one.error);
  return all;
}

const std::vector<exception_group::entry>& exception_group::entries() const noexcept {
  return state_->errors;
}

std::pair<std::optional<exception_group>, std::optional<exception_group>> exception_group::split_by(
    predicate belongs) const {
  std::vector<entry> taken;
  std::vector<entry> left;
  for (const entry& one : state_->errors) {
    const std::optional<exception_group> nested = as_group(one.error);
    if (!nested || belongs(one.error)) {
      (belongs(one.error) ? taken : left).push_back(one);
      continue;
    }
    const auto parts = nested->split_by(belongs);
    if (parts.first) taken.push_back({std::make_exception_ptr(*parts.first), one.from});
    if (parts.second) left.push_back({std::make_exception_ptr(*parts.second), one.from});
  }
  const auto group_of = [](std::vector<entry>&& errors) {
    return errors.empty() ? std::nullopt
                          : std::optional<exception_group>(exception_group(std::move(errors)));
  };
  return {group_of(std::move(taken)), group_of(std::move(left))};
}

void exception_group::rethrow_if_only() const {
  if (state_->errors.size() != 1) return;
  const std::exception_ptr& only = state_->errors.front().error;
  if (const std::optional<exception_group> nested = as_group(only)) {
    nested->rethrow_if_only();
    return;
  }
  std::rethrow_exception(only);
}

WEFT_NAMESPACE_END
