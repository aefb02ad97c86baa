// SPDX-License-Identifier: BSL-1.0
// See run.hpp.
#include "cost/run.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <system_error>

#include "cost/apart.hpp"
#include "cost/catalogue.hpp"
#include "cost/environment.hpp"
#include "cost/goals.hpp"
#include "cost/html.hpp"
#include "cost/instructions.hpp"
#include "cost/markdown.hpp"
#include "cost/programs.hpp"
#include "cost/report.hpp"
#include "cost/table.hpp"

namespace cost {
namespace {

// On a terminal only, and on stderr: the tables go to stdout.
class progress_line {
 public:
  void show(const std::string& text) {
    if (!is_terminal_) return;
    std::fprintf(stderr, "\r\033[K%s", text.c_str());
    std::fflush(stderr);
  }
  void clear() { show(""); }

 private:
  bool is_terminal_ = ::isatty(2) == 1;
};

double factor_of(const std::string& unit) { return unit == "ms" ? 1e-6 : 1; }

std::vector<const workload*> chosen(const run_options& how) {
  std::vector<const workload*> all;
  for (const workload& each : workloads()) {
    if (how.workloads.empty() || std::find(how.workloads.begin(), how.workloads.end(), each.id) !=
                                     how.workloads.end()) {
      all.push_back(&each);
    }
  }
  return all;
}

// Before minutes of work: whoever can't write in the end should hear it now.
void try_to_write(const std::string& file) {
  if (file.empty()) return;
  errno = 0;
  if (!std::ofstream(file, std::ios::app)) {
    throw std::system_error(errno, std::generic_category(), "cannot write " + file);
  }
}

std::vector<cell_result> cells_of(const cell_group& group, const findings& found,
                                  const request& what, double factor) {
  std::vector<cell_result> all;
  for (std::size_t i = 0; i < group.cells.size(); ++i) {
    const cell& from = group.cells[i];
    cell_result one{from.id, from.label, from.series, from.x, {}, {}};
    if (group.expected != contender::unchecked) one.expected = group.expected;
    for (const std::string& id : what.contenders) {
      const auto at = found.find(id);
      if (at == found.end()) continue;
      measured result;
      result.contender = id;
      result.error = at->second.error;
      if (i < at->second.samples.size()) result.samples = at->second.samples[i];
      for (double& sample : result.samples) sample *= factor;
      // Interrupted in the middle of a row: fewer than ten rounds are no result.
      if (result.error.empty() && result.samples.size() < 10) continue;
      if (at->second.answer != contender::unchecked) result.answer = at->second.answer;
      result.stats = summarise(result.samples);
      one.results.push_back(std::move(result));
    }
    if (!one.results.empty()) all.push_back(std::move(one));
  }
  return all;
}

workload_result empty_result(const workload& of) {
  workload_result one;
  one.id = of.id;
  one.title = of.title;
  one.unit = of.unit;
  one.x_name = of.x_name;
  one.question = of.question;
  one.method = of.method;
  one.why = of.why;
  one.choose_stackless = of.choose_stackless;
  one.verdict_cell = of.verdict_cell;
  return one;
}

workload_result measure_workload(const workload& which, const request& what,
                                 progress_line& line) {
  workload_result result = empty_result(which);
  const std::vector<cell_group> groups = which.groups(what);
  std::size_t number = 0;
  for (const cell_group& group : groups) {
    ++number;
    if (interrupted()) break;
    const std::string where = std::string(which.id) + " " + std::to_string(number) + "/" +
                              std::to_string(groups.size()) + "  " + group.cells[0].label;
    if (!group.unavailable.empty()) {
      result.skipped.push_back(group.cells[0].label + ": " + group.unavailable);
      continue;
    }
    const findings found = measure_apart(
        group, what, [&](const std::string& who) { line.show(where + "  " + who); });
    const auto lost = found.find("?");
    if (lost != found.end()) result.skipped.push_back(group.cells[0].label + ": " + lost->second.error);
    for (cell_result& each : cells_of(group, found, what, factor_of(which.unit))) {
      result.cells.push_back(std::move(each));
    }
  }
  line.clear();
  return result;
}

bool has_failures(const report& all) {
  for (const workload_result& work : all.workloads) {
    for (const cell_result& cell : work.cells) {
      for (const measured& each : cell.results) {
        if (!each.error.empty()) return true;
      }
    }
  }
  return false;
}

bool write_reports(const run_options& how, const report& all) {
  bool is_well = true;
  const auto write = [&](const std::string& file, const std::string& text) {
    try {
      if (!file.empty()) write_file(file, text);
    } catch (const std::system_error& error) {
      std::fprintf(stderr, "weft-cost: %s\n", error.what());
      is_well = false;
    }
  };
  write(how.json_file, to_json_text(all));
  write(how.markdown_file, markdown_text(all));
  write(how.html_file, html_text(all));
  return is_well;
}

}  // namespace

int run(const run_options& how) {
  for (const std::string& file : {how.json_file, how.html_file, how.markdown_file}) {
    try_to_write(file);
  }
  const auto begun = std::chrono::steady_clock::now();
  catch_interrupts();
  report all;
  all.command = how.command;
  all.is_quick = how.is_quick;
  all.environment = describe_environment();
  request what;
  what.is_quick = how.is_quick;
  for (const contender_info& each : known_contenders()) {
    const bool is_chosen =
        how.contenders.empty()
            ? is_built(each.id)
            : std::find(how.contenders.begin(), how.contenders.end(), each.id) != how.contenders.end();
    if (!is_chosen) continue;
    what.contenders.push_back(each.id);
    all.contenders.emplace_back(each.id, each.what);
  }
  const int core = stay_on_one_core();
  all.environment.emplace_back("pinned to", core < 0 ? "no core" : "core " + std::to_string(core));
  progress_line line;
  for (const workload* each : chosen(how)) {
    if (interrupted()) break;
    workload_result one = measure_workload(*each, what, line);
    if (one.cells.empty() && one.skipped.empty()) continue;
    all.workloads.push_back(std::move(one));
    std::fputs(table_text(all.workloads.back()).c_str(), stdout);
    std::fflush(stdout);
  }
  if (how.workloads.empty() && !interrupted()) {
    line.show("one source, two costs");
    all.programs = measure_programs(what);
    line.clear();
    std::fputs(programs_table(all.programs).c_str(), stdout);
  }
  if (how.counts_instructions && how.workloads.empty() && !how.is_quick && !interrupted()) {
    all.instructions = count_instructions(
        what, [&](const std::string& who) { line.show("instructions  " + who); });
    line.clear();
    std::fputs(instructions_table(all.instructions).c_str(), stdout);
  }
  all.is_complete = !interrupted();
  all.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  if (how.shows_goals) std::fputs(goals_table(all).c_str(), stdout);
  const bool is_written = write_reports(how, all);
  if (!all.is_complete) {
    std::fputs("weft-cost: interrupted; what was measured so far is in the report\n", stderr);
    return 130;
  }
  return is_written && !has_failures(all) ? 0 : 1;
}

}  // namespace cost
