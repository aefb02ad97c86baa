// SPDX-License-Identifier: BSL-1.0
// weft-audit on files that are cut off, damaged or made to harm: it says so, and never crashes,
// hangs or reads beside them. What a sanitizer sees is the point: .ci/run address runs this, too.
#include <doctest/doctest.h>

#include <cstring>
#include <fstream>
#include <random>

#include "hook/audit/audit.hpp"
#include "hook/audit/direct_calls.hpp"
#include "support/build_kind.hpp"
#include "support/seed.hpp"
#include "support/skip.hpp"
#include "tools/elf_maker.hpp"
#include "tools/programs.hpp"

using namespace weft_tests;
using file_content = std::vector<unsigned char>;

namespace {

// Reads it as weft-audit does; false if it is refused. Anything but bad_file leaves.
bool is_read(const file_content& content) {
  try {
    const weft_audit::elf_file file(content);
    for (const auto& one : file.all_symbols()) weft_audit::demangled(one.name);
    for (const auto& one : file.dynamic_symbols()) weft_audit::demangled(one.name);
    weft_audit::find_large_frames(file, 1000);
    weft_audit::find_direct_calls(file);
    return true;
  } catch (const weft_audit::bad_file& why) {
    CHECK(std::strlen(why.what()) > 0);
    return false;
  }
}

// The whole way: closure, findings, both reports.
bool is_audited(const temporary_folder& folder, const file_content& content) {
  const std::string path = (folder.path() / "it.so").string();
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(content.data()),
             static_cast<std::streamsize>(content.size()));
  try {
    weft_audit::options how;
    how.root = folder.path().string();
    how.all = true;
    weft_audit::closure files(how.root);
    files.add(path);
    const weft_audit::report found = weft_audit::audit(files, how);
    CHECK_FALSE(weft_audit::as_text(found, how).empty());
    CHECK_FALSE(weft_audit::as_json(found, how).empty());
    return true;
  } catch (const weft_audit::unreadable& why) {
    CHECK(std::string(why.what()).find("it.so: ") != std::string::npos);
    return false;
  }
}

// A few bytes, or words, become others; mostly in the headers, where it hurts.
void damage(file_content& content, std::mt19937_64& chance) {
  constexpr std::uint64_t awkward[] = {0,
                                       1,
                                       0x7f,
                                       0xff,
                                       0xffff,
                                       0x7fffffff,
                                       0xffffffff,
                                       0x80000000,
                                       0x7fffffffffffffff,
                                       0xffffffffffffffff,
                                       0xfffffffffffffff8};
  const std::size_t times = 1 + chance() % 6;
  for (std::size_t i = 0; i < times; ++i) {
    const std::size_t within =
        chance() % 2 == 0 ? content.size() : std::min<std::size_t>(512, content.size());
    const std::size_t at = chance() % within;
    std::uint64_t value = chance() % 3 == 0 ? chance() % (content.size() + 64)
                                            : awkward[chance() % std::size(awkward)];
    const std::size_t width = std::size_t{1} << (chance() % 4);
    std::memcpy(content.data() + at, &value, std::min(width, content.size() - at));
  }
  if (chance() % 8 == 0) content.resize(chance() % (content.size() + 1));
}

std::vector<file_content> seeds() {
  std::vector<file_content> all;
  for (const unsigned machine : {unsigned{EM_X86_64}, unsigned{EM_AARCH64}}) {
    all.push_back(rich_elf(machine).bytes());
    elf_maker without_sections = rich_elf(machine);
    without_sections.has_sections = false;
    all.push_back(without_sections.bytes());
  }
  return all;
}

}  // namespace

TEST_CASE("weft-audit: a file that is cut off anywhere is refused") {
  for (const file_content& whole : {seeds()[0], seeds()[2]}) {
    REQUIRE(is_read(whole));
    for (std::size_t count = 0; count < whole.size(); ++count) {
      CAPTURE(count);
      CHECK_FALSE(
          is_read(file_content(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(count))));
    }
  }
}

TEST_CASE("weft-audit: 20,000 damaged files are read or refused, never more") {
  const auto seed = seed_of_this_run();
  CAPTURE(seed);
  std::mt19937_64 chance(seed);
  const auto all = seeds();
  std::size_t refused = 0;
  for (int i = 0; i < 20000; ++i) {
    CAPTURE(i);
    file_content content = all[static_cast<std::size_t>(i) % all.size()];
    damage(content, chance);
    refused += is_read(content) ? 0 : 1;
  }
  CHECK(refused > 1000);
  CHECK(refused < 19000);  // else it would not get far
}

TEST_CASE("weft-audit: damaged files go through closure and reports, or are named as unreadable") {
  const auto seed = seed_of_this_run();
  CAPTURE(seed);
  std::mt19937_64 chance(seed + 1);
  const auto all = seeds();
  const temporary_folder folder;
  for (const file_content& one : all) CHECK(is_audited(folder, one));
  for (int i = 0; i < 1000; ++i) {
    CAPTURE(i);
    file_content content = all[static_cast<std::size_t>(i) % all.size()];
    damage(content, chance);
    is_audited(folder, content);
  }
}

TEST_CASE("weft-audit: a compiler's own library, damaged") {
  const std::string compiler = from_environment("WEFT_CXX");
  if (compiler.empty()) WEFT_SKIP(no_source_root);
  const temporary_folder folder;
  folder.write(
      "it.cpp",
      "#include <cstdio>\nnamespace { thread_local int shared; }\n"
      "void use(void*);\n"
      "int large() { char room[50000]; use(room); ++shared; return std::fgetc(stdin); }\n");
  const std::string library = (folder.path() / "made.so").string();
  const auto made = run_command(compiler + " -shared -fPIC -o '" + library + "' " +
                                in_quotes(folder.path() / "it.cpp"));
  if (made.status != 0) WEFT_SKIP("the compiler makes no shared library");
  const std::string text = read_file(library);
  const file_content whole(text.begin(), text.end());
  const weft_audit::elf_file file(whole);
  CHECK(weft_audit::find_large_frames(file, 16384).large.size() == 1);
  std::mt19937_64 chance(seed_of_this_run() + 2);
  for (std::size_t i = 0; i < scaled(3000, 1000); ++i) {
    CAPTURE(i);
    file_content content = whole;
    damage(content, chance);
    is_read(content);
  }
}
