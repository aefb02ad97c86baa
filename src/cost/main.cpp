// SPDX-License-Identifier: BSL-1.0
// weft-cost: what stackful tasks cost beside stackless ones, measured on this machine. Reads the
// command line; the work is in run.cpp and the other commands' files.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "cost/build_facts.hpp"
#include "cost/catalogue.hpp"
#include "cost/charts.hpp"
#include "cost/compare.hpp"
#include "cost/contenders/servers.hpp"
#include "cost/explain.hpp"
#include "cost/instructions.hpp"
#include "cost/report.hpp"
#include "cost/run.hpp"

namespace {

using namespace cost;

std::string as_typed(int argc, char** argv) {
  std::string all = "weft-cost";
  for (int i = 1; i < argc; ++i) all += std::string(" ") + argv[i];
  return all;
}

std::string known_ids(bool of_workloads) {
  std::string all;
  if (of_workloads) {
    for (const workload& each : workloads()) all += std::string(all.empty() ? "" : ", ") + each.id;
  } else {
    for (const contender_info& each : known_contenders()) {
      all += std::string(all.empty() ? "" : ", ") + each.id;
    }
  }
  return all;
}

const CLI::Validator is_workload{
    [](const std::string& id) {
      if (find_workload(id) != nullptr) return std::string();
      return "there is no workload '" + id + "'; there are: " + known_ids(true);
    },
    "ID"};

const CLI::Validator is_contender{
    [](const std::string& id) {
      if (find_contender(id) == nullptr) {
        return "there is no contender '" + id + "'; there are: " + known_ids(false);
      }
      if (!is_built(id)) return "this build of weft-cost has no '" + id + "'; see weft-cost list";
      return std::string();
    },
    "ID"};

int plot(const std::string& file, const std::string& chart, const std::string& to, bool lists) {
  const report from = read_report(file);
  if (lists) {
    for (const std::string& id : chart_ids(from)) std::printf("%s\n", id.c_str());
    return 0;
  }
  const std::string svg = chart_svg(from, chart);
  if (to.empty()) {
    std::fputs(svg.c_str(), stdout);
  } else {
    write_file(to, svg);
  }
  return 0;
}

struct command_line {
  CLI::App app{"Measures what stackful tasks cost beside stackless ones, on this machine.",
               "weft-cost"};
  run_options how;
  std::string before, after, plotted, chart = "depth", output, explained, served, cell, contender;
  bool lists_charts = false;
  std::uint64_t operations = 0;

  CLI::App* run = app.add_subcommand("run", "measures, prints tables, and writes reports");
  CLI::App* list = app.add_subcommand("list", "prints the workloads and the contenders");
  CLI::App* compare = app.add_subcommand("compare", "prints what changed between two reports");
  CLI::App* plot = app.add_subcommand("plot", "draws a chart of a report as SVG");
  CLI::App* explain = app.add_subcommand("explain", "says what a workload measures, and why");
  CLI::App* serve = app.add_subcommand("serve")->group("");  // for itself: an echo server
  CLI::App* once = app.add_subcommand("once")->group("");    // for itself: under valgrind

  command_line() {
    app.set_version_flag("--version", std::string("weft-cost ") + build_version);
    app.require_subcommand(1);
    app.get_formatter()->column_width(34);
    run->add_flag("--quick", how.is_quick, "a smoke run: fewer cells and shorter rounds, 30 s");
    run->add_option("--workload", how.workloads, "only this one; may be repeated")
        ->check(is_workload)->allow_extra_args(false);
    run->add_option("--contender", how.contenders, "only this one; may be repeated")
        ->check(is_contender)->allow_extra_args(false);
    run->add_option("--json", how.json_file, "writes all samples to this file");
    run->add_option("--html", how.html_file, "writes a page with charts to this file");
    run->add_option("--markdown", how.markdown_file, "writes tables as Markdown to this file");
    run->add_flag("--goals", how.shows_goals, "also prints weft's goals: reached or missed");
    compare->add_option("A.json", before)->required();
    compare->add_option("B.json", after)->required();
    plot->add_option("FILE.json", plotted)->required();
    plot->add_option("--chart", chart, "which one (depth); --list names them");
    plot->add_option("--output", output, "a file instead of stdout");
    plot->add_flag("--list", lists_charts, "prints the charts that this report has");
    explain->add_option("WORKLOAD", explained)->required()->check(is_workload);
    serve->add_option("contender", served)->required();
    once->add_option("cell", cell)->required();
    once->add_option("contender", contender)->required();
    once->add_option("operations", operations)->required();
  }

  int execute() {
    if (*run) return cost::run(how);
    if (*compare) {
      std::fputs(compare_text(read_report(before), read_report(after)).c_str(), stdout);
    } else if (*plot) {
      return ::plot(plotted, chart, output, lists_charts);
    } else if (*explain) {
      std::fputs(explain_text(*find_workload(explained)).c_str(), stdout);
    } else if (*list) {
      std::fputs(list_text().c_str(), stdout);
    } else if (*serve) {
      return serve_echo(served);
    } else if (*once) {
      run_once(cell, contender, operations);
    }
    return 0;
  }
};

}  // namespace

int main(int argc, char** argv) {
  command_line line;
  try {
    line.app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // --help and --version come this way, too, with status 0.
    return line.app.exit(error) == 0 ? 0 : 2;
  }
  line.how.command = as_typed(argc, argv);
  try {
    return line.execute();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "weft-cost: %s\n", error.what());
    return 1;
  }
}
