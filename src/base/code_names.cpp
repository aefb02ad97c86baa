// SPDX-License-Identifier: BSL-1.0
// See code_names.hpp.
#include "code_names.hpp"

#include <cxxabi.h>
#include <dlfcn.h>
#include <elf.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

// What addr2line wants: an offset, or the address itself in a program that was not linked to move.
std::uintptr_t address_in_file(const void* address, const Dl_info& where) noexcept {
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  unsigned char ident[EI_NIDENT];
  std::uint16_t type = 0;
  std::memcpy(ident, where.dli_fbase, sizeof ident);
  std::memcpy(&type, static_cast<const char*>(where.dli_fbase) + EI_NIDENT, sizeof type);
  const bool is_fixed = std::memcmp(ident, ELFMAG, SELFMAG) == 0 && type == ET_EXEC;
  return is_fixed ? at : at - reinterpret_cast<std::uintptr_t>(where.dli_fbase);
}

std::string demangled(const char* symbol) {
  int status = 0;
  char* const text = abi::__cxa_demangle(symbol, nullptr, nullptr, &status);
  const std::string name = text != nullptr ? text : symbol;
  std::free(text);
  return name;
}

}  // namespace

std::string name_of_code(const void* address, const char* symbol) {
  char number[32];
  Dl_info where{};
  if (dladdr(address, &where) == 0 || where.dli_fname == nullptr) {
    std::snprintf(number, sizeof number, "%p", address);
    return number;
  }
  std::snprintf(number, sizeof number, "+0x%llx",
                static_cast<unsigned long long>(address_in_file(address, where)));
  std::string_view file(where.dli_fname);
  file.remove_prefix(file.rfind('/') + 1);  // npos + 1 == 0
  const std::string place = std::string(file) + number;
  if (symbol == nullptr) symbol = where.dli_sname;
  return symbol != nullptr ? demangled(symbol) + " (" + place + ")" : place;
}

}  // namespace detail
WEFT_NAMESPACE_END
