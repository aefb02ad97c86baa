// SPDX-License-Identifier: BSL-1.0
// Looking up names: see resolve.hpp.
//
// Some facts about getaddrinfo(3) of glibc:
// - Without a type of socket each address comes three times, for stream, datagram and raw.
// - A service known for UDP alone, as ntp, is EAI_SERVICE where the type is stream.
// - A port goes through strtoul() and is cut to 16 bits: "65616" is 80, and "-1" is 65535.
// - /etc/hosts may name an address twice, and then it comes twice.
// - AI_ADDRCONFIG, its default without hints, hides ::1 on a machine that is offline.
// What this means here: stream sockets are asked for, and datagram ones after EAI_SERVICE; ports
// are read by read_port(); repeated addresses are dropped; AI_ADDRCONFIG is not set, as the order
// of RFC 6724 has addresses that cannot be reached last.
#include "weft/resolve.hpp"
#include "weft/detail/check.hpp"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include <netdb.h>
#include <sys/socket.h>

#include "address_text.hpp"
#include "weft/to_thread.hpp"

WEFT_NAMESPACE_BEGIN
namespace {

class eai_category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "weft.resolve"; }

  std::string message(int code) const override { return gai_strerror(code); }

  std::error_condition default_error_condition(int code) const noexcept override {
    switch (code) {
      case EAI_AGAIN:
        return std::errc::resource_unavailable_try_again;
      case EAI_MEMORY:
        return std::errc::not_enough_memory;
      default:
        return {code, *this};
    }
  }
};

std::error_code failed(int status) { return {status, resolve_category()}; }

struct question {
  std::string host;     // empty: this machine
  std::string service;  // never empty
  addrinfo hints;
};

struct answer {
  std::vector<endpoint> endpoints;
  std::error_code error;
};

int native_family(address_family family) {
  switch (family) {
    case address_family::unspecified:
      return AF_UNSPEC;
    case address_family::ipv4:
      return AF_INET;
    case address_family::ipv6:
      return AF_INET6;
    case address_family::local:
      break;
  }
  detail::misuse(
      "resolve() was asked for the family local: it looks up hosts; endpoint::local() makes the "
      "address of a Unix socket");
}

void keep_addresses(const addrinfo* first, std::vector<endpoint>& kept) {
  for (const addrinfo* one = first; one != nullptr; one = one->ai_next) {
    if (one->ai_family != AF_INET && one->ai_family != AF_INET6) continue;
    const auto address = endpoint::from_raw(one->ai_addr, one->ai_addrlen);
    if (std::find(kept.begin(), kept.end(), address) == kept.end()) kept.push_back(address);
  }
}

// Blocks. It may be left behind by its caller, so what it refers to is its own.
answer ask(const question& asked) {
  answer result;
  addrinfo* found = nullptr;
  const char* const host = asked.host.empty() ? nullptr : asked.host.c_str();
  const int status = getaddrinfo(host, asked.service.c_str(), &asked.hints, &found);
  if (status != 0) {
    result.error =
        status == EAI_SYSTEM ? std::error_code(errno, std::system_category()) : failed(status);
    return result;
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, &freeaddrinfo);
  keep_addresses(found, result.endpoints);
  if (result.endpoints.empty()) result.error = failed(EAI_NONAME);
  return result;
}

answer ask_for_any_type(question asked) {
  answer result = ask(asked);
  if (result.error != failed(EAI_SERVICE)) return result;
  asked.hints.ai_socktype = SOCK_DGRAM;
  return ask(asked);
}

// IANA's names of services have a letter (RFC 6335, section 5.1); strtoul() would read other texts.
bool may_be_service(std::string_view text) {
  return text.find('\0') == std::string_view::npos &&
         std::any_of(text.begin(), text.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); });
}

// What needs no look-up: an address with a port, and what is wrong at first sight.
bool answer_here(std::string_view host, std::string_view service, address_family family,
                 answer& result) {
  const auto port = detail::read_port(service.empty() ? "0" : service);
  if (!port && !may_be_service(service)) {
    result.error = failed(EAI_SERVICE);
    return true;
  }
  if (host.find('\0') != std::string_view::npos) {
    result.error = failed(EAI_NONAME);
    return true;
  }
  auto address = detail::read_ipv4(host, port.value_or(0));
  if (!address) address = detail::read_ipv6(host, port.value_or(0));
  if (!address) return false;
  if (family != address_family::unspecified && family != address->family()) {
    result.error = failed(EAI_ADDRFAMILY);
    return true;
  }
  if (port) result.endpoints.push_back(*address);
  return port.has_value();
}

question to_ask(std::string_view host, std::string_view service, resolve_options options,
                int family) {
  question asked{std::string(host), service.empty() ? "0" : std::string(service), {}};
  asked.hints.ai_family = family;
  asked.hints.ai_socktype = SOCK_STREAM;
  asked.hints.ai_flags = options.passive ? AI_PASSIVE : 0;
  return asked;
}

}  // namespace

std::vector<endpoint> resolve(std::string_view host, std::string_view service,
                              resolve_options options, std::error_code& error) {
  const int family = native_family(options.family);
  answer result;
  if (!answer_here(host, service, options.family, result)) {
    try {
      result =
          to_thread(abandon_on_cancel, &ask_for_any_type, to_ask(host, service, options, family));
    } catch (const std::system_error& refused) {  // no thread
      result.error = refused.code();
    }
  }
  error = result.error;
  return std::move(result.endpoints);
}

std::vector<endpoint> resolve(std::string_view host, std::string_view service,
                              resolve_options options) {
  std::error_code error;
  auto endpoints = resolve(host, service, options, error);
  if (error) {
    throw std::system_error(error, "weft: resolve() of host " + detail::in_quotes(host) +
                                       " and service " + detail::in_quotes(service));
  }
  return endpoints;
}

const std::error_category& resolve_category() noexcept {
  // Never destroyed: codes may outlive every static object.
  alignas(eai_category) static unsigned char memory[sizeof(eai_category)];
  static const auto& only = *::new (memory) eai_category;
  return only;
}

WEFT_NAMESPACE_END
