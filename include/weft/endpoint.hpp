// SPDX-License-Identifier: BSL-1.0
// The address of a socket as a value: IPv4, IPv6, or a Unix socket's path or abstract name.
// Layer: io. Not for host names, which have several addresses: resolve() looks those up.
//
// The bytes are the kernel's own struct sockaddr, kept inside the object: no heap, and a system
// call reads or fills them in place. All members but data() and set_size() are safe to call from
// any thread at once, and none parks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"

WEFT_NAMESPACE_BEGIN

enum class address_family : unsigned char {
  unspecified,  // no address, or one of a family that weft does not know
  ipv4,
  ipv6,
  local  // a Unix socket
};

class WEFT_API endpoint {
 public:
  // No address: size() is 0.
  endpoint() noexcept = default;

  // Makes an address from four numbers with dots, as in "127.0.0.1".
  // Throws: std::invalid_argument.
  static endpoint ipv4(std::string_view address, std::uint16_t port);

  // Makes an address from text as in "::1". A zone may stand behind it, an interface's name or
  // number: "fe80::1%eth0", "fe80::1%2".
  // Throws: std::invalid_argument, also for a name that no interface of this machine has now.
  static endpoint ipv6(std::string_view address, std::uint16_t port);

  // Make the address on which a listener hears every interface.
  static endpoint any_ipv4(std::uint16_t port) noexcept;
  static endpoint any_ipv6(std::uint16_t port) noexcept;

  // Make the address that only this machine reaches.
  static endpoint loopback_ipv4(std::uint16_t port) noexcept;
  static endpoint loopback_ipv6(std::uint16_t port) noexcept;

  // Makes a Unix socket's address: a path, or behind a leading '@' or NUL an abstract name, which
  // may be any bytes. A file whose name begins with '@' is written "./@name".
  // Throws: std::invalid_argument for what is empty, for more than 107 bytes (man 7 unix; '@' is
  // not counted), and for a path with a NUL in it.
  static endpoint local(std::string_view path);

  // Makes the address that a Unix socket has that was not bound. A bind to it lets the kernel pick
  // an abstract name (man 7 unix, "Autobind").
  static endpoint unnamed_local() noexcept;

  // Reads what to_string() writes: "1.2.3.4:80", "[::1]:80", "[fe80::1%2]:80", "unix:/run/x.sock",
  // "unix:@name", "unix:" for the unnamed one; and ":80", which is any_ipv4(80). Not ::, which also
  // hears IPv4 on one machine and not on the next: write "[::]:80" to mean it.
  // Throws: std::invalid_argument.
  static endpoint parse(std::string_view text);

  address_family family() const noexcept;

  // 0 unless this is an address of IPv4 or IPv6.
  std::uint16_t port() const noexcept;

  // Tells the address without the port, as ipv4() and ipv6() take it; a zone as its number, which
  // needs no system call and no interface. Empty for another family.
  std::string address() const;

  // Tells a Unix socket's path as local() takes it, so "@name" for an abstract one. Empty for the
  // unnamed one and for another family.
  std::string path() const;

  bool is_abstract() const noexcept;

  // Writes what parse() reads. An abstract name's bytes are written as they are, NUL included.
  // Only what from_raw() alone can make has text that parse() refuses: "(no address)", "(an address
  // of family 16)", and a path of 108 bytes, which the kernel would take.
  std::string to_string() const;

  // Copies the address with another port.
  // Throws: std::logic_error unless this is an address of IPv4 or IPv6.
  endpoint with_port(std::uint16_t port) const;

  // Copies a struct sockaddr of `size` bytes; any family is taken.
  // Throws: std::invalid_argument for more than capacity() bytes, and for an IPv4 or IPv6 address
  // that is cut short.
  static endpoint from_raw(const void* sockaddr, unsigned size);

  // The struct sockaddr, for system calls. One that fills it takes data() and capacity(), and the
  // size that it returns goes to set_size().
  const void* data() const noexcept { return bytes_; }
  void* data() noexcept { return bytes_; }
  unsigned size() const noexcept { return size_; }
  static constexpr unsigned capacity() noexcept { return sizeof bytes_; }

  // Throws: std::logic_error for more than capacity().
  void set_size(unsigned size);

  // Equal endpoints name the same socket. What the kernel ignores is ignored: padding, and the flow
  // label of IPv6. Order is by family, address, zone, port.
  friend WEFT_API bool operator==(const endpoint& a, const endpoint& b) noexcept;
  friend WEFT_API bool operator<(const endpoint& a, const endpoint& b) noexcept;
  friend bool operator!=(const endpoint& a, const endpoint& b) noexcept { return !(a == b); }

  std::size_t hash() const noexcept;

 private:
  // Of a sockaddr_storage, which endpoint.cpp checks.
  alignas(8) unsigned char bytes_[128] = {};
  unsigned size_ = 0;
};

WEFT_NAMESPACE_END

namespace std {

template <>
struct hash<weft::endpoint> {
  size_t operator()(const weft::endpoint& of) const noexcept { return of.hash(); }
};

}  // namespace std
