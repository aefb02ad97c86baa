// SPDX-License-Identifier: BSL-1.0
// What the ports of network.py and datagrams.py share. Names of their own, because files of this
// folder are compiled together.
#pragma once

#include <sys/socket.h>

#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

#include "asyncio/pair.hpp"
#include "weft/endpoint.hpp"
#include "weft/errors.hpp"
#include "weft/file_descriptor.hpp"

namespace network_pairs {

using weft::endpoint;

inline const endpoint here = endpoint::loopback_ipv4(0);

inline std::string in_brackets(std::string text) {
  for (char& byte : text) byte = byte == '\n' ? 'n' : byte == '\r' ? 'r' : byte;
  return "<" + text + ">";
}

// What came, or the error, as a word. A port is never said: it is another one each time.
template <class F>
std::string tried(F&& f) {
  try {
    if constexpr (std::is_same_v<std::invoke_result_t<F>, std::string>) {
      return in_brackets(std::forward<F>(f)());
    } else {
      std::forward<F>(f)();
      return "done";
    }
  } catch (const weft::end_of_stream& error) {
    return "ended after " + std::to_string(error.bytes());
  } catch (const std::system_error& error) {
    if (error.code() == std::errc::connection_refused) return "refused";
    if (error.code() == std::errc::connection_reset) return "gone";
    if (error.code() == std::errc::broken_pipe) return "gone";
    if (error.code() == std::errc::no_such_file_or_directory) return "no such file";
    if (error.code() == std::errc::address_in_use) return "address in use";
    throw;
  }
}

// A socket that is bound to an address and does nothing.
struct silent_socket {
  explicit silent_socket(int kind) : socket(::socket(AF_INET, kind, 0)) {
    endpoint any = here;
    REQUIRE(::bind(socket.native_handle(), static_cast<const sockaddr*>(any.data()), any.size()) ==
            0);
    socklen_t bytes = endpoint::capacity();
    REQUIRE(::getsockname(socket.native_handle(), static_cast<sockaddr*>(at.data()), &bytes) == 0);
    at.set_size(bytes);
  }

  weft::file_descriptor socket;
  endpoint at;
};

}  // namespace network_pairs
