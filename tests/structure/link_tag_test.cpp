// SPDX-License-Identifier: BSL-1.0
// A program compiled for another backend or another ABI version than its library does not link, and
// the linker's message names both. The program calls nothing of weft: including a header is enough.
// See include/weft/detail/config.hpp.in.
#include <doctest/doctest.h>

#include "structure/source_tree.hpp"
#include "support/skip.hpp"
#include "weft/detail/config.hpp"

using namespace weft_tests;

namespace {

// Compiles a program that includes weft and links it to the static library. `flags` come before
// the include paths of the project, so a folder named there wins.
command_result link_program(const temporary_folder& folder, const std::string& flags) {
  folder.write("program.cpp", "#include <weft/weft.hpp>\nint main() {}\n");
  const std::string sanitize = from_environment("WEFT_SANITIZE");
  return run_command(from_environment("WEFT_CXX") + " -std=c++17 -O2 " + flags +
                     (sanitize == "none" ? "" : " -fsanitize=" + sanitize) + " -I" +
                     in_quotes(source_root() / "include") + " -I" +
                     in_quotes(build_root() / "include") + " " +
                     in_quotes(folder.path() / "program.cpp") + " " +
                     in_quotes(from_environment("WEFT_STATIC_LIB")) +
                     (WEFT_CONTEXT_ASM ? "" : " -lboost_context") + " -pthread -o " + in_quotes(folder.path() / "program"));
}

bool names(const command_result& result, const char* symbol) {
  return result.output.find(symbol) != std::string::npos;
}

}  // namespace

TEST_CASE("link tag: a program of the same choices links") {
  if (source_root().empty()) WEFT_SKIP(no_source_root);
  const temporary_folder folder;
  const auto result = link_program(folder, "");
  INFO(result.output);
  CHECK(result.status == 0);
}

TEST_CASE("link tag: a program compiled for the other backend does not link") {
  if (source_root().empty()) WEFT_SKIP(no_source_root);
  const temporary_folder folder;
  const auto result =
      link_program(folder, WEFT_CONTEXT_ASM ? "-DWEFT_CONTEXT_ASM=0" : "-DWEFT_CONTEXT_ASM=1");
  INFO(result.output);
  CHECK(result.status != 0);
  CHECK(names(result, WEFT_CONTEXT_ASM ? "weft_abi_0_built_with_context_fcontext"
                                       : "weft_abi_0_built_with_context_asm"));
}

TEST_CASE("link tag: a program compiled for another ABI version does not link") {
  if (source_root().empty()) WEFT_SKIP(no_source_root);
  const temporary_folder folder;
  std::string config = read_file(build_root() / "include/weft/detail/config.hpp");
  const std::string line = "#define WEFT_ABI_VERSION 0";
  REQUIRE(config.find(line) != std::string::npos);
  config.replace(config.find(line), line.size(), "#define WEFT_ABI_VERSION 7");
  folder.write("weft/detail/config.hpp", config);
  const auto result = link_program(folder, "-I" + in_quotes(folder.path()));
  INFO(result.output);
  CHECK(result.status != 0);
  CHECK(names(result, "weft_abi_7_built_with_context_" WEFT_BACKEND_NAME));
}
