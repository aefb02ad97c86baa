// SPDX-License-Identifier: BSL-1.0
// See markdown.hpp.
#include "cost/markdown.hpp"

#include <algorithm>

#include "cost/format.hpp"
#include "cost/goals.hpp"
#include "cost/verdict.hpp"

namespace cost {
namespace {

std::string row(const std::vector<std::string>& cells) {
  std::string text = "|";
  for (const std::string& each : cells) text += " " + each + " |";
  return text + "\n";
}

std::string head(const std::vector<std::string>& cells) {
  std::string rule = "|";
  for (std::size_t i = 0; i < cells.size(); ++i) rule += i == 0 ? " --- |" : " ---: |";
  return row(cells) + rule + "\n";
}

std::string workload_markdown(const workload_result& work) {
  std::string text = "## " + work.title + " (`" + work.id + "`), " + work.unit + "\n\n" +
                     work.question + " " + work.method + "\n\n";
  std::vector<std::string> names;
  for (const cell_result& cell : work.cells) {
    for (const measured& each : cell.results) {
      if (std::find(names.begin(), names.end(), each.contender) == names.end()) {
        names.push_back(each.contender);
      }
    }
  }
  std::vector<std::string> columns = {""};
  for (const std::string& name : names) columns.push_back(name);
  text += head(columns);
  for (const cell_result& cell : work.cells) {
    std::vector<std::string> cells = {cell.label};
    for (const std::string& name : names) {
      const measured* const one = cell.find(name);
      cells.push_back(one == nullptr ? "" : short_number(one->stats.median) +
                                                (one->stats.is_wide() ? " ?" : ""));
    }
    text += row(cells);
  }
  for (const cell_result& cell : work.cells) {
    for (const measured& each : cell.results) {
      if (!each.error.empty()) {
        text += "\n**" + each.contender + "**, " + cell.label + ": " + each.error + "\n";
      }
    }
  }
  for (const std::string& each : work.skipped) text += "\nNot measured: " + each + "\n";
  const verdict judged = judge(work);
  text += "\n" + (judged.sentence.empty() ? "" : "**" + judged.sentence + "** ") + work.why +
          " Choose stackless when " + work.choose_stackless + "\n\n";
  return text;
}

std::string programs_markdown(const report& from) {
  if (from.programs.empty()) return "";
  std::string text = "## One source, two costs\n\n";
  text += head({"program", "written for", "lines", "allocations", "bytes a task", "ns"});
  for (const program_result& program : from.programs) {
    for (const program_side& side : program.sides) {
      text += row({program.title, side.contender, std::to_string(side.lines),
                   short_number(side.allocations), short_number(side.bytes_per_task),
                   short_number(summarise(side.ns).median)});
    }
  }
  for (const program_result& program : from.programs) {
    text += "\n" + program.title + ": changed colour: ";
    for (std::size_t i = 0; i < program.coloured.size(); ++i) {
      text += (i == 0 ? "`" : ", `") + program.coloured[i] + "`";
    }
    text += "\n";
  }
  return text + "\n";
}

std::string goals_markdown(const report& from) {
  std::string text = "## Goals\n\n" + head({"goal", "contender", "at most", "is", ""});
  for (const goal_result& each : judge_goals(from)) {
    if (!each.is_measured) continue;
    const bool is_ratio = !each.peer.empty();
    text += row({each.what, each.contender,
                 short_number(each.at_most) + (is_ratio ? "x " + each.peer : " bytes"),
                 short_number(each.reached) + (is_ratio ? "x" : ""),
                 each.is_met() ? "reached" : "missed"});
  }
  return text + "\n";
}

}  // namespace

const std::vector<unfairness>& known_unfairness() {
  static const std::vector<unfairness> all = {
      {"what a task is", "weft's have cancellation, timeouts, errno, exceptions' state, names and a "
                         "place in a tree; the C++20 peer's have none of that. It is the least that "
                         "can be scheduled, and so the hardest to beat."},
      {"allocator", "c++20 takes frames from a pool that never gives back; c++20-malloc from glibc's "
                    "malloc, which is what a program has that does nothing about it. weft's stacks "
                    "and records come from its own pools."},
      {"HALO", "compilers may elide a frame whose coroutine is awaited where it is made and can be "
               "inlined. Calls here can't be inlined on either side, as across source files."},
      {"cache colour", "tops of stacks are staggered in all switch rows, weft's as it ships; Boost's "
                       "stacks lie at equal offsets, as its allocators make them."},
      {"pools", "every side runs warm: stacks, frames and heaps of the round before are there. "
                "Memory rows are cold."},
      {"threads", "weft::channel may be used by any thread, C++20's peer by one. The rows \"one "
                  "thread only\" compare like with like."},
      {"order", "children of skynet and fib run in the order of a ring, breadth first, which is dear "
                "in stacks; Go runs the newest first. Boost.Fiber has no such row: it would take 5 and "
                "13 GB."},
      {"other languages", "Go and asyncio run in processes of their own, told by a pipe what to do; "
                          "their processor time includes their collector."},
      {"float control", "asm-inline shares it between the fibers of a thread; all others keep it for "
                        "each. All contexts have the inexact flag raised, but for \"flags differ\"."},
      {"this machine", "absolute times differ by a factor of two between machines, and between "
                       "hours of a virtual one. Ratios of one run hold."},
  };
  return all;
}

std::string markdown_text(const report& from) {
  std::string text = "# What stackful tasks cost beside stackless ones\n\nBy `" + from.command + "`";
  if (!from.is_complete) text += ", **interrupted**";
  text += ". Medians; `?`: a quarter of the rounds is more than 10 % off.\n\n";
  text += head({"", ""});
  for (const auto& [name, value] : from.environment) text += row({name, value});
  text += "\n";
  for (const workload_result& each : from.workloads) text += workload_markdown(each);
  text += programs_markdown(from);
  if (!from.instructions.empty()) {
    text += "## Instructions per operation, by callgrind\n\n" + head({"cell", "contender", "instructions"});
    for (const instruction_count& each : from.instructions) {
      text += row({"`" + each.cell + "`", each.contender, short_number(each.per_operation)});
    }
    text += "\n";
  }
  text += goals_markdown(from) + "## Known unfairness\n\n";
  for (const unfairness& each : known_unfairness()) {
    text += "- **" + std::string(each.what) + "**: " + each.how + "\n";
  }
  return text;
}

}  // namespace cost
