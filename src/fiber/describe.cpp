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
  if (f.bag && !f.bag->name.empty()) text += " '" + f.bag->name + "'";
  return text;
}

std::string describe(const spawn_site& site) {
  if (site.line != 0) {
    return std::string(file_name(static_cast<const char*>(site.where))) + ":" +
           std::to_string(site.line);
  }
  if (site.where == nullptr) return "another thread";
  Dl_info where{};
  char offset[32];
  if (dladdr(site.where, &where) != 0 && where.dli_fname != nullptr) {
    const auto distance = reinterpret_cast<std::uintptr_t>(site.where) -
                          reinterpret_cast<std::uintptr_t>(where.dli_fbase);
    std::snprintf(offset, sizeof offset, "+0x%llx", static_cast<unsigned long long>(distance));
    return std::string(file_name(where.dli_fname)) + offset;
  }
  std::snprintf(offset, sizeof offset, "%p", site.where);
  return offset;
}

}  // namespace detail
WEFT_NAMESPACE_END
