// SPDX-License-Identifier: BSL-1.0
// Servers: what a request over TCP costs them.
#include <string>
#include <vector>

#include "cost/catalogue.hpp"
#include "cost/contenders/servers.hpp"

namespace cost {
namespace {

cell_group echo_group(const request& what, const char* id, std::size_t connections) {
  pace how = usual_pace(what, connections * 10);
  how.rounds = 10;
  how.round_ns = what.is_quick ? 2e6 : 3e7;  // shorter ones would be a hundred wake-ups
  const std::string count = std::to_string(connections);
  cell_group one = timed(cell{std::string(id) + "/" + count,
                              count + (connections == 1 ? " connection" : " connections"), "",
                              static_cast<double>(connections)},
                         echo_entries(connections), how, connections * 10 * 64);
  return one;
}

std::vector<cell_group> ping(const request& what) { return {echo_group(what, "ping", 1)}; }

std::vector<cell_group> echo(const request& what) {
  std::vector<cell_group> all;
  for (const std::size_t connections : {100, 1000}) {
    if (what.is_quick && connections > 100) break;
    all.push_back(echo_group(what, "echo", connections));
  }
  return all;
}

}  // namespace

const workload ping_workload = {
    "ping",
    "TCP ping-pong",
    "ns",
    "",
    "What processor time does a server take for a request on its only connection?",
    "64 bytes there and back over loopback, one at a time. The server is a process on another core; "
    "its processor time counts, the client's does not.",
    "The kernel: one wake-up, one recv and one send a request. What a task costs is in the noise.",
    "never for this reason: a request costs a hundred switches of any kind.",
    "ping/1",
    &ping};

const workload echo_workload = {
    "echo",
    "TCP echo",
    "ns",
    "connections",
    "What processor time does a server take for a request, with many connections?",
    "64 bytes there and back over loopback, one request under way on each connection. \"epoll\" is "
    "written by hand, with one recv and one send a request: the least that it takes.",
    "The kernel, again; a wake-up serves many requests.",
    "never for this reason.",
    "echo/100",
    &echo};

}  // namespace cost
