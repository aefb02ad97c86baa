// SPDX-License-Identifier: BSL-1.0
// What weft-cost writes: samples from which the medians can be computed again, answers that agree, and
// charts that depend on nothing but the report.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "cost/cost_program.hpp"

using namespace weft_tests;

namespace {

double quantile(std::vector<double> samples, double share) {
  std::sort(samples.begin(), samples.end());
  const double place = share * double(samples.size() - 1);
  const auto below = std::size_t(place);
  const std::size_t above = std::min(below + 1, samples.size() - 1);
  return samples[below] + (place - double(below)) * (samples[above] - samples[below]);
}

bool is_close(double a, double b) { return std::fabs(a - b) <= 1e-9 * std::fabs(b) + 1e-12; }

// Every result of a report, with its cell.
template <class Check>
int for_each_result(const nlohmann::json& report, Check&& check) {
  int count = 0;
  for (const auto& workload : report.at("workloads")) {
    for (const auto& cell : workload.at("cells")) {
      for (const auto& result : cell.at("results")) {
        check(workload, cell, result);
        ++count;
      }
    }
  }
  return count;
}

void check_schema(const nlohmann::json& report) {
  CHECK(report.at("format") == "weft-cost");
  CHECK(report.at("version") == 1);
  for (const char* name : {"command", "is_complete", "is_quick", "seconds", "environment",
                           "contenders", "workloads", "programs", "instructions"}) {
    CAPTURE(name);
    CHECK(report.contains(name));
  }
  for (const char* name : {"processor", "kernel", "mitigations", "compiler", "flags of weft", "weft",
                           "Boost", "pinned to"}) {
    CAPTURE(name);
    CHECK(report.at("environment").contains(name));
  }
  int with_answers = 0;
  const int results = for_each_result(report, [&](const auto& workload, const auto& cell,
                                                  const auto& result) {
    CAPTURE(cell.at("id"));
    CAPTURE(result.at("contender"));
    CHECK(report.at("contenders").contains(result.at("contender").template get<std::string>()));
    CHECK_FALSE(workload.at("unit").template get<std::string>().empty());
    if (result.contains("error")) return;
    const auto samples = result.at("samples").template get<std::vector<double>>();
    CHECK(samples.size() >= 10);
    CHECK(is_close(result.at("median").template get<double>(), quantile(samples, 0.5)));
    CHECK(is_close(result.at("q1").template get<double>(), quantile(samples, 0.25)));
    CHECK(is_close(result.at("q3").template get<double>(), quantile(samples, 0.75)));
    if (result.at("checksum").is_null()) return;
    ++with_answers;
    CHECK(result.at("checksum") == cell.at("expected_checksum"));
  });
  CHECK(results > 0);
  CHECK(with_answers > 0);
}

fs::path committed_report() { return source_root() / "src/cost/report/report.json"; }

}  // namespace

TEST_CASE("weft-cost: a report has ten samples a cell, medians that follow from them, one answer") {
  if (!has_cost()) WEFT_SKIP(no_cost);
  const temporary_folder folder;
  const fs::path file = folder.path() / "report.json";
  const auto result = weft_cost(small_run() + " --json " + in_quotes(file) + " --markdown " +
                                in_quotes(folder.path() / "report.md") + " --goals");
  CAPTURE(result.output);
  CHECK(result.status == 0);
  CHECK(holds(result.output, "Switch, ns  (switch)"));
  CHECK(holds(result.output, "Goals"));
  check_schema(read_json(file));
  CHECK(holds(read_file(folder.path() / "report.md"), "## Flat generator (`flat`), ns"));
}

TEST_CASE("weft-cost: two reports are compared by what differs beyond their noise") {
  if (!has_cost()) WEFT_SKIP(no_cost);
  const temporary_folder folder;
  const fs::path before = folder.path() / "before.json";
  const fs::path after = folder.path() / "after.json";
  REQUIRE(weft_cost("run --quick --workload flat --contender asm --contender c++20 --json " +
                    in_quotes(before)).status == 0);
  auto changed = read_json(before);
  for (auto& each : changed["workloads"][0]["cells"][0]["results"]) {
    if (each["contender"] != "asm") continue;
    for (auto& sample : each["samples"]) sample = sample.get<double>() * 3;
  }
  folder.write("after.json", changed.dump());
  const auto result = weft_cost("compare " + in_quotes(before) + " " + in_quotes(after));
  CAPTURE(result.output);
  CHECK(result.status == 0);
  CHECK(holds(result.output, "3.00x"));
  CHECK(holds(result.output, "1 of 2 results are within the noise"));
}

TEST_CASE("weft-cost: the committed report is sound") {
  if (source_root().empty()) WEFT_SKIP(no_source_root);
  if (!fs::exists(committed_report())) WEFT_SKIP("no report is committed");
  const auto report = read_json(committed_report());
  check_schema(report);
  CHECK(report.at("is_complete") == true);
  CHECK(report.at("is_quick") == false);
  CHECK(report.at("seconds") <= 400);
  CHECK(report.at("programs").size() == 4);
}

TEST_CASE("weft-cost: plot draws the committed picture again, byte for byte") {
  if (!has_cost()) WEFT_SKIP(no_cost);
  if (source_root().empty()) WEFT_SKIP(no_source_root);
  const fs::path folder = source_root() / "src/cost/report";
  int drawn = 0;
  for (const char* chart : {"depth", "yield", "chain", "parked"}) {
    const fs::path picture = folder / (std::string(chart) + ".svg");
    if (!fs::exists(picture)) continue;
    const auto result = weft_cost(std::string("plot --chart ") + chart + " " +
                                  in_quotes(committed_report()));
    CAPTURE(chart);
    CHECK(result.status == 0);
    CHECK(result.output == read_file(picture));
    ++drawn;
  }
  if (drawn == 0) WEFT_SKIP("no picture is committed");
}

TEST_CASE("weft-cost: a chart that a report has not is refused with those that it has") {
  if (!has_cost()) WEFT_SKIP(no_cost);
  const temporary_folder folder;
  const fs::path file = folder.path() / "report.json";
  REQUIRE(weft_cost("run --quick --workload flat --contender c++20 --json " + in_quotes(file))
              .status == 0);
  const auto result = weft_cost("plot --chart sky " + in_quotes(file));
  CHECK(result.status == 1);
  CHECK(holds(result.output, "the report has no chart 'sky'; it has: flat"));
  CHECK(weft_cost("plot --list " + in_quotes(file)).output == "flat\n");
}
