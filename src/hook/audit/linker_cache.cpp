// SPDX-License-Identifier: BSL-1.0
// See linker_cache.hpp. Source of the layout: glibc, sysdeps/generic/dl-cache.h.
#include "linker_cache.hpp"

#include <exception>

namespace weft_audit {
namespace {

constexpr std::string_view new_magic = "glibc-ld.so.cache1.1";
constexpr std::string_view old_magic = "ld.so-1.7.0";
constexpr std::uint64_t header_bytes = 48;

struct entry {
  std::uint32_t flags;
  std::uint32_t key;
  std::uint32_t value;
  std::uint32_t os_version;
  std::uint64_t hardware;  // not 0: of a folder like glibc-hwcaps/x86-64-v3
};

bool begins_with(bytes content, std::uint64_t at, std::string_view magic) noexcept {
  return content.has(at, magic.size()) &&
         content.text(at, "the cache").substr(0, magic.size()) == magic;
}

// Behind the old table, aligned, if there is one.
std::uint64_t find_new_table(bytes content) {
  if (!content.has(0, 16) || content.part(0, 11, "the cache").size() != 11) return 0;
  std::string begin(11, '\0');
  for (std::size_t i = 0; i < begin.size(); ++i) begin[i] = static_cast<char>(content[i]);
  if (begin != old_magic) return 0;
  const std::uint64_t count = content.read<std::uint32_t>(12, "the cache");
  return (16 + count * 12 + 7) & ~std::uint64_t{7};
}

std::unordered_map<std::string, std::vector<std::string>> read_table(bytes whole) {
  std::unordered_map<std::string, std::vector<std::string>> files;
  const std::uint64_t at = find_new_table(whole);
  const bytes content = whole.part(at, whole.size() - at, "the cache");
  if (!begins_with(content, 0, new_magic)) return files;
  const std::uint64_t count = content.read<std::uint32_t>(new_magic.size(), "the cache");
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto one = content.read<entry>(header_bytes + i * sizeof(entry), "an entry of the cache");
    if (one.hardware != 0) continue;
    files[std::string(content.text(one.key, "a name in the cache"))].emplace_back(
        content.text(one.value, "a path in the cache"));
  }
  return files;
}

}  // namespace

std::unordered_map<std::string, std::vector<std::string>> read_linker_cache(
    bytes content) noexcept {
  try {
    return read_table(content);
  } catch (const std::exception&) {
    return {};
  }
}

}  // namespace weft_audit
