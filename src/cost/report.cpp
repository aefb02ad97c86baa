// SPDX-License-Identifier: BSL-1.0
// To JSON and back: see report.hpp.
#include "cost/report.hpp"

#include <cerrno>
#include <fstream>
#include <iterator>
#include <system_error>

namespace cost {
namespace {

constexpr const char* format_name = "weft-cost";
constexpr int format_version = 1;

json number(double value) {
  // Whole numbers stay short; others keep all that a double has.
  if (value == static_cast<double>(static_cast<long long>(value))) {
    return static_cast<long long>(value);
  }
  return value;
}

json numbers(const std::vector<double>& values) {
  json all = json::array();
  for (const double each : values) all.push_back(number(each));
  return all;
}

json to_json(const measured& one) {
  json out = {{"contender", one.contender}};
  if (!one.error.empty()) {
    out["error"] = one.error;
    return out;
  }
  const summary& s = one.stats;
  out["median"] = number(s.median);
  out["q1"] = number(s.q1);
  out["q3"] = number(s.q3);
  out["spread_is_wide"] = s.is_wide();
  out["outliers"] = s.outliers;
  out["checksum"] = one.answer ? json(*one.answer) : json(nullptr);
  out["samples"] = numbers(one.samples);
  return out;
}

json to_json(const cell_result& one) {
  json out = {{"id", one.id},
              {"label", one.label},
              {"series", one.series},
              {"x", one.x == 0 ? json(nullptr) : number(one.x)},
              {"expected_checksum", one.expected ? json(*one.expected) : json(nullptr)},
              {"results", json::array()}};
  for (const measured& each : one.results) out["results"].push_back(to_json(each));
  return out;
}

json to_json(const workload_result& one) {
  json out = {{"id", one.id},
              {"title", one.title},
              {"unit", one.unit},
              {"x_name", one.x_name},
              {"question", one.question},
              {"method", one.method},
              {"why", one.why},
              {"choose_stackless", one.choose_stackless},
              {"verdict_cell", one.verdict_cell},
              {"skipped", one.skipped},
              {"cells", json::array()}};
  for (const cell_result& each : one.cells) out["cells"].push_back(to_json(each));
  return out;
}

json to_json(const program_result& one) {
  json out = {{"id", one.id},
              {"title", one.title},
              {"what", one.what},
              {"coloured", one.coloured},
              {"sides", json::array()}};
  for (const program_side& each : one.sides) {
    out["sides"].push_back({{"contender", each.contender},
                            {"lines", each.lines},
                            {"allocations_per_operation", number(each.allocations)},
                            {"bytes_per_task", number(each.bytes_per_task)},
                            {"median_ns", number(summarise(each.ns).median)},
                            {"samples_ns", numbers(each.ns)},
                            {"answer", each.answer},
                            {"source", each.source}});
  }
  return out;
}

json pairs(const std::vector<std::pair<std::string, std::string>>& from) {
  json out = json::object();
  for (const auto& [name, value] : from) out[name] = value;
  return out;
}

std::vector<std::pair<std::string, std::string>> pairs_of(const json& from) {
  std::vector<std::pair<std::string, std::string>> all;
  for (const auto& [name, value] : from.items()) all.emplace_back(name, value.get<std::string>());
  return all;
}

measured measured_of(const json& from) {
  measured one;
  one.contender = from.at("contender").get<std::string>();
  if (from.contains("error")) {
    one.error = from.at("error").get<std::string>();
    return one;
  }
  one.samples = from.at("samples").get<std::vector<double>>();
  if (one.samples.empty()) throw foreign_report("a result without samples");
  if (!from.at("checksum").is_null()) one.answer = from.at("checksum").get<std::uint64_t>();
  one.stats = summarise(one.samples);
  return one;
}

cell_result cell_of(const json& from) {
  cell_result one;
  one.id = from.at("id").get<std::string>();
  one.label = from.at("label").get<std::string>();
  one.series = from.at("series").get<std::string>();
  if (!from.at("x").is_null()) one.x = from.at("x").get<double>();
  if (!from.at("expected_checksum").is_null()) {
    one.expected = from.at("expected_checksum").get<std::uint64_t>();
  }
  for (const json& each : from.at("results")) one.results.push_back(measured_of(each));
  return one;
}

workload_result workload_of(const json& from) {
  workload_result one;
  const auto text = [&](const char* name) { return from.at(name).get<std::string>(); };
  one.id = text("id");
  one.title = text("title");
  one.unit = text("unit");
  one.x_name = text("x_name");
  one.question = text("question");
  one.method = text("method");
  one.why = text("why");
  one.choose_stackless = text("choose_stackless");
  one.verdict_cell = text("verdict_cell");
  one.skipped = from.at("skipped").get<std::vector<std::string>>();
  for (const json& each : from.at("cells")) one.cells.push_back(cell_of(each));
  return one;
}

program_result program_of(const json& from) {
  program_result one;
  one.id = from.at("id").get<std::string>();
  one.title = from.at("title").get<std::string>();
  one.what = from.at("what").get<std::string>();
  one.coloured = from.at("coloured").get<std::vector<std::string>>();
  for (const json& each : from.at("sides")) {
    program_side side;
    side.contender = each.at("contender").get<std::string>();
    side.lines = each.at("lines").get<int>();
    side.allocations = each.at("allocations_per_operation").get<double>();
    side.bytes_per_task = each.at("bytes_per_task").get<double>();
    side.ns = each.at("samples_ns").get<std::vector<double>>();
    side.answer = each.at("answer").get<std::string>();
    side.source = each.at("source").get<std::string>();
    one.sides.push_back(std::move(side));
  }
  return one;
}

report report_of(const json& from) {
  if (!from.is_object() || from.value("format", "") != format_name) {
    throw foreign_report("is no report of weft-cost (no \"format\": \"weft-cost\")");
  }
  if (from.value("version", 0) != format_version) {
    throw foreign_report("is of another version of the format; this program reads version " +
                         std::to_string(format_version));
  }
  report all;
  all.command = from.at("command").get<std::string>();
  all.is_complete = from.at("is_complete").get<bool>();
  all.is_quick = from.at("is_quick").get<bool>();
  all.seconds = from.at("seconds").get<double>();
  all.environment = pairs_of(from.at("environment"));
  all.contenders = pairs_of(from.at("contenders"));
  for (const json& each : from.at("workloads")) all.workloads.push_back(workload_of(each));
  for (const json& each : from.at("programs")) all.programs.push_back(program_of(each));
  for (const json& each : from.at("instructions")) {
    all.instructions.push_back({each.at("cell").get<std::string>(),
                                each.at("contender").get<std::string>(),
                                each.at("per_operation").get<double>()});
  }
  return all;
}

// Arrays of plain values on one line: a cell's samples are read as one thing.
void print(const json& what, std::string indent, std::string& out) {
  const bool is_flat = what.is_array() && std::none_of(what.begin(), what.end(), [](const json& e) {
                         return e.is_structured();
                       });
  if (!what.is_structured() || what.empty() || is_flat) {
    out += what.dump();
    return;
  }
  out += what.is_array() ? "[" : "{";
  const std::string inner = indent + " ";
  const char* comma = "\n";
  for (const auto& [name, value] : what.items()) {
    out += comma + inner;
    if (what.is_object()) out += json(name).dump() + ": ";
    print(value, inner, out);
    comma = ",\n";
  }
  out += "\n" + indent + (what.is_array() ? "]" : "}");
}

}  // namespace

const measured* cell_result::find(const std::string& contender) const {
  for (const measured& each : results) {
    if (each.contender == contender && each.error.empty()) return &each;
  }
  return nullptr;
}

const cell_result* workload_result::find(const std::string& cell) const {
  for (const cell_result& each : cells) {
    if (each.id == cell) return &each;
  }
  return nullptr;
}

const workload_result* report::find(const std::string& workload) const {
  for (const workload_result& each : workloads) {
    if (each.id == workload) return &each;
  }
  return nullptr;
}

const cell_result* report::find_cell(const std::string& cell) const {
  for (const workload_result& each : workloads) {
    if (const cell_result* const found = each.find(cell)) return found;
  }
  return nullptr;
}

std::string to_json_text(const report& from) {
  json out = {{"format", format_name},
              {"version", format_version},
              {"command", from.command},
              {"is_complete", from.is_complete},
              {"is_quick", from.is_quick},
              {"seconds", number(from.seconds)},
              {"environment", pairs(from.environment)},
              {"contenders", pairs(from.contenders)},
              {"workloads", json::array()},
              {"programs", json::array()},
              {"instructions", json::array()}};
  for (const workload_result& each : from.workloads) out["workloads"].push_back(to_json(each));
  for (const program_result& each : from.programs) out["programs"].push_back(to_json(each));
  for (const instruction_count& each : from.instructions) {
    out["instructions"].push_back({{"cell", each.cell},
                                   {"contender", each.contender},
                                   {"per_operation", number(each.per_operation)}});
  }
  std::string text;
  print(out, "", text);
  return text + "\n";
}

report read_report(const std::string& file) {
  std::ifstream from(file, std::ios::binary);
  if (!from) throw std::system_error(errno, std::generic_category(), "cannot read " + file);
  const std::string text{std::istreambuf_iterator<char>(from), std::istreambuf_iterator<char>()};
  if (from.bad()) throw std::system_error(EISDIR, std::generic_category(), "cannot read " + file);
  try {
    return report_of(json::parse(text));
  } catch (const nlohmann::json::parse_error& error) {
    throw foreign_report(file + " is no JSON: " + error.what());
  } catch (const nlohmann::json::exception& error) {
    throw foreign_report(file + " is no sound report of weft-cost: " + error.what());
  } catch (const foreign_report& error) {
    throw foreign_report(file + " " + error.what());
  }
}

void write_file(const std::string& file, const std::string& text) {
  errno = 0;
  std::ofstream to(file, std::ios::binary);
  to << text;
  to.close();
  if (!to) throw std::system_error(errno, std::generic_category(), "cannot write " + file);
}

}  // namespace cost
