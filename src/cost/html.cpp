// SPDX-License-Identifier: BSL-1.0
// The page and its workloads: see html.hpp.
#include "cost/html.hpp"

#include "cost/charts.hpp"
#include "cost/format.hpp"
#include "cost/svg.hpp"
#include "cost/verdict.hpp"

namespace cost {
namespace {

// data-* carry the numbers unrounded: a test holds them against the JSON.
std::string value_cell(const cell_result& cell, const measured& one) {
  const summary& s = one.stats;
  char raw[64];
  std::snprintf(raw, sizeof raw, "%.17g", s.median);
  std::string text = "<tr><th scope=\"row\">" + escaped(one.contender) + "</th>";
  text += "<td class=\"n\" data-cell=\"" + escaped(cell.id) + "\" data-contender=\"" +
          escaped(one.contender) + "\" data-median=\"" + raw + "\">" + short_number(s.median) +
          (s.is_wide() ? " <abbr title=\"a quarter of the rounds is more than 10 % off\">?</abbr>" : "") +
          "</td><td class=\"n\">" + short_number(s.q1) + " – " + short_number(s.q3) +
          "</td><td class=\"n\">" + short_number(s.least) + " – " + short_number(s.most) +
          "</td><td class=\"n\">" + std::to_string(s.outliers.size()) + " of " +
          std::to_string(one.samples.size()) + "</td></tr>\n";
  return text;
}

std::string cell_table(const workload_result& work, const cell_result& cell) {
  std::string text = "<table><caption>" + escaped(work.title + ": " + cell.label) + ", " +
                     escaped(work.unit) +
                     "</caption><thead><tr><th scope=\"col\">contender</th><th scope=\"col\" "
                     "class=\"n\">median</th><th scope=\"col\" class=\"n\">quartiles</th><th "
                     "scope=\"col\" class=\"n\">range</th><th scope=\"col\" "
                     "class=\"n\">outliers</th></tr></thead><tbody>\n";
  for (const measured& each : cell.results) {
    if (each.error.empty()) {
      text += value_cell(cell, each);
    } else {
      text += "<tr><th scope=\"row\">" + escaped(each.contender) + "</th><td colspan=\"4\">" +
              escaped(each.error) + "</td></tr>\n";
    }
  }
  return text + "</tbody></table>\n";
}

std::string figure(const workload_result& work, const chart& which) {
  std::string text = "<figure><div class=\"chart\" tabindex=\"0\" role=\"group\" aria-label=\"chart, "
                     "scrolls sideways on narrow screens\">" + draw(work, which) + "</div>\n";
  std::string tables;
  std::size_t count = 0;
  for (const cell_result& cell : work.cells) {
    const bool is_drawn = which.has_lines() ? cell.series == which.series && cell.x > 0
                                            : cell.id == which.cell;
    if (!is_drawn) continue;
    tables += cell_table(work, cell);
    ++count;
  }
  return text + "<figcaption><details><summary>The numbers of this chart (" +
         std::to_string(count) + (count == 1 ? " table" : " tables") + ")</summary>\n<div class=\"tables\">" +
         tables + "</div></details></figcaption></figure>\n";
}

std::string other_tables(const workload_result& work, const std::vector<chart>& charts) {
  std::string tables;
  for (const cell_result& cell : work.cells) {
    bool is_drawn = false;
    for (const chart& each : charts) {
      is_drawn = is_drawn || (each.has_lines() ? cell.series == each.series && cell.x > 0
                                               : cell.id == each.cell);
    }
    if (!is_drawn) tables += cell_table(work, cell);
  }
  if (tables.empty()) return "";
  return "<details><summary>More cells</summary>\n<div class=\"tables\">" + tables +
         "</div></details>\n";
}

std::string workload_section(const workload_result& work) {
  const verdict judged = judge(work);
  std::string text = "<section id=\"" + work.id + "\"><h2>" + escaped(work.title) + "</h2>\n<p class=\"question\">" +
                     escaped(work.question) + "</p>\n";
  if (!judged.sentence.empty()) {
    text += "<p class=\"verdict " + judged.winner + "\">" + escaped(judged.sentence) + "</p>\n";
  }
  const std::vector<chart> charts = charts_of(work);
  for (const chart& each : charts) text += figure(work, each);
  text += other_tables(work, charts);
  for (const std::string& each : work.skipped) {
    text += "<p class=\"note\">Not measured: " + escaped(each) + "</p>\n";
  }
  text += "<dl><dt>Measured</dt><dd>" + escaped(work.method) + "</dd><dt>Why</dt><dd>" +
          escaped(work.why) + "</dd><dt>Choose stackless when</dt><dd>" +
          escaped(work.choose_stackless) + "</dd></dl>\n</section>\n";
  return text;
}

}  // namespace

std::string html_text(const report& from) {
  std::string text =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n"
      "<title>weft-cost: what stackful tasks cost beside stackless ones</title>\n<style>" +
      page_style() + "</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#verdicts\">To the verdicts</a>\n"
      "<header><h1>What stackful tasks cost beside stackless ones</h1>\n<p>Measured by <code>" +
      escaped(from.command) + "</code>" + (from.is_complete ? "" : ", <strong>interrupted</strong>") +
      (from.is_quick ? ", a quick run: rounds are short" : "") +
      ". Every number is a median of at least ten rounds, in which the contenders took turns in random "
      "order on one core. Blue has stacks, orange has none.</p></header>\n<main>\n";
  text += summary_table(from);
  for (const workload_result& each : from.workloads) text += workload_section(each);
  text += programs_section(from) + goals_section(from) + environment_section(from);
  return text + "</main>\n</body>\n</html>\n";
}

}  // namespace cost
