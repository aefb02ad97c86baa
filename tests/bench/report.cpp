// SPDX-License-Identifier: BSL-1.0
// Tables and JSON: see report.hpp.
#include "report.hpp"

#include <sys/utsname.h>

#include <algorithm>
#include <fstream>

namespace cost {
namespace {

std::vector<std::string> columns_of(const std::vector<row_result>& rows) {
  std::vector<std::string> sides;
  for (const row_result& row : rows) {
    for (const series& each : row.sides) {
      if (std::find(sides.begin(), sides.end(), each.side) == sides.end()) {
        sides.push_back(each.side);
      }
    }
  }
  return sides;
}

int name_width(const std::vector<row_result>& rows) {
  std::size_t widest = 4;
  for (const row_result& row : rows) widest = std::max(widest, row.name.size());
  return static_cast<int>(widest);
}

// What a goal speaks of: a ratio to the peer or, without one, the value itself.
double reached(const row_result& row, const goal& aim, const unit& in) {
  if (aim.peer != nullptr) return ratio(row, aim.side, aim.peer);
  const series* const own = row.find(aim.side);
  return own == nullptr ? 0 : median(own->rounds) / in.per_raw;
}

bool is_measured(const row_result& row, const goal& aim) {
  return row.find(aim.side) != nullptr && (aim.peer == nullptr || row.find(aim.peer) != nullptr);
}

void print_goals(std::FILE* to, const row_result& row, const unit& in, int width) {
  for (const goal& aim : row.goals) {
    if (!is_measured(row, aim)) continue;
    const double got = reached(row, aim, in);
    const std::string bound = aim.peer == nullptr ? "" : std::string("x ") + aim.peer;
    std::fprintf(to, "%-*s  %-14s %9.3f <= %.3f %-16s %s\n", width, row.name.c_str(), aim.side, got,
                 aim.at_most, bound.c_str(), got <= aim.at_most ? "met" : "NOT MET");
  }
}

void print_cells(std::FILE* to, const row_result& row, const std::vector<std::string>& sides,
                 const unit& in) {
  for (const std::string& side : sides) {
    const series* const own = row.find(side);
    const int cell = static_cast<int>(std::max<std::size_t>(side.size(), 15)) + 2;
    if (own == nullptr) {
      std::fprintf(to, "%*s", cell, "-");
      continue;
    }
    char text[64];
    const double value = median(own->rounds) / in.per_raw;
    if (row.peer.empty() || side == row.peer || row.find(row.peer) == nullptr) {
      std::snprintf(text, sizeof text, "%.*f", in.decimals, value);
    } else {
      std::snprintf(text, sizeof text, "%.*f %.2fx", in.decimals, value,
                    ratio(row, side, row.peer));
    }
    std::fprintf(to, "%*s", cell, text);
  }
}

// Names of rows and sides are the program's own; a quote in the machine's name is not.
std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    if (static_cast<unsigned char>(c) >= 0x20) result += c;
  }
  return result + '"';
}

std::string number(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

std::string processor() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.rfind("model name", 0) == 0)
      return line.substr(std::min(line.find(": ") + 2, line.size()));
  }
  return "unknown";
}

std::string kernel() {
  utsname name{};
  return ::uname(&name) == 0 ? name.release : "unknown";
}

std::string series_json(const row_result& row, const series& own, const unit& in) {
  std::string text =
      "{\"side\": " + quoted(own.side) + ", \"median\": " + number(median(own.rounds) / in.per_raw);
  if (!row.peer.empty() && row.find(row.peer) != nullptr) {
    text += ", \"ratio\": " + number(ratio(row, own.side, row.peer));
  }
  text += ", \"rounds\": [";
  for (std::size_t i = 0; i < own.rounds.size(); ++i) {
    text += (i == 0 ? "" : ", ") + number(own.rounds[i] / in.per_raw);
  }
  return text + "]}";
}

std::string goal_json(const row_result& row, const goal& aim, const unit& in) {
  const double got = reached(row, aim, in);
  return "{\"side\": " + quoted(aim.side) +
         ", \"peer\": " + (aim.peer == nullptr ? "null" : quoted(aim.peer)) +
         ", \"at_most\": " + number(aim.at_most) + ", \"reached\": " + number(got) +
         ", \"met\": " + (got <= aim.at_most ? "true" : "false") + "}";
}

std::string row_json(const row_result& row, const unit& in) {
  std::string text = "    {\"name\": " + quoted(row.name) + ", \"unit\": " + quoted(in.name) +
                     ", \"peer\": " + (row.peer.empty() ? "null" : quoted(row.peer)) +
                     ",\n     \"sides\": [";
  const char* comma = "\n       ";
  for (const series& own : row.sides) {
    text += comma + series_json(row, own, in);
    comma = ",\n       ";
  }
  text += "],\n     \"goals\": [";
  comma = "\n       ";
  for (const goal& aim : row.goals) {
    if (!is_measured(row, aim)) continue;
    text += comma + goal_json(row, aim, in);
    comma = ",\n       ";
  }
  return text + "]}";
}

}  // namespace

void print_table(std::FILE* to, const std::vector<row_result>& rows, const unit& in) {
  if (rows.empty()) return;
  const std::vector<std::string> sides = columns_of(rows);
  const int width = name_width(rows);
  std::fprintf(to, "%-*s", width, in.name);
  for (const std::string& side : sides) {
    std::fprintf(to, "%*s", static_cast<int>(std::max<std::size_t>(side.size(), 15)) + 2,
                 side.c_str());
  }
  std::fputc('\n', to);
  for (const row_result& row : rows) {
    std::fprintf(to, "%-*s", width, row.name.c_str());
    print_cells(to, row, sides, in);
    std::fputc('\n', to);
  }
  std::fputs("\ngoals\n", to);
  for (const row_result& row : rows) print_goals(to, row, in, width);
  std::fputc('\n', to);
}

bool write_json(const std::string& file, const std::string& program,
                const std::vector<row_result>& rows, const unit& in) {
  std::ofstream to(file);
  to << "{\"program\": " << quoted(program) << ",\n \"processor\": " << quoted(processor())
     << ",\n \"kernel\": " << quoted(kernel()) << ",\n \"compiler\": " << quoted(__VERSION__)
     << ",\n \"rows\": [";
  const char* comma = "\n";
  for (const row_result& row : rows) {
    to << comma << row_json(row, in);
    comma = ",\n";
  }
  to << "]}\n";
  return static_cast<bool>(to.flush());
}

}  // namespace cost
