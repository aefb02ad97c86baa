// SPDX-License-Identifier: BSL-1.0
// The page of weft-cost, as it is written and as a browser without a screen shows it.
#include <doctest/doctest.h>

#include <map>
#include <regex>

#include "cost/cost_program.hpp"

using namespace weft_tests;

namespace {

struct page {
  temporary_folder folder;
  std::string text;
  nlohmann::json report;
};

void make(page& to) {
  const fs::path json = to.folder.path() / "report.json";
  const fs::path html = to.folder.path() / "report.html";
  REQUIRE(weft_cost(small_run() + " --json " + in_quotes(json) + " --html " + in_quotes(html)).status ==
          0);
  to.text = read_file(html);
  to.report = read_json(json);
}

// "cell contender" -> the median that the page has for it.
std::map<std::string, double> medians_of_page(const std::string& text) {
  static const std::regex cell(
      R"re(data-cell="([^"]*)" data-contender="([^"]*)" data-median="([^"]*)")re");
  std::map<std::string, double> all;
  for (std::sregex_iterator at(text.begin(), text.end(), cell), end; at != end; ++at) {
    all[(*at)[1].str() + " " + (*at)[2].str()] = std::stod((*at)[3]);
  }
  return all;
}

std::map<std::string, double> medians_of_report(const nlohmann::json& report) {
  std::map<std::string, double> all;
  for (const auto& workload : report.at("workloads")) {
    for (const auto& cell : workload.at("cells")) {
      for (const auto& result : cell.at("results")) {
        if (result.contains("error")) continue;
        all[cell.at("id").get<std::string>() + " " + result.at("contender").get<std::string>()] =
            result.at("median").get<double>();
      }
    }
  }
  return all;
}

std::string browser() {
  for (const char* name : {"chromium", "chromium-browser", "google-chrome"}) {
    if (run_command(std::string("command -v ") + name).status == 0) return name;
  }
  return "";
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++found;
  }
  return found;
}

}  // namespace

TEST_CASE("weft-cost: the page's numbers are those of the JSON, each beside its chart") {
  if (!has_cost()) WEFT_SKIP(no_cost);
  page made;
  make(made);
  const auto shown = medians_of_page(made.text);
  CHECK(shown == medians_of_report(made.report));
  CHECK(shown.size() >= 8);
}

TEST_CASE("weft-cost: the page needs no network, and its charts can be read aloud") {
  if (!has_cost()) WEFT_SKIP(no_cost);
  page made;
  make(made);
  CHECK_FALSE(std::regex_search(made.text, std::regex(R"((src|href)="(https?:)?//)")));
  CHECK_FALSE(holds(made.text, "<script"));
  CHECK_FALSE(holds(made.text, "@import"));
  const std::size_t charts = count(made.text, "<svg ");
  CHECK(charts >= 2);
  CHECK(count(made.text, "role=\"img\"") == charts);
  CHECK(count(made.text, "<title id=\"title-") == charts);
  CHECK(count(made.text, "<desc id=\"desc-") == charts);
  CHECK(count(made.text, "<figcaption>") == charts);
  CHECK(holds(made.text, "prefers-color-scheme:dark"));
  CHECK(holds(made.text, "lang=\"en\""));
}

TEST_CASE("weft-cost: a browser shows the page without a word of complaint") {
  if (!has_cost()) WEFT_SKIP(no_cost);
  if (browser().empty()) WEFT_SKIP("chromium is not installed");
  page made;
  make(made);
  const auto shown = run_command(
      browser() + " --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --enable-logging=stderr "
      "--user-data-dir=" + in_quotes(made.folder.path() / "profile") +
      " --virtual-time-budget=2000 --dump-dom file://" +
      (made.folder.path() / "report.html").string() + " 2>" +
      in_quotes(made.folder.path() / "log"));
  const std::string log = read_file(made.folder.path() / "log");
  if (shown.status != 0) WEFT_SKIP("chromium does not start here");
  CAPTURE(log);
  CHECK_FALSE(holds(log, "CONSOLE"));
  // What the browser made of it has the same numbers as what was written.
  CHECK(medians_of_page(shown.output) == medians_of_report(made.report));
  CHECK(count(shown.output, "<svg ") == count(made.text, "<svg "));
}
