// SPDX-License-Identifier: BSL-1.0
// Addresses and ports as text: see address_text.hpp. inet_pton() decides what is an address: unlike
// inet_aton() and getaddrinfo() it takes neither "127.1" nor the octal "010.0.0.1". It stops at a
// NUL, so texts with one inside are turned away first.
#include "address_text.hpp"

#include <charconv>
#include <cstring>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

// The whole of `text` as a number in decimal digits.
template <class T>
std::optional<T> read_number(std::string_view text) {
  T value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

// False if it does not fit, or has a NUL inside.
template <std::size_t Bytes>
bool copy_text(char (&to)[Bytes], std::string_view text) {
  if (text.size() >= Bytes || text.find('\0') != std::string_view::npos) return false;
  std::memcpy(to, text.data(), text.size());
  to[text.size()] = '\0';
  return true;
}

std::optional<std::uint32_t> read_zone(std::string_view zone) {
  if (const auto number = read_number<std::uint32_t>(zone)) return number;
  char name[IF_NAMESIZE];
  if (zone.empty() || !copy_text(name, zone)) return std::nullopt;
  const unsigned index = if_nametoindex(name);
  if (index == 0) return std::nullopt;
  return index;
}

}  // namespace

std::optional<endpoint> read_ipv4(std::string_view address, std::uint16_t port) {
  char text[INET_ADDRSTRLEN];
  sockaddr_in raw{};
  if (!copy_text(text, address) || inet_pton(AF_INET, text, &raw.sin_addr) != 1) {
    return std::nullopt;
  }
  raw.sin_family = AF_INET;
  raw.sin_port = htons(port);
  return endpoint::from_raw(&raw, sizeof raw);
}

std::optional<endpoint> read_ipv6(std::string_view address, std::uint16_t port) {
  const std::size_t percent = address.find('%');
  char text[INET6_ADDRSTRLEN];
  sockaddr_in6 raw{};
  if (!copy_text(text, address.substr(0, percent)) ||
      inet_pton(AF_INET6, text, &raw.sin6_addr) != 1) {
    return std::nullopt;
  }
  if (percent != std::string_view::npos) {
    const auto zone = read_zone(address.substr(percent + 1));
    if (!zone) return std::nullopt;
    raw.sin6_scope_id = *zone;
  }
  raw.sin6_family = AF_INET6;
  raw.sin6_port = htons(port);
  return endpoint::from_raw(&raw, sizeof raw);
}

std::optional<std::uint16_t> read_port(std::string_view text) {
  return read_number<std::uint16_t>(text);
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t longest = 120;  // a path of the greatest length is told whole
  std::string quoted = "'";
  for (const char c : text.substr(0, longest)) {
    const bool is_control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    quoted += is_control ? '?' : c;
  }
  quoted += text.size() > longest ? "...'" : "'";
  return quoted;
}

}  // namespace detail
WEFT_NAMESPACE_END
