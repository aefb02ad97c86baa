// SPDX-License-Identifier: BSL-1.0
// Tasks that work together: channels, a ring, skynet, fork and join.
#include <string>
#include <vector>

#include "cost/catalogue.hpp"

namespace cost {
namespace {

std::vector<cell_group> channels(const request& what) {
  std::vector<cell_group> all;
  const std::uint64_t messages = 1000;
  const auto add = [&](const char* id, const char* label, message_kind kind, std::size_t room) {
    all.push_back(timed_shape(cell{id, label, "", 0}, &side::messages, message_shape{kind, room},
                              usual_pace(what, messages), messages * (messages - 1) / 2));
  };
  add("channel/0", "rendezvous", message_kind::channel, 0);
  add("channel/64", "room for 64", message_kind::channel, 64);
  add("channel/local/0", "rendezvous, one thread only", message_kind::local_channel, 0);
  add("channel/local/64", "room for 64, one thread only", message_kind::local_channel, 64);
  return all;
}

cell_group team(const request& what, cell where, const team_shape& shape, std::uint64_t operations,
                std::uint64_t expected) {
  return timed_shape(std::move(where), &side::teams, shape, usual_pace(what, operations), expected);
}

std::vector<cell_group> crowds(const request& what) {
  std::vector<cell_group> all;
  for (const std::uint64_t size : {4, 100}) {
    if (what.is_quick && size == 100) break;
    const std::uint64_t each = 100;  // messages of each sender
    all.push_back(team(what,
                       cell{"mpmc/" + std::to_string(size),
                            std::to_string(size) + " senders, as many receivers", "", static_cast<double>(size)},
                       {team_kind::crowd, size}, size * each, size * (each * (each - 1) / 2)));
  }
  return all;
}

std::vector<cell_group> rings(const request& what) {
  std::vector<cell_group> all;
  for (const std::uint64_t size : {100, 1000}) {
    if (what.is_quick && size == 1000) break;
    all.push_back(team(what,
                       cell{"ring/" + std::to_string(size), std::to_string(size) + " tasks", "",
                            static_cast<double>(size)},
                       {team_kind::token_ring, size}, size * 5, size * 5));
  }
  return all;
}

// An operation is long enough to be a round; ten are as many as there must be.
cell_group whole(cell where, const team_shape& shape, std::uint64_t expected) {
  pace how;
  how.rounds = 10;
  how.is_one_operation = true;
  how.check_operations = 1;
  std::vector<entry> entries;
  for (entry& each : entries_of(&side::teams, shape, all_sides())) {
    // The inlined switch changes nothing here. Boost.Fiber takes 5 GB for the first, 13 for the second.
    // Go takes 5 to 40 s for the second.
    const std::string id = id_of_side(each.side);
    if (id == "go" && shape.kind == team_kind::fork_join && shape.size > 25) continue;
    if (id != "asm-inline" && id != "boost.fiber") entries.push_back(std::move(each));
  }
  cell_group group = timed(std::move(where), std::move(entries), how, expected);
  return group;
}

std::vector<cell_group> skynet(const request& what) {
  const std::uint64_t leaves = what.is_quick ? 10000 : 1000000;
  return {whole(cell{"skynet/" + std::to_string(leaves), std::to_string(leaves) + " leaves", "",
                     static_cast<double>(leaves)},
                {team_kind::skynet, leaves}, leaves * (leaves - 1) / 2)};
}

std::vector<cell_group> fib(const request& what) {
  const std::uint64_t n = what.is_quick ? 20 : 32;
  return {whole(cell{"fib/" + std::to_string(n), "fib(" + std::to_string(n) + ")", "", static_cast<double>(n)},
                {team_kind::fork_join, n}, what.is_quick ? 6765 : 2178309)};
}

}  // namespace

const workload channel_workload = {
    "channel",
    "Channel ping-pong",
    "ns",
    "",
    "What does a message cost from one task to another?",
    "One operation is one number sent by one task and received by another. \"One thread only\" is "
    "weft::local::channel and a C++20 channel without any lock; the others may be used by any "
    "thread. Threads use a mutex and condition variables, asyncio a Queue.",
    "A rendezvous is a switch a message; a buffer of 64 spares most of them, and what is left is the "
    "channel's own work.",
    "all ends live on one thread and each message is little work.",
    "channel/0",
    &channels};

const workload crowd_workload = {
    "mpmc",
    "Many senders, many receivers",
    "ns",
    "senders",
    "What does a message cost when many tasks send into one channel and many receive?",
    "One operation is one message through one channel of 64, on one thread (Go's and the others' "
    "on one core).",
    "Who finds the channel full waits in a list; each wake-up hands a value over.",
    "as for one sender.",
    "mpmc/4",
    &crowds};

const workload ring_workload = {
    "ring",
    "Ring of N",
    "ns",
    "tasks",
    "What does a hop cost in a ring of tasks that hand one number on?",
    "One operation is a receive, an addition and a send by one task of the ring.",
    "Only one task can run at any time: each hop is a wake-up and a switch, nothing overlaps.",
    "the hop is all that there is.",
    "ring/100",
    &rings};

const workload skynet_workload = {
    "skynet",
    "Skynet",
    "ms",
    "leaves",
    "How long does a tree of tasks take that starts ten children at every node, down to a million "
    "leaves?",
    "One operation is the whole tree: 1,111,111 tasks; the sum must be 499999500000. weft, C++20 and "
    "callbacks go breadth first, in the order of their ring. Boost.Fiber is left out: its stacks "
    "would take 5 GB.",
    "Creating and joining a task, and the memory of those that wait: a fiber's stack is a page and "
    "more, a frame 100 bytes.",
    "you build trees of a million tasks on one core.",
    "skynet/1000000",
    &skynet};

const workload fib_workload = {
    "fib",
    "Fork and join: fib(32)",
    "ms",
    "n",
    "How long does fib(32) take if one of the two calls is a task each time?",
    "One operation is all 3,524,577 tasks; the answer must be 2178309. No cut-off, one core.",
    "Every task does a nanosecond of work: it is the price of a task, and of the memory of those "
    "that wait, in the scheduler's order (first in, first out).",
    "tasks are as small as this.",
    "fib/32",
    &fib};

}  // namespace cost
