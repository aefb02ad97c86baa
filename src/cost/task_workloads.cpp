// SPDX-License-Identifier: BSL-1.0
// Tasks and calls: what it costs to start one, and what a chain of calls costs that waits at its end.
#include <string>
#include <vector>

#include "cost/catalogue.hpp"
#include "cost/contenders/spin.hpp"

namespace cost {
namespace {

std::vector<cell_group> spawns(const request& what) {
  std::vector<cell_group> all;
  for (const std::size_t batch : {1, 1000, 10000}) {
    if (what.is_quick && batch == 10000) break;
    // 10,000, so that every batch is whole; threads and processes take 50 us each.
    const std::uint64_t checked = batch == 1 ? 20 : 10000;
    cell_group one = timed_shape(
        cell{"spawn/" + std::to_string(batch),
             batch == 1 ? "one after another" : "batches of " + std::to_string(batch), "",
             static_cast<double>(batch)},
        &side::spawns, spawn_shape{batch}, usual_pace(what, checked), checked);
    all.push_back(std::move(one));
  }
  return all;
}

std::vector<cell_group> chains_that(bool stay, const request& what, const char* id,
                                    const std::vector<unsigned>& depths) {
  std::vector<cell_group> all;
  for (const unsigned depth : depths) {
    const std::uint64_t chains = 100;
    all.push_back(timed_shape(cell{id + ("/" + std::to_string(depth)),
                                   "depth " + std::to_string(depth), "", static_cast<double>(depth)},
                              &side::chains, chain_shape{depth, stay}, usual_pace(what, chains),
                              chains * (1 + dive_sum(depth))));
  }
  return all;
}

std::vector<cell_group> fresh(const request& what) {
  return chains_that(false, what, "chain",
                     what.is_quick ? std::vector<unsigned>{1, 16, 64}
                                   : std::vector<unsigned>{1, 2, 4, 8, 16, 32, 64, 128, 256});
}

std::vector<cell_group> kept(const request& what) {
  return chains_that(true, what, "resume",
                     what.is_quick ? std::vector<unsigned>{1, 64}
                                   : std::vector<unsigned>{1, 4, 16, 64, 256});
}

}  // namespace

const workload spawn_workload = {
    "spawn",
    "Create and join",
    "ns",
    "tasks in a batch",
    "What does it cost to start a task that does nothing, and to wait for its end?",
    "One operation is one task. In a batch all are started before the first is waited for.",
    "A coroutine that is awaited at once is an allocation and a call. A fiber is a record, a place "
    "in the scheduler's ring, a stack from the pool (bound when it first runs), two switches, and a "
    "wake-up of who waits.",
    "you start millions of tasks a second that do less than 100 ns of work each.",
    "spawn/1",
    &spawns};

const workload chain_workload = {
    "chain",
    "Fresh call chain that waits once",
    "ns",
    "depth of the chain",
    "A call goes so deep, waits once at its leaf, and returns: what does all of it cost?",
    "One operation is a chain of calls made anew, a yield at its leaf, the turn of one other task, "
    "and the returns.",
    "Each level is a call here and a coroutine frame there. What HALO, the elision of frames, could "
    "save does not happen: recursion and separate compilation forbid it.",
    "chains are one level deep.",
    "chain/16",
    &fresh};

const workload resume_workload = {
    "resume",
    "A chain that stays, suspended at its leaf again and again",
    "ns",
    "depth of the chain",
    "The chain is already there; what does it cost to go on in its leaf?",
    "One operation is one suspension at the leaf of a chain that is not unwound, and the turn of one "
    "other task.",
    "Neither side walks the chain: a fiber's stack is as it was, a scheduler keeps the leaf's handle. "
    "So depth costs nothing, and the price is that of a switch.",
    "long-lived loops sit at the end of each chain, and the turn itself is what you count.",
    "resume/16",
    &kept};

}  // namespace cost
