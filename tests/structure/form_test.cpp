// SPDX-License-Identifier: BSL-1.0
// Holds the files of the project to their form: a licence line, a length a reader can take in, a
// README in each room, no path of one machine, nothing beside the known top level; and every test
// and header named in the meson.build beside it, because one that is not listed would silently not
// run or not be installed.
#include <doctest/doctest.h>

#include <regex>
#include <set>

#include "structure/source_tree.hpp"
#include "support/skip.hpp"

using namespace weft_tests;

namespace {

const std::vector<std::string> rooms = {"src", "include", "asm", "tests", "examples", ".ci"};

// Everything in the rooms, and the files at the top.
std::vector<fs::path> project_files() {
  std::vector<fs::path> files;
  for (const auto& room : rooms) {
    for (auto& file : files_below(source_root(), room)) files.push_back(std::move(file));
  }
  for (const auto& entry : fs::directory_iterator(source_root())) {
    if (entry.is_regular_file()) files.push_back(entry.path().filename());
  }
  return files;
}

// Files that carry code: known by their name or, like `tests/run`, by their first line.
bool is_code(const fs::path& file, const std::string& text) {
  std::string name = file.filename().string();
  if (ends_with(name, ".in")) name.resize(name.size() - 3);
  if (name == "meson.build" || name == "meson_options.txt" || name == "CMakeLists.txt") return true;
  for (const char* end : {".cpp", ".hpp", ".h", ".S", ".py", ".sh", ".cmake"}) {
    if (ends_with(name, end)) return true;
  }
  return starts_with(text, "#!");
}

bool is_below(const fs::path& file, const char* folder) {
  return starts_with(file.generic_string(), std::string(folder) + "/");
}

}  // namespace

TEST_CASE("form: every source file says its licence on its first lines") {
  if (source_root().empty()) WEFT_SKIP(no_source_root);
  std::vector<std::string> bad;
  int read = 0;
  for (const auto& file : project_files()) {
    const std::string text = read_file(source_root() / file);
    if (!is_code(file, text)) continue;
    ++read;
    const auto lines = split_lines(text);
    const bool found = std::any_of(
        lines.begin(), lines.begin() + std::min<std::ptrdiff_t>(3, std::ptrdiff_t(lines.size())),
        [](const std::string& line) {
          return line.find("SPDX-License-Identifier: BSL-1.0") != std::string::npos;
        });
    if (!found) bad.push_back(file.generic_string());
  }
  INFO(joined(bad));
  CHECK(bad.empty());
  CHECK(read >= 20);
}

TEST_CASE("form: no source file is longer than 400 lines, no README longer than 200") {
  if (source_root().empty()) WEFT_SKIP(no_source_root);
  std::vector<std::string> bad;
  for (const auto& file : project_files()) {
    const bool readme = file.filename() == "README.md";
    if (!readme && !is_below(file, "src") && !is_below(file, "include") && !is_below(file, "asm")) {
      continue;
    }
    const std::size_t limit = readme ? 200 : 400;
    const std::size_t lines = split_lines(read_file(source_root() / file)).size();
    if (lines > limit) bad.push_back(file.generic_string() + ": " + std::to_string(lines));
  }
  INFO(joined(bad));
  CHECK(bad.empty());
}

TEST_CASE("form: no file names a path of one machine") {
  if (source_root().empty()) WEFT_SKIP(no_source_root);
  // A home folder or a work folder, from the root; "chroot/x" and "$prefix/home/" are none.
  const std::regex machine_path(R"((^|[^A-Za-z0-9_.})])/(home|root|work)/)");
  std::vector<std::string> bad;
  for (const auto& file : project_files()) {
    for (const auto& line : split_lines(read_file(source_root() / file))) {
      if (line.size() < 2000 && line.find('/') != std::string::npos &&
          std::regex_search(line, machine_path)) {
        bad.push_back(file.generic_string() + ": " + line);
      }
    }
  }
  INFO(joined(bad));
  CHECK(bad.empty());
}

TEST_CASE("form: the top level holds what the design names and nothing else") {
  if (source_root().empty()) WEFT_SKIP(no_source_root);
  const auto listing = run_command("git -C " + in_quotes(source_root()) + " ls-files");
  if (listing.status != 0)
    WEFT_SKIP("not a git checkout, so there is no list of what belongs to it");
  if (listing.output.empty()) WEFT_SKIP("nothing is committed yet");
  const std::set<std::string> known = {"src",     "include",   "asm",
                                       "tests",   "examples",  "meson.build",
                                       "LICENSE", "README.md", "meson_options.txt"};
  std::set<std::string> top;
  for (const auto& line : split_lines(listing.output)) {
    const std::string first = line.substr(0, line.find('/'));
    if (!starts_with(first, ".")) top.insert(first);
  }
  CHECK(top == known);
}

TEST_CASE("form: every room has a README") {
  if (source_root().empty()) WEFT_SKIP(no_source_root);
  for (const std::string room : {"src", "asm", "tests", "examples"}) {
    CAPTURE(room);
    CHECK(fs::is_regular_file(source_root() / room / "README.md"));
  }
}

TEST_CASE("form: every test file is in the list that runs it") {
  if (source_root().empty()) WEFT_SKIP(no_source_root);
  std::vector<std::string> bad;
  int read = 0;
  for (const auto& file : files_below(source_root(), "tests")) {
    if (!ends_with(file.filename().string(), "_test.cpp")) continue;
    ++read;
    const std::string list = read_file(source_root() / file.parent_path() / "meson.build");
    if (list.find("'" + file.stem().string() + "'") == std::string::npos) {
      bad.push_back(file.generic_string());
    }
  }
  INFO(joined(bad));
  CHECK(bad.empty());
  CHECK(read >= 5);
}

// `examples/run --list` prints that second line.
TEST_CASE("form: every example is in the list that builds it, and says on line 2 what it shows") {
  if (source_root().empty()) WEFT_SKIP(no_source_root);
  std::vector<std::string> bad;
  const std::string list = read_file(source_root() / "examples/meson.build");
  for (const auto& entry : fs::directory_iterator(source_root() / "examples")) {
    if (entry.path().extension() != ".cpp") continue;
    const std::string name = entry.path().stem().string();
    const auto lines = split_lines(read_file(entry.path()));
    if (list.find("'" + name + "'") == std::string::npos) bad.push_back(name + ": not in the list");
    if (lines.size() < 2 || !starts_with(lines[1], "// " + name + ": ")) {
      bad.push_back(name + ": its second line is not `// " + name + ": <what it shows>`");
    }
  }
  INFO(joined(bad));
  CHECK(bad.empty());
}

TEST_CASE("form: every header is in the list that installs it") {
  if (source_root().empty()) WEFT_SKIP(no_source_root);
  std::vector<std::string> bad;
  int read = 0;
  for (const auto& file : files_below(source_root(), "include")) {
    const std::string name = file.filename().string();
    if (!ends_with(name, ".hpp") && !ends_with(name, ".hpp.in")) continue;
    ++read;
    const std::string list = read_file(source_root() / file.parent_path() / "meson.build");
    if (list.find("'" + name + "'") == std::string::npos) bad.push_back(file.generic_string());
  }
  INFO(joined(bad));
  CHECK(bad.empty());
  CHECK(read >= 3);
}
