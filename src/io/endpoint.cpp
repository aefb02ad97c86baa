// SPDX-License-Identifier: BSL-1.0
// The address of a socket: see endpoint.hpp. The struct sockaddr is read and written by memcpy, as
// the object's bytes have no other type. A Unix address is read by its size, not as a sockaddr_un:
// the kernel may return one byte more than that has, a NUL behind a path of 108 bytes (man 7 unix).
#include "weft/endpoint.hpp"
#include "weft/detail/check.hpp"

#include <cstring>
#include <stdexcept>
#include <tuple>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "address_text.hpp"

WEFT_NAMESPACE_BEGIN
namespace {

static_assert(endpoint::capacity() >= sizeof(sockaddr_storage));
static_assert(endpoint::capacity() > sizeof(sockaddr_un), "and the NUL behind the longest path");
static_assert(alignof(endpoint) >= alignof(sockaddr_storage));

constexpr std::size_t path_offset = offsetof(sockaddr_un, sun_path);

// One less than sun_path has: the NUL behind a path, or the one before an abstract name.
constexpr std::size_t longest_path = sizeof(sockaddr_un::sun_path) - 1;
static_assert(longest_path == 107, "the headers say so");

template <class T>
T raw_of(const endpoint& from) noexcept {
  T raw;
  std::memcpy(&raw, from.data(), sizeof raw);
  return raw;
}

template <class T>
endpoint holding(const T& raw, std::size_t size = sizeof(T)) noexcept {
  endpoint result;
  std::memcpy(result.data(), &raw, size);
  result.set_size(static_cast<unsigned>(size));
  return result;
}

std::string_view bytes_of(const endpoint& from, std::size_t begin, std::size_t count) noexcept {
  return {static_cast<const char*>(from.data()) + begin, count};
}

endpoint ipv4_at(in_addr_t address, std::uint16_t port) noexcept {
  sockaddr_in raw{};
  raw.sin_family = AF_INET;
  raw.sin_port = htons(port);
  raw.sin_addr.s_addr = htonl(address);
  return holding(raw);
}

endpoint ipv6_at(const in6_addr& address, std::uint16_t port) noexcept {
  sockaddr_in6 raw{};
  raw.sin6_family = AF_INET6;
  raw.sin6_port = htons(port);
  raw.sin6_addr = address;
  return holding(raw);
}

// Of a Unix address: a path without what follows its NUL, or NUL and abstract name; empty if
// unnamed.
std::string_view name_of(const endpoint& from) noexcept {
  const std::string_view name = bytes_of(from, path_offset, from.size() - path_offset);
  if (name.empty() || name.front() == '\0') return name;
  return name.substr(0, name.find('\0'));
}

// What comparisons look at. Network byte order sorts as numbers do.
struct key {
  address_family family;
  std::string_view address;
  std::uint32_t zone;
  std::uint16_t port;

  explicit key(const endpoint& of) noexcept
      : family(of.family()), address(bytes_of(of, 0, of.size())), zone(0), port(of.port()) {
    if (family == address_family::ipv4) {
      address = bytes_of(of, offsetof(sockaddr_in, sin_addr), sizeof(in_addr));
    } else if (family == address_family::ipv6) {
      address = bytes_of(of, offsetof(sockaddr_in6, sin6_addr), sizeof(in6_addr));
      zone = raw_of<sockaddr_in6>(of).sin6_scope_id;
    } else if (family == address_family::local) {
      address = name_of(of);
    }
  }

  auto tied() const noexcept { return std::tie(family, address, zone, port); }
};

[[noreturn]] void refuse(const std::string& what) { throw std::invalid_argument("weft: " + what); }

[[noreturn]] void refuse_address(const char* call, std::string_view address, const char* advice) {
  refuse(std::string(call) + " was given " + detail::in_quotes(address) + ": " + advice);
}

[[noreturn]] void refuse_text(std::string_view text, const std::string& advice) {
  refuse("endpoint::parse() was given " + detail::in_quotes(text) + ": " + advice);
}

constexpr char zone_advice[] =
    "its zone, behind %, is a number or the name of an interface of this machine (ip link)";

endpoint parse_ipv6(std::string_view text) {
  const std::size_t end = text.find(']');
  if (end == std::string_view::npos || text.substr(end + 1, 1) != ":") {
    refuse_text(text, "write the port behind the bracket, as in [::1]:80");
  }
  const auto port = detail::read_port(text.substr(end + 2));
  if (!port) refuse_text(text, "the port is a number from 0 to 65535");
  const std::string_view address = text.substr(1, end - 1);
  if (const auto result = detail::read_ipv6(address, *port)) return *result;
  if (detail::read_ipv6(address.substr(0, address.find('%')), 0)) refuse_text(text, zone_advice);
  refuse_text(text, "no IPv6 address stands in the brackets; write one as in [::1]:80");
}

}  // namespace

