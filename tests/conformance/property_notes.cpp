// SPDX-License-Identifier: BSL-1.0
// Conformance of a backend: what its assembly claims in property notes. Indirect branch tracking
// (IBT, BTI), because every place that an indirect jump may reach begins with the instruction for
// it; never a shadow stack (SHSTK, GCS), which a switch would leave behind (HAZARDS H18, H19).
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/child.hpp"
#include "support/emulated.hpp"
#include "support/skip.hpp"
#include "weft/detail/config.hpp"

namespace {

#if WEFT_CONTEXT_ASM
constexpr const char* library_variable = "WEFT_ASM_LIB";
#else
constexpr const char* library_variable = "WEFT_FCONTEXT_LIB";
#endif
#if defined(__x86_64__)
constexpr const char* branch_tracking = "IBT";
constexpr const char* landing = "endbr64";
constexpr const char* shadow_stack = "SHSTK";
#else
constexpr const char* branch_tracking = "BTI";
constexpr const char* landing = "bti";
constexpr const char* shadow_stack = "GCS";
#endif

// What readelf says of each object that came from an assembler source: "...switch_x86_64.S.o".
std::vector<std::string> notes_of_assembly(const std::string& readelf_output) {
  std::vector<std::string> notes;
  bool is_assembly = false;
  std::istringstream lines(readelf_output);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("File: ", 0) == 0) {
      is_assembly = line.find(".S.o") != std::string::npos;
      if (is_assembly) notes.emplace_back();
    } else if (is_assembly) {
      notes.back() += line + '\n';
    }
  }
  return notes;
}

}  // namespace

TEST_CASE(WEFT_BACKEND_NAME ": H18, H19: the assembly claims branch tracking and no shadow stack") {
  const char* const library = std::getenv(library_variable);
  if (library == nullptr) WEFT_SKIP("no path of the library in the environment; use meson test");
  const auto listing = weft_tests::run_program({"readelf", "--wide", "--notes", library});
  if (listing.status == 127) WEFT_SKIP("readelf is not installed");
  CAPTURE(listing.output);
  const auto notes = notes_of_assembly(listing.output);
  CHECK(!notes.empty());
  for (const std::string& note : notes) {
    CHECK(note.find(branch_tracking) != std::string::npos);
    CHECK(note.find(shadow_stack) == std::string::npos);
  }
}

namespace {

// The symbols of an archive that other libraries can reach, so by a jump through their tables,
// among those of the assembly; hidden ones are called directly. Lines of readelf end with "GLOBAL
// DEFAULT <section> <name>".
std::vector<std::string> reachable_symbols(const std::string& readelf_output) {
  std::vector<std::string> names;
  std::istringstream lines(readelf_output);
  bool is_assembly = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("File: ", 0) == 0) is_assembly = line.find(".S.o") != std::string::npos;
    if (!is_assembly || line.find(" GLOBAL DEFAULT ") == std::string::npos) continue;
    if (line.find(" UND ") == std::string::npos) names.push_back(line.substr(line.rfind(' ') + 1));
  }
  return names;
}

// The line after "<address> <NAME>:" in a disassembly.
std::string first_instruction(const std::string& objdump_output, const std::string& name) {
  const auto label = objdump_output.find("<" + name + ">:\n");
  if (label == std::string::npos) return {};
  const auto begin = objdump_output.find('\n', label) + 1;
  return objdump_output.substr(begin, objdump_output.find('\n', begin) - begin);
}

}  // namespace

TEST_CASE(WEFT_BACKEND_NAME ": H18, H19: what other code may jump to begins with a landing place") {
  if (weft_tests::is_emulated()) WEFT_SKIP("the host's objdump reads the host's instructions only");
  const char* const library = std::getenv(library_variable);
  if (library == nullptr) WEFT_SKIP("no path of the library in the environment; use meson test");
  const auto symbols = weft_tests::run_program({"readelf", "--wide", "--syms", library});
  const auto code = weft_tests::run_program({"objdump", "-d", "--no-show-raw-insn", library});
  if (symbols.status == 127 || code.status == 127) WEFT_SKIP("binutils are not installed");
  const auto names = reachable_symbols(symbols.output);
  CHECK(!names.empty());
  for (const std::string& name : names) {
    CAPTURE(name);
    CHECK(first_instruction(code.output, name).find(landing) != std::string::npos);
  }
}
