// SPDX-License-Identifier: BSL-1.0
// What is to be known of each file before its code runs in fibers. Layer: hook, in the program
// weft-audit. Makes findings; text_report.cpp and json_report.cpp print them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "calls.hpp"
#include "closure.hpp"
#include "frames.hpp"

namespace weft_audit {

struct options {
  std::vector<std::string> tiers = {"net", "names", "locks", "files"};  // that will be installed
  std::uint64_t frame_bytes = 16384;
  std::string root;
  bool all = false;
  bool json = false;
  bool strict = false;
};

struct found_call {
  const blocking_call* what;
  bool is_covered;  // false also if its tier is not among those that will be installed
};

struct thread_variable {
  std::string name;  // demangled
  std::uint64_t bytes = 0;
  std::string_view why_harmless;  // empty: fibers of a thread share it
};

struct warning {
  std::string text;
  std::string advice;
  bool counts = false;  // hooks will not work for it: part of the exit status
};

// What a file is to the hooks.
enum class role { audited, c_library, weft };

struct file_report {
  const loaded_file* of = nullptr;
  role what = role::audited;
  std::vector<found_call> calls;
  std::vector<std::string_view> direct_calls;
  std::vector<thread_variable> thread_variables;
  std::uint64_t thread_bytes = 0;             // of storage whose names are stripped; else 0
  std::vector<std::string_view> thread_keys;  // pthread_getspecific() and its like
  frames frame;
  std::vector<warning> warnings;

  std::size_t count_not_covered(bool is_strict) const noexcept;
};

struct report {
  std::vector<file_report> files;
  std::vector<missing_file> missing;
  bool has_hook = false;  // libweft-hook is among the files, or linked into one

  std::size_t count_not_covered(bool is_strict) const noexcept;
};

// Throws: unreadable.
report audit(const closure& of, const options& how);

std::string demangled(std::string_view name);

// Both end in a newline.
std::string as_text(const report& what, const options& how);
std::string as_json(const report& what, const options& how);

}  // namespace weft_audit
