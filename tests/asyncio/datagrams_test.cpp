// SPDX-License-Identifier: BSL-1.0
// Datagrams: the ports of datagrams.py. asyncio calls a protocol back; weft's socket is waited for.
#include <sys/socket.h>

#include <cstddef>
#include <string>

#include "asyncio/network.hpp"
#include "asyncio/pair.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/endpoint.hpp"
#include "weft/udp.hpp"

namespace network_pairs {

using namespace weft_tests;
using weft::udp_socket;
using weft::with_timeout;

namespace {

std::string text_of(udp_socket& from, endpoint* sender = nullptr) {
  std::string text(64 * 1024, '\0');
  const udp_socket::datagram got = from.receive_from(text.data(), text.size());
  if (sender != nullptr) *sender = got.from;
  text.resize(got.size);
  return text;
}

}  // namespace

PAIR("datagrams: one each way, each from whom it says") {
  udp_socket one = udp_socket::bind(here);
  udp_socket two = udp_socket::bind(here);
  endpoint sender;
  one.send_to(two.local_endpoint(), "question");
  std::string text = text_of(two, &sender);
  say(text, sender == one.local_endpoint());
  two.send_to(sender, "answer");
  text = text_of(one, &sender);
  say(text, sender == two.local_endpoint());
}

PAIR("datagrams: each is one, long, short or empty") {
  udp_socket to = udp_socket::bind(here);
  udp_socket sender = udp_socket::bind(here);
  for (const std::size_t size : {1U, 0U, 1000U, 60000U, 0U, 2U}) {
    sender.send_to(to.local_endpoint(), std::string(size, 'x'));
  }
  for (int i = 0; i < 6; ++i) say(text_of(to).size());
}

PAIR("datagrams: a socket that has a peer hears that one alone") {
  udp_socket peer = udp_socket::bind(here);
  udp_socket stranger = udp_socket::bind(here);
  udp_socket own = udp_socket::bind(here);
  const endpoint at = own.local_endpoint();
  own.connect(peer.local_endpoint());
  endpoint sender;
  stranger.send_to(at, "spam");
  peer.send_to(at, "letter");
  const std::string text = tried([&] { return text_of(own, &sender); });
  say(sender == peer.local_endpoint());
  say(text);
  own.send("thanks");
  say(tried([&] { return text_of(peer); }));
}

PAIR("datagrams: a peer that is not there is told to who receives") {
  const endpoint nobody = silent_socket(SOCK_DGRAM).at;
  udp_socket own = udp_socket::bind(here);
  own.connect(nobody);
  own.send("hello?");
  say(tried([&] { return text_of(own); }));
}

PAIR("datagrams: a receive in vain ends when time is up, and the next one gets what comes") {
  udp_socket own = udp_socket::bind(here);
  const auto start = weft::now();
  const std::string end =
      attempt([&] { return with_timeout(1 * unit, [&] { return text_of(own); }); });
  say(end, since(start));
  own.send_to(own.local_endpoint(), "to myself");
  say(tried([&] { return text_of(own); }));
}

}  // namespace network_pairs