endpoint endpoint::ipv4(std::string_view address, std::uint16_t port) {
  if (const auto result = detail::read_ipv4(address, port)) return *result;
  refuse_address("endpoint::ipv4()", address,
                 "write four numbers from 0 to 255, as in 127.0.0.1; resolve() looks up names");
}

endpoint endpoint::ipv6(std::string_view address, std::uint16_t port) {
  if (const auto result = detail::read_ipv6(address, port)) return *result;
  if (detail::read_ipv6(address.substr(0, address.find('%')), 0)) {
    refuse_address("endpoint::ipv6()", address, zone_advice);
  }
  refuse_address("endpoint::ipv6()", address,
                 "write an IPv6 address without brackets, as in ::1; resolve() looks up names");
}

endpoint endpoint::any_ipv4(std::uint16_t port) noexcept { return ipv4_at(INADDR_ANY, port); }
endpoint endpoint::any_ipv6(std::uint16_t port) noexcept { return ipv6_at(in6addr_any, port); }

endpoint endpoint::loopback_ipv4(std::uint16_t port) noexcept {
  return ipv4_at(INADDR_LOOPBACK, port);
}
endpoint endpoint::loopback_ipv6(std::uint16_t port) noexcept {
  return ipv6_at(in6addr_loopback, port);
}

endpoint endpoint::local(std::string_view path) {
  if (path.empty()) {
    refuse("endpoint::local() was given an empty path: unnamed_local() makes an unnamed address");
  }
  const bool is_name = path.front() == '@' || path.front() == '\0';
  const std::string_view text = is_name ? path.substr(1) : path;
  if (text.size() > longest_path) {
    refuse("the path of a Unix socket has at most " + std::to_string(longest_path) +
           " bytes, and this one " + std::to_string(text.size()) + ": " + detail::in_quotes(path) +
           ". Use a shorter one, or one relative to the current folder");
  }
  if (!is_name && text.find('\0') != std::string_view::npos) {
    refuse("the path of a Unix socket has a NUL inside: " + detail::in_quotes(path) +
           ". Only an abstract name, which begins with '@', may");
  }
  sockaddr_un raw{};
  raw.sun_family = AF_UNIX;
  std::memcpy(raw.sun_path + (is_name ? 1 : 0), text.data(), text.size());
  return holding(raw, path_offset + text.size() + 1);  // with the NUL, as the kernel returns it
}

endpoint endpoint::unnamed_local() noexcept {
  sockaddr_un raw{};
  raw.sun_family = AF_UNIX;
  return holding(raw, path_offset);
}

endpoint endpoint::parse(std::string_view text) {
  constexpr std::string_view scheme = "unix:";
  if (text.substr(0, scheme.size()) == scheme) {
    const std::string_view path = text.substr(scheme.size());
    return path.empty() ? unnamed_local() : local(path);
  }
  if (text.substr(0, 1) == "[") return parse_ipv6(text);
  if (text.substr(0, 1) == "/" || text.substr(0, 1) == "@") {
    refuse_text(text, "a Unix socket is written with unix: before it, as in unix:/run/x.sock");
  }
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    refuse_text(text, "it has no port; write one as in 127.0.0.1:80");
  }
  if (text.find(':', colon + 1) != std::string_view::npos) {
    refuse_text(text, "an IPv6 address is written in brackets, as in [::1]:80");
  }
  const auto port = detail::read_port(text.substr(colon + 1));
  if (!port) refuse_text(text, "the port is a number from 0 to 65535");
  if (colon == 0) return any_ipv4(*port);
  if (const auto result = detail::read_ipv4(text.substr(0, colon), *port)) return *result;
  refuse_text(text,
              "no IPv4 address stands before the port, as in 127.0.0.1:80; resolve() looks "
              "up names");
}

