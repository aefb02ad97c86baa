// SPDX-License-Identifier: BSL-1.0
// Holds names.md to the facts: the running interpreter's asyncio.__all__, and the pairs that stand
// in the Python programs and their ports.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "asyncio/python.hpp"
#include "structure/source_tree.hpp"
#include "support/skip.hpp"

using namespace weft_tests;

namespace {

using strings = std::vector<std::string>;

// The programs: NAME.py with a port NAME_test.cpp; the others are what they share.
strings programs() {
  strings names;
  for (const auto& file : files_below(source_root(), "tests/asyncio")) {
    const std::string name = file.stem().string();
    if (file.extension() == ".py" && name != "pairs" && name != "peers") names.push_back(name);
  }
  return names;
}

// What the pattern's first group finds in a file of this folder, in its order.
strings found_in(const std::string& file, const std::string& pattern) {
  const std::string text = read_file(asyncio_folder() / file);
  const std::regex wanted(pattern);
  strings found;
  for (std::sregex_iterator at(text.begin(), text.end(), wanted), end; at != end; ++at) {
    found.push_back((*at)[1]);
  }
  return found;
}

strings originals(const std::string& program) {
  return found_in(program + ".py", "@pair\\(\"([^\"]+)\"\\)");
}
strings ports(const std::string& program) {
  return found_in(program + "_test.cpp",
                  "PAIR(?:_THAT_DIFFERS)?\\((?:\"sem [0-9]+\",\\s*)?\"([^\"]+)\"");
}

strings all_pairs() {
  strings all;
  for (const auto& program : programs()) {
    for (auto& name : ports(program)) all.push_back(std::move(name));
  }
  return all;
}

// The cells of each row of a table in names.md; the tables' heads, "asyncio" and "promise", tell
// them apart.
std::vector<strings> rows_below(const std::string& head) {
  std::vector<strings> rows;
  bool is_inside = false;
  for (const auto& line : split_lines(read_file(asyncio_folder() / "names.md"))) {
    if (!starts_with(line, "| ")) {
      is_inside = false;
      continue;
    }
    strings cells;
    for (std::size_t from = 1; from < line.size();) {
      const std::size_t end = line.find('|', from);
      const std::size_t begin = line.find_first_not_of(' ', from);
      const std::size_t last = line.find_last_not_of(' ', end - 1);
      cells.push_back(begin < end ? line.substr(begin, last + 1 - begin) : "");
      from = end + 1;
    }
    if (is_inside && !starts_with(cells[0], "---")) rows.push_back(cells);
    if (cells[0] == head) is_inside = true;
  }
  return rows;
}

// The names of the table, without their backquotes, and what holds each.
std::map<std::string, std::string> table() {
  std::map<std::string, std::string> names;
  for (const auto& cells : rows_below("asyncio")) {
    REQUIRE(cells.size() == 3);
    const std::string name = cells[0].substr(1, cells[0].size() - 2);
    CHECK_MESSAGE(names.emplace(name, cells[2]).second, "stands twice: " << name);
  }
  return names;
}

template <class Range>
bool has(const Range& all, const std::string& one) {
  return std::find(std::begin(all), std::end(all), one) != std::end(all);
}

}  // namespace

TEST_CASE("asyncio: every name of asyncio.__all__ is in the table") {
  if (!python_lack().empty()) WEFT_SKIP(python_lack().c_str());
  const command_result listed = run_python(
      "-W ignore -c 'import asyncio, sys\n"
      "print(sys.version_info[:2] == (3, 11))\n"
      "print(*asyncio.__all__, sep=\"\\n\")'");
  REQUIRE(listed.status == 0);
  strings names = split_lines(listed.output);
  const bool is_3_11 = names.front() == "True";
  names.erase(names.begin());
  CHECK(names.size() > 80);
  const auto known = table();
  strings missing;
  for (const auto& name : names) {
    if (known.count(name) == 0) missing.push_back(name);
  }
  if (is_3_11) {
    INFO(joined(missing));
    CHECK(missing.empty());
  } else if (!missing.empty()) {
    MESSAGE("this Python is newer than 3.11; names.md does not know" << joined(missing));
  }
}

TEST_CASE("asyncio: every name of the table is held by a pair, comes later, or says why not") {
  if (source_root().empty()) WEFT_SKIP(no_source_root);
  const strings pairs = all_pairs();
  strings bad;
  for (const auto& [name, holder] : table()) {
    const bool is_told =
        starts_with(holder, "none, because ") || starts_with(holder, "comes with ");
    if (!is_told && !has(pairs, holder)) bad.push_back(name + ": " + holder);
  }
  INFO(joined(bad));
  CHECK(bad.empty());
}

TEST_CASE("asyncio: no name of the table is unknown to Python") {
  if (!python_lack().empty()) WEFT_SKIP(python_lack().c_str());
  // Newer than 3.11, or gone in a later one.
  const std::set<std::string> of_others = {"EventLoop", "QueueShutDown", "eager_task_factory",
                                           "create_eager_task_factory"};
  const command_result listed = run_python(
      "-W ignore -c 'import asyncio, sys\n"
      "print(sys.version_info[:2] == (3, 11))\n"
      "print(*dir(asyncio), sep=\"\\n\")'");
  const strings names = split_lines(listed.output);
  if (names.empty() || names.front() != "True") WEFT_SKIP("this Python is not 3.11");
  for (const auto& row : table()) {
    CAPTURE(row.first);
    CHECK((of_others.count(row.first) != 0) != has(names, row.first));
  }
}

TEST_CASE("asyncio: every pair has both halves, in the same order, and a name of its own") {
  if (source_root().empty()) WEFT_SKIP(no_source_root);
  for (const auto& program : programs()) {
    CAPTURE(program);
    CHECK_FALSE(originals(program).empty());
    CHECK(originals(program) == ports(program));
  }
  const strings all = all_pairs();
  CHECK(std::set<std::string>(all.begin(), all.end()).size() == all.size());
  CHECK(all.size() >= 60);
}

TEST_CASE("asyncio: the pairs that differ are those of the table, eight at most") {
  if (source_root().empty()) WEFT_SKIP(no_source_root);
  std::set<std::string> stated;
  for (const auto& cells : rows_below("promise")) {
    REQUIRE(cells.size() == 4);
    stated.insert(cells[0] + ": " + cells[1]);
  }
  std::set<std::string> written;
  for (const auto& program : programs()) {
    const std::string file = program + "_test.cpp";
    const std::string start = "PAIR_THAT_DIFFERS\\(";
    const strings promises = found_in(file, start + "\"(sem [0-9]+)\"");
    const strings names = found_in(file, start + "\"sem [0-9]+\",\\s*\"([^\"]+)\"");
    REQUIRE(promises.size() == names.size());
    for (std::size_t i = 0; i < names.size(); ++i) written.insert(promises[i] + ": " + names[i]);
  }
  CHECK(stated == written);
  CHECK(stated.size() <= 8);
  CHECK_FALSE(stated.empty());
}
