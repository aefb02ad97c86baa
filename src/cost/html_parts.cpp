// SPDX-License-Identifier: BSL-1.0
// What stands around the workloads of the page: see html.hpp.
#include "cost/format.hpp"
#include "cost/goals.hpp"
#include "cost/html.hpp"
#include "cost/markdown.hpp"
#include "cost/svg.hpp"
#include "cost/verdict.hpp"

namespace cost {

std::string tag(const std::string& name, const std::string& text) {
  return "<" + name + ">" + escaped(text) + "</" + name.substr(0, name.find(' ')) + ">";
}

std::string page_style() {
  return ":root{color-scheme:light dark;--ground:#fff;--ink:#1c2128;--faint:#59636e;--edge:#d0d7de;"
         "--soft:#f3f5f7;--link:#0550ae;--stackful:#0550ae;--stackless:#b03a00}\n"
         "@media(prefers-color-scheme:dark){:root{--ground:#12161c;--ink:#e6edf3;--faint:#9da7b3;"
         "--edge:#30363d;--soft:#1b2027;--link:#79b8ff;--stackful:#79b8ff;--stackless:#ffa657}}\n"
         "*{box-sizing:border-box}body{margin:0 auto;max-width:56rem;padding:1rem 1.25rem 4rem;"
         "font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--ground)}\n"
         "h1{font-size:1.9rem;line-height:1.2}h2{margin:3rem 0 .25rem;font-size:1.35rem;"
         "border-top:1px solid var(--edge);padding-top:1.5rem}h3{margin:1.75rem 0 .25rem}\n"
         "a{color:var(--link)}a:focus-visible,summary:focus-visible,.chart:focus-visible,"
         "pre:focus-visible,.wide:focus-visible{outline:3px solid var(--link);outline-offset:2px}\n"
         ".skip{position:absolute;left:-99rem}.skip:focus{left:1rem;top:.5rem;background:var(--ground);"
         "padding:.5rem}.question{margin:.25rem 0;color:var(--faint)}\n"
         ".verdict{border-left:4px solid var(--faint);padding:.4rem .8rem;background:var(--soft);"
         "font-weight:600}.verdict.stackful{border-color:var(--stackful)}.verdict.stackless{"
         "border-color:var(--stackless)}\n"
         "figure{margin:1rem 0}.chart{overflow-x:auto;border:1px solid var(--edge);border-radius:6px}"
         ".chart svg{display:block;min-width:640px;width:100%;height:auto}\n"
         "table{border-collapse:collapse;margin:.75rem 0;font-size:.9rem;width:100%}caption{text-align:left;"
         "font-weight:600;padding:.25rem 0}th,td{text-align:left;padding:.2rem .6rem;border-bottom:1px "
         "solid var(--edge);vertical-align:top}th[scope=row]{font-weight:400}.n{text-align:right;"
         "font-variant-numeric:tabular-nums;white-space:nowrap}\n"
         "summary{cursor:pointer;padding:.35rem 0;color:var(--link)}dl{margin:1rem 0}dt{font-weight:600}"
         "dd{margin:0 0 .6rem}.note{color:var(--faint)}.wide{overflow-x:auto}\n"
         ".sides{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:1rem}"
         "@media(max-width:48rem){.sides{grid-template-columns:minmax(0,1fr)}}pre{margin:.3rem 0;overflow-x:auto;background:var(--soft);"
         "padding:.75rem;border-radius:6px;font:12px/1.45 ui-monospace,monospace}.missed{font-weight:600}";
}

std::string summary_table(const report& from) {
  std::string text =
      "<section id=\"verdicts\"><h2>Verdicts</h2>\n<div class=\"wide\" tabindex=\"0\" role=\"group\" "
      "aria-label=\"verdicts\"><table><thead><tr><th "
      "scope=\"col\">workload</th><th scope=\"col\">who wins</th><th scope=\"col\" class=\"n\">by</th>"
      "<th scope=\"col\">choose stackless when</th></tr></thead><tbody>\n";
  for (const workload_result& each : from.workloads) {
    const verdict judged = judge(each);
    text += "<tr><th scope=\"row\"><a href=\"#" + each.id + "\">" + escaped(each.title) + "</a></th><td>" +
            (judged.winner.empty() ? "not judged" : judged.winner) + "</td><td class=\"n\">" +
            (judged.ratio == 0 ? "" : ratio_text(judged.ratio)) + "</td>" +
            tag("td", each.choose_stackless) + "</tr>\n";
  }
  return text +
         "</tbody></table></div>\n<p class=\"note\">weft's best (fcontext, asm, asm-inline) against the best "
         "of C++20 with frames from a pool or from malloc, on the cell that the workload names.</p></section>\n";
}

std::string programs_section(const report& from) {
  if (from.programs.empty()) return "";
  std::string text =
      "<section id=\"programs\"><h2>One source, two costs</h2>\n<p>The same small programs, written once "
      "for fibers and once for <code>co_await</code>. A function has changed colour if its type is another "
      "one, so that all its callers had to change.</p>\n";
  for (const program_result& program : from.programs) {
    text += tag("h3", program.title) + "\n" + tag("p", program.what) +
            "<table><caption class=\"note\">" + escaped(program.title) +
            ", each operation</caption><thead><tr><th scope=\"col\">written for</th><th scope=\"col\" "
            "class=\"n\">lines</th><th scope=\"col\" class=\"n\">allocations</th><th scope=\"col\" "
            "class=\"n\">bytes a task</th><th scope=\"col\" class=\"n\">ns</th></tr></thead><tbody>\n";
    for (const program_side& side : program.sides) {
      text += "<tr><th scope=\"row\">" + escaped(side.contender) + "</th><td class=\"n\">" +
              std::to_string(side.lines) + "</td><td class=\"n\">" + short_number(side.allocations) +
              "</td><td class=\"n\">" + short_number(side.bytes_per_task) + "</td><td class=\"n\">" +
              short_number(summarise(side.ns).median) + "</td></tr>\n";
    }
    text += "</tbody></table>\n<p>Changed colour: ";
    for (std::size_t i = 0; i < program.coloured.size(); ++i) {
      text += (i == 0 ? "" : ", ") + tag("code", program.coloured[i]);
    }
    text += "</p>\n<details><summary>Both sources of " + escaped(program.title) +
            "</summary>\n<div class=\"sides\">\n";
    for (const program_side& side : program.sides) {
      text += "<div><strong>" + escaped(side.contender) + "</strong><pre tabindex=\"0\">" +
              escaped(side.source) + "</pre></div>\n";
    }
    text += "</div></details>\n";
  }
  return text + "</section>\n";
}

std::string goals_section(const report& from) {
  std::string rows;
  for (const goal_result& each : judge_goals(from)) {
    if (!each.is_measured) continue;
    const bool is_ratio = !each.peer.empty();
    rows += "<tr><th scope=\"row\">" + escaped(each.what) + "</th>" + tag("td", each.contender) +
            "<td>" + short_number(each.at_most) + (is_ratio ? "x " + escaped(each.peer) : " bytes") +
            "</td><td class=\"n\">" + short_number(each.reached) + (is_ratio ? "x" : "") + "</td><td" +
            (each.is_met() ? ">reached" : " class=\"missed\">missed") + "</td></tr>\n";
  }
  if (rows.empty()) return "";
  return "<section id=\"goals\"><h2>weft's goals</h2>\n<p>Ratios to a peer inside this run.</p>\n<details>"
         "<summary>All goals that were measured</summary><table><thead><tr><th scope=\"col\">goal</th><th "
         "scope=\"col\">contender</th><th scope=\"col\">at most</th><th scope=\"col\" class=\"n\">is</th><th "
         "scope=\"col\"></th></tr></thead><tbody>\n" + rows + "</tbody></table></details></section>\n";
}

std::string environment_section(const report& from) {
  std::string text = "<section id=\"machine\"><h2>Where, how, and what is unfair</h2>\n<table><tbody>\n";
  for (const auto& [name, value] : from.environment) {
    text += "<tr><th scope=\"row\">" + escaped(name) + "</th>" + tag("td", value) + "</tr>\n";
  }
  text += "</tbody></table>\n";
  if (!from.instructions.empty()) {
    text += "<h3>Instructions per operation</h3>\n<p>By callgrind: without noise, but without caches and "
            "predictions, too.</p><table><thead><tr><th scope=\"col\">cell</th><th scope=\"col\">contender"
            "</th><th scope=\"col\" class=\"n\">instructions</th></tr></thead><tbody>\n";
    for (const instruction_count& each : from.instructions) {
      text += "<tr><th scope=\"row\">" + escaped(each.cell) + "</th>" + tag("td", each.contender) +
              "<td class=\"n\">" + short_number(each.per_operation) + "</td></tr>\n";
    }
    text += "</tbody></table>\n";
  }
  text += "<h3>Known unfairness</h3>\n<dl>\n";
  for (const unfairness& each : known_unfairness()) {
    text += tag("dt", each.what) + tag("dd", each.how) + "\n";
  }
  text += "</dl>\n<h3>Contenders</h3>\n<dl>\n";
  for (const auto& [id, what] : from.contenders) text += tag("dt", id) + tag("dd", what) + "\n";
  return text + "</dl></section>\n";
}

}  // namespace cost