address_family endpoint::family() const noexcept {
  sa_family_t family = AF_UNSPEC;
  if (size_ >= sizeof family) std::memcpy(&family, bytes_, sizeof family);
  if (family == AF_INET && size_ >= sizeof(sockaddr_in)) return address_family::ipv4;
  if (family == AF_INET6 && size_ >= sizeof(sockaddr_in6)) return address_family::ipv6;
  if (family == AF_UNIX) return address_family::local;
  return address_family::unspecified;
}

std::uint16_t endpoint::port() const noexcept {
  const address_family own = family();
  if (own == address_family::ipv4) return ntohs(raw_of<sockaddr_in>(*this).sin_port);
  if (own == address_family::ipv6) return ntohs(raw_of<sockaddr_in6>(*this).sin6_port);
  return 0;
}

std::string endpoint::address() const {
  const address_family own = family();
  char text[INET6_ADDRSTRLEN];
  if (own == address_family::ipv4) {
    const in_addr raw = raw_of<sockaddr_in>(*this).sin_addr;
    return inet_ntop(AF_INET, &raw, text, sizeof text);
  }
  if (own != address_family::ipv6) return {};
  const auto raw = raw_of<sockaddr_in6>(*this);
  std::string result = inet_ntop(AF_INET6, &raw.sin6_addr, text, sizeof text);
  if (raw.sin6_scope_id != 0) result += "%" + std::to_string(raw.sin6_scope_id);
  return result;
}

std::string endpoint::path() const {
  if (family() != address_family::local) return {};
  std::string name(name_of(*this));
  if (name.empty()) return name;
  if (name.front() == '\0') {
    name.front() = '@';
  } else if (name.front() == '@') {
    name.insert(0, "./");  // a file: local() would take it for an abstract name
  }
  return name;
}

bool endpoint::is_abstract() const noexcept {
  return family() == address_family::local && size_ > path_offset && bytes_[path_offset] == '\0';
}

std::string endpoint::to_string() const {
  switch (family()) {
    case address_family::ipv4:
      return address() + ":" + std::to_string(port());
    case address_family::ipv6:
      return "[" + address() + "]:" + std::to_string(port());
    case address_family::local:
      return "unix:" + path();
    case address_family::unspecified:
      break;
  }
  if (size_ < sizeof(sa_family_t)) return "(no address)";
  return "(an address of family " + std::to_string(raw_of<sa_family_t>(*this)) + ")";
}

endpoint endpoint::with_port(std::uint16_t port) const {
  const address_family own = family();
  if (own == address_family::ipv4) {
    auto raw = raw_of<sockaddr_in>(*this);
    raw.sin_port = htons(port);
    return holding(raw);
  }
  if (own != address_family::ipv6) {
    detail::misuse("endpoint::with_port() was called on " + to_string() +
                   ": only an address of IPv4 or IPv6 has a port");
  }
  auto raw = raw_of<sockaddr_in6>(*this);
  raw.sin6_port = htons(port);
  return holding(raw);
}

endpoint endpoint::from_raw(const void* sockaddr, unsigned size) {
  endpoint result;
  result.set_size(size);
  if (size != 0) std::memcpy(result.bytes_, sockaddr, size);
  const auto family =
      size < sizeof(sa_family_t) ? sa_family_t{AF_UNSPEC} : raw_of<sa_family_t>(result);
  if ((family == AF_INET || family == AF_INET6) && result.family() == address_family::unspecified) {
    refuse("endpoint::from_raw() was given " + std::to_string(size) + " bytes of an " +
           (family == AF_INET ? "IPv4 address, which has 16" : "IPv6 address, which has 28"));
  }
  return result;
}

void endpoint::set_size(unsigned size) {
  if (size > capacity()) {
    refuse("an endpoint was given " + std::to_string(size) + " bytes, and holds " +
           std::to_string(capacity()) + " at most");
  }
  size_ = size;
}

bool operator==(const endpoint& a, const endpoint& b) noexcept {
  return key(a).tied() == key(b).tied();
}

bool operator<(const endpoint& a, const endpoint& b) noexcept {
  return key(a).tied() < key(b).tied();
}

std::size_t endpoint::hash() const noexcept {
  const key own(*this);
  // Boost's hash_combine, twice, with the family among the small fields.
  std::size_t seed = std::hash<std::string_view>()(own.address);
  const auto add = [&seed](std::size_t more) {
    seed ^= more + 0x9e3779b9U + (seed << 6U) + (seed >> 2U);
  };
  add(std::size_t{own.port} << 8U | static_cast<std::size_t>(own.family));
  add(own.zone);
  return seed;
}

WEFT_NAMESPACE_END
