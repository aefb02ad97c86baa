// SPDX-License-Identifier: BSL-1.0
// An exception of any type, in words.
#include "describe_exception.hpp"

#include <cxxabi.h>

#include <cstdlib>
#include <typeinfo>

WEFT_NAMESPACE_BEGIN
namespace detail {

std::string describe_exception(const std::exception_ptr& error) {
  std::string text = "an unknown exception";
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    int status = 0;
    char* const name = abi::__cxa_demangle(typeid(e).name(), nullptr, nullptr, &status);
    text = std::string(name != nullptr ? name : typeid(e).name()) + ": " + e.what();
    std::free(name);
  } catch (...) {
    if (const std::type_info* const type = abi::__cxa_current_exception_type()) {
      int status = 0;
      char* const name = abi::__cxa_demangle(type->name(), nullptr, nullptr, &status);
      text = std::string("an exception of type ") + (name != nullptr ? name : type->name());
      std::free(name);
    }
  }
  return text;
}

}  // namespace detail
WEFT_NAMESPACE_END
