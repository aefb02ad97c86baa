// SPDX-License-Identifier: BSL-1.0
// Fibers and spawn sites as messages name them.
#include <dlfcn.h>

#include <cstdint>
#include <cstdio>

#include "weft/detail/fiber.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

std::string_view file_name(const char* path) noexcept {
  const std::string_view whole(path);
  const std::size_t slash = whole.rfind('/');
  return slash == std::string_view::npos ? whole : whole.substr(slash + 1);
}

}  // namespace

std::string describe(const fiber& f) {
  std::string text = "fiber " + std::to_string(f.id);
  if (f.name) text += " '" + *f.name + "'";
  return text;
}

std::string describe(const spawn_site& site) {
  if (site.file != nullptr) {
    return std::string(file_name(site.file)) + ":" + std::to_string(site.line);
  }
  if (site.address == nullptr) return "another thread";
  Dl_info where{};
  char offset[32];
  if (dladdr(site.address, &where) != 0 && where.dli_fname != nullptr) {
    const auto distance = reinterpret_cast<std::uintptr_t>(site.address) -
                          reinterpret_cast<std::uintptr_t>(where.dli_fbase);
    std::snprintf(offset, sizeof offset, "+0x%llx", static_cast<unsigned long long>(distance));
    return std::string(file_name(where.dli_fname)) + offset;
  }
  std::snprintf(offset, sizeof offset, "%p", site.address);
  return offset;
}

}  // namespace detail
WEFT_NAMESPACE_END
