// SPDX-License-Identifier: BSL-1.0
// What libweft.so shows to programs is exactly the list in exported_symbols.txt, so a change of the
// interface is seen in review; and neither it nor a program linked to it asks for an executable
// stack, which one .S file without its note would bring about for the whole process.
//
// To accept a change: WEFT_UPDATE_SYMBOLS=1 meson test -C build symbols_test
#include <doctest/doctest.h>

#include <set>
#include <sstream>
#include <utility>

#include "structure/source_tree.hpp"
#include "support/skip.hpp"
#include "weft/weft.hpp"

using namespace weft_tests;

namespace {

// As a reader would write it: without the marks of GCC's two string ABIs, and with the short names
// of the standard types. In this order: the later ones are built from the earlier.
std::string in_plain_words(std::string name) {
  const std::string nanoseconds = "std::chrono::duration<long, std::ratio<1l, 1000000000l> >";
  const std::pair<std::string, std::string> words[] = {
      {"weft::v0_" WEFT_BACKEND_NAME "::", "weft::v0::"},  // one list for both backends
      {"weft_v0_" WEFT_BACKEND_NAME "_", "weft_v0_"},
      {"context_" WEFT_BACKEND_NAME, "context_BACKEND"},
      {"[abi:cxx11]", ""},
      {"__cxx11::", ""},
      {"std::basic_string<char, std::char_traits<char>, std::allocator<char> >", "std::string"},
      {"std::basic_string_view<char, std::char_traits<char> >", "std::string_view"},
      {"std::__exception_ptr::", "std::"},
      {"std::chrono::time_point<std::chrono::_V2::steady_clock, " + nanoseconds + " >",
       "std::chrono::steady_clock::time_point"},
      {nanoseconds, "std::chrono::nanoseconds"},
  };
  for (const auto& [from, to] : words) {
    for (auto at = name.find(from); at != std::string::npos; at = name.find(from, at + to.size())) {
      name.replace(at, from.size(), to);
    }
  }
  return name;
}

// Of weft itself: functions, C symbols, vtables and type_infos. Standard templates over weft's
// types are left out: whether one is emitted is the optimiser's choice.
bool is_of_weft(const std::string& name) {
  for (const char* prefix :
       {"", "vtable for ", "typeinfo for ", "typeinfo name for ", "VTT for "}) {
    if (starts_with(name, std::string(prefix) + "weft")) return true;
  }
  return false;
}

// asm makes a context inline, and its inline form of the switch needs a way into the other one.
bool is_of_one_backend(const std::string& name) {
  return name.find("detail::make_context(") != std::string::npos ||
         name.find("_context_continue") != std::string::npos;
}

// Lines of nm: "<address> <kind> <name>". Kind W is an inline function, emitted or not at the
// optimiser's choice too; V, a weak object, is a vtable or a type_info and stays.
std::set<std::string> exported_symbols(const fs::path& library) {
  std::set<std::string> symbols;
  const auto listing = run_command("nm -D --defined-only --demangle " + in_quotes(library));
  REQUIRE_MESSAGE(listing.status == 0, listing.output);
  for (const auto& line : split_lines(listing.output)) {
    std::istringstream words(line);
    std::string address, kind, name;
    words >> address >> kind;
    std::getline(words >> std::ws, name);
    if (kind != "W" && is_of_weft(name) && !is_of_one_backend(name)) {
      symbols.insert(in_plain_words(name));
    }
  }
  return symbols;
}

std::string difference(const std::set<std::string>& listed, const std::set<std::string>& exported) {
  std::vector<std::string> lines;
  for (const auto& name : exported) {
    if (listed.count(name) == 0) lines.push_back("+ " + name);
  }
  for (const auto& name : listed) {
    if (exported.count(name) == 0) lines.push_back("- " + name);
  }
  return joined(lines);
}

// The flags of the GNU_STACK program header: "RW" or, badly, "RWE"; empty if there is none.
std::string stack_flags(const fs::path& file) {
  const auto headers = run_command("readelf -lW " + in_quotes(file));
  for (const auto& line : split_lines(headers.output)) {
    if (line.find("GNU_STACK") == std::string::npos) continue;
    std::istringstream words(line);
    std::string name, offset, address, physical, bytes_in_file, bytes_in_memory, flags;
    words >> name >> offset >> address >> physical >> bytes_in_file >> bytes_in_memory >> flags;
    return flags;
  }
  return {};
}

// Bytes of each thread's storage.
unsigned long thread_bytes(const fs::path& file) {
  for (const std::string& line :
       split_lines(run_command("readelf -lW " + in_quotes(file)).output)) {
    std::istringstream words(line);
    std::string type, offset, address, load_address, in_file, bytes;
    words >> type >> offset >> address >> load_address >> in_file >> bytes;
    if (type == "TLS") return std::stoul(bytes, nullptr, 16);
  }
  return 0;
}

}  // namespace

TEST_CASE("symbols: libweft.so takes little of a thread's storage: dlopen() has 1.6 KB for all") {
  const fs::path library = from_environment("WEFT_SHARED_LIB");
  if (library.empty()) WEFT_SKIP("this build has no shared library");
  CHECK(thread_bytes(library) > 0);
  CHECK(thread_bytes(library) <= 256);
}

TEST_CASE("symbols: libweft.so shows exactly what is listed") {
  const fs::path library = from_environment("WEFT_SHARED_LIB");
  if (source_root().empty()) WEFT_SKIP(no_source_root);
  if (library.empty()) WEFT_SKIP("this build has no shared library");
  if (from_environment("WEFT_CXX_ID") != "gcc") WEFT_SKIP("the list is g++'s");
  if (from_environment("WEFT_SANITIZE") != "none") WEFT_SKIP("sanitizers add symbols");

  const fs::path list = source_root() / "tests/structure/exported_symbols.txt";
  const auto exported = exported_symbols(library);
  if (!from_environment("WEFT_UPDATE_SYMBOLS").empty()) {
    std::ofstream file(list);
    for (const auto& name : exported) file << name << '\n';
  }
  const auto lines = split_lines(read_file(list));
  const std::set<std::string> listed(lines.begin(), lines.end());
  INFO("+ exported and not listed, - listed and not exported:"
       << difference(listed, exported)
       << "\nto accept: WEFT_UPDATE_SYMBOLS=1 meson test -C build symbols_test");
  CHECK(listed == exported);
  CHECK(exported.count("weft_abi_0_built_with_context_BACKEND") == 1);
}

TEST_CASE("symbols: the shared library asks for no executable stack") {
  const fs::path library = from_environment("WEFT_SHARED_LIB");
  if (library.empty()) WEFT_SKIP("this build has no shared library");
  CHECK(stack_flags(library) == "RW");
}

TEST_CASE("symbols: a program that holds the static library asks for no executable stack") {
  CHECK(weft::run([] { return weft::spawn([] { return 5; }).get(); }) == 5);  // links the assembly
  CHECK(stack_flags(fs::read_symlink("/proc/self/exe")) == "RW");
}
