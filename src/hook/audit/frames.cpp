// SPDX-License-Identifier: BSL-1.0
// See frames.hpp.
#include "frames.hpp"

#include <algorithm>
#include <map>

#include "prologue.hpp"
#include "unwind_table.hpp"

namespace weft_audit {
namespace {

using names_by_address = std::map<std::uint64_t, std::string_view>;

void add_names(names_by_address& names, const std::vector<symbol>& symbols) {
  for (const symbol& one : symbols) {
    if (one.type == STT_FUNC && one.is_defined && !one.name.empty()) {
      names.emplace(one.address, one.name);
    }
  }
}

// Of files without .eh_frame: what the symbols say.
std::vector<unwound_function> functions_of_symbols(const elf_file& file) {
  std::vector<unwound_function> all;
  const auto& symbols = file.all_symbols().empty() ? file.dynamic_symbols() : file.all_symbols();
  for (const symbol& one : symbols) {
    if (one.type == STT_FUNC && one.is_defined && one.size > 0) {
      all.push_back({one.address, one.size, 0});
    }
  }
  return all;
}

std::uint64_t bytes_of(const elf_file& file, const unwound_function& one) {
  if (!file.has_address(one.address)) return one.frame_bytes;
  const bytes rest = file.at_address(one.address, "a function");
  const bytes code = rest.part(0, std::min(rest.size(), one.size), "a function");
  return std::max(one.frame_bytes, file.is_x86_64() ? taken_by_prologue_x86_64(code)
                                                    : taken_by_prologue_aarch64(code));
}

}  // namespace

frames find_large_frames(const elf_file& file, std::uint64_t larger_than) {
  names_by_address names;
  add_names(names, file.all_symbols());
  add_names(names, file.dynamic_symbols());
  std::vector<unwound_function> functions = read_unwind_table(file);
  if (functions.empty()) functions = functions_of_symbols(file);
  frames result;
  result.functions = functions.size();
  for (const unwound_function& one : functions) {
    const std::uint64_t count = bytes_of(file, one);
    if (count <= larger_than) continue;
    const auto name = names.find(one.address);
    result.large.push_back({one.address, count, name != names.end() ? name->second : ""});
  }
  std::sort(result.large.begin(), result.large.end(), [](const auto& a, const auto& b) {
    return a.bytes != b.bytes ? a.bytes > b.bytes : a.address < b.address;
  });
  return result;
}

}  // namespace weft_audit
