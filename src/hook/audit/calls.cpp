// SPDX-License-Identifier: BSL-1.0
// See calls.hpp: what libweft-hook stands before.
#include "calls.hpp"

#include <string>
#include <unordered_map>

#include "../functions.hpp"

namespace weft_audit {
namespace {

constexpr blocking_call rows[] = {
#define WEFT_AUDIT_ROW(group, result, name, parameters, arguments, what) \
  {#name, coverage::hooked, #group, what, {}},
    WEFT_HOOK_FUNCTIONS(WEFT_AUDIT_ROW)
#undef WEFT_AUDIT_ROW
};

bool starts_with(std::string_view text, std::string_view begin) noexcept {
  return text.substr(0, begin.size()) == begin;
}

// "as read": what read does.
std::string_view effect_of(const blocking_call& row) noexcept {
  if (!starts_with(row.effect, "as ")) return row.effect;
  for (const blocking_call& other : rows) {
    if (other.name == row.effect.substr(3)) return other.effect;
  }
  return row.effect;
}

coverage coverage_by(std::string_view effect) noexcept {
  if (starts_with(effect, "wakes") || starts_with(effect, "notes")) return coverage::noted;
  return effect.find("goes to a thread") != std::string_view::npos ? coverage::offloaded
                                                                   : coverage::hooked;
}

using calls_by_name = std::unordered_map<std::string_view, const blocking_call*>;

// A function that is hooked is, whatever the other table still says of it.
calls_by_name all_by_name() {
  calls_by_name all;
  for (const blocking_call& one : hooked_calls()) all.emplace(one.name, &one);
  for (const blocking_call& one : uncovered_calls()) all.emplace(one.name, &one);
  return all;
}

constexpr std::string_view standard_input =
    "only std::cin, wcin and cout that share C's buffers: "
    "std::ios::sync_with_stdio(false) before the first use, then they call read() and write()";
constexpr blocking_call of_libstdcxx[] = {
    {"getc", coverage::seldom, {}, "waits inside stdio", standard_input},
    {"getwc", coverage::seldom, {}, "waits inside stdio", standard_input},
    {"fread", coverage::seldom, {}, "waits inside stdio", standard_input},
    {"fgetc", coverage::seldom, {}, "waits inside stdio", standard_input},
    {"fgetwc", coverage::seldom, {}, "waits inside stdio", standard_input},
};

}  // namespace

const char* name_of(coverage what) noexcept {
  switch (what) {
    case coverage::hooked:
      return "hooked";
    case coverage::offloaded:
      return "offloaded";
    case coverage::noted:
      return "noted";
    case coverage::not_covered:
      return "not covered";
    case coverage::seldom:
      return "seldom";
  }
  return "";
}

const std::vector<blocking_call>& hooked_calls() {
  static const std::vector<blocking_call> all = [] {
    std::vector<blocking_call> made(std::begin(rows), std::end(rows));
    for (blocking_call& one : made) {
      one.effect = effect_of(one);
      one.how = coverage_by(one.effect);
    }
    return made;
  }();
  return all;
}

const blocking_call* find_call(std::string_view name) {
  static const calls_by_name all = all_by_name();
  const auto found = all.find(name);
  return found != all.end() ? found->second : nullptr;
}

const blocking_call* find_call_of(std::string_view soname, std::string_view name) {
  if (!starts_with(soname, "libstdc++.so")) return nullptr;
  for (const blocking_call& one : of_libstdcxx) {
    if (one.name == name) return &one;
  }
  return nullptr;
}

}  // namespace weft_audit
